//! What all scans of strips share: 32 entries scored by looking their codes up in small tables. How a set looks up and
//! adds is its own; the parts of a strip, and the scores that follow from sums, are here.
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

#[cfg(target_arch = "x86_64")]
use super::TELL_STRIPS;
use super::{STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms, TABLE_BYTES};

/// The codes and the factors of a strip. Refuses what does not fit.
#[inline(always)]
pub(super) fn parts<'a>(tables: &[u8], strip: &'a [u8]) -> (&'a [u8], &'a [u8; STRIP_TERMS_BYTES]) {
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
    strip.split_last_chunk().expect("as long, as asserted")
}

/// Strips one after the other with the slots of their entries, for who tells of them at once. Refuses more than
/// [`TELL_STRIPS`], and what does not fit.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn told_strips<'a>(
    tables: &[u8],
    strips: &'a [u8],
    slots: &'a [[u32; STRIP_ENTRIES]],
) -> impl Iterator<Item = (&'a [u8], &'a [u32; STRIP_ENTRIES])> {
    let stride = tables.len() + STRIP_TERMS_BYTES;
    assert!(
        slots.len() <= TELL_STRIPS && strips.len() == slots.len() * stride,
        "{} bytes of strips are not {} of {stride}",
        strips.len(),
        slots.len()
    );
    // Cut one by one: nobody divides.
    let strip = move |(at, slots)| (&strips[at * stride..][..stride], slots);
    slots.iter().enumerate().map(strip)
}

/// From sums to scores. A sum is below 2²⁴ for every dimension there is, so it converts exactly.
#[inline(always)]
#[allow(clippy::cast_precision_loss)]
pub(super) fn score(
    sums: &[i32; STRIP_ENTRIES],
    factors: &[u8; STRIP_TERMS_BYTES],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) {
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
    factors: &[u8; STRIP_TERMS_BYTES],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    score(sums, factors, terms, scores);
    below(scores, terms.bound)
}
