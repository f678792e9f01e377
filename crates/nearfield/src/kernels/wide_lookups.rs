//! Strips of codes of eight bits: 32 entries looked up in tables of 256. Plain Rust, which every set shares but where
//! a register looks up so many at once: a table is four cache lines, and all that is slow is one load after the other.
//!
//! ```text
//! tables   t₀ … t₂₅₅ | t₀ … t₂₅₅ | …    a position each
//! strip    e₀e₁ … e₃₁ | e₀e₁ … e₃₁ | …   a byte an entry and position, then add × 32 | scale × 32
//! ```
//! Invariant: as of [`strips`], with sums of 32 bits.

use super::{STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms, WIDE_TABLE_BYTES, strips};

/// Entries whose sums stay in registers.
const GROUP: usize = 8;

/// The entry of sets without lookups of their own.
pub(super) fn scan(
    tables: &[u8],
    strip: &[u8],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    let (codes, factors) = parts(tables, strip);
    let tables = tables.as_chunks::<WIDE_TABLE_BYTES>().0;
    let codes = codes.as_chunks::<STRIP_ENTRIES>().0;
    let mut sums = [0; STRIP_ENTRIES];
    for (group, sums) in sums.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
        for (table, codes) in tables.iter().zip(codes) {
            let codes = &codes.as_chunks::<GROUP>().0[group];
            for (sum, code) in sums.iter_mut().zip(codes) {
                *sum += i32::from(table[usize::from(*code)]);
            }
        }
    }
    strips::finish(&sums, factors, terms, scores)
}

/// The codes and the factors of a strip. Refuses what does not fit.
#[inline(always)]
pub(super) fn parts<'a>(tables: &[u8], strip: &'a [u8]) -> (&'a [u8], &'a [u8; STRIP_TERMS_BYTES]) {
    let positions = tables.len() / WIDE_TABLE_BYTES;
    assert_eq!(
        tables.len(),
        positions * WIDE_TABLE_BYTES,
        "tables are no whole positions"
    );
    assert_eq!(
        strip.len(),
        positions * STRIP_ENTRIES + STRIP_TERMS_BYTES,
        "the strip is of other tables"
    );
    strip.split_last_chunk().expect("as long, as asserted")
}
