//! A second zone for every row, beside its first: the one whose residual is short and says what the first one
//! does not.
//!
//! ```text
//! r = row − first centroid          s = row − another centroid
//! loss = |s|² + λ (s · r / |r|)²     the least of all others is the second zone
//!
//! block    first centroid, its rows …   ┐ products: of the rows, and of the first centroid with the others,
//! panel    sixteen other centroids       ┘ which is what s · r needs beside them
//! ```
//! A query that misses a row by its first zone lies along r, as a rule: there the first centroid is farther from the
//! query than the row is. The second one must not be far for the same reason, so residuals at right angles are
//! preferred (SOAR: Sun et al., 2023).

use super::panels::{BLOCK_ROWS, Panels, RowTiles};
use crate::ids::Slot;
use crate::kernels::{Kernels, TILE_COLUMNS, TILE_ROWS};
use crate::matrix::Rows;

/// What the squared share along the first residual costs.
const ALONG: f32 = 1.5;
/// Rows that share each panel, beside their centroid.
pub(super) const ROWS: usize = BLOCK_ROWS - 1;

/// Rows of one zone, with what losses take of each alone.
#[derive(Debug, Default)]
pub(super) struct SecondTiles {
    tiles: RowTiles,
    /// Of each row its product with its residual, and one over the residual's length; of the centroid, which comes
    /// first, nothing.
    terms: Vec<(f32, f32)>,
}

impl SecondTiles {
    /// Takes up to [`ROWS`] rows less the centre and the centroid of all, which is less it already.
    pub(super) fn gather(
        &mut self,
        rows: Rows<'_>,
        (centre, centroid): (&[f32], &[f32]),
        slots: &[Slot],
    ) {
        let numbers = self.tiles.gather_after(centroid, rows, centre, slots);
        let rows = numbers.chunks_exact(centre.len()).take(1 + slots.len());
        self.terms.clear();
        self.terms.extend(rows.map(|row| {
            let (mut along, mut square) = (0.0, 0.0);
            for (x, centroid) in row.iter().zip(centroid) {
                let beside = x - centroid;
                along += x * beside;
                square += beside * beside;
            }
            // A row at its centroid has no direction.
            let unit = if square > 0.0 {
                1.0 / square.sqrt()
            } else {
                0.0
            };
            (along, if unit.is_finite() { unit } else { 0.0 })
        }));
    }

    /// Compares rows with some centroids, `first` being the number of the first of these and `own` that of the
    /// rows: each is left the least loss so far and whose it is. Of equals the one before stays.
    pub(super) fn meet(
        &self,
        kernels: &Kernels,
        (panels, first, own): (&Panels, u32, u32),
        best: &mut [(f32, u32)],
    ) {
        let mut products = [0.0; TILE_ROWS * TILE_COLUMNS];
        for (panel, lengths) in panels.lengths().iter().enumerate() {
            let mut centroid = [0.0; TILE_COLUMNS];
            let tiles = self
                .tiles
                .numbers()
                .chunks_exact(TILE_ROWS * panels.depth());
            for (at, tile) in tiles.enumerate() {
                (kernels.tile_f32)(tile, panels.numbers(panel), &mut products);
                let products = products.as_chunks::<TILE_COLUMNS>().0;
                if at == 0 {
                    centroid = products[0];
                }
                for (row, products) in (at * TILE_ROWS..).zip(products) {
                    let (Some((along, unit)), Some(row)) =
                        (self.terms.get(row), row.checked_sub(1))
                    else {
                        continue;
                    };
                    #[allow(clippy::cast_possible_truncation)] // numbers of centroids
                    let numbers = first + (panel * TILE_COLUMNS) as u32..;
                    for (lane, number) in (0..TILE_COLUMNS).zip(numbers) {
                        let share = (along - (products[lane] - centroid[lane])) * unit;
                        let loss = (lengths[lane] - 2.0 * products[lane]) + ALONG * (share * share);
                        if loss < best[row].0 && number != own {
                            best[row] = (loss, number);
                        }
                    }
                }
            }
        }
    }
}
