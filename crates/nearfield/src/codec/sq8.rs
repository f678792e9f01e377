//! The sq8 codec: a byte a number, scored in integers. A walk reads a quarter of the memory and its
//! candidates are scored again with the vectors themselves, so codes only decide where to look.
//!
//! ```text
//! row     c c c c … c 0 … 0 | scale f32 | bias f32 | sum i32     stride: dim + 12, in whole lines
//!         ‹dim codes›  zeros   ‹12 bytes at the end of the row›
//! vector  ≈ centre + scale · c          c in −127 … 127, scale = max |vector − centre| / 127
//! query   ≈ centre + step · (u − 64)    u in 1 … 127, step = max |query − centre| / 63; 0 beyond dim
//! score   bias − factor · scale · (Σ u c − 64 · sum)
//! ```
//! | metric | query is taken from | bias | factor | so the score is |
//! |---|---|---|---|---|
//! | l2, cosine | the centre | scale² Σ c² | 2 · step | ‖q − v‖² − ‖q‖² of the quantised |
//! | ip | zero | 0 | step | −q · v and what is the same for every row |
//!
//! Invariants: Σ u c is an exact integer, the same on every instruction set, and the rest is a
//! product and a difference in `f32`, rounded the same everywhere: so are the scores. `u` stays
//! below 128 so that kernels may add two products in 16 bits. A row's own scale means that no number
//! is ever clipped and far rows keep their precision.
//!
//! Scalar quantisation as in Jégou, Douze & Schmid (2011) with one bit less for the query; centring
//! and a scale a row as in locally-adaptive vector quantisation (Aguerrebere et al., 2023).

use super::Scorer;
use crate::ids::Slot;
use crate::kernels::{CODE_BLOCK, CodePair, CodeQuad, Kernels, prefetch_row};
use crate::metric::Metric;

/// Bytes of a row's scale, bias and sum.
pub const TERMS_BYTES: usize = 12;
/// The largest code of a row.
const CODE_MAX: f32 = 127.0;
/// The largest step of a query either way, and what stands for zero.
const QUERY_MAX: f32 = 63.0;
const QUERY_ZERO: i32 = 64;

/// Bytes a stored row of `dim` codes takes.
pub const fn stride(dim: usize) -> usize {
    (dim + TERMS_BYTES).next_multiple_of(CODE_BLOCK)
}

/// Codes of a row that kernels run over; the query is zero beyond `dim`.
const fn width(dim: usize) -> usize {
    dim.next_multiple_of(CODE_BLOCK)
}

/// What a row has beside its codes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// The step between two codes.
    pub scale: f32,
    /// What the row adds to every score.
    pub bias: f32,
    /// The sum of its codes.
    pub sum: i32,
}

impl Terms {
    #[inline]
    fn read(row: &[u8]) -> Self {
        let end = row.len();
        let word =
            |back: usize| -> [u8; 4] { row[end - back..][..4].try_into().expect("four bytes") };
        Self {
            scale: f32::from_le_bytes(word(12)),
            bias: f32::from_le_bytes(word(8)),
            sum: i32::from_le_bytes(word(4)),
        }
    }

    fn write(self, row: &mut [u8]) {
        let (_, words) = row.split_at_mut(row.len() - TERMS_BYTES);
        words[..4].copy_from_slice(&self.scale.to_le_bytes());
        words[4..8].copy_from_slice(&self.bias.to_le_bytes());
        words[8..].copy_from_slice(&self.sum.to_le_bytes());
    }
}

/// Borrowed rows of codes and their centre. Indexing is checked, and any bits are safe to score.
#[derive(Clone, Copy, Debug)]
pub struct Codes<'a> {
    bytes: &'a [u8],
    centre: &'a [f32],
    stride: usize,
}

impl<'a> Codes<'a> {
    /// The rows in `bytes`, of as many codes as `centre` has numbers.
    ///
    /// # Panics
    /// Where `bytes` ends inside a row: the caller has checked the file by now.
    pub fn new(bytes: &'a [u8], centre: &'a [f32]) -> Self {
        let stride = stride(centre.len());
        assert!(
            bytes.len().is_multiple_of(stride),
            "{} bytes are no whole number of rows of {stride}",
            bytes.len(),
        );
        Self {
            bytes,
            centre,
            stride,
        }
    }

    /// A row: codes, zeros, terms.
    ///
    /// # Panics
    /// Where there is no such slot.
    #[inline]
    pub fn row(&self, slot: Slot) -> &'a [u8] {
        let at = slot as usize;
        // Checked before multiplying: on a 32-bit target the product of a wild slot would wrap.
        assert!(at < self.len(), "no slot {slot}");
        &self.bytes[at * self.stride..][..self.stride]
    }

    /// The codes of a row, without zeros and terms.
    ///
    /// # Panics
    /// Where there is no such slot.
    #[inline]
    pub fn numbers(&self, slot: Slot) -> &'a [i8] {
        bytemuck::cast_slice(&self.row(slot)[..self.dim()])
    }

    /// Codes a row.
    pub const fn dim(&self) -> usize {
        self.centre.len()
    }

    /// How many rows there are.
    pub const fn len(&self) -> usize {
        self.bytes.len() / self.stride
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What a row has beside its codes.
    pub fn terms(&self, slot: Slot) -> Terms {
        Terms::read(self.row(slot))
    }

    /// What the rows were centred on.
    pub const fn centre(&self) -> &'a [f32] {
        self.centre
    }
}

/// Writes the code of a prepared vector into a row of [`stride`] bytes.
pub fn encode(metric: Metric, vector: &[f32], centre: &[f32], out: &mut [u8]) {
    out.fill(0);
    let largest = largest(vector, centre);
    let inverse = CODE_MAX / largest;
    let (mut sum, mut squares) = (0, 0);
    for ((x, centre), out) in vector.iter().zip(centre).zip(out.iter_mut()) {
        let code = rounded((x - centre) * inverse);
        sum += code;
        squares += code * code;
        // Within ±127: the low byte is the code.
        *out = code.to_le_bytes()[0];
    }
    let scale = largest / CODE_MAX;
    #[allow(clippy::cast_precision_loss)] // rounded the same everywhere
    let length = scale * scale * squares as f32;
    let bias = match metric {
        Metric::Ip => 0.0,
        // At distance 1 from everything, halfway to the opposite, though its length says otherwise.
        Metric::Cosine if vector.iter().all(|x| *x == 0.0) => length + 1.0,
        Metric::Cosine | Metric::L2 => length,
    };
    Terms { scale, bias, sum }.write(out);
}

/// The largest difference; 0 where differences overflow, so that such a row has a code like any
/// other (a poor one: the trial of codes will tell).
fn largest(vector: &[f32], centre: &[f32]) -> f32 {
    let differences = vector
        .iter()
        .zip(centre)
        .map(|(x, centre)| (x - centre).abs());
    let largest = differences.fold(0.0, f32::max);
    if largest.is_finite() { largest } else { 0.0 }
}

/// The nearest integer within ±127, halves away from zero; 0 for what is not a number.
#[inline]
#[allow(clippy::cast_possible_truncation)] // saturating, as it should be
fn rounded(x: f32) -> i32 {
    let x = (x + 0.5f32.copysign(x)).clamp(-CODE_MAX, CODE_MAX);
    x as i32
}

/// A query's code, and the memory of the one before it.
#[derive(Clone, Debug, Default)]
pub struct QueryCode {
    codes: Vec<u8>,
    factor: f32,
}

impl QueryCode {
    /// Takes the code of a prepared query; allocates only to grow.
    pub fn set(&mut self, metric: Metric, query: &[f32], centre: &[f32]) {
        let from_centre = metric != Metric::Ip;
        let at = |column: usize| {
            if from_centre {
                query[column] - centre[column]
            } else {
                query[column]
            }
        };
        let dim = centre.len();
        let largest = (0..dim).map(|column| at(column).abs()).fold(0.0, f32::max);
        let inverse = QUERY_MAX / largest;
        self.codes.clear();
        self.codes.resize(width(dim), 0);
        for (column, code) in self.codes[..dim].iter_mut().enumerate() {
            let step = rounded(at(column) * inverse).clamp(-63, 63);
            // Within 1 … 127: the low byte is the code.
            *code = (step + QUERY_ZERO).to_le_bytes()[0];
        }
        let step = largest / QUERY_MAX;
        self.factor = if from_centre { 2.0 * step } else { step };
    }
}

/// Codes and the code of one query.
#[derive(Clone, Copy, Debug)]
pub struct Sq8Scorer<'a> {
    codes: Codes<'a>,
    query: &'a QueryCode,
    one: CodePair,
    four: CodeQuad,
}

impl<'a> Sq8Scorer<'a> {
    /// Joins codes with a query's, taken around the same centre.
    ///
    /// # Panics
    /// Where the query is not as wide as the rows.
    pub fn new(codes: Codes<'a>, query: &'a QueryCode, kernels: &'static Kernels) -> Self {
        assert_eq!(
            query.codes.len(),
            width(codes.centre.len()),
            "a query is as wide as the rows"
        );
        Self {
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
    fn score_of(&self, row: &[u8], dot: i32) -> f32 {
        let Terms { scale, bias, sum } = Terms::read(row);
        // Wrapping: a hostile map may hold any sum.
        let dot = dot.wrapping_sub(sum.wrapping_mul(QUERY_ZERO));
        #[allow(clippy::cast_precision_loss)] // rounded the same everywhere
        let dot = dot as f32;
        bias - self.query.factor * scale * dot
    }
}

impl Scorer for Sq8Scorer<'_> {
    #[inline]
    fn score(&self, slot: Slot) -> f32 {
        let row = self.codes.row(slot);
        self.score_of(row, (self.one)(&self.query.codes, self.codes_of(row)))
    }

    #[inline]
    fn score4(&self, slots: [Slot; 4]) -> [f32; 4] {
        let rows = slots.map(|slot| self.codes.row(slot));
        let dots = (self.four)(&self.query.codes, rows.map(|row| self.codes_of(row)));
        std::array::from_fn(|at| self.score_of(rows[at], dots[at]))
    }

    #[inline]
    fn prefetch(&self, slot: Slot) {
        prefetch_row(self.codes.row(slot));
    }
}
