#!/bin/sh
# Java and Maven; as root on Debian they are installed, elsewhere named.
set -eu
if command -v java >/dev/null && command -v mvn >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo 'java (17 or newer) and mvn are needed (Debian: apt-get install default-jdk-headless maven)' >&2
    exit 2
fi
apt-get update
apt-get install -y --no-install-recommends default-jdk-headless maven
