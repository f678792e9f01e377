//! The one SIMD body over codes of four bits, two a byte. An instruction set says how a step of bytes
//! is taken apart, multiplied and added; the loop and the checks are here, once.
//!
//! ```text
//! query   ‹one code a low nibble› ‹one code a high nibble›     twice as long as a row
//! row     byte j: low nibble × query[j], high nibble × query[row.len() + j]
//! ```
//! Products are small (127 · 15), so that sums of 16 bits take [`SPAN`](Nibbles::SPAN) bytes before they are widened.
//! Sums are integers, so their order is free. `N` rows share each load of the query, as in
//! [`products`](super::products).

use super::{Ahead, CODE_BLOCK};

/// Sums in the registers of one instruction set, wide enough for [`SPAN`](Self::SPAN) bytes.
///
/// # Safety
/// Calling any method needs the set's instructions.
pub(super) trait Nibbles: Copy {
    /// Bytes of a row a step takes; divides [`CODE_BLOCK`].
    const STEP: usize;
    /// Bytes of a row whose products these sums hold, a multiple of [`CODE_BLOCK`] or all there may be. Where sums have 16 bits, a
    /// step leaves four products in a lane, at most 4 · 127 · 15 = 7,620: four steps of 32 bytes stay below
    /// 2¹⁵, eight of 16 below 2¹⁶.
    const SPAN: usize = 128;
    /// A step of the query, in the form the set multiplies fastest.
    type Query: Copy;
    /// Sums that a whole row fits.
    type Wide: Copy;

    /// Zeros.
    unsafe fn zero() -> Self;
    /// Zeros.
    unsafe fn wide() -> Self::Wide;
    /// A step of the query: its codes for low nibbles and those for high ones.
    ///
    /// # Safety
    /// `STEP` codes can be read from either place.
    unsafe fn query(low: *const u8, high: *const u8) -> Self::Query;
    /// These sums and the products of a step.
    ///
    /// # Safety
    /// `STEP` bytes can be read from `row`.
    unsafe fn plus(self, query: Self::Query, row: *const u8) -> Self;
    /// Wide sums with these added.
    unsafe fn widen(self, wide: Self::Wide) -> Self::Wide;
    /// All sums in one, for every row.
    unsafe fn fold<const N: usize>(wide: [Self::Wide; N]) -> [i32; N];
}

/// The sums of `N` rows against one query; a line of each row ahead is asked for as one is read.
///
/// # Panics
/// Where the query is not twice as long as a row, or a row no multiple of [`CODE_BLOCK`].
///
/// # Safety
/// The machine has the instructions of `P`.
#[inline(always)]
pub(super) unsafe fn dots<P: Nibbles, const N: usize>(
    query: &[u8],
    rows: &[&[u8]; N],
    ahead: &Ahead,
) -> [i32; N] {
    let len = query.len() / 2;
    assert!(
        query.len().is_multiple_of(2 * CODE_BLOCK),
        "{} codes are no whole number of blocks",
        query.len()
    );
    for row in rows {
        assert_eq!(len, row.len(), "query is not twice as long as the row");
    }
    let (low, high) = query.split_at(len);
    // SAFETY: the caller has the instructions. Lengths are multiples of CODE_BLOCK and so of STEP, and
    // so is every span's end: each load reads STEP bytes from `at ≤ len − STEP` of a slice of `len`.
    unsafe {
        let mut wide = [P::wide(); N];
        let mut at = 0;
        while at < len {
            let end = len.min(at.saturating_add(P::SPAN));
            let mut sums = [P::zero(); N];
            while at < end {
                ahead.line(at);
                let block = at + CODE_BLOCK;
                while at < block {
                    let step = P::query(low.as_ptr().add(at), high.as_ptr().add(at));
                    for (sum, row) in sums.iter_mut().zip(rows) {
                        *sum = sum.plus(step, row.as_ptr().add(at));
                    }
                    at += P::STEP;
                }
            }
            for (wide, sum) in wide.iter_mut().zip(sums) {
                *wide = sum.widen(*wide);
            }
        }
        P::fold(wide)
    }
}

/// The entries of one instruction set, which its [`table`](super::lanes::table) names.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! nibble_entries {
    ($nibbles:ty, $features:literal) => {
        #[target_feature(enable = $features)]
        fn dot_nibbles(query: &[u8], row: &[u8]) -> i32 {
            // SAFETY: this function's features are those of the sums.
            unsafe { nibbles::dots::<$nibbles, 1>(query, &[row], &Ahead::NONE)[0] }
        }

        #[target_feature(enable = $features)]
        fn dot_nibbles_x4(query: &[u8], rows: &[&[u8]; 4], ahead: &Ahead) -> [i32; 4] {
            // SAFETY: as above.
            unsafe { nibbles::dots::<$nibbles, 4>(query, rows, ahead) }
        }
    };
}
#[cfg(not(target_arch = "wasm32"))]
pub(super) use nibble_entries;
