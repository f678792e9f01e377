#!/bin/sh
# The generator under AddressSanitizer: bytes and rows of every instruction set this machine has, into memory of
# any alignment, nothing read or written outside of it. Some minutes, and not part of `npm test`.
#
# Rust's stable toolchain of rustup brings the sanitizer's library; RUSTC_BOOTSTRAP lets it be asked for.
set -eu
cd "$(dirname "$0")/.."
target=$(rustc -vV | sed -n 's/^host: //p')
library=$(rustc --print sysroot)/lib/rustlib/$target/lib
if ! ls "$library"/librustc*_rt.asan.* >/dev/null 2>&1; then
  echo "expected AddressSanitizer's library in $library: use a toolchain of rustup" >&2
  exit 2
fi
export RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/asan"
# Whole groups: what the generator is made of, and the door to it.
for part in datagen:: kernels::draws:: boundary::generator:: exec::; do
  cargo test -p nearfield --lib --target "$target" "$part"
done
