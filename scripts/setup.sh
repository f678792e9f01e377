#!/bin/sh
# Sets up a machine that has only Node (>= 18) and git: scripts/setup.sh [tools|native|web|all]
#
#   tools    the pinned JavaScript tools (Node 24, TypeScript, Biome, …)
#   native   + Rust, the Node-API addon, the facade             npm run demo
#   web      + a WebAssembly toolchain and its builds           npm run demo:web
#   all      + browsers, linters, the emulator for NEON         npm test
#
# Every step says what it found or what it does and why, in one line on stderr. A step that is done is
# not repeated: JavaScript and WebAssembly are compared with a checksum of their sources, Rust asks
# cargo. A step that fails prints the end of its log; what cannot be installed is named with the
# command that installs it. Run it as often as you like.
set -eu

level=${1:-native}
case $level in
  tools) rank=0 ;; native) rank=1 ;; web) rank=2 ;; all) rank=3 ;;
  *) echo "setup: expected tools, native, web or all, got $level" >&2; exit 2 ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
state=$root/target/setup
mkdir -p "$state"
: > "$state/env"
rust_minimum=95   # of 1.x
bindgen_version=0.2.130

say()  { printf '%-10s %s\n' "$1" "$2" >&2; }
# What is merely found is news to a person at a terminal or in CI, and noise in a pipe.
note() { if [ -t 2 ] || [ -n "${CI:-}" ]; then say "$@"; fi; }
fail() { printf '%-10s %s\n' "$1" "$2" >&2; shift 2; for line in "$@"; do printf '           %s\n' "$line" >&2; done; exit 1; }
has()  { command -v "$1" >/dev/null 2>&1; }

# run NAME WHAT COMMAND…: one line before, the log's tail only when it fails. rerun: where it is routine.
run() { say "$1" "$2"; execute "$@"; }
rerun() { note "$1" "$2"; execute "$@"; }
execute() {
  run_name=$1; shift 2
  run_log=$state/$run_name.log
  if ! "$@" </dev/null >"$run_log" 2>&1; then
    tail -n 40 "$run_log" >&2
    fail "$run_name" "failed: $*" "whole log: ${run_log#"$root"/}"
  fi
}

# A checksum of every file under the paths given, names included.
sum() { find "$@" -type f ! -path '*/node_modules/*' ! -path '*/dist/*' ! -name '*.node' -exec cksum {} + 2>/dev/null | LC_ALL=C sort | cksum; }
done_before() { [ "$(cat "$state/$1.sum" 2>/dev/null)" = "$2" ]; }
remember() { printf '%s\n' "$2" > "$state/$1.sum"; }
keep_env() { printf 'export %s\n' "$1" >> "$state/env"; export "${1?}"; }

is_debian_root() { has apt-get && [ "$(id -u)" = 0 ]; }
apt_updated=no
# apt NAME WHY PACKAGE…
apt() {
  apt_name=$1; apt_why=$2; shift 2
  is_debian_root || fail "$apt_name" "missing: $* ($apt_why)" "on Debian or Ubuntu: sudo apt-get install $*" "elsewhere: the packages of the same purpose, then start again"
  if [ "$apt_updated" = no ]; then apt-get update -q >"$state/apt-update.log" 2>&1 || say apt "the package lists could not be refreshed; using the old ones"; apt_updated=yes; fi
  run "$apt_name" "installing $* by apt: $apt_why" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# ---- JavaScript ------------------------------------------------------------------------------------
node_tools() {
  has node || fail node "missing: Node 18 or later" "https://nodejs.org, or on Debian: apt-get install nodejs npm"
  node_major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$node_major" -ge 18 ] || fail node "expected Node 18 or later, got $(node -v)"
  tools_sum=$(sum package.json pnpm-lock.yaml pnpm-workspace.yaml packages/*/package.json packages/native/npm examples/*/package.json bench)
  if [ -x node_modules/.bin/node ] && done_before tools "$tools_sum"; then
    note tools "have them ($(node_modules/.bin/node -v), pinned by pnpm-lock.yaml)"
  else
    run tools "installing Node 24, TypeScript and the rest of pnpm-lock.yaml into node_modules (pnpm through npx)" \
      npx -y pnpm@12 install --frozen-lockfile
    remember tools "$(sum package.json pnpm-lock.yaml pnpm-workspace.yaml packages/*/package.json packages/native/npm examples/*/package.json bench)"
  fi
  PATH=$root/node_modules/.bin:$PATH; export PATH
}

# ---- Rust ------------------------------------------------------------------------------------------
rust_minor() { "${1:-rustc}" --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p'; }
new_enough() { [ "${1:-0}" -ge "$rust_minimum" ]; }

rust() {
  has cc || has gcc || has clang || apt compiler "Rust links with it" gcc libc6-dev
  # rustup's own folder is not always on PATH, or is behind a system's cargo, whose compiler would then
  # be mixed with rustup's clippy.
  rustup_bin=${CARGO_HOME:-$HOME/.cargo}/bin
  if [ -x "$rustup_bin/cargo" ] && [ "$(command -v cargo)" != "$rustup_bin/cargo" ]; then keep_env "PATH=$rustup_bin:$PATH"; fi
  if has cargo && new_enough "$(rust_minor)"; then
    note rust "have $(rustc --version)"
  elif has rustup; then
    if ! new_enough "$(RUSTUP_TOOLCHAIN=stable rust_minor)"; then
      run rust "updating Rust stable (the core needs 1.$rust_minimum)" rustup toolchain install stable --profile minimal
    fi
    keep_env RUSTUP_TOOLCHAIN=stable
    new_enough "$(rust_minor)" || fail rust "expected Rust 1.$rust_minimum or later, got $(rustc --version)" "rustup update stable"
  else
    if [ ! -x /usr/bin/rustc ] || ! new_enough "$(rust_minor /usr/bin/rustc)"; then
      if is_debian_root; then apt rust "the compiler of the core, 1.$rust_minimum or later" rustc-web cargo-web
      else fail rust "missing: Rust 1.$rust_minimum or later" "https://rustup.rs, or on Debian: sudo apt-get install rustc-web cargo-web"; fi
    fi
    keep_env "PATH=/usr/bin:$PATH"
    new_enough "$(rust_minor)" || fail rust "expected Rust 1.$rust_minimum or later, got $(rustc --version)" "https://rustup.rs installs a newer one"
  fi
}

# Never skipped: cargo knows best what changed, and takes a moment to say "nothing".
addon() {
  if [ -d target/release/deps ]; then rerun native "building the Node-API addon with cargo, as far as it changed" node packages/native/build.ts
  else run native "building the Node-API addon with cargo (about two minutes)" node packages/native/build.ts; fi
}

facade() {
  wasm_sum=none
  if [ -d packages/wasm/threads ]; then wasm_sum=$(sum packages/wasm/threads packages/wasm/relaxed packages/wasm/single); fi
  facade_sum="$(sum packages/nearfield tsconfig.base.json) $wasm_sum"
  if [ -e packages/nearfield/dist/node.d.ts ] && done_before facade "$facade_sum"; then
    note facade "built before, sources unchanged"
  else
    run facade "building the TypeScript facade with tsup" npm run --silent --prefix packages/nearfield build
    remember facade "$facade_sum"
  fi
}

# ---- WebAssembly -----------------------------------------------------------------------------------
has_nightly_source() {
  has rustup || return 1
  nightly=$(rustup which --toolchain nightly rustc 2>/dev/null) || return 1
  [ -e "$(dirname "$nightly")/../lib/rustlib/src/rust/library/Cargo.lock" ]
}
has_debian_source() { [ -x /usr/bin/cargo ] && [ -x /usr/bin/wasm-ld-22 ] && [ -e /usr/lib/rustlib/src/rust/library/Cargo.lock ]; }

# Debian's packages are a released compiler and stay the same for months; a nightly makes other modules, of
# other sizes, every day.
apt_has() { is_debian_root && { [ "$apt_updated" = yes ] || { apt-get update -q >"$state/apt-update.log" 2>&1 && apt_updated=yes; }; } && [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }
wasm_compiler() {
  if has_debian_source; then note wasm-rust "have Debian's Rust with the source of std"; return; fi
  if apt_has rust-web-src; then
    apt wasm-rust "threads and unwinding need a std of their own" rustc-web cargo-web rust-web-src rust-web-llvm lld-22
    has_debian_source && return
  fi
  if has_nightly_source; then note wasm-rust "have rustup's nightly with the source of std"; return; fi
  if has rustup && rustup toolchain install nightly --profile minimal --component rust-src >"$state/nightly.log" 2>&1; then
    say wasm-rust "installed rustup's nightly with the source of std: threads and unwinding need a std of their own"; return
  fi
  fail wasm-rust "missing: a Rust compiler with the source of its standard library" \
    "rustup toolchain install nightly --component rust-src" "or on Debian: sudo apt-get install rustc-web cargo-web rust-web-src rust-web-llvm lld-22"
}

# cargo_tool CRATE BINARY VERSION WHY
cargo_tool() {
  if has_version "$2" "$3"; then note "$1" "have $3"; return; fi
  run "$1" "installing $1 $3 into .tools with cargo (about two minutes): $4" install_tool "$1" "$3"
}
# The tool's own lock file first; where a registry no longer has a version it names, newer ones that fit.
install_tool() {
  cargo install --locked --root .tools --version "$2" "$1" || cargo install --root .tools --version "$2" "$1"
}
has_version() {
  for candidate in "$root/.tools/bin/$1" "$1"; do
    case $("$candidate" --version 2>/dev/null) in *" $2"*) return 0 ;; esac
  done
  return 1
}

has_modules() {
  for variant in threads relaxed single; do
    [ -e "packages/wasm/$variant/nearfield_wasm_bg.wasm" ] || return 1
  done
}

wasm() {
  wasm_compiler
  PATH=$root/.tools/bin:$PATH; export PATH
  cargo_tool wasm-bindgen-cli wasm-bindgen "$bindgen_version" "writes the JavaScript around the module"
  cargo_tool wasm-pack wasm-pack 0.15.1 "drives the build"
  sources_sum=$(sum crates/nearfield/src crates/nearfield/Cargo.toml crates/nearfield-wasm packages/wasm/pool packages/wasm/build.ts packages/wasm/toolchain.ts Cargo.toml Cargo.lock)
  if has_modules && done_before wasm "$sources_sum"; then
    note wasm "every module built before, sources unchanged"
  else
    run wasm "building the WebAssembly modules, std included (first time: about five minutes)" node packages/wasm/build.ts
    remember wasm "$sources_sum"
  fi
}

# ---- What only the tests need ----------------------------------------------------------------------
browser() { # NAME PACKAGE COMMAND…
  browser_name=$1; browser_package=$2; shift 2
  for candidate in "$@"; do if has "$candidate"; then note "$browser_name" "have $candidate"; return; fi; done
  for path in "/Applications/Google Chrome.app" "/Applications/Firefox.app"; do
    case $path in *"$browser_name"*) if [ -e "$path" ]; then note "$browser_name" "have $path"; return; fi ;; esac
  done
  apt "$browser_name" "the suites run in it" "$browser_package"
}

linters() {
  if cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1; then note linters "have clippy and rustfmt"; return; fi
  if has rustup; then run linters "installing clippy and rustfmt with rustup" rustup component add clippy rustfmt
  else apt linters "clippy and rustfmt, run by the tests" rust-web-clippy rustfmt-web; fi
}

emulator() {
  if has qemu-aarch64-static && has aarch64-linux-gnu-gcc; then note emulator "have qemu and a linker for aarch64"; return; fi
  case $(uname -m) in aarch64|arm64) note emulator "not needed: this machine has NEON"; return ;; esac
  if is_debian_root; then apt emulator "replays the NEON kernels" gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
  else say emulator "left out: NEON kernels are tested on aarch64 machines only (gcc-aarch64-linux-gnu qemu-user-static)"; fi
}

started=$(date +%s)
node_tools
if [ "$rank" -ge 1 ]; then rust; fi
# Independent of one another, but both are made of Rust: one after the other is quicker on two cores.
if [ "$rank" -ge 1 ]; then export CARGO_TARGET_DIR="$root/target"; addon; fi
if [ "$rank" -ge 2 ]; then wasm; fi
if [ "$rank" -ge 1 ]; then facade; fi
if [ "$rank" -ge 3 ]; then
  linters
  browser Chromium chromium chromium chromium-browser google-chrome
  browser Firefox firefox-esr firefox-esr firefox
  emulator
fi
note ready "$level, $(( $(date +%s) - started )) s"
