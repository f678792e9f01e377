//! The one SIMD body over [`strips`](super::strips), of NEON and WebAssembly, for one query or for several at once, for
//! all of which codes are loaded and taken apart once. An instruction set says how a position is looked up and added;
//! the loop is here, once. Sets of x86-64 have bodies of their own, for registers of two positions and more.

use super::strips::parts;
use super::{STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms, TABLE_BYTES, TABLE_MAX};

/// Positions added in bytes: four lookups are at most 4 · 63 = 252.
const SPAN: usize = 4;
/// Positions whose sums fit 16 bits: 1,024 · 63 = 64,512.
const WIDE: usize = 1024;
const _: () = assert!(SPAN * TABLE_MAX as usize <= u8::MAX as usize);
const _: () = assert!(WIDE * TABLE_MAX as usize <= u16::MAX as usize && WIDE.is_multiple_of(SPAN));

/// Sums of bytes in the registers of one instruction set.
///
/// # Safety
/// Calling any method needs the set's instructions.
pub(super) trait Lookups: Copy {
    /// The low four bits of every byte.
    type Four: Copy;
    /// The codes of a position, one a byte.
    type Codes: Copy;
    /// Sums of 16 bits.
    type Wide: Copy;

    /// Zeros.
    unsafe fn wide() -> Self::Wide;
    /// What takes codes apart, made once a strip.
    unsafe fn four() -> Self::Four;
    /// The codes of a position.
    ///
    /// # Safety
    /// [`TABLE_BYTES`] can be read.
    unsafe fn apart(codes: *const u8, four: Self::Four) -> Self::Codes;
    /// What stands in a table for each.
    ///
    /// # Safety
    /// As [`apart`](Self::apart).
    unsafe fn look_up(table: *const u8, codes: Self::Codes) -> Self;
    /// Both added.
    unsafe fn plus(self, other: Self) -> Self;
    /// Wide sums with these added.
    unsafe fn widen(self, wide: Self::Wide) -> Self::Wide;
    /// Adds wide sums to what is held, in the order of the entries: whole numbers below 2²⁴, which `f32` has all of.
    unsafe fn hold(wide: Self::Wide, held: &mut [f32; STRIP_ENTRIES]);
    /// Writes the scores that follow from wide sums and what is held, if anything, as [`strips`](super::strips) has them; a
    /// bit for each below the bound.
    unsafe fn score(
        wide: Self::Wide,
        holds: bool,
        factors: &[u8; STRIP_TERMS_BYTES],
        terms: ScanTerms,
        scores: &mut [f32; STRIP_ENTRIES],
    ) -> u32;
}

/// Scores a strip for so many queries and says which entries are below the bound of each.
///
/// # Panics
/// Where strip and tables do not fit each other.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn scan<L: Lookups, const N: usize>(
    tables: [&[u8]; N],
    strip: &[u8],
    terms: &[ScanTerms; N],
    scores: &mut [[f32; STRIP_ENTRIES]; N],
) -> [u32; N] {
    let (mut codes, mut factors) = parts(tables[0], strip);
    for tables in &tables[1..] {
        (codes, factors) = parts(tables, strip);
    }
    let positions = codes.len() / TABLE_BYTES;
    let mut told = [0; N];
    // SAFETY: the caller has the instructions. `parts` asserts that each query's tables are whole positions and as long
    // as the strip's codes: each load reads TABLE_BYTES at `position · TABLE_BYTES`, with `position < positions`.
    unsafe {
        let four = L::four();
        let apart = |position: usize| L::apart(codes.as_ptr().add(position * TABLE_BYTES), four);
        let look_up = |tables: &[u8], position: usize, codes: L::Codes| {
            L::look_up(tables.as_ptr().add(position * TABLE_BYTES), codes)
        };
        let mut at = 0;
        // Of long strips sums wait where scores will be, so that those of short ones never leave their registers.
        let holds = positions > WIDE;
        if holds {
            *scores = [[0.0; STRIP_ENTRIES]; N];
        }
        loop {
            let end = positions.min(at + WIDE);
            let mut wide = [L::wide(); N];
            while at + SPAN <= end {
                let [a, b, c, d]: [_; SPAN] = [0, 1, 2, 3].map(|more| apart(at + more));
                for (wide, tables) in wide.iter_mut().zip(tables) {
                    let two = look_up(tables, at, a).plus(look_up(tables, at + 1, b));
                    let last = look_up(tables, at + 2, c).plus(look_up(tables, at + 3, d));
                    *wide = two.plus(last).widen(*wide);
                }
                at += SPAN;
            }
            while at < end {
                let own = apart(at);
                for (wide, tables) in wide.iter_mut().zip(tables) {
                    *wide = look_up(tables, at, own).widen(*wide);
                }
                at += 1;
            }
            if at == positions {
                for query in 0..N {
                    let (terms, scores) = (terms[query], &mut scores[query]);
                    told[query] = L::score(wide[query], holds, factors, terms, scores);
                }
                return told;
            }
            for (wide, held) in wide.into_iter().zip(&mut *scores) {
                L::hold(wide, held);
            }
        }
    }
}

/// The entries of one instruction set, which its [`table`](super::lanes::table) names.
#[cfg(target_arch = "aarch64")]
macro_rules! lookup_entries {
    ($lookups:ty, $features:literal) => {
        const TOGETHER: Option<crate::kernels::StripScans> =
            // SAFETY: a table is handed out only after its instructions were detected.
            Some(|tables, strip, terms, scores| unsafe {
                    scan_strips(tables, strip, terms, scores)
                });

        #[target_feature(enable = $features)]
        fn scan_strip(
            tables: &[u8],
            strip: &[u8],
            terms: crate::kernels::ScanTerms,
            scores: &mut [f32; crate::kernels::STRIP_ENTRIES],
        ) -> u32 {
            let scores = std::array::from_mut(scores);
            // SAFETY: this function's features are those of the lookups.
            unsafe { lookups::scan::<$lookups, 1>([tables], strip, &[terms], scores)[0] }
        }

        #[target_feature(enable = $features)]
        fn scan_strips(
            tables: [&[u8]; crate::kernels::SCAN_QUERIES],
            strip: &[u8],
            terms: &[crate::kernels::ScanTerms; crate::kernels::SCAN_QUERIES],
            scores: &mut [[f32; crate::kernels::STRIP_ENTRIES]; crate::kernels::SCAN_QUERIES],
        ) -> [u32; crate::kernels::SCAN_QUERIES] {
            // SAFETY: as above.
            unsafe { lookups::scan::<$lookups, _>(tables, strip, terms, scores) }
        }
    };
}
#[cfg(target_arch = "aarch64")]
pub(super) use lookup_entries;
