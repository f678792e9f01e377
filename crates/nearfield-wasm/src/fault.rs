//! Faults on demand, so that tests can show what a panic and a trap do to the host.

use crate::pool;
use std::sync::atomic::{AtomicBool, Ordering};
use wasm_bindgen::prelude::*;

/// `panic` or `trap`, either also after `pool-` or `share-`; any other name does nothing. Not part of the API.
#[wasm_bindgen]
pub fn inject_fault(kind: &str) {
    match kind {
        "panic" => panic!("injected panic"),
        "pool-panic" => pool::run(0, |_| panic!("injected panic in the pool")),
        "share-panic" => in_share(|| panic!("injected panic in a share")),
        "trap" => trap(),
        "pool-trap" => pool::run(0, |_| trap()),
        "share-trap" => in_share(trap),
        _ => {}
    }
}

fn trap() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
}

/// A fault in what another thread does of a fill, while the caller does its own share.
fn in_share(fault: fn()) {
    let begun = AtomicBool::new(false);
    pool::share(0, |exec| {
        exec.shares(&mut [0_u8; 2], 1, |part, _| {
            if part == 1 {
                begun.store(true, Ordering::Release);
                fault();
            }
            while exec.threads() > 1 && !begun.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
        });
    });
}
