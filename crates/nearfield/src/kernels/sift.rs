//! The smallest of a list of integers without sorting or choosing pivots: guesses between its ends, until as many
//! as are wanted do not exceed one. A set says how it counts and how it keeps; the guesses are here, once.
//!
//! ```text
//! least ├──clo ≤ k──┤ guess ├──chi > k──┤ most      a guess where k would lie if all were evenly spread, every fourth
//!                                                 time in the middle; how many do not exceed it is counted by
//!                                                 whole registers, and one end moves there
//! ```
//! A list of twice `k` is counted some five times, which is less than a selection takes for the branches that it
//! cannot foresee. Where none of [`GUESSES`] fits, as where integers are equal, nothing is moved: others select then.

use super::Sift;

/// So many guesses at most.
const GUESSES: usize = 24;
/// Every so many, one in the middle.
const MIDDLE: usize = 4;

/// What sets without registers of their own for this have.
pub(super) const SIFT: Sift = |list, k| {
    // SAFETY: plain Rust runs everywhere.
    unsafe { sift::<Plain>(list, k) }
};

/// Integers that a set takes at once.
pub(super) const LANES: usize = 8;

/// Whole registers of a list, by one instruction set.
///
/// # Safety
/// Calling any function needs the set's instructions.
pub(super) trait Sifted {
    /// The least and the most of these, and of the two that are given.
    unsafe fn ends(list: &[[u64; LANES]], ends: (u64, u64)) -> (u64, u64);
    /// How many do not exceed the bound.
    unsafe fn count(list: &[[u64; LANES]], bound: u64) -> usize;
    /// Moves those that do not exceed the bound to the front, in their order; how many these are.
    unsafe fn keep(list: &mut [[u64; LANES]], bound: u64) -> usize;
}

/// One integer after the other.
pub(super) struct Plain;

// SAFETY: no method needs anything.
impl Sifted for Plain {
    unsafe fn ends(list: &[[u64; LANES]], ends: (u64, u64)) -> (u64, u64) {
        list.as_flattened()
            .iter()
            .fold(ends, |(least, most), &x| (least.min(x), most.max(x)))
    }

    unsafe fn count(list: &[[u64; LANES]], bound: u64) -> usize {
        list.as_flattened()
            .iter()
            .map(|&x| usize::from(x <= bound))
            .sum()
    }

    unsafe fn keep(list: &mut [[u64; LANES]], bound: u64) -> usize {
        let (list, mut kept) = (list.as_flattened_mut(), 0);
        for at in 0..list.len() {
            let one = list[at];
            list[kept] = one;
            kept += usize::from(one <= bound);
        }
        kept
    }
}

/// Leaves the `k` smallest first and tells what they do not exceed, and all others do.
///
/// # Safety
/// The machine has the instructions of `S`.
#[inline(always)]
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a guess may be off"
)]
pub(super) unsafe fn sift<S: Sifted>(list: &mut [u64], k: usize) -> Option<u64> {
    if k == 0 || k >= list.len() {
        return None;
    }
    // SAFETY: the caller has the instructions.
    unsafe {
        let (whole, tail) = list.as_chunks();
        let ends = tail.iter().fold((u64::MAX, 0), |(least, most), &x| {
            (least.min(x), most.max(x))
        });
        // What is no whole register is one with the largest integers there are, which no guess that counts reaches.
        let mut rest = [u64::MAX; LANES];
        rest[..tail.len()].copy_from_slice(tail);
        let (mut least, mut most) = S::ends(whole, ends);
        let (mut below, mut within) = (0, list.len());
        for turn in 1..=GUESSES {
            let share = if turn % MIDDLE == 0 {
                0.5
            } else {
                (k - below) as f32 / (within - below) as f32
            };
            let apart = most - least;
            let guess = least + ((apart as f32 * share) as u64).min(apart);
            let count = S::count(whole, guess) + S::count(&[rest], guess);
            if count == k {
                keep::<S>(list, guess);
                return Some(guess);
            }
            if count < k {
                (least, below) = (guess, count);
            } else {
                (most, within) = (guess, count);
            }
        }
        None
    }
}

/// Moves those that do not exceed the bound to the front, in their order.
///
/// # Safety
/// As [`sift`].
#[inline(always)]
unsafe fn keep<S: Sifted>(list: &mut [u64], bound: u64) {
    let whole = list.as_chunks_mut().0;
    let (read, mut kept) = (
        whole.len() * LANES,
        // SAFETY: the caller has the instructions.
        unsafe { S::keep(whole, bound) },
    );
    for at in read..list.len() {
        let one = list[at];
        list[kept] = one;
        kept += usize::from(one <= bound);
    }
}
