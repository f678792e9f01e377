#!/bin/sh
# scripts/with-setup.sh LEVEL COMMAND…: sets up to LEVEL (see setup.sh), then becomes COMMAND with the
# pinned tools first on PATH. Standard input, output and the terminal are the command's own; the
# account of the set-up goes to stderr.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
level=$1; shift
# Who asks what there is does not wait for WebAssembly and browsers.
for argument; do
  case $argument in --help | --list) level=native ;; esac
done
sh "$root/scripts/setup.sh" "$level" </dev/null
. "$root/target/setup/env"
PATH=$root/node_modules/.bin:$root/.tools/bin:$PATH
export PATH
cd "$root"
exec "$@"
