//! simd128: sixteen lanes in four registers. Unfused: fixed-width SIMD has no fused multiply-add, and
//! the relaxed one may round either way, so these sums have the scalar table's very bits.

use super::simd128_lookups::{scan_strip, scan_strips};
use super::simd128_nibbles::{dot_nibbles, dot_nibbles_x4};
use super::simd128_queries::{TABLES, TURN};
use super::simd128_sift::SIFT;
use crate::kernels::lanes::{self, Lanes};
use crate::kernels::products::{self, Products};
use crate::kernels::tiles::{self, Columns};
use crate::kernels::{Ahead, Isa, Kernels, floats, nearest, panels, rows, wide_lookups};
use std::arch::wasm32::{
    f32x4_add, f32x4_extract_lane, f32x4_mul, f32x4_splat, f32x4_sub, i16x8_extend_low_u8x16,
    i16x8_load_extend_i8x8, i16x8_load_extend_u8x8, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane,
    i32x4_shuffle, i32x4_splat, v128, v128_load, v128_store,
};

/// The table of this set. Four rows go two by two: on the x86-64 engines this runs on, four times
/// four sums would not fit sixteen registers.
pub(in crate::kernels) static KERNELS: Kernels = Kernels {
    isa: Isa::Simd128,
    // SAFETY: this file is compiled only where the module has simd128.
    l2sq_f32: |query, row| unsafe {
        lanes::sums::<Simd128, lanes::L2sq, 1>(query, &[row], &Ahead::NONE)[0]
    },
    // SAFETY: as above.
    dot_f32: |query, row| unsafe {
        lanes::sums::<Simd128, lanes::Dot, 1>(query, &[row], &Ahead::NONE)[0]
    },
    l2sq_f32_x4: two_by_two::<lanes::L2sq>,
    dot_f32_x4: two_by_two::<lanes::Dot>,
    // SAFETY: as above.
    dot_u7i8: |query, row| unsafe { products::dots::<Codes128, 1>(query, &[row], &Ahead::NONE)[0] },
    // SAFETY: as above.
    dot_u7i8_x4: |query, rows, ahead| unsafe { products::dots::<Codes128, 4>(query, rows, ahead) },
    // SAFETY: as above.
    tile_u7i8: |rows, panel, out| unsafe { tiles::tile::<Columns128, 1>(rows, panel, out) },
    panel_i8: panels::PANEL,
    tile_nearest: nearest::keep,
    scores_nearest: nearest::keep_scores,
    dot_u7u4: dot_nibbles,
    dot_u7u4_x4: dot_nibbles_x4,
    score_u7i8: |query, rows, asked, out| {
        // SAFETY: as above.
        rows::bytes(query, rows, asked, out, |query, codes, ahead| unsafe {
            products::dots::<Codes128, 4>(query, codes, ahead)
        })
    },
    score_u7u4: |query, rows, asked, out| rows::halves(query, rows, asked, out, dot_nibbles_x4),
    tile_f32: floats::tile::<2>,
    scan_u6u4: scan_strip,
    scan_u6u4_x4: Some(scan_strips),
    sift_u64: SIFT,
    scan_u8u8: wide_lookups::scan,
    turn_f32: TURN,
    tables_u6: TABLES,
};

fn two_by_two<T: lanes::Term>(
    query: &[f32],
    &[a, b, c, d]: &[&[f32]; 4],
    ahead: &Ahead,
) -> [f32; 4] {
    // SAFETY: this file is compiled only where the module has simd128.
    let ([a, b], [c, d]) = unsafe {
        (
            lanes::sums::<Simd128, T, 2>(query, &[a, b], ahead),
            lanes::sums::<Simd128, T, 2>(query, &[c, d], ahead),
        )
    };
    [a, b, c, d]
}

/// Lanes 0 … 3, 4 … 7, 8 … 11 and 12 … 15.
#[derive(Clone, Copy)]
struct Simd128(v128, v128, v128, v128);

impl Lanes for Simd128 {
    #[inline(always)]
    unsafe fn zero() -> Self {
        let zero = f32x4_splat(0.0);
        Self(zero, zero, zero, zero)
    }

    #[inline(always)]
    unsafe fn load(at: *const f32) -> Self {
        // SAFETY: the caller can read sixteen floats from here; a v128 load needs no alignment.
        unsafe {
            Self(
                v128_load(at.cast()),
                v128_load(at.add(4).cast()),
                v128_load(at.add(8).cast()),
                v128_load(at.add(12).cast()),
            )
        }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        Self(
            f32x4_sub(self.0, other.0),
            f32x4_sub(self.1, other.1),
            f32x4_sub(self.2, other.2),
            f32x4_sub(self.3, other.3),
        )
    }

    #[inline(always)]
    unsafe fn plus_product(self, a: Self, b: Self) -> Self {
        Self(
            f32x4_add(self.0, f32x4_mul(a.0, b.0)),
            f32x4_add(self.1, f32x4_mul(a.1, b.1)),
            f32x4_add(self.2, f32x4_mul(a.2, b.2)),
            f32x4_add(self.3, f32x4_mul(a.3, b.3)),
        )
    }

    #[inline(always)]
    unsafe fn fold(self) -> f32 {
        let four = f32x4_add(f32x4_add(self.0, self.2), f32x4_add(self.1, self.3));
        let two = f32x4_add(four, i32x4_shuffle::<2, 3, 2, 3>(four, four));
        f32x4_extract_lane::<0>(two) + f32x4_extract_lane::<1>(two)
    }
}

/// Four sums.
#[derive(Clone, Copy)]
struct Codes128(v128);

impl Products for Codes128 {
    const STEP: usize = 16;
    /// Widened to sixteen bits, once for the rows that share it. A load that widens is one instruction
    /// on every engine; kept wide from the start, a query would be twice as long and no faster.
    type Query = (v128, v128);

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(i32x4_splat(0))
    }

    #[inline(always)]
    unsafe fn query(at: *const u8) -> (v128, v128) {
        // SAFETY: the caller can read sixteen codes from here, eight and eight, at any alignment.
        unsafe {
            (
                i16x8_load_extend_u8x8(at),
                i16x8_load_extend_u8x8(at.add(8)),
            )
        }
    }

    #[inline(always)]
    unsafe fn plus(self, (low, high): (v128, v128), row: *const i8) -> Self {
        // SAFETY: as above.
        let (first, second) = unsafe {
            (
                i16x8_load_extend_i8x8(row),
                i16x8_load_extend_i8x8(row.add(8)),
            )
        };
        let low = i32x4_dot_i16x8(low, first);
        let high = i32x4_dot_i16x8(high, second);
        Self(i32x4_add(self.0, i32x4_add(low, high)))
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(rows: [Self; N]) -> [i32; N] {
        rows.map(|row| {
            let two = i32x4_add(row.0, i32x4_shuffle::<2, 3, 0, 1>(row.0, row.0));
            i32x4_extract_lane::<0>(two) + i32x4_extract_lane::<1>(two)
        })
    }
}

/// Of columns 2 i and 2 i + 1 the even and the odd pairs of products; folded when they are stored.
#[derive(Clone, Copy)]
struct Columns128([v128; 8]);

impl Columns for Columns128 {
    /// One: its sums and a widened step of the panel take all registers of the engines' machines.
    const ROWS: usize = 1;
    /// Widened to sixteen bits.
    type Panel = [v128; 8];

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([i32x4_splat(0); 8])
    }

    #[inline(always)]
    unsafe fn panel(at: *const i8) -> [v128; 8] {
        // SAFETY: the caller can read 64 codes from here; a load needs no alignment.
        std::array::from_fn(|part| unsafe { i16x8_load_extend_i8x8(at.add(8 * part)) })
    }

    #[inline(always)]
    unsafe fn plus(self, row: i32, panel: [v128; 8]) -> Self {
        let row = i16x8_extend_low_u8x16(i32x4_splat(row));
        let mut sums = self.0;
        for (sum, columns) in sums.iter_mut().zip(panel) {
            *sum = i32x4_add(*sum, i32x4_dot_i16x8(row, columns));
        }
        Self(sums)
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut i32) {
        for (at, [a, b]) in self.0.as_chunks::<2>().0.iter().enumerate() {
            let even = i32x4_shuffle::<0, 2, 4, 6>(*a, *b);
            let odd = i32x4_shuffle::<1, 3, 5, 7>(*a, *b);
            // SAFETY: the caller can write sixteen sums from here.
            unsafe { v128_store(out.add(4 * at).cast(), i32x4_add(even, odd)) };
        }
    }
}
