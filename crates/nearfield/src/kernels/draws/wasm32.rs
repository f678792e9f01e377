//! simd128: three registers and two plain words a line. Nothing passes by the caches here.
//!
//! ```text
//! line   0 1 │ 2 3 │ 4 5 │ 6 │ 7      processors work on plain words beside what they do on registers, and
//!        v128  v128  v128  u64 u64    engines have fewer registers than four a word would take
//! ```

use super::{Draws, Isa, LINE_BYTES, Lanes, State, Words, floats, next};
use std::arch::wasm32::{
    i64x2_add, i64x2_shl, u64x2_shr, v128, v128_load, v128_or, v128_store, v128_xor,
};

static SIMD128: Draws = Draws {
    isa: Isa::Simd128,
    // SAFETY: this file is compiled only where the module has simd128.
    lines: |lanes, out, _| unsafe { lines(lanes, out) },
    row: |lanes, desk, shape, out| floats::row(SIMD128.lines, lanes, desk, shape, out),
    past: None,
};

/// The one table of this module.
pub(super) fn tables() -> impl Iterator<Item = &'static Draws> {
    std::iter::once(&SIMD128)
}

/// # Safety
/// The module has simd128.
unsafe fn lines(lanes: &mut Lanes, out: &mut [u8]) {
    assert!(
        out.len().is_multiple_of(LINE_BYTES),
        "{} bytes are no whole lines",
        out.len()
    );
    // SAFETY: register `j` of three lies within the first six words of a lane's eight, as within a line's.
    unsafe {
        let words = lanes.0.each_ref();
        let mut six: State<Simd128, 3> =
            words.map(|words| std::array::from_fn(|j| Simd128::load(words.as_ptr().add(2 * j))));
        let mut two: State<u64, 2> = words.map(|words| [words[6], words[7]]);
        let mut line = |at: *mut u64| {
            // Whoever stores alone waits: processors look less far ahead of stores of 16 bytes than of loads.
            at.cast::<u8>().read_volatile();
            for (j, word) in next(&mut six).into_iter().enumerate() {
                word.store(at.add(2 * j));
            }
            for (j, word) in next(&mut two).into_iter().enumerate() {
                word.store(at.add(6 + j));
            }
        };
        let mut pairs = out.chunks_exact_mut(2 * LINE_BYTES);
        for pair in &mut pairs {
            let at: *mut u64 = pair.as_mut_ptr().cast();
            line(at);
            line(at.add(8));
        }
        let last = pairs.into_remainder();
        if !last.is_empty() {
            line(last.as_mut_ptr().cast());
        }
        for ((words, six), two) in lanes.0.iter_mut().zip(six).zip(two) {
            for (j, register) in six.into_iter().enumerate() {
                register.store(words.as_mut_ptr().add(2 * j));
            }
            words[6..].copy_from_slice(&two);
        }
    }
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
