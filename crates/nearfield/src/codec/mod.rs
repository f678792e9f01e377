//! How a stored vector is kept and scored. A codec's scorer joins its rows with one prepared query;
//! walks and scans are compiled once per scorer, so there is no dispatch in their loops.
//!
//! ```text
//! Scorer          what a walk or scan asks: one score, four scores, a hint
//! ├ F32Scorer     float     rows as they came, one kernel call per one or four rows
//! └ Sq8Scorer     sq8       a byte a number; Encoder makes them
//! pairs           rows of codes against each other, in tiles
//! Stored          all that is kept of the vectors: rows, and codes where there are any
//! ```

mod encoder;
mod float;
pub mod pairs;
pub mod sq8;

pub use encoder::Encoder;
pub use float::F32Scorer;
pub use sq8::{Codes, QueryCode, Sq8Scorer};

use crate::ids::Slot;
use crate::matrix::Rows;

/// How an index keeps its vectors for walking; the vectors themselves are kept with every codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// As they are.
    F32,
    /// Beside them a byte a number.
    Sq8,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Self; 2] = [Self::F32, Self::Sq8];

    /// The name options and `stats()` use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Sq8 => "sq8",
        }
    }

    /// The codec of this [`name`](Self::name).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }
}

/// What is kept of the vectors.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// The vectors.
    pub rows: Rows<'a>,
    /// Their codes: walks go by these, and answers by the vectors.
    pub codes: Option<Codes<'a>>,
}

impl<'a> From<Rows<'a>> for Stored<'a> {
    fn from(rows: Rows<'a>) -> Self {
        Self { rows, codes: None }
    }
}

/// Scores stored rows against one query; smaller is nearer. Equal slots give equal bits however
/// they are grouped, or results would depend on the order of a walk.
pub trait Scorer {
    /// The score of one row.
    fn score(&self, slot: Slot) -> f32;

    /// Four scores, the same bits as four calls of [`score`](Self::score).
    fn score4(&self, slots: [Slot; 4]) -> [f32; 4];

    /// Says that this row will be scored soon.
    fn prefetch(&self, slot: Slot);
}
