//! Distances between two equal-length slices of `f32`, one table per instruction set.
//!
//! # The sum is part of the definition
//! Element `i` is accumulated into lane `i % 16`; at the end lane `j` takes lane `j + 8`, then
//! `j + 4`, `j + 2`, `j + 1`. The fused sets (AVX2+FMA, AVX-512, NEON) agree with each other bit for
//! bit, and so do the unfused ones (scalar, WebAssembly simd128); the two groups differ by rounding.

mod scalar;

/// A kernel over one pair. Both slices have the same length (asserted).
pub type Pair = fn(&[f32], &[f32]) -> f32;
/// A kernel over one query and four rows, all of the same length (asserted); same bits as [`Pair`].
pub type Quad = fn(&[f32], [&[f32]; 4]) -> [f32; 4];

/// An instruction set with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Plain Rust: the definition of every kernel.
    Scalar,
    /// WebAssembly fixed-width SIMD.
    Simd128,
    /// ARM Advanced SIMD.
    Neon,
    /// x86-64 AVX2 with FMA.
    Avx2,
    /// x86-64 AVX-512 F.
    Avx512,
}

/// The kernels of one instruction set.
#[derive(Debug)]
pub struct Kernels {
    /// The set these run on.
    pub isa: Isa,
    /// Squared Euclidean distance.
    pub l2sq_f32: Pair,
    /// Inner product.
    pub dot_f32: Pair,
    /// Four squared Euclidean distances.
    pub l2sq_f32_x4: Quad,
    /// Four inner products.
    pub dot_f32_x4: Quad,
}

/// The best table this machine can run, or the best not above `limit`.
pub fn kernels(limit: Option<Isa>) -> &'static Kernels {
    let _ = limit;
    &scalar::KERNELS
}
