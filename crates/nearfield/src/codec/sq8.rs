//! The sq8 codec: a byte a number, scored in integers. A walk reads a quarter of the memory and its
//! candidates are scored again with the vectors themselves, so codes only decide where to look.
//!
//! ```text
//! row     c c c c … c 0 … 0 | scale f32 | bias f32 | sum i32     stride: dim + 12, in whole lines
//!         ‹dim codes›  zeros   ‹12 bytes at the end of the row›
//! vector  ≈ centre + scale · c          c in −127 … 127, scale = max |vector − centre| / 127
//! ```
//! Scores are those of [`codes`](super::codes). Invariant: no number is ever clipped.

use super::codes::{Codes, Form, QueryCode, TERMS_BYTES, Terms, largest, rounded};
use super::{CodedRows, Scorer};
use crate::ids::Slot;
use crate::kernels::{Ahead, CODE_BLOCK, CodePair, CodeQuad, Kernels};
use crate::metric::Metric;

/// The largest code of a row.
const CODE_MAX: f32 = 127.0;

/// Bytes a stored row of `dim` codes takes.
pub const fn stride(dim: usize) -> usize {
    (dim + TERMS_BYTES).next_multiple_of(CODE_BLOCK)
}

/// Codes of a row that kernels run over; the query is zero beyond `dim`.
pub(super) const fn width(dim: usize) -> usize {
    dim.next_multiple_of(CODE_BLOCK)
}

/// The codes of a row, without zeros and terms.
///
/// # Panics
/// Where the rows are of another form, or there is no such slot.
#[inline]
pub fn numbers(codes: Codes<'_>, slot: Slot) -> &[i8] {
    assert_eq!(codes.form(), Form::Sq8, "rows of another form");
    bytemuck::cast_slice(&codes.row(slot)[..codes.centre().len()])
}

/// The codes of a row as kernels run over them, beside one that is zero beyond `dim`: what follows the codes
/// does not count.
///
/// # Panics
/// As [`numbers`].
#[inline]
pub(super) fn wide(codes: Codes<'_>, slot: Slot) -> &[i8] {
    assert_eq!(codes.form(), Form::Sq8, "rows of another form");
    bytemuck::cast_slice(&codes.row(slot)[..width(codes.centre().len())])
}

/// Writes the code of a prepared vector into a row of [`stride`] bytes.
#[inline(always)]
pub fn encode(metric: Metric, vector: &[f32], centre: &[f32], out: &mut [u8]) {
    out.fill(0);
    let largest = largest(vector, centre);
    let inverse = CODE_MAX / largest;
    let (mut sum, mut squares) = (0, 0);
    for ((x, centre), out) in vector.iter().zip(centre).zip(out.iter_mut()) {
        let code = rounded((x - centre) * inverse, CODE_MAX);
        sum += code;
        squares += code * code;
        // Within ±127: the low byte is the code.
        *out = code.to_le_bytes()[0];
    }
    Terms::of(metric, vector, largest / CODE_MAX, sum, squares).write(out);
}

/// Codes and the code of one query.
#[derive(Clone, Copy, Debug)]
pub struct Sq8Scorer<'a> {
    codes: Codes<'a>,
    query: &'a QueryCode,
    rows: CodedRows<'a>,
    one: CodePair,
    four: CodeQuad,
}

impl<'a> Sq8Scorer<'a> {
    /// Joins codes with a query's, taken around the same centre.
    ///
    /// # Panics
    /// Where the rows are of another form, or the query is not as wide as they are.
    pub fn new(codes: Codes<'a>, query: &'a QueryCode, kernels: &'static Kernels) -> Self {
        assert_eq!(codes.form(), Form::Sq8, "rows of another form");
        assert_eq!(
            query.codes.len(),
            width(codes.centre().len()),
            "a query is as wide as the rows"
        );
        Self {
            rows: CodedRows::of(&codes, query, (query.codes.len(), 0), kernels.score_u7i8),
            codes,
            query,
            one: kernels.dot_u7i8,
            four: kernels.dot_u7i8_x4,
        }
    }

    /// The codes of a row that kernels run over. Where terms stand among them, the query is zero.
    #[inline]
    fn codes_of(&self, row: &'a [u8]) -> &'a [i8] {
        bytemuck::cast_slice(&row[..self.query.codes.len()])
    }

    #[inline]
    fn four(&self, slots: [Slot; 4], ahead: &Ahead) -> [f32; 4] {
        let rows = slots.map(|slot| self.codes.row(slot));
        let codes = rows.map(|row| self.codes_of(row));
        let dots = (self.four)(&self.query.codes, &codes, ahead);
        std::array::from_fn(|at| Terms::read(rows[at]).score(self.query.factor, dots[at]))
    }
}

impl Scorer for Sq8Scorer<'_> {
    #[inline]
    fn coded_rows(&self) -> Option<&CodedRows<'_>> {
        Some(&self.rows)
    }

    #[inline]
    fn score(&self, slot: Slot) -> f32 {
        let row = self.codes.row(slot);
        let dot = (self.one)(&self.query.codes, self.codes_of(row));
        Terms::read(row).score(self.query.factor, dot)
    }

    #[inline]
    fn score4(&self, slots: [Slot; 4]) -> [f32; 4] {
        self.four(slots, &Ahead::NONE)
    }

    #[inline]
    fn score4_ahead(&self, slots: [Slot; 4], ahead: [Slot; 4]) -> [f32; 4] {
        let rows = || ahead.map(|slot| self.rows.address(slot));
        let ahead = Ahead::of(self.query.codes.len(), self.codes.stride(), rows);
        self.four(slots, &ahead)
    }

    #[inline]
    fn prefetch(&self, slot: Slot) {
        self.rows.prefetch(&[slot]);
    }
}
