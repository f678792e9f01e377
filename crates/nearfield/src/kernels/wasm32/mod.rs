//! WebAssembly: fixed-width SIMD and its relaxed extension, where the module was compiled with them.
//! A module that holds such an instruction does not load on an engine without it, so there is nothing
//! to detect at run time: the host asks its engine which module to load.

#[cfg(all(target_feature = "simd128", feature = "relaxed-simd"))]
pub(super) mod relaxed;
#[cfg(target_feature = "simd128")]
pub(super) mod simd128;
#[cfg(target_feature = "simd128")]
mod simd128_lookups;
#[cfg(target_feature = "simd128")]
mod simd128_nibbles;
#[cfg(target_feature = "simd128")]
mod simd128_queries;
#[cfg(target_feature = "simd128")]
mod simd128_sift;

use super::Kernels;

/// The tables this module holds, the best first.
static TABLES: &[&Kernels] = &[
    #[cfg(all(target_feature = "simd128", feature = "relaxed-simd"))]
    &relaxed::KERNELS,
    #[cfg(target_feature = "simd128")]
    &simd128::KERNELS,
];

/// As [`TABLES`], in the shape of the sets that detect.
pub(super) fn tables() -> impl Iterator<Item = &'static Kernels> {
    TABLES.iter().copied()
}
