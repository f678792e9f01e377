//! The rows of a layer as they were before a batch changed them.
//!
//! ```text
//! layer    r0 r1 r2′ r3 r4′ │ n0 n1 …      ′ changed, n new
//! at        –  –  0   –  1                 which copy, of the rows that were there
//! copies          r2     r4
//! ```
//! Searches walk the copies where there are any, so a batch shows itself whole or not at all; what
//! is given up is put back from them. Invariant: a row is copied before its first change.

use crate::hnsw::draft::Layer;
use crate::ids::Slot;

/// A row that nobody changed.
const UNCHANGED: u32 = u32::MAX;

/// Copies of the changed rows of one layer.
#[derive(Debug)]
pub struct Before {
    /// For every row that is shown, its copy.
    at: Vec<u32>,
    /// The row each copy is of.
    of: Vec<usize>,
    copies: Layer,
}

impl Before {
    /// No copies of a layer all of whose rows are shown.
    pub fn new(layer: &Layer) -> Self {
        Self {
            at: vec![UNCHANGED; layer.rows()],
            of: Vec::new(),
            copies: layer.like(),
        }
    }

    /// Rows that are shown.
    pub fn rows(&self) -> usize {
        self.at.len()
    }

    /// Copies a row that is shown, unless it was.
    pub fn keep(&mut self, layer: &Layer, row: usize) {
        let copy = self.of.len();
        match self.at.get_mut(row) {
            Some(at) if *at == UNCHANGED => {
                *at = u32::try_from(copy).expect("fewer copies than rows");
            }
            _ => return,
        }
        self.of.push(row);
        if self.copies.rows() == copy {
            self.copies.resize((copy * 2).max(64));
        }
        self.copies.copy_row(copy, layer, row);
    }

    /// A row's links as they were.
    #[inline]
    pub fn links<'a>(&'a self, layer: &'a Layer, row: usize) -> &'a [Slot] {
        match self.at[row] {
            UNCHANGED => layer.links(row),
            copy => self.copies.links(copy as usize),
        }
    }

    /// The rows that were changed.
    pub fn changed(&self) -> &[usize] {
        &self.of
    }

    /// Puts everything back as it was; new rows are taken away.
    pub fn restore(&mut self, layer: &mut Layer) {
        for (copy, &row) in self.of.iter().enumerate() {
            layer.copy_row(row, &self.copies, copy);
        }
        layer.resize(self.at.len());
        self.forget();
    }

    /// Shows the layer as it is.
    pub fn show(&mut self, layer: &Layer) {
        self.forget();
        self.at.resize(layer.rows(), UNCHANGED);
    }

    fn forget(&mut self) {
        for row in self.of.drain(..) {
            self.at[row] = UNCHANGED;
        }
        self.copies = self.copies.like();
    }
}
