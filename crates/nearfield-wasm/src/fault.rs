//! Faults on demand, so that tests can show what a panic and a trap do to the host.

use crate::pool;
use wasm_bindgen::prelude::*;

/// `panic`, `pool-panic`, `trap` or `pool-trap`; any other name does nothing. Not part of the API.
#[wasm_bindgen]
pub fn inject_fault(kind: &str) {
    match kind {
        "panic" => panic!("injected panic"),
        "pool-panic" => pool::run(0, |_| panic!("injected panic in the pool")),
        "trap" => trap(),
        "pool-trap" => pool::run(0, |_| trap()),
        _ => {}
    }
}

fn trap() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
}
