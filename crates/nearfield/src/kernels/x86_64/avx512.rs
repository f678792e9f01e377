//! AVX-512 F and BW: sixteen lanes in one register, fused, and strips four positions a step. Codes of a byte and of four
//! bits go as with AVX2, and with VNNI in a set of their own.

use super::avx2::{CodesAvx2, ColumnsAvx2, fold_eight};
use super::avx2_nibbles::NibblesAvx2;
use super::avx512_lookups::{TELLER, TOGETHER, scan_strip};
use super::avx512_panels::PANEL;
use super::avx512_queries::{TABLES, TURN};
use super::avx512_sift::SIFT;
use super::sorted::AVX512 as INSERT;
use crate::kernels::floats::FloatColumns;
use crate::kernels::lanes::{self, Lanes, table};
use crate::kernels::nibbles::{self, nibble_entries};
use crate::kernels::rows::{self, row_entries};
use crate::kernels::{Ahead, CodeRows, Isa, Kernels, RowScores, RowsAsked, products, tiles};
use std::arch::x86_64::{
    __m512, _mm256_add_ps, _mm256_castpd_ps, _mm512_add_ps, _mm512_castps_pd,
    _mm512_castps512_ps256, _mm512_extractf64x4_pd, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps, _mm512_sub_ps,
};

table!(
    Isa::Avx512,
    Avx512,
    CodesAvx2,
    ColumnsAvx2,
    "avx512f,avx512bw,avx2,fma"
);
nibble_entries!(NibblesAvx2, "avx512f,avx512bw,avx2,fma");
row_entries!(CodesAvx2, NibblesAvx2, "avx512f,avx512bw,avx2,fma");

/// All sixteen.
#[derive(Clone, Copy)]
struct Avx512(__m512);

// SAFETY (all blocks): the caller of a `Lanes` method has AVX-512 F (and with it AVX2), and loads
// where it may.
impl Lanes for Avx512 {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_setzero_ps()) }
    }

    #[inline(always)]
    unsafe fn load(at: *const f32) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_loadu_ps(at)) }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn plus_product(self, a: Self, b: Self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_fmadd_ps(a.0, b.0, self.0)) }
    }

    #[inline(always)]
    unsafe fn fold(self) -> f32 {
        // SAFETY: see the impl.
        unsafe {
            let low = _mm512_castps512_ps256(self.0);
            let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(self.0)));
            fold_eight(_mm256_add_ps(low, high))
        }
    }
}

// SAFETY (all blocks): the caller of a `FloatColumns` method has AVX-512 F, and stores where it may.
impl FloatColumns for Avx512 {
    /// Eight sums hide an addition's latency.
    const ROWS: usize = 8;

    #[inline(always)]
    unsafe fn plus_rounded(self, x: f32, columns: Self) -> Self {
        // SAFETY: see the impl.
        unsafe {
            let products = _mm512_mul_ps(_mm512_set1_ps(x), columns.0);
            Self(_mm512_add_ps(self.0, products))
        }
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut f32) {
        // SAFETY: see the impl.
        unsafe { _mm512_storeu_ps(out, self.0) }
    }
}
