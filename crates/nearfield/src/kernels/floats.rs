//! Tiles of inner products of floats: one body on lanes that are columns, and the definition in plain Rust
//! over whole arrays of columns.
//!
//! ```text
//! rows     a₀ a₁ a₂ … | b₀ b₁ b₂ … | …          eight rows, one after the other
//! panel    p₀q₀ … z₀ | p₁q₁ … z₁ | …            sixteen columns side by side, a number at a time
//! out      a·p a·q … a·z | b·p …
//! ```
//! Invariant: a sum belongs to one lane, takes its products in the order of the numbers, and rounds
//! each product and each sum: every set, fused or not elsewhere, gives the same bits. What is trained
//! on these is the same on every processor.

#[cfg(not(target_arch = "wasm32"))]
use super::lanes::Lanes;
use super::{TILE_COLUMNS, TILE_ROWS};

/// Lanes as sums of sixteen columns. Compilers left to themselves keep the
/// arrays of [`tile`] in memory, or do not, from one build to the next.
///
/// # Safety
/// Calling any method needs the set's instructions.
#[cfg(not(target_arch = "wasm32"))]
pub(super) trait FloatColumns: Lanes {
    /// Rows whose sums the registers hold beside a panel's columns.
    const ROWS: usize;

    /// These sums and the products of one number with sixteen, each rounded by itself.
    unsafe fn plus_rounded(self, x: f32, columns: Self) -> Self;
    /// # Safety
    /// Sixteen floats can be written.
    unsafe fn store(self, out: *mut f32);
}

/// As [`tile`], by the registers of `T`, of whose rows there are `ROWS` at a time.
///
/// # Panics
/// Where rows and panel are not of one length.
///
/// # Safety
/// The machine has the instructions of `T`.
#[cfg(not(target_arch = "wasm32"))]
#[inline(always)]
pub(super) unsafe fn tile_by<T: FloatColumns, const ROWS: usize>(
    rows: &[f32],
    panel: &[f32],
    out: &mut [f32; TILE_ROWS * TILE_COLUMNS],
) {
    const { assert!(TILE_ROWS.is_multiple_of(ROWS)) }
    let depth = tile_depth(rows, panel);
    for first in (0..TILE_ROWS).step_by(ROWS) {
        // SAFETY: the caller has the instructions. `tile_depth` asserts TILE_ROWS rows of `depth` numbers and
        // TILE_COLUMNS columns of as many: `first + row < TILE_ROWS` and `at < depth` stay within both, and
        // `out` has TILE_COLUMNS floats for every row.
        unsafe {
            let mut sums = [T::zero(); ROWS];
            for at in 0..depth {
                let columns = T::load(panel.as_ptr().add(at * TILE_COLUMNS));
                for (row, sum) in sums.iter_mut().enumerate() {
                    let x = *rows.get_unchecked((first + row) * depth + at);
                    *sum = sum.plus_rounded(x, columns);
                }
            }
            for (row, sum) in sums.into_iter().enumerate() {
                sum.store(out.as_mut_ptr().add((first + row) * TILE_COLUMNS));
            }
        }
    }
}

/// Numbers of each row of a tile.
#[inline(always)]
fn tile_depth(rows: &[f32], panel: &[f32]) -> usize {
    let depth = rows.len() / TILE_ROWS;
    assert_eq!(rows.len(), depth * TILE_ROWS, "a tile has {TILE_ROWS} rows");
    assert_eq!(
        panel.len(),
        depth * TILE_COLUMNS,
        "rows and panel differ in length"
    );
    depth
}

/// A whole tile, as many rows at a time as a set has registers for.
///
/// # Panics
/// Where rows and panel are not of one length.
#[inline(always)]
pub(super) fn tile<const ROWS: usize>(
    rows: &[f32],
    panel: &[f32],
    out: &mut [f32; TILE_ROWS * TILE_COLUMNS],
) {
    const { assert!(TILE_ROWS.is_multiple_of(ROWS)) }
    let depth = tile_depth(rows, panel);
    let columns = panel.as_chunks::<TILE_COLUMNS>().0;
    for (first, out) in (0..).zip(out.chunks_exact_mut(ROWS * TILE_COLUMNS)) {
        let rows = &rows[first * ROWS * depth..][..ROWS * depth];
        let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &rows[row * depth..][..depth]);
        let mut sums = [[0.0; TILE_COLUMNS]; ROWS];
        for (at, step) in columns.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let x = row[at];
                for (sum, column) in sums.iter_mut().zip(step) {
                    *sum += x * column;
                }
            }
        }
        out.copy_from_slice(sums.as_flattened());
    }
}
