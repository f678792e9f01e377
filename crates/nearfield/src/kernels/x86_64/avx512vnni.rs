//! AVX-512 with VNNI: codes 64 a step, multiplied and added to 32-bit sums by one instruction that
//! rounds and saturates nothing. Floats go as with AVX-512.

use super::avx512;
use crate::kernels::products::{self, Products, table_of_codes};
use crate::kernels::tiles::{self, Columns};
use crate::kernels::{Ahead, Isa, Kernels};
use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_reduce_add_epi32, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_storeu_si512,
};

table_of_codes!(
    Isa::Avx512Vnni,
    CodesVnni,
    ColumnsVnni,
    "avx512f,avx512vnni",
    avx512::KERNELS
);

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
    unsafe fn fold(self) -> i32 {
        // SAFETY: see the impl.
        unsafe { _mm512_reduce_add_epi32(self.0) }
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
