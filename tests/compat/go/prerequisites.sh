#!/bin/sh
# Go; as root on Debian it is installed, elsewhere named.
set -eu
if command -v go >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo 'go (1.19 or newer) is needed (Debian: apt-get install golang-go)' >&2
    exit 2
fi
apt-get update
apt-get install -y --no-install-recommends golang-go
