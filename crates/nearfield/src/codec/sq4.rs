//! The sq4 codec: four bits a number, scored in integers. A walk reads half of what it does by
//! [`sq8`](super::sq8), and as its pool is longer than what is asked for, finds as much.
//!
//! ```text
//! row     n n n … n 0 … 0 | scale f32 | bias f32 | sum i32     stride: ⌈dim / 2⌉ + 12, in whole lines
//!         byte j: number j in the low four bits, number ⌈dim / 2⌉ + j in the high ones
//! vector  ≈ centre + scale · c          c = 2 n − 15: the odd number nearest to the difference / scale
//! ```
//! Scores are those of [`codes`](super::codes), where Σ u c = 2 Σ u n − 15 Σ u.
//!
//! Sixteen steps are too few to reach the largest number of a row and still tell the others apart:
//! numbers beyond ±15 are clipped. Between the best uniform step for a bell curve (Max, 1960) and the
//! one that clips nothing, the scale is that of four which leaves the least square error.
//!
//! Invariant: sums of `f32` are added in sixteen lanes and one tree, without fusing: codes are the same
//! bytes everywhere.

use super::codes::{Codes, Form, QueryCode, TERMS_BYTES, Terms, largest, whole};
use super::{CodedRows, Scorer};
use crate::ids::Slot;
use crate::kernels::{Ahead, CODE_BLOCK, Kernels, NibblePair, NibbleQuad};
use crate::metric::Metric;

/// The largest code of a row.
const CODE_MAX: f32 = 15.0;
/// Half the step of the best uniform quantiser of sixteen levels for a normal distribution, in its
/// standard deviations.
const NORMAL_STEP: f32 = 0.1675;
/// Scales tried: one, two, three and four quarters of the way, in the logarithm.
const SCALES: usize = 4;
const LANES: usize = 16;

/// Numbers in low halves of bytes.
pub(super) const fn half(dim: usize) -> usize {
    dim.div_ceil(2)
}

/// Bytes a stored row of `dim` codes takes.
pub const fn stride(dim: usize) -> usize {
    (half(dim) + TERMS_BYTES).next_multiple_of(CODE_BLOCK)
}

/// Bytes of a row that kernels run over; the query is zero where these are no codes.
pub(super) const fn width(dim: usize) -> usize {
    half(dim).next_multiple_of(CODE_BLOCK)
}

/// Writes the code of a prepared vector into a row of [`stride`] bytes.
#[inline(always)]
pub fn encode(metric: Metric, vector: &[f32], centre: &[f32], out: &mut [u8]) {
    out.fill(0);
    let scale = scale(vector, centre);
    let inverse = inverse(scale);
    let half = half(centre.len());
    let (mut sum, mut squares) = (0, 0);
    let mut nibble = |x: f32, centre: f32| {
        let level = level((x - centre) * inverse);
        let code = 2 * level - 15;
        sum += code;
        squares += code * code;
        // Within 0 … 15: the low byte is the level.
        level.to_le_bytes()[0]
    };
    let (low, high) = vector[..centre.len()].split_at(half);
    let (low_centre, high_centre) = centre.split_at(half);
    for ((x, centre), out) in low.iter().zip(low_centre).zip(out.iter_mut()) {
        *out = nibble(*x, *centre);
    }
    for ((x, centre), out) in high.iter().zip(high_centre).zip(out.iter_mut()) {
        *out |= nibble(*x, *centre) << 4;
    }
    Terms::of(metric, vector, scale, sum, squares).write(out);
}

/// The step between two integers that fits a row.
#[inline(always)]
fn scale(vector: &[f32], centre: &[f32]) -> f32 {
    let reach = largest(vector, centre) / CODE_MAX;
    let square = sum(vector, centre, |difference| difference * difference);
    #[allow(clippy::cast_precision_loss)] // dim is at most DIM_MAX
    let normal = NORMAL_STEP * (square / centre.len() as f32).sqrt();
    // Squares vanish or overflow where differences do not: then nothing is clipped.
    if !(normal > 0.0 && normal < reach) {
        return reach;
    }
    let ratio = (reach / normal).sqrt().sqrt();
    let (mut scale, mut least, mut best) = (normal, f32::INFINITY, reach);
    for _ in 0..SCALES {
        scale *= ratio;
        let inverse = inverse(scale);
        let error = sum(vector, centre, |difference| {
            #[allow(clippy::cast_precision_loss)] // within ±15
            let error = difference - scale * (2 * level(difference * inverse) - 15) as f32;
            error * error
        });
        if error < least {
            (least, best) = (error, scale);
        }
    }
    best
}

/// Levels a unit of difference; 0 where there is no telling them apart.
#[inline(always)]
fn inverse(scale: f32) -> f32 {
    let inverse = 0.5 / scale;
    if inverse.is_finite() { inverse } else { 0.0 }
}

/// The level of a difference in steps from one level to the next; level 8 begins at 0.
#[inline(always)]
fn level(steps: f32) -> i32 {
    whole((steps + 8.0).clamp(0.0, CODE_MAX))
}

/// A sum over the differences, in sixteen lanes and one tree.
#[inline(always)]
fn sum(vector: &[f32], centre: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (vectors, vector_tail) = vector.as_chunks::<LANES>();
    let (centres, centre_tail) = centre.as_chunks::<LANES>();
    for (x, centre) in vectors.iter().zip(centres) {
        for lane in 0..LANES {
            lanes[lane] += term(x[lane] - centre[lane]);
        }
    }
    for ((x, centre), lane) in vector_tail.iter().zip(centre_tail).zip(&mut lanes) {
        *lane += term(x - centre);
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

/// Codes and the code of one query.
#[derive(Clone, Copy, Debug)]
pub struct Sq4Scorer<'a> {
    codes: Codes<'a>,
    query: &'a QueryCode,
    rows: CodedRows<'a>,
    /// Σ u c is twice what kernels sum less this.
    less: i32,
    one: NibblePair,
    four: NibbleQuad,
}

impl<'a> Sq4Scorer<'a> {
    /// Joins codes with a query's, taken around the same centre.
    ///
    /// # Panics
    /// Where the rows are of another form, or the query is not as wide as they are.
    pub fn new(codes: Codes<'a>, query: &'a QueryCode, kernels: &'static Kernels) -> Self {
        assert_eq!(codes.form(), Form::Sq4, "rows of another form");
        assert_eq!(
            query.codes.len(),
            2 * width(codes.centre().len()),
            "a query is as wide as the rows"
        );
        Self {
            rows: CodedRows::of(
                &codes,
                query,
                (query.codes.len() / 2, 15 * query.sum),
                kernels.score_u7u4,
            ),
            codes,
            query,
            less: 15 * query.sum,
            one: kernels.dot_u7u4,
            four: kernels.dot_u7u4_x4,
        }
    }

    /// The bytes of a row that kernels run over. Where terms stand among them, the query is zero.
    #[inline]
    fn codes_of(&self, row: &'a [u8]) -> &'a [u8] {
        &row[..self.query.codes.len() / 2]
    }

    #[inline]
    fn four(&self, slots: [Slot; 4], ahead: &Ahead) -> [f32; 4] {
        let rows = slots.map(|slot| self.codes.row(slot));
        let codes = rows.map(|row| self.codes_of(row));
        let dots = (self.four)(&self.query.codes, &codes, ahead);
        std::array::from_fn(|at| {
            Terms::read(rows[at]).score(self.query.factor, 2 * dots[at] - self.less)
        })
    }
}

impl Scorer for Sq4Scorer<'_> {
    #[inline]
    fn coded_rows(&self) -> Option<&CodedRows<'_>> {
        Some(&self.rows)
    }

    #[inline]
    fn score(&self, slot: Slot) -> f32 {
        let row = self.codes.row(slot);
        let dot = (self.one)(&self.query.codes, self.codes_of(row));
        Terms::read(row).score(self.query.factor, 2 * dot - self.less)
    }

    #[inline]
    fn score4(&self, slots: [Slot; 4]) -> [f32; 4] {
        self.four(slots, &Ahead::NONE)
    }

    #[inline]
    fn score4_ahead(&self, slots: [Slot; 4], ahead: [Slot; 4]) -> [f32; 4] {
        let rows = || ahead.map(|slot| self.rows.address(slot));
        let ahead = Ahead::of(self.query.codes.len() / 2, self.codes.stride(), rows);
        self.four(slots, &ahead)
    }

    #[inline]
    fn prefetch(&self, slot: Slot) {
        self.rows.prefetch(&[slot]);
    }
}
