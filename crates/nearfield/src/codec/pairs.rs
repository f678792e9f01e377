//! Rows against each other, one by one or as blocks: what building a graph compares. By sq8 codes where
//! there are any, as below, otherwise by the vectors themselves.
//!
//! ```text
//! row a      c >> 1, + 64      0 … 127, as a query's codes are
//! row b      c                 −127 … 127
//! ‖a − b‖²   ≈ bias a + bias b − scale a · scale b · (4 (Σ u c − 64 sum b) + sum b)
//!
//! RowBlock      row after row                         ┐ tiles of 8 × 16 sums,
//! ColumnBlock   sixteen rows side by side, by fours   ┘ see kernels
//! CodeTiles     both, of a few rows that are all compared with each other
//! PairBlock     a few rows of which one at a time is compared with some of the others
//! ```
//! The bit that `a` loses is half a code on average, which the last term gives back.
//!
//! Invariants: Σ u c is an exact integer and the rest a handful of `f32` operations that no set
//! fuses: scores by code have the same bits everywhere. A block holds rows of one kind, and compares
//! itself with blocks of that kind.

use super::codes::{Codes, Terms};
use super::sq8;
use super::vectors::{VectorBlock, Vectors};
use crate::ids::Slot;
use crate::kernels::{
    Ahead, CODE_BLOCK, Kernels, Keys, PanelTerms, TILE_COLUMNS, TILE_ROWS, TILE_STEP, TileAt, Work,
    pair_score, prefetch_row, widest,
};

/// What rows are compared by.
#[derive(Clone, Copy, Debug)]
pub enum Basis<'a> {
    /// Their codes, of sq8.
    Codes(Codes<'a>),
    /// Themselves.
    Vectors(Vectors<'a>),
}

impl<'a> Basis<'a> {
    /// The codes, where rows are compared by these.
    pub const fn codes(&self) -> Option<Codes<'a>> {
        match self {
            Self::Codes(codes) => Some(*codes),
            Self::Vectors(_) => None,
        }
    }
}

/// A code with a bit less, as a query has them.
#[inline(always)]
#[allow(clippy::cast_sign_loss)] // 0 … 127
const fn narrowed(code: i8) -> u8 {
    ((code >> 1) + 64) as u8
}

/// The codes of a row with a bit less, and zeros after them.
struct Narrow<'a> {
    row: &'a [i8],
    out: &'a mut [u8],
}

impl Work for Narrow<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let (codes, rest) = self.out.split_at_mut(self.row.len());
        for (&code, out) in self.row.iter().zip(codes) {
            *out = narrowed(code);
        }
        rest.fill(0);
    }
}

/// What the score of a pair takes from the wide row: its bias, scale, and the sum of its codes.
type Wide = (f32, f32, i32);

/// A few rows to be compared with each other, one of them at a time with many. Codes stay where they lie: each row
/// is on its way to the caches before it is compared, and only the one that is held needs a copy, with a bit less.
#[derive(Clone, Debug, Default)]
pub struct PairBlock {
    slots: Vec<Slot>,
    terms: Vec<Wide>,
    held: usize,
    narrow: Vec<u8>,
    vectors: VectorBlock,
}

impl PairBlock {
    /// Takes these rows; allocates only to grow.
    pub fn gather(&mut self, basis: Basis<'_>, slots: impl Iterator<Item = Slot> + Clone) {
        let codes = match basis {
            Basis::Vectors(vectors) => return self.vectors.gather(vectors, slots),
            Basis::Codes(codes) => codes,
        };
        self.vectors.clear();
        self.slots.clear();
        self.slots.extend(slots.clone());
        self.terms.clear();
        for (_, terms) in fetched(codes, slots) {
            self.terms.push((terms.bias, terms.scale, terms.sum));
        }
    }

    /// Makes this row the one that others are compared with.
    pub fn hold(&mut self, basis: Basis<'_>, row: usize) {
        self.held = row;
        if let Basis::Codes(codes) = basis {
            let row = sq8::numbers(codes, self.slots[row]);
            self.narrow
                .resize(row.len().next_multiple_of(CODE_BLOCK), 0);
            let out = &mut self.narrow;
            widest(Narrow { row, out });
        }
    }

    /// The score of the row that is held, which has a bit less, with another.
    ///
    /// # Panics
    /// Where `basis` is not that of the rows.
    #[inline]
    pub fn score(&self, (basis, kernels): (Basis<'_>, &Kernels), other: usize) -> f32 {
        let codes = match basis {
            Basis::Vectors(Vectors { pair, .. }) => {
                return self.vectors.score(pair, self.held, other);
            }
            Basis::Codes(codes) => codes,
        };
        let dot = (kernels.dot_u7i8)(&self.narrow, sq8::wide(codes, self.slots[other]));
        pair_score(self.terms(), self.terms[other], dot)
    }

    /// Four scores, the same bits as four calls of [`score`](Self::score).
    #[inline]
    pub fn score4(&self, (basis, kernels): (Basis<'_>, &Kernels), others: [usize; 4]) -> [f32; 4] {
        let codes = match basis {
            Basis::Vectors(Vectors { pair, .. }) => {
                return self.vectors.score4(pair, self.held, others);
            }
            Basis::Codes(codes) => codes,
        };
        let rows = others.map(|other| sq8::wide(codes, self.slots[other]));
        let dots = (kernels.dot_u7i8_x4)(&self.narrow, &rows, &Ahead::NONE);
        std::array::from_fn(|at| pair_score(self.terms(), self.terms[others[at]], dots[at]))
    }

    fn terms(&self) -> (f32, f32) {
        let (bias, scale, _) = self.terms[self.held];
        (bias, scale)
    }
}

/// Rows asked for ahead of the one that is copied: they lie wherever they lie.
const AHEAD: usize = 8;

/// These rows, each while those after it are on their way.
fn fetched(
    codes: Codes<'_>,
    slots: impl Iterator<Item = Slot> + Clone,
) -> impl Iterator<Item = (&[i8], Terms)> {
    let mut ahead = slots.clone();
    for slot in ahead.by_ref().take(AHEAD) {
        prefetch_row(codes.row(slot));
    }
    slots.map(move |slot| {
        if let Some(ahead) = ahead.next() {
            prefetch_row(codes.row(ahead));
        }
        (sq8::numbers(codes, slot), codes.terms(slot))
    })
}

/// Rows with a bit less, one after the other, whole tiles of them.
#[derive(Debug, Default)]
pub struct RowBlock {
    codes: Vec<u8>,
    terms: Vec<(f32, f32)>,
    depth: usize,
    vectors: VectorBlock,
}

impl RowBlock {
    /// Takes these rows; allocates only to grow.
    pub fn gather(&mut self, basis: Basis<'_>, slots: impl Iterator<Item = Slot> + Clone) {
        let codes = match basis {
            Basis::Vectors(vectors) => return self.vectors.gather(vectors, slots),
            Basis::Codes(codes) => codes,
        };
        self.vectors.clear();
        self.depth = depth(codes);
        self.terms.clear();
        let places = slots.clone().count().next_multiple_of(TILE_ROWS);
        // What a tile reads beyond the rows counts for nothing: it may be of rows before.
        self.codes.resize(places * self.depth, 0);
        let out = self.codes.chunks_exact_mut(self.depth);
        for ((row, terms), out) in fetched(codes, slots).zip(out) {
            widest(Narrow { row, out });
            self.terms.push((terms.bias, terms.scale));
        }
    }

    /// The sums of the rows from `first` on with the columns of a panel.
    #[inline]
    fn tile(
        &self,
        (columns, panel): (&ColumnBlock, usize),
        kernels: &Kernels,
        first: usize,
        dots: &mut [i32; TILE_ROWS * TILE_COLUMNS],
    ) {
        let depth = self.depth;
        let steps = depth / TILE_STEP * TILE_COLUMNS;
        (kernels.tile_u7i8)(
            &self.codes[first * depth..][..TILE_ROWS * depth],
            columns.codes[panel * steps..][..steps].as_flattened(),
            dots,
        );
    }
}

/// Rows in panels of sixteen, whose codes lie side by side by fours: a register holds the next four
/// of several rows.
#[derive(Debug, Default)]
pub struct ColumnBlock {
    codes: Vec<[i8; TILE_STEP]>,
    panels: Vec<PanelTerms>,
    vectors: VectorBlock,
}

/// Farther from everything than any row.
const NO_TERMS: PanelTerms = PanelTerms {
    bias: [f32::INFINITY; TILE_COLUMNS],
    scale: [0.0; TILE_COLUMNS],
    sum: [0; TILE_COLUMNS],
};

impl ColumnBlock {
    /// Takes these rows; allocates only to grow.
    pub fn gather(
        &mut self,
        (basis, kernels): (Basis<'_>, &Kernels),
        slots: impl ExactSizeIterator<Item = Slot> + Clone,
    ) {
        let codes = match basis {
            Basis::Vectors(vectors) => return self.vectors.gather(vectors, slots),
            Basis::Codes(codes) => codes,
        };
        self.vectors.clear();
        let steps = depth(codes) / TILE_STEP;
        let panels = slots.len().div_ceil(TILE_COLUMNS);
        self.codes
            .resize(panels * steps * TILE_COLUMNS, [0; TILE_STEP]);
        self.panels.clear();
        self.panels.resize(panels, NO_TERMS);
        let mut rows = fetched(codes, slots);
        for (at, panel) in self.panels.iter_mut().enumerate() {
            // Columns that are no rows have no codes.
            let mut columns: [&[i8]; TILE_COLUMNS] = [&[]; TILE_COLUMNS];
            for (column, (row, terms)) in rows.by_ref().take(TILE_COLUMNS).enumerate() {
                columns[column] = row;
                panel.bias[column] = terms.bias;
                panel.scale[column] = terms.scale;
                panel.sum[column] = terms.sum;
            }
            let out = &mut self.codes[at * steps * TILE_COLUMNS..][..steps * TILE_COLUMNS];
            (kernels.panel_i8)(columns, out.as_flattened_mut());
        }
    }

    /// Panels there are; the last may have columns that are no rows, farther than any row is.
    pub const fn panels(&self) -> usize {
        match self.vectors.pair() {
            Some(_) => self.vectors.len().div_ceil(TILE_COLUMNS),
            None => self.panels.len(),
        }
    }
}

/// Puts the scores of up to eight rows, from place `at.row` on, with the columns of a panel into their lists.
///
/// # Panics
/// Where there is no such tile, or the blocks are of rows of different lengths.
pub fn nearest(
    rows: &RowBlock,
    (columns, panel): (&ColumnBlock, usize),
    kernels: &Kernels,
    at: TileAt,
    (by_row, by_column): (&mut [Keys], &mut [Keys]),
) {
    let first = at.row as usize;
    if let Some(pair) = rows.vectors.pair() {
        let mut scores = [0.0; TILE_ROWS * TILE_COLUMNS];
        let columns = (&columns.vectors, panel * TILE_COLUMNS);
        let count = rows.vectors.tile(pair, first, columns, &mut scores);
        return (kernels.scores_nearest)(&scores, count, at, by_row, by_column);
    }
    let mut dots = [0; TILE_ROWS * TILE_COLUMNS];
    rows.tile((columns, panel), kernels, first, &mut dots);
    let terms = &rows.terms[first..];
    let terms = (&terms[..TILE_ROWS.min(terms.len())], &columns.panels[panel]);
    (kernels.tile_nearest)(&dots, terms, at, by_row, by_column);
}

/// A few rows all of which are compared with each other by their codes, in tiles: what is read for one pair serves
/// many, which pays where rows are short and most pairs are wanted.
#[derive(Debug, Default)]
pub struct CodeTiles {
    rows: RowBlock,
    columns: ColumnBlock,
}

/// Of each row of a tile, a bit for each column.
pub type TileBits = [u16; TILE_ROWS];

impl CodeTiles {
    /// Takes these rows; allocates only to grow.
    pub fn gather(
        &mut self,
        (codes, kernels): (Codes<'_>, &Kernels),
        slots: impl ExactSizeIterator<Item = Slot> + Clone,
    ) {
        let basis = Basis::Codes(codes);
        self.rows.gather(basis, slots.clone());
        self.columns.gather((basis, kernels), slots);
    }

    /// Which columns of a panel are nearer to the rows from `first` on, which have a bit less, than `factor`
    /// allows: their scores times that are below the row's of `own`, which has one for every row.
    ///
    /// # Panics
    /// Where there is no such tile.
    #[inline]
    pub fn nearer(
        &self,
        kernels: &Kernels,
        (first, panel): (usize, usize),
        (factor, own): (f32, &[f32]),
    ) -> TileBits {
        let mut dots = [0; TILE_ROWS * TILE_COLUMNS];
        self.rows
            .tile((&self.columns, panel), kernels, first, &mut dots);
        widest(Nearer {
            dots: &dots,
            rows: &self.rows.terms[first..],
            columns: &self.columns.panels[panel],
            factor,
            own,
        })
    }
}

/// The scores of a tile, compared.
struct Nearer<'a> {
    dots: &'a [i32; TILE_ROWS * TILE_COLUMNS],
    rows: &'a [(f32, f32)],
    columns: &'a PanelTerms,
    factor: f32,
    own: &'a [f32],
}

impl Work for Nearer<'_> {
    type Out = TileBits;

    #[inline(always)]
    fn run(self) -> TileBits {
        let mut bits = [0; TILE_ROWS];
        let dots = self.dots.as_chunks::<TILE_COLUMNS>().0;
        let columns = self.columns;
        let rows = self.rows.iter().zip(self.own).zip(dots);
        for (bits, ((&row, &own), dots)) in bits.iter_mut().zip(rows) {
            for (lane, &dot) in dots.iter().enumerate() {
                let column = (columns.bias[lane], columns.scale[lane], columns.sum[lane]);
                let nearer = self.factor * pair_score(row, column, dot) < own;
                *bits |= u16::from(nearer) << lane;
            }
        }
        bits
    }
}

/// Codes of a row in a block: whole steps.
const fn depth(codes: Codes<'_>) -> usize {
    codes.centre().len().next_multiple_of(TILE_STEP)
}
