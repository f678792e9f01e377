//! The one SIMD body over [`strips`](super::strips), of NEON and WebAssembly. An instruction set says how a step of codes
//! is looked up and added; the loop is here, once. Sets of x86-64 have bodies of their own, in which sums, scores and
//! comparisons stay in registers to the end.

use super::strips::{below, parts, score};
use super::{STRIP_ENTRIES, ScanTerms, TABLE_BYTES, TABLE_MAX};

/// Steps added in bytes: four lookups are at most 4 · 63 = 252.
const SPAN_STEPS: usize = 4;
/// Steps whose sums fit 16 bits, where a step adds at most two positions to an entry:
/// 2 · 512 · 63 = 64,512.
const WIDE_STEPS: usize = 512;
const _: () = assert!(SPAN_STEPS * TABLE_MAX as usize <= u8::MAX as usize);
const _: () = assert!(2 * WIDE_STEPS * TABLE_MAX as usize <= u16::MAX as usize);

/// Sums of bytes in the registers of one instruction set.
///
/// # Safety
/// Calling any method needs the set's instructions.
pub(super) trait Lookups: Copy {
    /// Bytes of codes, and of tables, a step takes: one position or two.
    const STEP: usize;
    /// Sums of 16 bits.
    type Wide: Copy;

    /// Zeros.
    unsafe fn zero() -> Self;
    /// Zeros.
    unsafe fn wide() -> Self::Wide;
    /// These sums and the lookups of a step.
    ///
    /// # Safety
    /// `STEP` bytes can be read from either place.
    unsafe fn plus(self, tables: *const u8, codes: *const u8) -> Self;
    /// Wide sums with these added.
    unsafe fn widen(self, wide: Self::Wide) -> Self::Wide;
    /// The sums of all entries, in their order.
    unsafe fn store(wide: Self::Wide) -> [u16; STRIP_ENTRIES];
    /// A bit for each score below the bound.
    unsafe fn below(scores: &[f32; STRIP_ENTRIES], bound: f32) -> u32 {
        below(scores, bound)
    }
}

/// Scores a strip and says which entries are below the bound.
///
/// # Panics
/// Where strip and tables do not fit each other.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn scan<L: Lookups>(
    tables: &[u8],
    strip: &[u8],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    const { assert!(L::STEP == TABLE_BYTES || L::STEP == 2 * TABLE_BYTES) }
    let (codes, factors) = parts(tables, strip);
    let (steps, mut sums) = (tables.len() / L::STEP, [0; STRIP_ENTRIES]);
    // SAFETY: the caller has the instructions. `parts` asserts that the tables are whole pairs of
    // positions, so whole steps, and that the strip has as many bytes of codes: each load reads STEP
    // bytes at `step · STEP`, with `step < steps`, of slices of `steps · STEP`.
    unsafe {
        let plus = |bytes: L, step: usize| {
            let at = step * L::STEP;
            bytes.plus(tables.as_ptr().add(at), codes.as_ptr().add(at))
        };
        let mut step = 0;
        while step < steps {
            let end = steps.min(step + WIDE_STEPS);
            let mut wide = L::wide();
            while step + SPAN_STEPS <= end {
                let two = plus(plus(L::zero(), step), step + 1);
                wide = plus(plus(two, step + 2), step + 3).widen(wide);
                step += SPAN_STEPS;
            }
            let mut rest = L::zero();
            while step < end {
                rest = plus(rest, step);
                step += 1;
            }
            for (sum, part) in sums.iter_mut().zip(L::store(rest.widen(wide))) {
                *sum += i32::from(part);
            }
        }
        score(&sums, factors, terms, scores);
        L::below(scores, terms.bound)
    }
}

/// The entry of one instruction set, which its [`table`](super::lanes::table) names.
#[cfg(target_arch = "aarch64")]
macro_rules! lookup_entry {
    ($lookups:ty, $features:literal) => {
        #[target_feature(enable = $features)]
        fn scan_strip(
            tables: &[u8],
            strip: &[u8],
            terms: crate::kernels::ScanTerms,
            scores: &mut [f32; crate::kernels::STRIP_ENTRIES],
        ) -> u32 {
            // SAFETY: this function's features are those of the lookups.
            unsafe { lookups::scan::<$lookups>(tables, strip, terms, scores) }
        }
    };
}
#[cfg(target_arch = "aarch64")]
pub(super) use lookup_entry;
