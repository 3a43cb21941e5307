#!/bin/sh
# Generates the stubs in menagerie/v1 from proto/. With --check it changes nothing, and fails if they would change.
# Uses grpcio-tools of the version that grpcio has in requirements.txt, in a virtual environment of its own.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=$root/build/grpcio-tools
version=$(sed -n 's/^grpcio==//p' "$here/requirements.txt")
target=$here

if ! "$venv/bin/python" -c "from importlib.metadata import version as v; assert v('grpcio-tools') == '$version'" 2>/dev/null; then
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "grpcio-tools==$version"
fi

if [ "${1:-}" = --check ]; then
    target=$(mktemp -d)
    trap 'rm -rf "$target"' EXIT
fi

"$venv/bin/python" -m grpc_tools.protoc --proto_path="$root/proto" \
    --python_out="$target" --pyi_out="$target" --grpc_python_out="$target" \
    menagerie/v1/menagerie.proto

if [ "$target" != "$here" ]; then
    diff -r --exclude=__pycache__ "$target/menagerie" "$here/menagerie" || {
        echo "the stubs do not fit the proto: run examples/python/generate.sh" >&2
        exit 1
    }
fi
