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

use super::panels::{BLOCK_ROWS, Lanes, Panels, RowTiles};
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

    /// Shows each row's loss by the best of some centroids, `first` being the number of the first of these;
    /// `own` is that of the rows.
    pub(super) fn meet(
        &self,
        kernels: &Kernels,
        (panels, first, own): (&Panels, u32, u32),
        mut met: impl FnMut(usize, (f32, u32)),
    ) {
        let mut best = [Lanes::<1>::EMPTY; BLOCK_ROWS];
        let mut products = [0.0; TILE_ROWS * TILE_COLUMNS];
        let own = own.checked_sub(first).map(|own| own as usize);
        for (number, lengths) in (0..).zip(panels.lengths()) {
            let panel = panels.numbers(number as usize);
            let tiles = self
                .tiles
                .numbers()
                .chunks_exact(TILE_ROWS * panels.depth());
            let mut lengths = *lengths;
            let lane = own.and_then(|own| own.checked_sub(number as usize * TILE_COLUMNS));
            if let Some(length) = lane.and_then(|lane| lengths.get_mut(lane)) {
                *length = f32::INFINITY;
            }
            let mut centroid = [0.0; TILE_COLUMNS];
            let places = self.terms.chunks(TILE_ROWS).zip(best.chunks_mut(TILE_ROWS));
            for (at, (tile, (terms, best))) in tiles.zip(places).enumerate() {
                (kernels.tile_f32)(tile, panel, &mut products);
                let products = products.as_chunks::<TILE_COLUMNS>().0;
                if at == 0 {
                    centroid = products[0];
                }
                for (((along, unit), best), products) in terms.iter().zip(best).zip(products) {
                    let mut losses = [0.0; TILE_COLUMNS];
                    for (lane, loss) in losses.iter_mut().enumerate() {
                        let share = (along - (products[lane] - centroid[lane])) * unit;
                        *loss = (lengths[lane] - 2.0 * products[lane]) + ALONG * (share * share);
                    }
                    best.meet(number, &losses);
                }
            }
        }
        let rows = best.iter().take(self.terms.len()).skip(1);
        for (place, best) in rows.enumerate() {
            let [(loss, local)] = best.reduce();
            met(place, (loss, first + local));
        }
    }
}
