//! Links the one relaxed SIMD instruction we use, for the module that has it.
//!
//! A compiler that is told of relaxed SIMD takes it for the whole module and puts relaxed minima and
//! maxima, which differ between engines, where the source has ordinary ones. So it is not told: the
//! instruction is a function of its own object file, written here, and wasm-opt inlines it.
//!
//! ```text
//! relaxed_dot(row, query, sums) = i32x4.relaxed_dot_i8x16_i7x16_add_s(row, query, sums)
//! ```

#![allow(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by its environment"
)]

use std::env;
use std::fs;
use std::path::Path;

/// The name `nearfield::kernels` calls it by.
const SYMBOL: &str = "relaxed_dot";
const V128: u8 = 0x7b;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let for_wasm = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32");
    if !for_wasm || env::var_os("CARGO_FEATURE_RELAXED_SIMD").is_none() {
        return;
    }
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let path = Path::new(&out).join("relaxed_dot.o");
    fs::write(&path, object()).expect("cargo's folder can be written");
    println!("cargo::rustc-link-arg-cdylib={}", path.display());
}

/// A relocatable module, as the tool conventions of WebAssembly describe it ("Object file linking").
/// Every length is below 128, one byte of LEB128.
fn object() -> Vec<u8> {
    let types = [&[1, 0x60, 3, V128, V128, V128, 1, V128][..]];
    let functions = [&[1, 0][..]];
    // local.get 0, 1, 2; the instruction; end
    let body = [0, 0x20, 0, 0x20, 1, 0x20, 2, 0xfd, 0x93, 0x02, 0x0b];
    let code = [&[1, length(&body)][..], &body];
    // One symbol: a function, hidden from the module's exports, of index 0.
    let symbol = [&[1, 0, 4, 0][..], &named(SYMBOL)].concat();
    let linking = [&named("linking")[..], &[2, 8, length(&symbol)], &symbol];
    let features = [
        &named("target_features")[..],
        &[2, b'+'],
        &named("relaxed-simd"),
        b"+",
        &named("simd128"),
    ];
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &types),
        section(3, &functions),
        section(10, &code),
        section(0, &linking),
        section(0, &features),
    ]
    .concat()
}

fn section(id: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&[id, length(&content)], &content[..]].concat()
}

fn named(name: &str) -> Vec<u8> {
    [&[length(name.as_bytes())], name.as_bytes()].concat()
}

fn length(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len())
        .ok()
        .filter(|length| *length < 128)
        .expect("one byte of LEB128")
}
