#!/bin/sh
# A C compiler, ZooKeeper's C client and its shell; as root on Debian they are installed, elsewhere named.
set -eu
packages='gcc libc6-dev libzookeeper-mt-dev zookeeper-bin'
if command -v gcc >/dev/null && [ -e /usr/include/zookeeper/zookeeper.h ] && [ -x /usr/lib/zookeeper/bin/cli_mt ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "needed: $packages (Debian: apt-get install $packages)" >&2
    exit 2
fi
apt-get update
apt-get install -y --no-install-recommends $packages
