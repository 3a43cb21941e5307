#!/bin/sh
# Java, Maven and openssl; as root on Debian they are installed, elsewhere named.
set -eu
"$(dirname "$0")/../../zookeeper/prerequisites.sh"
if command -v javac >/dev/null && command -v openssl >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo 'a JDK (17 or newer) and openssl are needed (Debian: apt-get install default-jdk-headless openssl)' >&2
    exit 2
fi
apt-get update
apt-get install -y --no-install-recommends default-jdk-headless openssl
