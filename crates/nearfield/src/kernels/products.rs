//! The one SIMD body over codes. An instruction set says how a step of codes is multiplied and added
//! to its sums; the loop and the checks are here, once. Sums are integers, so their order is free.
//!
//! `N` rows share each load of the query, as in [`lanes`](super::lanes).

use super::CODE_BLOCK;

/// 32-bit sums in the registers of one instruction set.
///
/// # Safety
/// Calling any method needs the set's instructions.
pub(super) trait Products: Copy {
    /// Codes a step takes; divides [`CODE_BLOCK`].
    const STEP: usize;
    /// A step of the query, in the form the set multiplies fastest.
    type Query: Copy;

    /// Zeros.
    unsafe fn zero() -> Self;
    /// A step of the query.
    ///
    /// # Safety
    /// `STEP` codes can be read from `at`.
    unsafe fn query(at: *const u8) -> Self::Query;
    /// These sums and the products of a step.
    ///
    /// # Safety
    /// `STEP` codes can be read from `row`.
    unsafe fn plus(self, query: Self::Query, row: *const i8) -> Self;
    /// All sums in one.
    unsafe fn fold(self) -> i32;
}

/// The sums of `N` rows against one query.
///
/// # Panics
/// Where the lengths differ or are no multiple of [`CODE_BLOCK`].
///
/// # Safety
/// The machine has the instructions of `P`.
#[inline(always)]
pub(super) unsafe fn dots<P: Products, const N: usize>(query: &[u8], rows: [&[i8]; N]) -> [i32; N] {
    let len = query.len();
    assert!(
        len.is_multiple_of(CODE_BLOCK),
        "{len} codes are no whole number of blocks"
    );
    for row in rows {
        assert_eq!(len, row.len(), "query and row differ in length");
    }
    // SAFETY: the caller has the instructions. Lengths are multiples of CODE_BLOCK and so of STEP:
    // every load reads STEP codes from `at ≤ len − STEP` of a slice of `len`.
    unsafe {
        let mut sums = [P::zero(); N];
        let mut at = 0;
        while at < len {
            let step = P::query(query.as_ptr().add(at));
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = sum.plus(step, row.as_ptr().add(at));
            }
            at += P::STEP;
        }
        let mut folded = [0; N];
        for (folded, sum) in folded.iter_mut().zip(sums) {
            *folded = sum.fold();
        }
        folded
    }
}
