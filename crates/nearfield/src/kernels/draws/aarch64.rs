//! AArch64: four registers a line. Its hint for lines that pass by the caches has no name in Rust.

use super::{Desk, Draws, Isa, Lanes, Shape, Store, Words, draw_table, floats, lines};
use std::arch::aarch64::{
    uint64x2_t, vaddq_u64, veorq_u64, vld1q_u64, vorrq_u64, vshlq_n_u64, vshrq_n_u64, vst1q_u64,
};
use std::arch::is_aarch64_feature_detected as detected;

draw_table!(NEON, Isa::Neon, Neon, 4, "neon");

/// The tables this processor can run.
pub(super) fn tables() -> impl Iterator<Item = &'static Draws> {
    detected!("neon").then_some(&NEON).into_iter()
}

/// Two words.
#[derive(Clone, Copy)]
struct Neon(uint64x2_t);

// SAFETY (all blocks): the caller of a `Words` method has NEON, and reads and writes where it may.
impl Words for Neon {
    #[inline(always)]
    unsafe fn load(at: *const u64) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(vld1q_u64(at)) }
    }

    #[inline(always)]
    unsafe fn store(self, at: *mut u64) {
        // SAFETY: see the impl.
        unsafe { vst1q_u64(at, self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, at: *mut u64) {
        // SAFETY: see the impl.
        unsafe { self.store(at) }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(vaddq_u64(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(veorq_u64(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn shl<const BITS: i32>(self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(vshlq_n_u64::<BITS>(self.0)) }
    }

    #[inline(always)]
    unsafe fn rotl<const BITS: i32, const REST: i32>(self) -> Self {
        // SAFETY: see the impl.
        unsafe {
            let low = vshrq_n_u64::<REST>(self.0);
            Self(vorrq_u64(vshlq_n_u64::<BITS>(self.0), low))
        }
    }

    #[inline(always)]
    unsafe fn fence() {}
}
