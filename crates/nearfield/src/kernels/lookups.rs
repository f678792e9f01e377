//! The one SIMD body over strips: 32 entries scored by looking their codes up in small tables. An
//! instruction set says how a step of codes is looked up and added; the loop, the checks and what
//! follows the sums are here, once.
//!
//! ```text
//! tables   t₀ … t₁₅ | t₀ … t₁₅ | …      sixteen bytes a position, each 0 … 63
//! strip    e₀e₁₆ e₁e₁₇ … e₁₅e₃₁ | …     sixteen bytes a position: entry i in the low four bits of
//!                                        byte i, entry 16 + i in the high ones; then
//!          add × 32 | scale × 32         what each entry adds and is multiplied by, f32
//! score    (base + add) + scale · (low + step · Σ t[code])
//! ```
//! A table is a register, so looking sixteen or more codes up is one instruction (fast scan: André,
//! Kermarrec & Le Scouarnec, 2015). Tables hold six bits: four lookups are then added before a sum
//! outgrows a byte, and what six bits lose is far below what four-bit codes have lost already.
//!
//! Invariant: the sums are integers and the rest is five operations in `f32` that no set fuses: scores
//! have the same bits everywhere.

use super::{STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms, TABLE_BYTES, TABLE_MAX};

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
    check(tables, strip);
    let (codes, factors) = strip.split_at(tables.len());
    let (steps, mut sums) = (tables.len() / L::STEP, [0; STRIP_ENTRIES]);
    // SAFETY: the caller has the instructions. `check` asserts that the tables are whole pairs of
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

/// Refuses what does not fit.
#[inline(always)]
pub(super) fn check(tables: &[u8], strip: &[u8]) {
    let len = tables.len();
    assert!(
        len.is_multiple_of(2 * TABLE_BYTES),
        "{len} bytes of tables are no whole pairs of positions"
    );
    assert_eq!(
        strip.len(),
        len + STRIP_TERMS_BYTES,
        "the strip is of other tables"
    );
}

/// From sums to scores. A sum is below 2²⁴ for every dimension there is, so it converts exactly.
#[inline(always)]
#[allow(clippy::cast_precision_loss)]
pub(super) fn score(
    sums: &[i32; STRIP_ENTRIES],
    factors: &[u8],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) {
    let factors: &[u8; STRIP_TERMS_BYTES] = factors.try_into().expect("checked");
    let words = factors.as_chunks::<4>().0;
    for at in 0..STRIP_ENTRIES {
        let add = f32::from_le_bytes(words[at]);
        let scale = f32::from_le_bytes(words[STRIP_ENTRIES + at]);
        scores[at] = (terms.base + add) + scale * (terms.low + terms.step * sums[at] as f32);
    }
}

/// A bit for each score below the bound; none for what is no number.
#[inline(always)]
pub(super) fn below(scores: &[f32; STRIP_ENTRIES], bound: f32) -> u32 {
    let mut below = 0;
    for (at, &score) in scores.iter().enumerate() {
        below |= u32::from(score < bound) << at;
    }
    below
}

/// From sums to scores, and a bit for each below the bound: of all plain scans, which need it once in a module.
#[inline(never)]
pub(super) fn finish(
    sums: &[i32; STRIP_ENTRIES],
    factors: &[u8],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    score(sums, factors, terms, scores);
    below(scores, terms.bound)
}

/// The entry of one instruction set, which its [`table`](super::lanes::table) names.
#[cfg(not(target_arch = "wasm32"))]
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
#[cfg(not(target_arch = "wasm32"))]
pub(super) use lookup_entry;
