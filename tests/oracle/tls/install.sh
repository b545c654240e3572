#!/bin/bash
# Makes the environments of the TLS oracle below build/, apart from ours: what is compared with, and
# servers that no distribution has. Quick where both are there. `install.sh [PYTHON]`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
python=${1:-python3}

for name in oracles servers; do
    place=$root/build/tls-$name
    cmp -s "$here/$name.txt" "$place/installed.txt" && continue
    echo "tls oracle: installing $name into build/tls-$name"
    rm -rf "$place"
    mkdir -p "$root/build"
    "$python" -m venv "$place"
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check \
        --prefer-binary --requirement "$here/$name.txt"
    cp "$here/$name.txt" "$place/installed.txt"
done
