//! Tiles of inner products of floats: plain Rust over whole arrays of columns, compiled once for each
//! instruction set.
//!
//! ```text
//! rows     a₀ a₁ a₂ … | b₀ b₁ b₂ … | …          eight rows, one after the other
//! panel    p₀q₀ … z₀ | p₁q₁ … z₁ | …            sixteen columns side by side, a number at a time
//! out      a·p a·q … a·z | b·p …
//! ```
//! Invariant: a sum belongs to one lane, takes its products in the order of the numbers, and rounds
//! each product and each sum: every set, fused or not elsewhere, gives the same bits. What is trained
//! on these is the same on every processor.

use super::{TILE_COLUMNS, TILE_ROWS};

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
    let depth = rows.len() / TILE_ROWS;
    assert_eq!(rows.len(), depth * TILE_ROWS, "a tile has {TILE_ROWS} rows");
    assert_eq!(
        panel.len(),
        depth * TILE_COLUMNS,
        "rows and panel differ in length"
    );
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
