//! Lookups with simd128, and with the relaxed swizzle in a module that has it, for both its tables: indices are below
//! sixteen, so what that leaves open never happens. The other takes engines two instructions more, for what is beyond.

use crate::kernels::lookups::{self, Lookups};
use crate::kernels::{SCAN_QUERIES, STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms};
#[cfg(not(feature = "relaxed-simd"))]
use std::arch::wasm32::i8x16_swizzle as swizzle;
use std::arch::wasm32::{
    f32x4_add, f32x4_convert_i32x4, f32x4_lt, f32x4_mul, f32x4_splat, i8x16_add, i8x16_bitmask,
    i8x16_narrow_i16x8, i8x16_shuffle, i8x16_splat, i16x8_add, i16x8_narrow_i32x4, i16x8_shl,
    i16x8_splat, i16x8_sub, i32x4_extend_high_u16x8, i32x4_extend_low_u16x8, u16x8_shr, v128,
    v128_and, v128_load, v128_store,
};
use std::hint::black_box;

pub(super) fn scan_strip(
    tables: &[u8],
    strip: &[u8],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    let scores = std::array::from_mut(scores);
    // SAFETY: this file is compiled only where the module has simd128.
    unsafe { lookups::scan::<Lookups128, 1>([tables], strip, &[terms], scores)[0] }
}

pub(super) fn scan_strips(
    tables: [&[u8]; SCAN_QUERIES],
    strip: &[u8],
    terms: &[ScanTerms; SCAN_QUERIES],
    scores: &mut [[f32; STRIP_ENTRIES]; SCAN_QUERIES],
) -> [u32; SCAN_QUERIES] {
    // Two by two: what four have does not fit the registers there are, and moving it through memory takes calls.
    let (mut told, two) = ([0; SCAN_QUERIES], scores.as_chunks_mut::<2>().0);
    for (at, scores) in two.iter_mut().enumerate() {
        let (first, second) = (2 * at, 2 * at + 1);
        let (tables, terms) = (
            [tables[first], tables[second]],
            [terms[first], terms[second]],
        );
        // SAFETY: as above.
        [told[first], told[second]] =
            unsafe { lookups::scan::<Lookups128, 2>(tables, strip, &terms, scores) };
    }
    told
}

// SAFETY: the object file that defines it has this signature; it computes and touches no memory.
#[cfg(feature = "relaxed-simd")]
#[allow(improper_ctypes, reason = "a v128 has one form on WebAssembly")]
unsafe extern "C" {
    /// `i8x16.relaxed_swizzle`
    #[link_name = "relaxed_swizzle"]
    safe fn swizzle(table: v128, indices: v128) -> v128;
}

/// Entries 0 … 15 and 16 … 31.
#[derive(Clone, Copy)]
struct Lookups128(v128, v128);

/// Sums of 16 bits of sixteen entries: all bytes as they stand, a carry of odd ones in them, and the odd ones alone. Two
/// additions and a shift; engines widen bytes by more.
#[derive(Clone, Copy)]
struct Wide(v128, v128);

impl Wide {
    #[inline(always)]
    fn plus(self, bytes: v128) -> Self {
        Self(
            i16x8_add(self.0, bytes),
            i16x8_add(self.1, u16x8_shr(bytes, 8)),
        )
    }

    /// Those of the first eight entries and of the others.
    #[inline(always)]
    fn sums(self) -> [v128; 2] {
        // Sums wrap in the first alone: less the odd ones' share, they are what they are.
        let (even, odd) = (i16x8_sub(self.0, i16x8_shl(self.1, 8)), self.1);
        [
            i8x16_shuffle::<0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23>(even, odd),
            i8x16_shuffle::<8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31>(
                even, odd,
            ),
        ]
    }
}

impl Lookups for Lookups128 {
    type Four = v128;
    type Codes = [v128; 2];
    type Wide = [Wide; 2];

    #[inline(always)]
    unsafe fn wide() -> [Wide; 2] {
        [Wide(i16x8_splat(0), i16x8_splat(0)); 2]
    }

    #[inline(always)]
    unsafe fn four() -> v128 {
        // A constant that the compiler knows engines make anew wherever it stands.
        i8x16_splat(black_box(15))
    }

    #[inline(always)]
    unsafe fn apart(codes: *const u8, four: v128) -> [v128; 2] {
        // SAFETY: the caller can read sixteen bytes; a v128 load needs no alignment.
        let codes = unsafe { v128_load(codes.cast()) };
        // A shift of words and a mask: a shift of bytes is more on every engine.
        [v128_and(codes, four), v128_and(u16x8_shr(codes, 4), four)]
    }

    #[inline(always)]
    unsafe fn look_up(table: *const u8, [low, high]: [v128; 2]) -> Self {
        // SAFETY: as above.
        let table = unsafe { v128_load(table.cast()) };
        Self(swizzle(table, low), swizzle(table, high))
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        Self(i8x16_add(self.0, other.0), i8x16_add(self.1, other.1))
    }

    #[inline(always)]
    unsafe fn widen(self, [low, high]: [Wide; 2]) -> [Wide; 2] {
        [low.plus(self.0), high.plus(self.1)]
    }

    #[inline(always)]
    unsafe fn hold(wide: [Wide; 2], held: &mut [f32; STRIP_ENTRIES]) {
        for (four, sums) in held.as_chunks_mut::<4>().0.iter_mut().zip(fours(wide)) {
            // SAFETY: four numbers are read and written; no alignment is needed.
            unsafe {
                let sum = f32x4_add(v128_load(four.as_ptr().cast()), f32x4_convert_i32x4(sums));
                v128_store(four.as_mut_ptr().cast(), sum);
            }
        }
    }

    #[inline(always)]
    unsafe fn score(
        wide: [Wide; 2],
        holds: bool,
        factors: &[u8; STRIP_TERMS_BYTES],
        terms: ScanTerms,
        scores: &mut [f32; STRIP_ENTRIES],
    ) -> u32 {
        let (base, bound) = (f32x4_splat(terms.base), f32x4_splat(terms.bound));
        let (low, step) = (f32x4_splat(terms.low), f32x4_splat(terms.step));
        let mut under = |at: usize, sum: v128| {
            // SAFETY: four factors are read at four bytes an entry of `STRIP_TERMS_BYTES`, and four scores read and
            // written at 0, 4, … 28 of 32; no alignment is needed.
            unsafe {
                let factors = factors.as_ptr().add(16 * at);
                let out = scores.as_mut_ptr().add(4 * at);
                let mut sum = f32x4_convert_i32x4(sum);
                if holds {
                    sum = f32x4_add(sum, v128_load(out.cast()));
                }
                let add = v128_load(factors.cast());
                let scale = v128_load(factors.add(4 * STRIP_ENTRIES).cast());
                let product = f32x4_add(low, f32x4_mul(step, sum));
                let score = f32x4_add(f32x4_add(base, add), f32x4_mul(scale, product));
                v128_store(out.cast(), score);
                f32x4_lt(score, bound)
            }
        };
        let mut sixteen = |first: usize, [a, b, c, d]: [v128; 4]| {
            let low = i16x8_narrow_i32x4(under(first, a), under(first + 1, b));
            let high = i16x8_narrow_i32x4(under(first + 2, c), under(first + 3, d));
            u32::from(i8x16_bitmask(i8x16_narrow_i16x8(low, high)))
        };
        let [a, b, c, d, e, f, g, h] = fours(wide);
        sixteen(0, [a, b, c, d]) | sixteen(4, [e, f, g, h]) << 16
    }
}

/// Sums of 32 bits, of four entries each.
#[inline(always)]
fn fours([low, high]: [Wide; 2]) -> [v128; 8] {
    let ([a, b], [c, d]) = (low.sums(), high.sums());
    [
        i32x4_extend_low_u16x8(a),
        i32x4_extend_high_u16x8(a),
        i32x4_extend_low_u16x8(b),
        i32x4_extend_high_u16x8(b),
        i32x4_extend_low_u16x8(c),
        i32x4_extend_high_u16x8(c),
        i32x4_extend_low_u16x8(d),
        i32x4_extend_high_u16x8(d),
    ]
}
