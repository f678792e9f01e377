//! How a stored vector is kept and scored. A codec's scorer joins its rows with one prepared query;
//! walks and scans are compiled once per scorer, so there is no dispatch in their loops.
//!
//! ```text
//! Scorer          what a walk or scan asks: one score, four scores, a hint
//! ├ F32Scorer     float     rows as they came, one kernel call per one or four rows
//! ├ Sq8Scorer     sq8       a byte a number
//! └ Sq4Scorer     sq4       four bits a number
//! Codes           codes     what both have in common: rows with terms, a query's code; Encoder makes them
//! Estimate        estimate  a score by code as a distance
//! pairs           rows against each other, in tiles: of sq8 codes, or of vectors (vectors)
//! bits            codes of rotated vectors, of some bits a number, and the tables that score them
//! trained         points that such codes stand for, trained on the rows
//! strips          such codes, 32 entries side by side: what scans of zones read
//! verify          whether an entry of a strip is that of a vector
//! Rotation        rotation  spreads what vectors hold over all their numbers
//! Stored          all that is kept of the vectors: rows, and codes where there are any
//! ```

#![allow(
    clippy::inline_always,
    reason = "what is not inlined into a set's own function is compiled without the set's instructions"
)]

pub mod bits;
mod coded_rows;
pub mod codes;
mod encoder;
mod estimate;
mod float;
pub mod pairs;
mod rotation;
pub mod sq4;
pub mod sq8;
pub mod strips;
pub mod trained;
mod vectors;
pub mod verify;

pub use bits::{Bits, Book};
pub use coded_rows::CodedRows;
pub use codes::{Codes, Form, QueryCode};
pub use encoder::Encoder;
pub use estimate::Estimate;
pub use float::F32Scorer;
pub use rotation::Rotation;
pub use sq4::Sq4Scorer;
pub use sq8::Sq8Scorer;
pub use vectors::Vectors;

use crate::ids::Slot;
use crate::kernels::{PREFETCHES, ROWS_AHEAD};
use crate::matrix::Rows;

/// Rows asked for ahead of the four being scored.
pub const LOOK_AHEAD: usize = ROWS_AHEAD;

/// How an index keeps its vectors for walks and scans; the vectors themselves are kept too, unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// As they are.
    F32,
    /// Beside them a byte a number.
    Sq8,
    /// Beside them four bits a number.
    Sq4,
    /// Beside them, or instead of them, signs of rotated numbers in strips.
    Bits1,
    /// As that, with two bits a number.
    Bits2,
    /// As that, with four bits for some numbers, which stand for points that are trained.
    Pq4,
    /// As that, with eight.
    Pq8,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Self; 7] = [
        Self::F32,
        Self::Sq8,
        Self::Sq4,
        Self::Bits1,
        Self::Bits2,
        Self::Pq4,
        Self::Pq8,
    ];

    /// The name options and `stats()` use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Sq8 => "sq8",
            Self::Sq4 => "sq4",
            Self::Bits1 => "bits1",
            Self::Bits2 => "bits2",
            Self::Pq4 => "pq4",
            Self::Pq8 => "pq8",
        }
    }

    /// The form of the codes that walks go by, if they do.
    pub fn form(self) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.codec() == self)
    }

    /// The strips that scans go by, if they do; of `numbers` a code where points are trained.
    pub const fn bits(self, numbers: u8) -> Option<Bits> {
        match self {
            Self::F32 | Self::Sq8 | Self::Sq4 => None,
            Self::Bits1 => Some(Bits::One),
            Self::Bits2 => Some(Bits::Two),
            Self::Pq4 => Some(Bits::Pq4(numbers)),
            Self::Pq8 => Some(Bits::Pq8(numbers)),
        }
    }

    /// Whether scans go by codes of trained points.
    pub const fn trained(self) -> bool {
        matches!(self, Self::Pq4 | Self::Pq8)
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

    /// As [`score4`](Self::score4), saying at the same pace that four others will be scored soon.
    fn score4_ahead(&self, slots: [Slot; 4], ahead: [Slot; 4]) -> [f32; 4];

    /// Says that this row will be scored soon.
    fn prefetch(&self, slot: Slot);

    /// What scores many rows by one call, where this is faster than four by four.
    #[inline]
    fn coded_rows(&self) -> Option<&CodedRows<'_>> {
        None
    }

    /// Tells the score of each of these in order, asking for rows before it is their turn.
    #[inline]
    fn score_all(&self, slots: &[Slot], mut told: impl FnMut(Slot, f32))
    where
        Self: Sized,
    {
        if let Some(rows) = self.coded_rows() {
            rows.tell_all(slots, told);
            return;
        }
        if PREFETCHES {
            for &slot in slots.iter().take(LOOK_AHEAD) {
                self.prefetch(slot);
            }
        }
        let (fours, rest) = slots.as_chunks::<4>();
        for (at, &four) in fours.iter().enumerate() {
            let ahead = slots.get(at * 4 + LOOK_AHEAD..);
            let ahead = ahead.filter(|_| PREFETCHES).unwrap_or(&[]);
            let scores = if let Some(&ahead) = ahead.first_chunk() {
                self.score4_ahead(four, ahead)
            } else {
                for &slot in ahead {
                    self.prefetch(slot);
                }
                self.score4(four)
            };
            for (slot, score) in four.into_iter().zip(scores) {
                told(slot, score);
            }
        }
        for &slot in rest {
            told(slot, self.score(slot));
        }
    }
}

/// `body` with `coded`, the scorer of these codes and this query's: compiled once for each form, so
/// that the choice is made once a search and not in its loop.
macro_rules! by_code {
    ($codes:expr, $query:expr, $kernels:expr, |$coded:ident| $body:expr) => {
        match $codes.form() {
            $crate::codec::Form::Sq8 => {
                let $coded = $crate::codec::Sq8Scorer::new($codes, $query, $kernels);
                $body
            }
            $crate::codec::Form::Sq4 => {
                let $coded = $crate::codec::Sq4Scorer::new($codes, $query, $kernels);
                $body
            }
        }
    };
}
pub(crate) use by_code;

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Scores a slot by itself, and knows which were asked for.
    #[derive(Default)]
    struct Asked(RefCell<Vec<Slot>>);

    impl Scorer for Asked {
        fn score(&self, slot: Slot) -> f32 {
            f32::from(u16::try_from(slot).unwrap())
        }

        fn score4(&self, slots: [Slot; 4]) -> [f32; 4] {
            slots.map(|slot| self.score(slot))
        }

        fn score4_ahead(&self, slots: [Slot; 4], ahead: [Slot; 4]) -> [f32; 4] {
            for slot in ahead {
                self.prefetch(slot);
            }
            self.score4(slots)
        }

        fn prefetch(&self, slot: Slot) {
            self.0.borrow_mut().push(slot);
        }
    }

    #[test]
    fn all_are_scored_in_order_and_asked_for_once() {
        for len in 0..40 {
            let slots: Vec<Slot> = (0..len).map(|at| at * 7 % 41).collect();
            let (asked, mut told) = (Asked::default(), Vec::new());
            asked.score_all(&slots, |slot, score| told.push((slot, score)));
            let expected: Vec<_> = slots
                .iter()
                .map(|&slot| (slot, asked.score(slot)))
                .collect();
            assert_eq!(told, expected);
            assert_eq!(asked.0.into_inner(), slots);
        }
    }
}
