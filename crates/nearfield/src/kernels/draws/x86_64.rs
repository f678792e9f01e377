//! x86-64: two registers a line with AVX2, one with AVX-512.

use super::{
    Desk, Draws, Isa, Lanes, Past, Shape, Store, Words, draw_table, floats, lines, x86_64_rows,
};
use std::arch::is_x86_feature_detected as detected;
use std::arch::x86_64::{
    __m256i, __m512i, _mm_sfence, _mm256_add_epi64, _mm256_loadu_si256, _mm256_or_si256,
    _mm256_slli_epi64, _mm256_srli_epi64, _mm256_storeu_si256, _mm256_stream_si256,
    _mm256_xor_si256, _mm512_add_epi64, _mm512_loadu_si512, _mm512_mask_mov_epi64,
    _mm512_mask_storeu_epi64, _mm512_permutexvar_epi64, _mm512_rol_epi64, _mm512_set1_epi64,
    _mm512_setr_epi64, _mm512_sllv_epi64, _mm512_storeu_si512, _mm512_stream_si512,
    _mm512_ternarylogic_epi64, _mm512_xor_si512,
};

draw_table!(AVX2, Isa::Avx2, Avx2, 2, "avx2");
draw_table!(
    AVX512,
    Isa::Avx512,
    Avx512,
    1,
    "avx512f,avx2",
    x86_64_rows::row,
    Some(&Past {
        // SAFETY: a table is handed out only after its instructions were detected.
        copy: |from, out| unsafe { x86_64_rows::copy(from, out) },
        // SAFETY: every x86-64 has it.
        fence: || unsafe { _mm_sfence() },
    })
);

/// The tables this processor can run, the best first.
pub(super) fn tables() -> impl Iterator<Item = &'static Draws> {
    let avx2 = detected!("avx2");
    let avx512 = avx2 && detected!("avx512f");
    [(avx512, &AVX512), (avx2, &AVX2)]
        .into_iter()
        .filter_map(|(detected, table)| detected.then_some(table))
}

/// Four words.
#[derive(Clone, Copy)]
struct Avx2(__m256i);

// SAFETY (all blocks): the caller of a `Words` method has AVX2, and reads and writes where it may.
impl Words for Avx2 {
    #[inline(always)]
    unsafe fn load(at: *const u64) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm256_loadu_si256(at.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, at: *mut u64) {
        // SAFETY: see the impl.
        unsafe { _mm256_storeu_si256(at.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, at: *mut u64) {
        // SAFETY: see the impl, and a multiple of 32 is given.
        unsafe { _mm256_stream_si256(at.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm256_add_epi64(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm256_xor_si256(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn shl<const BITS: i32>(self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm256_slli_epi64::<BITS>(self.0)) }
    }

    #[inline(always)]
    unsafe fn rotl<const BITS: i32, const REST: i32>(self) -> Self {
        // SAFETY: see the impl.
        unsafe {
            let low = _mm256_srli_epi64::<REST>(self.0);
            Self(_mm256_or_si256(_mm256_slli_epi64::<BITS>(self.0), low))
        }
    }

    #[inline(always)]
    unsafe fn fence() {
        // SAFETY: every x86-64 has it.
        unsafe { _mm_sfence() }
    }

    /// Past the caches go lines that begin where a cache line does alone. Through them, halves that lie astride
    /// cost nothing beside fourteen operations each.
    const STAGGERS: &'static [Store] = &[Store::Streamed];
}

/// All eight.
#[derive(Clone, Copy)]
pub(super) struct Avx512(pub(super) __m512i);

// SAFETY (all blocks): the caller of a `Words` method has AVX-512 F and AVX2, and reads and writes
// where it may.
impl Words for Avx512 {
    #[inline(always)]
    unsafe fn load(at: *const u64) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_loadu_si512(at.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, at: *mut u64) {
        // SAFETY: see the impl.
        unsafe { _mm512_storeu_si512(at.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, at: *mut u64) {
        // SAFETY: see the impl, and a multiple of 64 is given.
        unsafe { _mm512_stream_si512(at.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_add_epi64(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_xor_si512(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn xor3(self, b: Self, c: Self) -> Self {
        // SAFETY: see the impl. The number is the table of the function of three bits.
        unsafe { Self(_mm512_ternarylogic_epi64::<0b1001_0110>(self.0, b.0, c.0)) }
    }

    #[inline(always)]
    unsafe fn shl<const BITS: i32>(self) -> Self {
        // SAFETY: see the impl. The instruction with an immediate wants another type of constant.
        unsafe {
            Self(_mm512_sllv_epi64(
                self.0,
                _mm512_set1_epi64(i64::from(BITS)),
            ))
        }
    }

    #[inline(always)]
    unsafe fn rotl<const BITS: i32, const REST: i32>(self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_rol_epi64::<BITS>(self.0)) }
    }

    #[inline(always)]
    unsafe fn fence() {
        // SAFETY: every x86-64 has it.
        unsafe { _mm_sfence() }
    }

    const STAGGERS: &'static [Store] = &[Store::Cached, Store::Streamed];

    #[inline(always)]
    unsafe fn rotated(self, by: usize) -> Self {
        // SAFETY: see the impl. Of an index the last three bits count.
        unsafe {
            let first = _mm512_set1_epi64(by.cast_signed() as i64);
            let places = _mm512_add_epi64(first, _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
            Self(_mm512_permutexvar_epi64(places, self.0))
        }
    }

    #[inline(always)]
    unsafe fn after_first(self, other: Self, count: usize) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm512_mask_mov_epi64(self.0, first(count), other.0)) }
    }

    #[inline(always)]
    unsafe fn store_first(self, at: *mut u64, count: usize) {
        // SAFETY: see the impl; the mask leaves out what the caller does not give.
        unsafe { _mm512_mask_storeu_epi64(at.cast(), first(count), self.0) }
    }
}

/// The first words of a line, one to eight.
#[inline(always)]
const fn first(count: usize) -> u8 {
    u8::MAX >> (8 - count)
}
