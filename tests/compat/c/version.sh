#!/bin/sh
# The version of the C client, from its header.
set -eu
sed -n 's/^#define ZOO_VERSION "\(.*\)"/\1/p' /usr/include/zookeeper/zookeeper_version.h
