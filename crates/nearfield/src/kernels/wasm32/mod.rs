//! WebAssembly: fixed-width SIMD, where the module was compiled with it. A module that holds such an
//! instruction does not load on an engine without it, so there is nothing to detect at run time.

#[cfg(target_feature = "simd128")]
pub(super) mod simd128;
#[cfg(target_feature = "simd128")]
mod simd128_nibbles;

use super::Kernels;

/// The tables this module holds, the best first.
pub(super) fn tables() -> impl Iterator<Item = &'static Kernels> {
    #[cfg(target_feature = "simd128")]
    return std::iter::once(&simd128::KERNELS);
    #[cfg(not(target_feature = "simd128"))]
    return std::iter::empty();
}
