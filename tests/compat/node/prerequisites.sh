#!/bin/sh
# Node and npm; as root on Debian they are installed, elsewhere named.
set -eu
if command -v node >/dev/null && command -v npm >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo 'node (18 or newer) and npm are needed (Debian: apt-get install nodejs npm)' >&2
    exit 2
fi
apt-get update
apt-get install -y --no-install-recommends nodejs npm
