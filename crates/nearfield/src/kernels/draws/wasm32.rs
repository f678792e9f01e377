//! simd128: four registers a line. Nothing passes by the caches here.

use super::{Draws, Isa, Words, floats, lines};
use std::arch::wasm32::{
    i64x2_add, i64x2_shl, u64x2_shr, v128, v128_load, v128_or, v128_store, v128_xor,
};

static SIMD128: Draws = Draws {
    isa: Isa::Simd128,
    // SAFETY: this file is compiled only where the module has simd128.
    lines: |lanes, out, store| unsafe { lines::<Simd128, 4>(lanes, out, store) },
    row: |lanes, desk, shape, out| floats::row(SIMD128.lines, lanes, desk, shape, out),
    past: None,
};

/// The one table of this module.
pub(super) fn tables() -> impl Iterator<Item = &'static Draws> {
    std::iter::once(&SIMD128)
}

/// Two words.
#[derive(Clone, Copy)]
struct Simd128(v128);

impl Words for Simd128 {
    #[inline(always)]
    unsafe fn load(at: *const u64) -> Self {
        // SAFETY: the caller can read two words from here; a v128 load needs no alignment.
        unsafe { Self(v128_load(at.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, at: *mut u64) {
        // SAFETY: as above, to write.
        unsafe { v128_store(at.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, at: *mut u64) {
        // SAFETY: as above.
        unsafe { self.store(at) }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        Self(i64x2_add(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        Self(v128_xor(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn shl<const BITS: i32>(self) -> Self {
        Self(i64x2_shl(self.0, BITS.unsigned_abs()))
    }

    #[inline(always)]
    unsafe fn rotl<const BITS: i32, const REST: i32>(self) -> Self {
        let low = u64x2_shr(self.0, REST.unsigned_abs());
        Self(v128_or(i64x2_shl(self.0, BITS.unsigned_abs()), low))
    }

    #[inline(always)]
    unsafe fn fence() {}
}
