//! The one SIMD body over tiles of codes. An instruction set says how four codes of a row are
//! multiplied with a register's columns; the loop over the tile and the checks are here, once.
//!
//! ```text
//! panel    a₀a₁a₂a₃ b₀b₁b₂b₃ …  p₀p₁p₂p₃ | a₄a₅a₆a₇ …      sixteen columns, four codes at a time
//! row      u₀u₁u₂u₃ everywhere            | u₄u₅u₆u₇ …      one broadcast serves all columns
//! ```
//! No sum is ever folded: a column keeps its place from the first step to the last. As many rows as
//! a set has registers for share each load of the panel.

use super::{TILE_COLUMNS, TILE_ROWS, TILE_STEP, tile_depth};

/// The sums of sixteen columns in the registers of one instruction set.
///
/// # Safety
/// Calling any method needs the set's instructions.
pub(super) trait Columns: Copy {
    /// Rows whose sums fit the registers, beside a step of the panel; divides [`TILE_ROWS`].
    const ROWS: usize;
    /// A step of the panel: four codes of sixteen columns.
    type Panel: Copy;

    /// Zeros.
    unsafe fn zero() -> Self;
    /// A step of the panel.
    ///
    /// # Safety
    /// 64 codes can be read from `at`.
    unsafe fn panel(at: *const i8) -> Self::Panel;
    /// These sums and the products of a step with four codes of a row.
    unsafe fn plus(self, row: i32, panel: Self::Panel) -> Self;
    /// Writes the sums.
    ///
    /// # Safety
    /// Sixteen sums can be written from `out`.
    unsafe fn store(self, out: *mut i32);
}

/// A whole tile.
///
/// # Panics
/// Where the lengths do not fit each other.
///
/// # Safety
/// The machine has the instructions of `C`. `ROWS` is that of `C`.
#[inline(always)]
pub(super) unsafe fn tile<C: Columns, const ROWS: usize>(
    rows: &[u8],
    panel: &[i8],
    out: &mut [i32; TILE_ROWS * TILE_COLUMNS],
) {
    const { assert!(ROWS == C::ROWS && TILE_ROWS.is_multiple_of(ROWS)) }
    let depth = tile_depth(rows, panel);
    // SAFETY: the caller has the instructions. `tile_depth` asserts that there are TILE_ROWS rows and
    // TILE_COLUMNS columns of `depth` codes, in whole steps: four codes are read from
    // `row · depth + at ≤ TILE_ROWS · depth − 4` and 64 from `at · 16 ≤ 16 · depth − 64`. Rows are
    // below TILE_ROWS, so sixteen sums fit from `row · 16`.
    unsafe {
        for first in (0..TILE_ROWS).step_by(ROWS) {
            let start = rows.as_ptr().add(first * depth);
            let mut sums = [C::zero(); ROWS];
            let mut at = 0;
            while at < depth {
                let step = C::panel(panel.as_ptr().add(at * TILE_COLUMNS));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let four = start.add(row * depth + at).cast::<i32>().read_unaligned();
                    *sums = sums.plus(four, step);
                }
                at += TILE_STEP;
            }
            for (row, sums) in sums.into_iter().enumerate() {
                sums.store(out.as_mut_ptr().add((first + row) * TILE_COLUMNS));
            }
        }
    }
}

/// The entry of one instruction set; reached through its table alone.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! tile_entry {
    ($columns:ty, $features:literal) => {
        #[target_feature(enable = $features)]
        fn tile_codes(
            rows: &[u8],
            panel: &[i8],
            out: &mut [i32; crate::kernels::TILE_ROWS * crate::kernels::TILE_COLUMNS],
        ) {
            // SAFETY: this function's features are those of the columns.
            unsafe {
                tiles::tile::<$columns, { <$columns as tiles::Columns>::ROWS }>(rows, panel, out);
            }
        }
    };
}
#[cfg(not(target_arch = "wasm32"))]
pub(super) use tile_entry;
