#!/bin/sh
# Go, and openssl for certificates; as root on Debian they are installed, elsewhere named.
set -eu
if command -v go >/dev/null && command -v openssl >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo 'go (1.19 or newer) and openssl are needed (Debian: apt-get install golang-go openssl)' >&2
    exit 2
fi
apt-get update
apt-get install -y --no-install-recommends golang-go ca-certificates openssl
