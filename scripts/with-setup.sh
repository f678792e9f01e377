#!/bin/sh
# scripts/with-setup.sh LEVEL COMMAND…: sets up to LEVEL (see setup.sh), then becomes COMMAND with the
# pinned tools first on PATH. Standard input, output and the terminal are the command's own; the
# account of the set-up goes to stderr, and is kept back when stderr is not a terminal and all went well.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
level=$1; shift
if [ -t 2 ] || [ -n "${CI:-}" ]; then
  sh "$root/scripts/setup.sh" "$level" </dev/null
else
  mkdir -p "$root/target/setup"
  if ! sh "$root/scripts/setup.sh" "$level" </dev/null 2>"$root/target/setup/account.log"; then
    cat "$root/target/setup/account.log" >&2
    exit 1
  fi
fi
. "$root/target/setup/env"
PATH=$root/node_modules/.bin:$root/.tools/bin:$PATH
export PATH
cd "$root"
exec "$@"
