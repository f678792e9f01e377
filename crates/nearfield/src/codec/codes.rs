//! Vectors as codes, whatever their form: rows of codes with their terms, and a query's code.
//!
//! ```text
//! row     codes, zeros | scale f32 | bias f32 | sum i32      whole lines of 64 bytes
//! vector  ≈ centre + scale · c                               c: a small integer, as the form has it
//! query   ≈ from + step · (u − 64)                           u in 1 … 127, step = max |query − from| / 63
//! score   bias − factor · scale · (Σ u c − 64 · sum)
//! ```
//! | metric | query is taken from | bias | factor | so the score is |
//! |---|---|---|---|---|
//! | l2, cosine | the centre | scale² Σ c² | 2 · step | ‖q − v‖² − ‖q‖² of the quantised |
//! | ip | zero | 0 | step | −q · v and what is the same for every row |
//!
//! Invariants: Σ u c is an exact integer, the same on every instruction set, and the rest is a
//! product and a difference in `f32`, rounded the same everywhere: so are the scores. `u` stays
//! below 128 so that kernels may add products in 16 bits. A row's own scale means that far rows keep
//! their precision.
//!
//! Scalar quantisation as in Jégou, Douze & Schmid (2011) with a query of seven bits; centring
//! and a scale a row as in locally-adaptive vector quantisation (Aguerrebere et al., 2023).

use super::{Codec, sq4, sq8};
use crate::ids::Slot;
use crate::kernels::{Work, widest};
use crate::matrix;
use crate::metric::Metric;

/// Bytes of a row's scale, bias and sum.
pub const TERMS_BYTES: usize = 12;
/// The largest step of a query either way, and what stands for zero.
const QUERY_MAX: f32 = 63.0;
const QUERY_ZERO: i32 = 64;
/// Numbers looked at together, without a branch.
const LANES: usize = 16;

/// Numbers a row must have for `auto` to try four bits for each: with fewer, a row of sq8 is one or two
/// lines of memory already, and each number counts for more.
const SQ4_DIM_MIN: usize = 64;

/// What a code takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A byte a number: [`sq8`].
    Sq8,
    /// Four bits a number: [`sq4`].
    Sq4,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 2] = [Self::Sq8, Self::Sq4];

    /// The codec of an index whose walks go by these.
    pub const fn codec(self) -> Codec {
        match self {
            Self::Sq8 => Codec::Sq8,
            Self::Sq4 => Codec::Sq4,
        }
    }

    /// Bytes of a row that hold the codes of `dim` numbers; zeros follow, then the terms.
    pub const fn code_bytes(self, dim: usize) -> usize {
        match self {
            Self::Sq8 => dim,
            Self::Sq4 => sq4::half(dim),
        }
    }

    /// Bytes a stored row of `dim` codes takes.
    pub const fn stride(self, dim: usize) -> usize {
        match self {
            Self::Sq8 => sq8::stride(dim),
            Self::Sq4 => sq4::stride(dim),
        }
    }

    /// Whether rows of `dim` numbers are enough shorter for it, than as they are or in the next finer form, that
    /// `auto` tries it.
    pub const fn gains(self, dim: usize) -> bool {
        match self {
            Self::Sq8 => Self::Sq8.stride(dim) * 2 <= matrix::stride(dim) * size_of::<f32>(),
            Self::Sq4 => dim >= SQ4_DIM_MIN && Self::Sq4.stride(dim) < Self::Sq8.stride(dim),
        }
    }

    /// The next finer form; after the finest come the vectors.
    pub const fn finer(self) -> Option<Self> {
        match self {
            Self::Sq8 => None,
            Self::Sq4 => Some(Self::Sq8),
        }
    }

    /// Writes the code of a prepared vector into a row of [`stride`](Self::stride) bytes.
    pub fn encode(self, metric: Metric, vector: &[f32], centre: &[f32], out: &mut [u8]) {
        let form = self;
        widest(Encode {
            form,
            metric,
            vector,
            centre,
            out,
        });
    }
}

/// The making of one code.
struct Encode<'a> {
    form: Form,
    metric: Metric,
    vector: &'a [f32],
    centre: &'a [f32],
    out: &'a mut [u8],
}

impl Work for Encode<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        match self.form {
            Form::Sq8 => sq8::encode(self.metric, self.vector, self.centre, self.out),
            Form::Sq4 => sq4::encode(self.metric, self.vector, self.centre, self.out),
        }
    }
}

/// What a row has beside its codes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// The step between two integers that codes stand for.
    pub scale: f32,
    /// What the row adds to every score.
    pub bias: f32,
    /// The sum of its codes.
    pub sum: i32,
}

impl Terms {
    /// Of a row whose codes add up to `sum`, and their squares to `squares`.
    pub(super) fn of(metric: Metric, vector: &[f32], scale: f32, sum: i32, squares: i32) -> Self {
        #[allow(clippy::cast_precision_loss)] // rounded the same everywhere
        let length = scale * scale * squares as f32;
        let bias = match metric {
            Metric::Ip => 0.0,
            // At distance 1 from everything, halfway to the opposite, though its length says otherwise.
            Metric::Cosine if vector.iter().all(|x| *x == 0.0) => length + 1.0,
            Metric::Cosine | Metric::L2 => length,
        };
        Self { scale, bias, sum }
    }

    #[inline]
    pub(super) fn read(row: &[u8]) -> Self {
        let end = row.len();
        let word =
            |back: usize| -> [u8; 4] { row[end - back..][..4].try_into().expect("four bytes") };
        Self {
            scale: f32::from_le_bytes(word(12)),
            bias: f32::from_le_bytes(word(8)),
            sum: i32::from_le_bytes(word(4)),
        }
    }

    pub(super) fn write(self, row: &mut [u8]) {
        let (_, words) = row.split_at_mut(row.len() - TERMS_BYTES);
        words[..4].copy_from_slice(&self.scale.to_le_bytes());
        words[4..8].copy_from_slice(&self.bias.to_le_bytes());
        words[8..].copy_from_slice(&self.sum.to_le_bytes());
    }

    /// The score of a row with this Σ u c.
    #[inline]
    pub(super) fn score(self, factor: f32, dot: i32) -> f32 {
        // Wrapping: a hostile map may hold any sum.
        let dot = dot.wrapping_sub(self.sum.wrapping_mul(QUERY_ZERO));
        #[allow(clippy::cast_precision_loss)] // rounded the same everywhere
        let dot = dot as f32;
        self.bias - factor * self.scale * dot
    }
}

/// Borrowed rows of codes and their centre. Indexing is checked, and any bits are safe to score.
#[derive(Clone, Copy, Debug)]
pub struct Codes<'a> {
    form: Form,
    bytes: &'a [u8],
    centre: &'a [f32],
    stride: usize,
    rows: usize,
}

impl<'a> Codes<'a> {
    /// The rows in `bytes`, of as many codes as `centre` has numbers.
    ///
    /// # Panics
    /// Where `bytes` ends inside a row: the caller has checked the file by now.
    pub fn new(form: Form, bytes: &'a [u8], centre: &'a [f32]) -> Self {
        let stride = form.stride(centre.len());
        assert!(
            bytes.len().is_multiple_of(stride),
            "{} bytes are no whole number of rows of {stride}",
            bytes.len(),
        );
        Self {
            form,
            bytes,
            centre,
            stride,
            rows: bytes.len() / stride,
        }
    }

    /// A row: codes, zeros, terms.
    ///
    /// # Panics
    /// Where there is no such slot.
    #[inline]
    pub fn row(&self, slot: Slot) -> &'a [u8] {
        let at = slot as usize;
        // On a 32-bit target the product of a wild slot would wrap; elsewhere the slice is check enough.
        assert!(
            size_of::<usize>() > size_of::<Slot>() || at < self.rows,
            "no slot {slot}"
        );
        &self.bytes[at * self.stride..][..self.stride]
    }

    /// All rows.
    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes of a row.
    #[inline]
    pub(super) const fn stride(&self) -> usize {
        self.stride
    }

    /// How many rows there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What a row has beside its codes.
    #[inline]
    pub fn terms(&self, slot: Slot) -> Terms {
        Terms::read(self.row(slot))
    }

    /// What the rows were centred on.
    pub const fn centre(&self) -> &'a [f32] {
        self.centre
    }

    /// What a code takes.
    pub const fn form(&self) -> Form {
        self.form
    }
}

/// The largest difference; 0 where differences overflow, so that such a row has a code like any
/// other (a poor one: the trial of codes will tell).
#[inline(always)]
pub(super) fn largest(vector: &[f32], centre: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (vectors, vector_tail) = vector[..centre.len()].as_chunks::<LANES>();
    let (centres, centre_tail) = centre.as_chunks::<LANES>();
    for (x, centre) in vectors.iter().zip(centres) {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], x[lane] - centre[lane]);
        }
    }
    for ((x, centre), lane) in vector_tail.iter().zip(centre_tail).zip(&mut lanes) {
        *lane = larger(*lane, x - centre);
    }
    let largest = lanes.into_iter().fold(0.0, f32::max);
    if largest.is_finite() { largest } else { 0.0 }
}

/// The larger magnitude; what is not a number has none.
#[inline(always)]
fn larger(magnitude: f32, x: f32) -> f32 {
    if x.abs() > magnitude {
        x.abs()
    } else {
        magnitude
    }
}

/// The nearest integer within ± `most`, halves away from zero; 0 for what is not a number.
#[inline(always)]
pub(super) fn rounded(x: f32, most: f32) -> i32 {
    whole((x + 0.5f32.copysign(x)).clamp(-most, most))
}

/// The whole part of a number within ± 2²²; 0 for what is not a number.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub(super) fn whole(x: f32) -> i32 {
    // The cast below does not become vector instructions here: it saturates, and theirs do not. From
    // 2²³ on the last bit of a float stands for one, so the sum ends in the integer.
    const MAGIC: f32 = 12_582_912.0;
    let bits = (x.trunc() + MAGIC).to_bits().cast_signed();
    if x.is_nan() {
        0
    } else {
        bits - MAGIC.to_bits().cast_signed()
    }
}

/// The whole part of a number within ± 2²²; 0 for what is not a number.
#[inline(always)]
#[cfg(not(target_arch = "x86_64"))]
#[allow(clippy::cast_possible_truncation)] // saturating, as it should be
pub(super) fn whole(x: f32) -> i32 {
    x as i32
}

/// The steps of a query's numbers, those from `second` on in places of their own; tells the sum of the
/// steps and the largest number.
struct Steps<'a> {
    numbers: &'a [f32],
    second: usize,
    places: [&'a mut [u8]; 2],
}

impl Work for Steps<'_> {
    type Out = (i32, f32);

    #[inline(always)]
    fn run(self) -> (i32, f32) {
        let mut lanes = [0.0; LANES];
        let (whole, tail) = self.numbers.as_chunks::<LANES>();
        for some in whole {
            for lane in 0..LANES {
                lanes[lane] = larger(lanes[lane], some[lane]);
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(tail) {
            *lane = larger(*lane, x);
        }
        let largest = lanes.into_iter().fold(0.0, f32::max);
        let inverse = QUERY_MAX / largest;
        let (low, high) = self.numbers.split_at(self.second);
        let mut sum = 0;
        for (numbers, places) in [low, high].into_iter().zip(self.places) {
            for (&x, code) in numbers.iter().zip(places) {
                let step = rounded(x * inverse, QUERY_MAX) + QUERY_ZERO;
                sum += step;
                // Within 1 … 127: the low byte is the code.
                *code = step.to_le_bytes()[0];
            }
        }
        (sum, largest)
    }
}

/// A query's code, and the memory of the one before it.
#[derive(Clone, Debug, Default)]
pub struct QueryCode {
    /// In the order kernels read them, zero where a row has no number.
    pub(super) codes: Vec<u8>,
    /// Their sum.
    pub(super) sum: i32,
    pub(super) factor: f32,
    /// What it is the code of.
    numbers: Vec<f32>,
}

impl QueryCode {
    /// Takes the code of a prepared query, for rows of this form around this centre; allocates only
    /// to grow.
    pub fn set(&mut self, metric: Metric, query: &[f32], codes: Codes<'_>) {
        let centre = codes.centre();
        let dim = centre.len();
        let from_centre = metric != Metric::Ip;
        self.numbers.clear();
        if from_centre {
            let differences = query.iter().zip(centre).map(|(x, centre)| x - centre);
            self.numbers.extend(differences);
        } else {
            self.numbers.extend_from_slice(&query[..dim]);
        }
        let (len, second) = match codes.form() {
            Form::Sq8 => (sq8::width(dim), dim),
            Form::Sq4 => (2 * sq4::width(dim), sq4::half(dim)),
        };
        self.codes.clear();
        self.codes.resize(len, 0);
        let (first, rest) = self
            .codes
            .split_at_mut(if second < dim { len / 2 } else { len });
        let (numbers, places) = (&self.numbers, [first, rest]);
        let largest;
        (self.sum, largest) = widest(Steps {
            numbers,
            second,
            places,
        });
        let step = largest / QUERY_MAX;
        self.factor = if from_centre { 2.0 * step } else { step };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::on_every_set;
    use crate::rng::value;

    /// Ordinary numbers and, now and then, what is hardest to round.
    fn numbers(seed: u64, dim: usize) -> Vec<f32> {
        const HARD: [f32; 8] = [
            0.0,
            -0.0,
            f32::MIN_POSITIVE,
            f32::MAX,
            f32::MIN,
            f32::INFINITY,
            f32::NAN,
            0.5,
        ];
        let number = |at: usize| {
            let random = value(9, seed, at as u64);
            match (random & 63, seed % 3) {
                (hard @ 0..8, 0) => HARD[usize::try_from(hard).unwrap()],
                // Halves of a code's step are met too.
                (_, 1) => f32::from(u8::try_from(random >> 56).unwrap()) - 127.5,
                _ => f32::from(i16::try_from(random >> 49).unwrap() - (1 << 14)) / 3.0,
            }
        };
        (0..dim).map(number).collect()
    }

    #[test]
    fn codes_are_the_same_on_every_set() {
        for (seed, dim) in (0..).zip((1..70).chain([100, 255, 256, 768, 1025])) {
            for seed in [3 * seed, 3 * seed + 1, 3 * seed + 2] {
                let (vector, centre) = (numbers(seed, dim), numbers(2 + seed - seed % 3, dim));
                for (form, metric) in Form::ALL.into_iter().zip([Metric::L2, Metric::Cosine]) {
                    let mut rows = [(); 3].map(|()| vec![7; form.stride(dim)]);
                    for row in &mut rows {
                        form.encode(metric, &vector, &centre, row);
                    }
                    let out = std::cell::RefCell::new(Vec::new());
                    let codes = on_every_set(|| Coded(form, metric, &vector, &centre, &out));
                    assert_eq!(codes.len(), 3);
                    for row in out.take().iter().chain(&rows) {
                        assert_eq!(*row, rows[0], "{form:?}, seed {seed}, {dim} numbers");
                    }
                }
                let steps = on_every_set(|| Stepped(&vector));
                for found in &steps {
                    assert_eq!(*found, steps[0], "seed {seed}, {dim} numbers");
                }
            }
        }
    }

    #[test]
    #[allow(clippy::cast_possible_truncation)] // the definition
    fn whole_parts_are_those_of_a_cast() {
        for exponent in -30..22 {
            for step in 0..64_u8 {
                let x = (1.0 + f32::from(step) / 64.0) * 2f32.powi(exponent);
                assert_eq!((whole(x), whole(-x)), (x as i32, -x as i32), "{x}");
            }
        }
        let edges = [0.0, -0.0, 0.999_999_94, 1.0, 126.999_99, 4_194_304.0];
        for x in edges.into_iter().chain([f32::NAN, f32::MIN_POSITIVE]) {
            assert_eq!((whole(x), whole(-x)), (x as i32, -x as i32), "{x}");
        }
    }

    type Rows = std::cell::RefCell<Vec<Vec<u8>>>;

    /// Codes a vector and puts the row beside the others.
    struct Coded<'a>(Form, Metric, &'a [f32], &'a [f32], &'a Rows);

    impl Work for Coded<'_> {
        type Out = ();

        #[inline(always)]
        fn run(self) {
            let Self(form, metric, vector, centre, rows) = self;
            let mut out = vec![0; form.stride(centre.len())];
            Encode {
                form,
                metric,
                vector,
                centre,
                out: &mut out,
            }
            .run();
            rows.borrow_mut().push(out);
        }
    }

    /// The steps of these numbers, their sum and the bits of the largest.
    struct Stepped<'a>(&'a [f32]);

    impl Work for Stepped<'_> {
        type Out = (Vec<u8>, i32, u32);

        #[inline(always)]
        fn run(self) -> Self::Out {
            let second = self.0.len().div_ceil(2);
            let mut out = vec![0; self.0.len()];
            let (first, rest) = out.split_at_mut(second);
            let steps = Steps {
                numbers: self.0,
                second,
                places: [first, rest],
            };
            let (sum, largest) = steps.run();
            (out, sum, largest.to_bits())
        }
    }
}
