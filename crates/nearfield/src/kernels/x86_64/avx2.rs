//! AVX2 with FMA: sixteen lanes in two 256-bit registers, fused; codes 32 a step.

use super::avx2_nibbles::NibblesAvx2;
use super::avx2_sift::SIFT;
use super::avx2_strips::{TELLER, TOGETHER, scan_strip};
use super::sorted::AVX2 as INSERT;
use crate::kernels::floats::FloatColumns;
use crate::kernels::lanes::{self, Lanes, table};
use crate::kernels::nibbles::{self, nibble_entries};
use crate::kernels::panels::PANEL;
use crate::kernels::products::{self, Products};
use crate::kernels::queries::{TABLES, TURN};
use crate::kernels::rows::{self, row_entries};
use crate::kernels::tiles::{self, Columns};
use crate::kernels::{Ahead, CodeRows, Isa, Kernels, RowScores, RowsAsked};
use std::arch::x86_64::{
    __m256, __m256i, _mm_add_epi32, _mm_add_ps, _mm_add_ss, _mm_cvtsi128_si32, _mm_cvtss_f32,
    _mm_movehdup_ps, _mm_movehl_ps, _mm_shuffle_epi32, _mm256_add_epi32, _mm256_add_ps,
    _mm256_castps256_ps128, _mm256_castsi256_si128, _mm256_extractf128_ps,
    _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_storeu_ps, _mm256_storeu_si256,
    _mm256_sub_ps,
};

table!(Isa::Avx2, Avx2, CodesAvx2, ColumnsAvx2, "avx2,fma");
nibble_entries!(NibblesAvx2, "avx2,fma");
row_entries!(CodesAvx2, NibblesAvx2, "avx2,fma");

/// Lanes 0 … 7 and 8 … 15.
#[derive(Clone, Copy)]
struct Avx2(__m256, __m256);

// SAFETY (all blocks): the caller of a `Lanes` method has AVX2 and FMA, and loads where it may.
impl Lanes for Avx2 {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm256_setzero_ps(), _mm256_setzero_ps()) }
    }

    #[inline(always)]
    unsafe fn load(at: *const f32) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm256_loadu_ps(at), _mm256_loadu_ps(at.add(8))) }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: see the impl.
        unsafe {
            Self(
                _mm256_sub_ps(self.0, other.0),
                _mm256_sub_ps(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    unsafe fn plus_product(self, a: Self, b: Self) -> Self {
        // SAFETY: see the impl.
        unsafe {
            Self(
                _mm256_fmadd_ps(a.0, b.0, self.0),
                _mm256_fmadd_ps(a.1, b.1, self.1),
            )
        }
    }

    #[inline(always)]
    unsafe fn fold(self) -> f32 {
        // SAFETY: see the impl.
        unsafe { fold_eight(_mm256_add_ps(self.0, self.1)) }
    }
}

// SAFETY (all blocks): the caller of a `FloatColumns` method has AVX2, and stores where it may.
impl FloatColumns for Avx2 {
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn plus_rounded(self, x: f32, columns: Self) -> Self {
        // SAFETY: see the impl.
        unsafe {
            let x = _mm256_set1_ps(x);
            Self(
                _mm256_add_ps(self.0, _mm256_mul_ps(x, columns.0)),
                _mm256_add_ps(self.1, _mm256_mul_ps(x, columns.1)),
            )
        }
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut f32) {
        // SAFETY: see the impl.
        unsafe {
            _mm256_storeu_ps(out, self.0);
            _mm256_storeu_ps(out.add(8), self.1);
        }
    }
}

/// Lane `j` takes `j + 4`, then `j + 2`, `j + 1`.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
pub(super) unsafe fn fold_eight(lanes: __m256) -> f32 {
    // SAFETY: the caller has AVX2.
    unsafe {
        let four = _mm_add_ps(
            _mm256_castps256_ps128(lanes),
            _mm256_extractf128_ps::<1>(lanes),
        );
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
    }
}

/// Eight sums.
#[derive(Clone, Copy)]
pub(super) struct CodesAvx2(__m256i);

// SAFETY (all blocks): the caller of a `Products` method has AVX2, and loads where it may.
impl Products for CodesAvx2 {
    const STEP: usize = 32;
    type Query = __m256i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm256_setzero_si256()) }
    }

    #[inline(always)]
    unsafe fn query(at: *const u8) -> __m256i {
        // SAFETY: see the impl.
        unsafe { _mm256_loadu_si256(at.cast()) }
    }

    #[inline(always)]
    unsafe fn plus(self, query: __m256i, row: *const i8) -> Self {
        // SAFETY: see the impl. Two products are at most 2 · 127 · 128 = 32,512 either way: the
        // 16-bit sums do not saturate.
        unsafe {
            let pairs = _mm256_maddubs_epi16(query, _mm256_loadu_si256(row.cast()));
            let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
            Self(_mm256_add_epi32(self.0, fours))
        }
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(rows: [Self; N]) -> [i32; N] {
        // SAFETY: see the impl.
        unsafe { rows.map(|row| fold_sums(row.0)) }
    }
}

/// All eight in one.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
pub(super) unsafe fn fold_sums(sums: __m256i) -> i32 {
    // SAFETY: the caller has AVX2.
    unsafe {
        let four = _mm_add_epi32(
            _mm256_castsi256_si128(sums),
            _mm256_extracti128_si256::<1>(sums),
        );
        let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
        _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
    }
}

/// Columns 0 … 7 and 8 … 15.
#[derive(Clone, Copy)]
pub(super) struct ColumnsAvx2(__m256i, __m256i);

// SAFETY (all blocks): the caller of a `Columns` method has AVX2, and loads and stores where it may.
impl Columns for ColumnsAvx2 {
    const ROWS: usize = 4;
    type Panel = (__m256i, __m256i);

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm256_setzero_si256(), _mm256_setzero_si256()) }
    }

    #[inline(always)]
    unsafe fn panel(at: *const i8) -> Self::Panel {
        // SAFETY: see the impl.
        unsafe {
            (
                _mm256_loadu_si256(at.cast()),
                _mm256_loadu_si256(at.add(32).cast()),
            )
        }
    }

    #[inline(always)]
    unsafe fn plus(self, row: i32, panel: Self::Panel) -> Self {
        // SAFETY: see the impl. The 16-bit sums do not saturate, as in `CodesAvx2`.
        unsafe {
            let (row, ones) = (_mm256_set1_epi32(row), _mm256_set1_epi16(1));
            let fours = |columns| _mm256_madd_epi16(_mm256_maddubs_epi16(row, columns), ones);
            Self(
                _mm256_add_epi32(self.0, fours(panel.0)),
                _mm256_add_epi32(self.1, fours(panel.1)),
            )
        }
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut i32) {
        // SAFETY: see the impl.
        unsafe {
            _mm256_storeu_si256(out.cast(), self.0);
            _mm256_storeu_si256(out.add(8).cast(), self.1);
        }
    }
}
