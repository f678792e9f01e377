#!/bin/sh
# scripts/test-hnswlib.sh: hnswlib itself loads what nearfield writes and finds as much in it. Installs
# hnswlib 0.8.0 from PyPI into target/hnswlib (it is compiled there, which takes a C++ compiler), so it
# is not part of `npm test`; PYTHON names an interpreter that has hnswlib and numpy already.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-}
if [ -z "$python" ]; then
  python=$root/target/hnswlib/bin/python
  if [ ! -x "$python" ]; then
    python3 -m venv "$root/target/hnswlib"
    "$python" -m pip install --quiet hnswlib==0.8.0 numpy
  fi
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sh "$root/scripts/with-setup.sh" native node "$root/packages/conformance/hnswlib/write.ts" "$folder"
"$python" "$root/packages/conformance/hnswlib/load.py" "$folder"
