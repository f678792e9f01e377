//! AVX-512 with VNNI: codes 64 a step, multiplied and added to 32-bit sums by one instruction that
//! rounds and saturates nothing. Floats go as with AVX-512.

use super::{avx512, avx512vbmi_lookups, avx512vbmi_strips};
use crate::kernels::nibbles::{self, Nibbles, nibble_entries};
use crate::kernels::products::{self, Products, table_of_codes};
use crate::kernels::rows::{self, row_entries};
use crate::kernels::tiles::{self, Columns};
use crate::kernels::{Ahead, CodeRows, Isa, Kernels, RowScores, RowsAsked};
use std::arch::x86_64::{
    __m512i, _mm_add_epi32, _mm_storeu_si128, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm512_add_epi32, _mm512_and_si512, _mm512_castsi512_si256,
    _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_reduce_add_epi32,
    _mm512_set1_epi8, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_srli_epi32,
    _mm512_storeu_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

table_of_codes!(
    Isa::Avx512Vnni,
    CodesVnni,
    ColumnsVnni,
    "avx512f,avx512vnni",
    avx512::KERNELS,
    // SAFETY: a table is handed out only after its instructions were detected.
    dot_u7u4: |query, row| unsafe { dot_nibbles(query, row) },
    // SAFETY: as above.
    dot_u7u4_x4: |query, rows, ahead| unsafe { dot_nibbles_x4(query, rows, ahead) },
    // SAFETY: as above.
    score_u7i8: |query, rows, asked, out| unsafe { score_bytes(query, rows, asked, out) },
    // SAFETY: as above.
    score_u7u4: |query, rows, asked, out| unsafe { score_halves(query, rows, asked, out) }
);
nibble_entries!(NibblesVnni, "avx512f,avx512vnni");
row_entries!(CodesVnni, NibblesVnni, "avx512f,avx512vnni");

/// The same where the machine has VBMI too.
pub(in crate::kernels) static WITH_VBMI: Kernels = Kernels {
    // SAFETY: a table is handed out only after its instructions were detected.
    scan_u6u4: |tables, strip, terms, scores| unsafe {
        avx512vbmi_strips::scan_strip(tables, strip, terms, scores)
    },
    // SAFETY: as above.
    scan_u8u8: |tables, strip, terms, scores| unsafe {
        avx512vbmi_lookups::scan_strip(tables, strip, terms, scores)
    },
    // SAFETY: as above.
    tell_u6u4: Some(|tables, strips, slots, terms, out| unsafe {
        avx512vbmi_strips::tell_strips(tables, (strips, slots), terms, out)
    }),
    // SAFETY: as above.
    scan_u6u4_x4: Some(|tables, strip, terms, scores| unsafe {
        avx512vbmi_strips::scan_strips(tables, strip, terms, scores)
    }),
    ..KERNELS
};

/// Sixteen sums.
#[derive(Clone, Copy)]
struct CodesVnni(__m512i);

// SAFETY (all blocks): the caller of a `Products` method has AVX-512 F and VNNI, and loads where it
// may.
impl Products for CodesVnni {
    const STEP: usize = 64;
    type Query = __m512i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_setzero_si512()) }
    }

    #[inline(always)]
    unsafe fn query(at: *const u8) -> __m512i {
        // SAFETY: see the impl.
        unsafe { _mm512_loadu_si512(at.cast()) }
    }

    #[inline(always)]
    unsafe fn plus(self, query: __m512i, row: *const i8) -> Self {
        // SAFETY: see the impl. The unsigned operand is the query.
        unsafe {
            let row = _mm512_loadu_si512(row.cast());
            Self(_mm512_dpbusd_epi32(self.0, query, row))
        }
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(rows: [Self; N]) -> [i32; N] {
        // SAFETY: see the impl.
        unsafe { fold(rows.map(|row| row.0)) }
    }
}

/// All sixteen of each in one; four registers at a time, whose sums end side by side.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn fold<const N: usize>(sums: [__m512i; N]) -> [i32; N] {
    let mut out = [0; N];
    let (fours, rest) = sums.as_chunks::<4>();
    let (fours_out, rest_out) = out.as_chunks_mut::<4>();
    // SAFETY: the caller has AVX-512 F; four sums are written to an array of four.
    unsafe {
        for (&[a, b, c, d], out) in fours.iter().zip(fours_out) {
            let pairs =
                |a, b| _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let (ab, cd) = (pairs(a, b), pairs(c, d));
            let all =
                _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
            let half = _mm256_add_epi32(
                _mm512_castsi512_si256(all),
                _mm512_extracti64x4_epi64::<1>(all),
            );
            let four = _mm_add_epi32(
                _mm256_castsi256_si128(half),
                _mm256_extracti128_si256::<1>(half),
            );
            _mm_storeu_si128(out.as_mut_ptr().cast(), four);
        }
        for (&sums, out) in rest.iter().zip(rest_out) {
            *out = _mm512_reduce_add_epi32(sums);
        }
    }
    out
}

/// Sixteen sums of low nibbles' products and sixteen of high ones': two chains hide the instruction's latency.
#[derive(Clone, Copy)]
struct NibblesVnni(__m512i, __m512i);

// SAFETY (all blocks): the caller of a `Nibbles` method has AVX-512 F and VNNI, and loads where it may.
impl Nibbles for NibblesVnni {
    const STEP: usize = 64;
    /// Sums of 32 bits hold those of the longest row.
    const SPAN: usize = usize::MAX;
    type Query = (__m512i, __m512i);
    type Wide = __m512i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_setzero_si512(), _mm512_setzero_si512()) }
    }

    #[inline(always)]
    unsafe fn wide() -> __m512i {
        // SAFETY: see the impl.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn query(low: *const u8, high: *const u8) -> (__m512i, __m512i) {
        // SAFETY: see the impl.
        unsafe {
            (
                _mm512_loadu_si512(low.cast()),
                _mm512_loadu_si512(high.cast()),
            )
        }
    }

    #[inline(always)]
    unsafe fn plus(self, (low, high): (__m512i, __m512i), row: *const u8) -> Self {
        // SAFETY: see the impl. The unsigned operand is the query; nibbles are the same signed.
        unsafe {
            let row = _mm512_loadu_si512(row.cast());
            let nibble = _mm512_set1_epi8(15);
            let upper = _mm512_and_si512(_mm512_srli_epi32::<4>(row), nibble);
            Self(
                _mm512_dpbusd_epi32(self.0, low, _mm512_and_si512(row, nibble)),
                _mm512_dpbusd_epi32(self.1, high, upper),
            )
        }
    }

    #[inline(always)]
    unsafe fn widen(self, wide: __m512i) -> __m512i {
        // SAFETY: see the impl.
        unsafe { _mm512_add_epi32(wide, _mm512_add_epi32(self.0, self.1)) }
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(wide: [__m512i; N]) -> [i32; N] {
        // SAFETY: see the impl.
        unsafe { fold(wide) }
    }
}

/// All sixteen columns.
#[derive(Clone, Copy)]
struct ColumnsVnni(__m512i);

// SAFETY (all blocks): the caller of a `Columns` method has AVX-512 F and VNNI, and loads and stores
// where it may.
impl Columns for ColumnsVnni {
    /// Eight chains of sums hide the instruction's latency.
    const ROWS: usize = 8;
    type Panel = __m512i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_setzero_si512()) }
    }

    #[inline(always)]
    unsafe fn panel(at: *const i8) -> __m512i {
        // SAFETY: see the impl.
        unsafe { _mm512_loadu_si512(at.cast()) }
    }

    #[inline(always)]
    unsafe fn plus(self, row: i32, panel: __m512i) -> Self {
        // SAFETY: see the impl. The unsigned operand is the row.
        unsafe { Self(_mm512_dpbusd_epi32(self.0, _mm512_set1_epi32(row), panel)) }
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut i32) {
        // SAFETY: see the impl.
        unsafe { _mm512_storeu_si512(out.cast(), self.0) }
    }
}
