//! Rows of sq8 codes against each other, one by one or as blocks: what building a graph compares.
//!
//! ```text
//! row a      c >> 1, + 64      0 … 127, as a query's codes are
//! row b      c                 −127 … 127
//! ‖a − b‖²   ≈ bias a + bias b − scale a · scale b · (4 (Σ u c − 64 sum b) + sum b)
//!
//! RowBlock      row after row                         ┐ tiles of 8 × 16 sums,
//! ColumnBlock   sixteen rows side by side, by fours   ┘ see kernels
//! ```
//! The bit that `a` loses is half a code on average, which the last term gives back.
//!
//! Invariants: Σ u c is an exact integer and the rest a handful of `f32` operations that no set
//! fuses: scores have the same bits everywhere.

use super::codes::{Codes, Terms};
use super::sq8;
use crate::ids::Slot;
use crate::kernels::{CODE_BLOCK, Kernels, TILE_COLUMNS, TILE_ROWS, TILE_STEP};

/// Numbers of a tile.
pub const TILE: usize = TILE_ROWS * TILE_COLUMNS;
/// What stands for zero among a row's 7-bit codes.
const ZERO: i32 = 64;

/// A code with a bit less, as a query has them.
#[inline]
#[allow(clippy::cast_sign_loss)] // 0 … 127
const fn narrowed(code: i8) -> u8 {
    ((code >> 1) + 64) as u8
}

/// What the score of a pair takes from the wide row: its bias, scale, and the sum of its codes.
type Wide = (f32, f32, i32);

#[inline]
#[allow(clippy::cast_precision_loss)] // rounded the same everywhere
fn score((bias, scale): (f32, f32), wide: Wide, dot: i32) -> f32 {
    let dot = dot.wrapping_sub(wide.2.wrapping_mul(ZERO)) as f32;
    (bias + wide.0) - (scale * wide.1) * (4.0 * dot + wide.2 as f32)
}

/// A row with a bit less, to be compared with others one by one.
#[derive(Clone, Debug, Default)]
pub struct NarrowRow {
    codes: Vec<u8>,
    terms: (f32, f32),
}

impl NarrowRow {
    /// Takes a row; allocates only to grow.
    pub fn set(&mut self, codes: Codes<'_>, slot: Slot) {
        let (row, terms) = (sq8::numbers(codes, slot), codes.terms(slot));
        self.codes.clear();
        self.codes.extend(row.iter().map(|&code| narrowed(code)));
        // Zero beyond the codes, where other rows have their terms.
        self.codes.resize(row.len().next_multiple_of(CODE_BLOCK), 0);
        self.terms = (terms.bias, terms.scale);
    }

    /// The score of a pair.
    #[inline]
    pub fn score(&self, codes: Codes<'_>, kernels: &Kernels, slot: Slot) -> f32 {
        let row = codes.row(slot);
        let dot = (kernels.dot_u7i8)(&self.codes, wide(row, self.codes.len()));
        score(self.terms, of(codes.terms(slot)), dot)
    }

    /// Four scores, the same bits as four calls of [`score`](Self::score).
    #[inline]
    pub fn score4(&self, codes: Codes<'_>, kernels: &Kernels, slots: [Slot; 4]) -> [f32; 4] {
        let rows = slots.map(|slot| wide(codes.row(slot), self.codes.len()));
        let dots = (kernels.dot_u7i8_x4)(&self.codes, rows);
        std::array::from_fn(|at| score(self.terms, of(codes.terms(slots[at])), dots[at]))
    }
}

fn wide(row: &[u8], len: usize) -> &[i8] {
    bytemuck::cast_slice(&row[..len])
}

const fn of(terms: Terms) -> Wide {
    (terms.bias, terms.scale, terms.sum)
}

/// Rows with a bit less, one after the other, whole tiles of them.
#[derive(Debug, Default)]
pub struct RowBlock {
    codes: Vec<u8>,
    terms: Vec<(f32, f32)>,
}

impl RowBlock {
    /// Takes these rows; allocates only to grow.
    pub fn gather(&mut self, codes: Codes<'_>, slots: impl Iterator<Item = Slot>) {
        let depth = depth(codes);
        self.codes.clear();
        self.terms.clear();
        for slot in slots {
            let (row, terms) = (sq8::numbers(codes, slot), codes.terms(slot));
            self.codes.extend(row.iter().map(|&code| narrowed(code)));
            self.codes.resize((self.terms.len() + 1) * depth, 0);
            self.terms.push((terms.bias, terms.scale));
        }
        let rows = self.terms.len().next_multiple_of(TILE_ROWS);
        self.terms.resize(rows, (0.0, 0.0));
        self.codes.resize(rows * depth, 0);
    }
}

/// Rows in panels of sixteen, whose codes lie side by side by fours: a register holds the next four
/// of several rows.
#[derive(Debug, Default)]
pub struct ColumnBlock {
    codes: Vec<i8>,
    terms: Vec<Wide>,
}

impl ColumnBlock {
    /// Takes these rows; allocates only to grow.
    pub fn gather(&mut self, codes: Codes<'_>, slots: impl Iterator<Item = Slot>) {
        let panel_len = depth(codes) * TILE_COLUMNS;
        self.codes.clear();
        self.terms.clear();
        for slot in slots {
            let (row, terms) = (sq8::numbers(codes, slot), codes.terms(slot));
            let (panel, column) = (
                self.terms.len() / TILE_COLUMNS,
                self.terms.len() % TILE_COLUMNS,
            );
            self.codes.resize((panel + 1) * panel_len, 0);
            let panel = &mut self.codes[panel * panel_len..];
            let places = panel.chunks_exact_mut(TILE_COLUMNS * TILE_STEP);
            for (place, four) in places.zip(row.chunks(TILE_STEP)) {
                place[column * TILE_STEP..][..four.len()].copy_from_slice(four);
            }
            self.terms.push(of(terms));
        }
        let columns = self.terms.len().next_multiple_of(TILE_COLUMNS);
        self.terms.resize(columns, (0.0, 0.0, 0));
    }
}

/// The scores of rows `at …` with the columns of a panel, row after row. Rows and columns beyond
/// those that were gathered have scores that say nothing.
///
/// # Panics
/// Where there is no such tile, or the blocks are of rows of different lengths.
pub fn tile(
    (rows, at): (&RowBlock, usize),
    (columns, panel): (&ColumnBlock, usize),
    kernels: &Kernels,
    out: &mut [f32; TILE],
) {
    let depth = rows.codes.len() / rows.terms.len();
    let panel_len = depth * TILE_COLUMNS;
    let mut dots = [0; TILE];
    (kernels.tile_u7i8)(
        &rows.codes[at * depth..][..TILE_ROWS * depth],
        &columns.codes[panel * panel_len..][..panel_len],
        &mut dots,
    );
    let rows = &rows.terms[at..][..TILE_ROWS];
    let columns: &[Wide; TILE_COLUMNS] = columns.terms[panel * TILE_COLUMNS..]
        .first_chunk()
        .expect("panels are whole");
    for ((out, dots), &row) in out
        .chunks_exact_mut(TILE_COLUMNS)
        .zip(dots.chunks_exact(TILE_COLUMNS))
        .zip(rows)
    {
        for ((out, &dot), &column) in out.iter_mut().zip(dots).zip(columns) {
            *out = score(row, column, dot);
        }
    }
}

/// Codes of a row in a block: whole steps.
const fn depth(codes: Codes<'_>) -> usize {
    codes.centre().len().next_multiple_of(TILE_STEP)
}
