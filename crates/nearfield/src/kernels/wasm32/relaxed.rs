//! Relaxed SIMD: codes 16 a step by the relaxed instruction whose answer is the same on every
//! engine for our numbers. Its freedom is what a second operand beyond seven bits means and whether
//! a 16-bit sum of two products saturates; a query has seven bits, and two products fit 16. Floats go
//! as with simd128: a relaxed multiply-add may round either way.
//!
//! The other of which that is so, the swizzle, looks up strips (`simd128_lookups`).
//!
//! Either instruction is a function that the module's build links and inlines, so that the compiler, not
//! knowing of relaxed SIMD, uses no more of it (`crates/nearfield-wasm/build.rs`).

use super::simd128;
use crate::kernels::nibbles::{self, Nibbles};
use crate::kernels::products::{self, Products};
use crate::kernels::tiles::{self, Columns};
use crate::kernels::{Ahead, Isa, Kernels, rows};
use std::arch::wasm32::{
    i8x16_splat, i32x4_add, i32x4_extract_lane, i32x4_shuffle, i32x4_splat, u8x16_shr, v128,
    v128_and, v128_load, v128_store,
};

/// The table of this set.
pub(in crate::kernels) static KERNELS: Kernels = Kernels {
    isa: Isa::RelaxedSimd,
    // SAFETY: this file is compiled only into a module that needs relaxed SIMD to load.
    dot_u7i8: |query, row| unsafe {
        products::dots::<CodesRelaxed, 1>(query, &[row], &Ahead::NONE)[0]
    },
    // SAFETY: as above.
    dot_u7i8_x4: |query, rows, ahead| unsafe {
        products::dots::<CodesRelaxed, 4>(query, rows, ahead)
    },
    // SAFETY: as above.
    dot_u7u4: |query, row| unsafe {
        nibbles::dots::<NibblesRelaxed, 1>(query, &[row], &Ahead::NONE)[0]
    },
    // SAFETY: as above.
    dot_u7u4_x4: |query, rows, ahead| unsafe {
        nibbles::dots::<NibblesRelaxed, 4>(query, rows, ahead)
    },
    score_u7i8: |query, rows, asked, out| {
        // SAFETY: as above.
        rows::bytes(query, rows, asked, out, |query, codes, ahead| unsafe {
            products::dots::<CodesRelaxed, 4>(query, codes, ahead)
        })
    },
    score_u7u4: |query, rows, asked, out| {
        // SAFETY: as above.
        rows::halves(query, rows, asked, out, |query, codes, ahead| unsafe {
            nibbles::dots::<NibblesRelaxed, 4>(query, codes, ahead)
        })
    },
    // SAFETY: as above.
    tile_u7i8: |rows, panel, out| unsafe { tiles::tile::<ColumnsRelaxed, 2>(rows, panel, out) },
    ..simd128::KERNELS
};

// SAFETY: the object file that defines it has this signature; it computes and touches no memory.
#[allow(improper_ctypes, reason = "a v128 has one form on WebAssembly")]
unsafe extern "C" {
    /// `i32x4.relaxed_dot_i8x16_i7x16_add_s`
    safe fn relaxed_dot(row: v128, query: v128, sums: v128) -> v128;
}

/// Four sums.
#[derive(Clone, Copy)]
struct CodesRelaxed(v128);

impl Products for CodesRelaxed {
    const STEP: usize = 16;
    type Query = v128;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(i32x4_splat(0))
    }

    #[inline(always)]
    unsafe fn query(at: *const u8) -> v128 {
        // SAFETY: the caller can read sixteen codes from here; a v128 load needs no alignment.
        unsafe { v128_load(at.cast()) }
    }

    #[inline(always)]
    unsafe fn plus(self, query: v128, row: *const i8) -> Self {
        // SAFETY: as above.
        let row = unsafe { v128_load(row.cast()) };
        // The second operand is the one of seven bits; two products are at most
        // 2 · 127 · 128 = 32,512 either way.
        Self(relaxed_dot(row, query, self.0))
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(rows: [Self; N]) -> [i32; N] {
        rows.map(|row| fold(row.0))
    }
}

/// Four sums of low nibbles' products and four of high ones': two chains hide the instruction's latency.
#[derive(Clone, Copy)]
struct NibblesRelaxed(v128, v128);

impl Nibbles for NibblesRelaxed {
    const STEP: usize = 16;
    /// Sums of 32 bits hold those of the longest row.
    const SPAN: usize = usize::MAX;
    type Query = (v128, v128);
    type Wide = v128;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(i32x4_splat(0), i32x4_splat(0))
    }

    #[inline(always)]
    unsafe fn wide() -> v128 {
        i32x4_splat(0)
    }

    #[inline(always)]
    unsafe fn query(low: *const u8, high: *const u8) -> (v128, v128) {
        // SAFETY: the caller can read sixteen codes from either; a v128 load needs no alignment.
        unsafe { (v128_load(low.cast()), v128_load(high.cast())) }
    }

    #[inline(always)]
    unsafe fn plus(self, (low, high): (v128, v128), row: *const u8) -> Self {
        // SAFETY: as above.
        let row = unsafe { v128_load(row.cast()) };
        // Four bits are the same number signed.
        let of_low = v128_and(row, i8x16_splat(15));
        let of_high = u8x16_shr(row, 4);
        Self(
            relaxed_dot(of_low, low, self.0),
            relaxed_dot(of_high, high, self.1),
        )
    }

    #[inline(always)]
    unsafe fn widen(self, wide: v128) -> v128 {
        i32x4_add(wide, i32x4_add(self.0, self.1))
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(wide: [v128; N]) -> [i32; N] {
        wide.map(fold)
    }
}

/// All four sums in one.
#[inline(always)]
fn fold(sums: v128) -> i32 {
    let two = i32x4_add(sums, i32x4_shuffle::<2, 3, 0, 1>(sums, sums));
    i32x4_extract_lane::<0>(two) + i32x4_extract_lane::<1>(two)
}

/// Columns 0 … 3, 4 … 7, 8 … 11 and 12 … 15.
#[derive(Clone, Copy)]
struct ColumnsRelaxed([v128; 4]);

impl Columns for ColumnsRelaxed {
    const ROWS: usize = 2;
    type Panel = [v128; 4];

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([i32x4_splat(0); 4])
    }

    #[inline(always)]
    unsafe fn panel(at: *const i8) -> [v128; 4] {
        // SAFETY: the caller can read 64 codes from here; a v128 load needs no alignment.
        std::array::from_fn(|part| unsafe { v128_load(at.add(16 * part).cast()) })
    }

    #[inline(always)]
    unsafe fn plus(self, row: i32, panel: [v128; 4]) -> Self {
        // The second operand is the one of seven bits.
        let row = i32x4_splat(row);
        Self(std::array::from_fn(|part| {
            relaxed_dot(panel[part], row, self.0[part])
        }))
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut i32) {
        for (part, sums) in self.0.into_iter().enumerate() {
            // SAFETY: the caller can write sixteen sums from here.
            unsafe { v128_store(out.add(4 * part).cast(), sums) };
        }
    }
}
