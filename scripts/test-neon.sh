#!/bin/sh
# Replays the NEON kernels against their definition on an x86-64 machine, under qemu's user emulation:
# once as a processor with the dot product of bytes (FEAT_DotProd), once as one without.
#
# Rust's standard library is built from source for AArch64, because that target's prebuilt one is not
# always at hand. Debian's own toolchain carries the source (rust-web-src) and takes -Z build-std when
# RUSTC_BOOTSTRAP is set. Exit 2: a tool is missing, and nothing was tested.
#
#   scripts/test-neon.sh [test filter]      default filter: kernels
set -eu

cd "$(dirname "$0")/.."
target=aarch64-unknown-linux-gnu
rustc=${NEON_RUSTC:-/usr/bin/rustc}
cargo=${NEON_CARGO:-/usr/bin/cargo}
filter=${1:-kernels}

missing=
need() { # command, Debian package
  command -v "$1" >/dev/null 2>&1 || missing="$missing
  $1 (package $2)"
}
need "$rustc" rustc-web
need "$cargo" cargo-web
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
need qemu-aarch64-static qemu-user-static
[ -e /usr/aarch64-linux-gnu/lib/libc.so.6 ] || missing="$missing
  /usr/aarch64-linux-gnu/lib/libc.so.6 (package libc6-dev-arm64-cross)"
if command -v "$rustc" >/dev/null 2>&1; then
  source="$("$rustc" --print sysroot)/lib/rustlib/src/rust/library/std/Cargo.toml"
  [ -e "$source" ] || missing="$missing
  $source (package rust-web-src)"
fi
if [ -n "$missing" ]; then
  echo "test-neon: nothing was tested; missing:$missing" >&2
  exit 2
fi

export RUSTC_BOOTSTRAP=1 RUSTC="$rustc"
export RUST_BACKTRACE=0 # one test provokes panics; their traces would bury the result
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
# Its own folder: another compiler's artefacts would be rebuilt at every turn.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/neon"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
replay() { # processor, the sets it has
  status=0
  CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -cpu $1 -L /usr/aarch64-linux-gnu" \
    PATH="/usr/bin:$PATH" "$cargo" test -Z build-std=std,panic_abort,test --target "$target" \
    -p nearfield --lib "$filter" -- --show-output >"$log" 2>&1 || status=$?
  cat "$log"
  [ "$status" -eq 0 ] || exit "$status"
  # A run that silently found no NEON, or filtered out its test, is no proof.
  if [ "$filter" = kernels ] && ! grep -q "^replayed: \\[$2\\]" "$log"; then
    echo "test-neon: the tests passed, but on $1 the replayed sets were not $2" >&2
    exit 1
  fi
}
replay cortex-a76 'NeonDotprod, Neon, Scalar'
replay cortex-a57 'Neon, Scalar'
