#!/bin/sh
# require.sh PACKAGES THING...: each THING is a command, or a file by its whole path. Where one is missing, the Debian
# packages are installed, as root; anybody else is told.
set -eu
packages=$1
shift
for thing in "$@"; do
    if ! command -v "$thing" >/dev/null && ! [ -e "$thing" ]; then
        if [ "$(id -u)" != 0 ]; then
            echo "$thing is missing (Debian: apt-get install $packages)" >&2
            exit 2
        fi
        apt-get update
        # The packages are words of their own.
        # shellcheck disable=SC2086
        apt-get install -y --no-install-recommends $packages
        exit 0
    fi
done
