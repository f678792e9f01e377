//! AArch64: Advanced SIMD, which every such processor has, and its dot product of bytes, which most do.

pub(super) mod dotprod;
pub(super) mod neon;
mod neon_lookups;
mod neon_nibbles;

use super::Kernels;
use std::arch::is_aarch64_feature_detected as detected;

/// The tables this processor can run, the best first.
pub(super) fn tables() -> impl Iterator<Item = &'static Kernels> {
    let neon = detected!("neon");
    let dotprod = neon && detected!("dotprod");
    [(dotprod, &dotprod::KERNELS), (neon, &neon::KERNELS)]
        .into_iter()
        .filter_map(|(detected, table)| detected.then_some(table))
}
