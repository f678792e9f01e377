//! AVX2 with VNNI on its registers (AVX-VNNI), as processors without AVX-512 have it: codes 32 a step,
//! multiplied and added to 32-bit sums by one instruction. Floats go as with AVX2.

use super::avx2::{self, fold_sums};
use crate::kernels::nibbles::{self, Nibbles, nibble_entries};
use crate::kernels::products::{self, Products, table_of_codes};
use crate::kernels::rows::{self, row_entries};
use crate::kernels::tiles::{self, Columns};
use crate::kernels::{Ahead, CodeRows, Isa, Kernels, RowScores, RowsAsked};
use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_dpbusd_avx_epi32, _mm256_loadu_si256,
    _mm256_set1_epi8, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_srli_epi16,
    _mm256_storeu_si256,
};

table_of_codes!(
    Isa::AvxVnni,
    CodesAvxVnni,
    ColumnsAvxVnni,
    "avx2,avxvnni",
    avx2::KERNELS,
    // SAFETY: a table is handed out only after its instructions were detected.
    dot_u7u4: |query, row| unsafe { dot_nibbles(query, row) },
    // SAFETY: as above.
    dot_u7u4_x4: |query, rows, ahead| unsafe { dot_nibbles_x4(query, rows, ahead) },
    // SAFETY: as above.
    score_u7i8: |query, rows, asked, out| unsafe { score_bytes(query, rows, asked, out) },
    // SAFETY: as above.
    score_u7u4: |query, rows, asked, out| unsafe { score_halves(query, rows, asked, out) }
);
nibble_entries!(NibblesAvxVnni, "avx2,avxvnni");
row_entries!(CodesAvxVnni, NibblesAvxVnni, "avx2,avxvnni");

/// Eight sums.
#[derive(Clone, Copy)]
struct CodesAvxVnni(__m256i);

// SAFETY (all blocks): the caller of a `Products` method has AVX-VNNI (and with it AVX2), and loads
// where it may.
impl Products for CodesAvxVnni {
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
        // SAFETY: see the impl. The unsigned operand is the query.
        unsafe {
            let row = _mm256_loadu_si256(row.cast());
            Self(_mm256_dpbusd_avx_epi32(self.0, query, row))
        }
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(rows: [Self; N]) -> [i32; N] {
        // SAFETY: see the impl.
        unsafe { rows.map(|row| fold_sums(row.0)) }
    }
}

/// Eight sums of low nibbles' products and eight of high ones'.
#[derive(Clone, Copy)]
struct NibblesAvxVnni(__m256i, __m256i);

// SAFETY (all blocks): the caller of a `Nibbles` method has AVX-VNNI (and with it AVX2), and loads where
// it may.
impl Nibbles for NibblesAvxVnni {
    const STEP: usize = 32;
    /// Sums of 32 bits hold those of the longest row.
    const SPAN: usize = usize::MAX;
    type Query = (__m256i, __m256i);
    type Wide = __m256i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm256_setzero_si256(), _mm256_setzero_si256()) }
    }

    #[inline(always)]
    unsafe fn wide() -> __m256i {
        // SAFETY: see the impl.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn query(low: *const u8, high: *const u8) -> (__m256i, __m256i) {
        // SAFETY: see the impl.
        unsafe {
            (
                _mm256_loadu_si256(low.cast()),
                _mm256_loadu_si256(high.cast()),
            )
        }
    }

    #[inline(always)]
    unsafe fn plus(self, (low, high): (__m256i, __m256i), row: *const u8) -> Self {
        // SAFETY: see the impl. The unsigned operand is the query; nibbles are the same signed.
        unsafe {
            let row = _mm256_loadu_si256(row.cast());
            let nibble = _mm256_set1_epi8(15);
            let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(row), nibble);
            Self(
                _mm256_dpbusd_avx_epi32(self.0, low, _mm256_and_si256(row, nibble)),
                _mm256_dpbusd_avx_epi32(self.1, high, upper),
            )
        }
    }

    #[inline(always)]
    unsafe fn widen(self, wide: __m256i) -> __m256i {
        // SAFETY: see the impl.
        unsafe { _mm256_add_epi32(wide, _mm256_add_epi32(self.0, self.1)) }
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(wide: [__m256i; N]) -> [i32; N] {
        // SAFETY: see the impl.
        unsafe { wide.map(|wide| fold_sums(wide)) }
    }
}

/// Columns 0 … 7 and 8 … 15.
#[derive(Clone, Copy)]
struct ColumnsAvxVnni(__m256i, __m256i);

// SAFETY (all blocks): the caller of a `Columns` method has AVX-VNNI (and with it AVX2), and loads and
// stores where it may.
impl Columns for ColumnsAvxVnni {
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
        // SAFETY: see the impl. The unsigned operand is the row.
        unsafe {
            let row = _mm256_set1_epi32(row);
            Self(
                _mm256_dpbusd_avx_epi32(self.0, row, panel.0),
                _mm256_dpbusd_avx_epi32(self.1, row, panel.1),
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
