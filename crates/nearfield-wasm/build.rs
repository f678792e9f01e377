//! Links the two relaxed SIMD instructions we use, for the module that has them.
//!
//! A compiler that is told of relaxed SIMD takes it for the whole module and puts relaxed minima and
//! maxima, which differ between engines, where the source has ordinary ones. So it is not told: each
//! instruction is a function of an object file of its own, written here, and wasm-opt inlines it.
//!
//! ```text
//! relaxed_dot(row, query, sums)  = i32x4.relaxed_dot_i8x16_i7x16_add_s(row, query, sums)
//! relaxed_swizzle(table, places) = i8x16.relaxed_swizzle(table, places)
//! ```

#![allow(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by its environment"
)]

use std::env;
use std::fs;
use std::path::Path;

/// The names `nearfield::kernels` calls them by, how many vectors each takes, and its opcode behind 0xfd, in LEB128.
const FUNCTIONS: [(&str, u8, [u8; 2]); 2] = [
    ("relaxed_dot", 3, [0x93, 0x02]),
    ("relaxed_swizzle", 2, [0x80, 0x02]),
];
const V128: u8 = 0x7b;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let for_wasm = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32");
    if !for_wasm || env::var_os("CARGO_FEATURE_RELAXED_SIMD").is_none() {
        return;
    }
    let out = env::var("OUT_DIR").expect("cargo sets it");
    for function in FUNCTIONS {
        let path = Path::new(&out).join(format!("{}.o", function.0));
        fs::write(&path, object(function)).expect("cargo's folder can be written");
        println!("cargo::rustc-link-arg-cdylib={}", path.display());
    }
}

/// A relocatable module, as the tool conventions of WebAssembly describe it ("Object file linking").
/// Every length is below 128, one byte of LEB128.
fn object((symbol, vectors, opcode): (&str, u8, [u8; 2])) -> Vec<u8> {
    let taken = vec![V128; usize::from(vectors)];
    let types = [&[1, 0x60, vectors][..], &taken, &[1, V128]];
    let functions = [&[1, 0][..]];
    // local.get 0, 1, …; the instruction; end
    let gets = (0..vectors).flat_map(|local| [0x20, local]);
    let instruction = [0xfd, opcode[0], opcode[1], 0x0b];
    let body: Vec<u8> = [0].into_iter().chain(gets).chain(instruction).collect();
    let code = [&[1, length(&body)][..], &body];
    // One symbol: a function, hidden from the module's exports, of index 0.
    let symbol = [&[1, 0, 4, 0][..], &named(symbol)].concat();
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
