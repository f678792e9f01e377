//! AArch64: Advanced SIMD, which every such processor has.

pub(super) mod neon;
mod neon_nibbles;

use super::Kernels;
use std::arch::is_aarch64_feature_detected as detected;

/// The tables this processor can run, the best first.
pub(super) fn tables() -> impl Iterator<Item = &'static Kernels> {
    detected!("neon").then_some(&neon::KERNELS).into_iter()
}
