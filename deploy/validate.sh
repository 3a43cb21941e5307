#!/bin/sh
# Checks the manifests and the Containerfile without a cluster or a container engine.
# Needs python3 (3.11 or newer) with venv; the rest is installed from PyPI into build/.
set -eu

deploy=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=$deploy/../build/deploy-validate
wanted=$deploy/validate/requirements.txt

if ! cmp -s "$wanted" "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv" || {
        echo "validate.sh: python3 with venv is needed (Debian: apt-get install python3-venv)" >&2
        exit 2
    }
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$wanted"
    # Last, so that an installation that was interrupted starts over.
    cp "$wanted" "$venv/installed.txt"
fi

exec "$venv/bin/python" -B "$deploy/validate/check.py"
