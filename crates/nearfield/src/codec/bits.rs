//! Codes of some bits for a few numbers each, of rotated vectors, and the tables that score them.
//!
//! ```text
//! code     four bits: the signs of four numbers (bits1), or the nearest of sixteen points to two (bits2),
//!          or of sixteen trained points to as many as are asked for (pq4); eight: of 256 of these (pq8)
//! vector   ≈ centre + α · u        u: what the codes stand for, α = |r|² / ⟨u, r⟩, r = vector − centre
//! table    a byte a point: ⟨what code c stands for, the query's numbers there⟩ = least + step · t[c]
//! ⟨q, u⟩   ≈ low + step · Σ t[code]
//! ```
//! | metric | add | scale | so base + add + scale · ⟨q, u⟩ is |
//! |---|---|---|---|
//! | l2, cosine | \|r\|² + 2 α ⟨centre, u⟩ | −2 α | ‖q − v‖², base being ‖q − centre‖² |
//! | ip | 0 | −α | −q · v, base being −q · centre |
//!
//! The rescale α makes ⟨q, α u⟩ right on average over rotations, for any code (Gao & Long, 2024, for
//! signs). Since the centre's product is part of `add`, one set of tables serves all centres. Numbers of a rotated
//! vector are close to normal ones, and the sixteen points of bits2 are those
//! that quantise a pair of these best (Lloyd's iteration to its end: error 0.1076 of the variance). Where points
//! are [`trained`] every position has its own, which the file keeps.
//!
//! Invariant: sums run in `f64` in eight lanes, in `f32` one by one: codes, terms and tables have the same
//! bits everywhere.

use super::Codec;
use super::trained::{self, Batch};
use crate::kernels::{
    Kernels, STRIP_ENTRIES, STRIP_TERMS_BYTES, StripScan, StripScans, StripsTeller, TABLE_BYTES,
};
use crate::metric::Metric;

const CODES: usize = 16;
const LANES: usize = 8;

/// What pairs of normal numbers are quantised to: the first numbers, then the second ones.
const POINTS: [[f32; CODES]; 2] = [
    [
        0.0008, -0.8849, 0.5225, 0.3641, -0.3901, 0.95, -0.5611, -1.6646, 0.5035, 1.5672, 1.3033,
        0.0932, -1.8049, -0.8042, 1.9892, -1.1885,
    ],
    [
        -0.0026, -0.0956, -0.7285, 0.812, -0.8752, 0.097, 0.7712, -0.847, -1.8055, -1.0126, 1.3358,
        1.8604, 0.4647, -1.8339, 0.2283, 1.6114,
    ],
];

/// The signs of four numbers by code: bit `b` is set where number `b` is not negative.
const SIGNS: [[f32; CODES]; 4] = {
    let mut signs = [[-1.0; CODES]; 4];
    let mut code = 0;
    while code < CODES {
        let mut bit = 0;
        while bit < 4 {
            if code >> bit & 1 == 1 {
                signs[bit][code] = 1.0;
            }
            bit += 1;
        }
        code += 1;
    }
    signs
};

/// What codes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// Of each number its sign.
    One,
    /// Two bits a number, which pairs of numbers share.
    Two,
    /// Four bits for so many numbers, of points that are trained.
    Pq4(u8),
    /// Eight bits for as many, of such points.
    Pq8(u8),
}

impl Bits {
    /// Those whose points are the same for all data.
    pub const FIXED: [Self; 2] = [Self::One, Self::Two];
    /// Numbers that a code of trained points stands for at most.
    pub const NUMBERS_MAX: u8 = 16;

    /// The name options and `stats()` use.
    pub const fn name(self) -> &'static str {
        self.codec().name()
    }

    /// The codec of these.
    pub const fn codec(self) -> Codec {
        match self {
            Self::One => Codec::Bits1,
            Self::Two => Codec::Bits2,
            Self::Pq4(_) => Codec::Pq4,
            Self::Pq8(_) => Codec::Pq8,
        }
    }

    /// Numbers of one code, where points are trained; else 0, for there is nothing to say.
    pub const fn trained_numbers(self) -> u8 {
        match self {
            Self::One | Self::Two => 0,
            Self::Pq4(numbers) | Self::Pq8(numbers) => numbers,
        }
    }

    /// Numbers of one code.
    pub const fn numbers(self) -> usize {
        match self {
            Self::One => SIGNS.len(),
            Self::Two => POINTS.len(),
            Self::Pq4(numbers) | Self::Pq8(numbers) => numbers as usize,
        }
    }

    /// How many different codes there are.
    pub const fn codes(self) -> usize {
        match self {
            Self::Pq8(_) => 256,
            Self::One | Self::Two | Self::Pq4(_) => CODES,
        }
    }

    /// Whether a number has a bit at most.
    pub const fn coarse(self) -> bool {
        match self {
            Self::One => true,
            Self::Two => false,
            Self::Pq4(numbers) => numbers >= 4,
            Self::Pq8(numbers) => numbers >= 8,
        }
    }

    /// Codes of a vector of `dim` numbers: an even number of those of four bits.
    pub const fn positions(self, dim: usize) -> usize {
        let positions = dim.div_ceil(self.numbers());
        match self {
            Self::Pq8(_) => positions,
            Self::One | Self::Two | Self::Pq4(_) => positions.next_multiple_of(2),
        }
    }

    /// Floats of the trained points of `dim` numbers, none where they are fixed: of each number of each
    /// position, those past the last one too, its value by code.
    pub const fn points_len(self, dim: usize) -> usize {
        match self {
            Self::One | Self::Two => 0,
            Self::Pq4(_) | Self::Pq8(_) => dim.next_multiple_of(self.numbers()) * self.codes(),
        }
    }

    /// Bytes of a query's tables.
    pub const fn tables_bytes(self, dim: usize) -> usize {
        self.positions(dim) * self.codes()
    }

    /// Bytes of the codes of 32 vectors of `dim` numbers.
    pub const fn codes_bytes(self, dim: usize) -> usize {
        let position = match self {
            Self::Pq8(_) => STRIP_ENTRIES,
            Self::One | Self::Two | Self::Pq4(_) => TABLE_BYTES,
        };
        self.positions(dim) * position
    }

    /// Bytes of the codes and terms of 32 vectors of `dim` numbers.
    pub const fn strip_bytes(self, dim: usize) -> usize {
        self.codes_bytes(dim) + STRIP_TERMS_BYTES
    }

    /// The kernel that scans strips of these.
    pub const fn scan(self, kernels: &Kernels) -> StripScan {
        match self {
            Self::Pq8(_) => kernels.scan_u8u8,
            Self::One | Self::Two | Self::Pq4(_) => kernels.scan_u6u4,
        }
    }

    /// The one that tells what of several is near, where there is one.
    pub const fn teller(self, kernels: &Kernels) -> Option<StripsTeller> {
        match self {
            Self::Pq8(_) => None,
            Self::One | Self::Two | Self::Pq4(_) => kernels.teller(),
        }
    }

    /// The one that scans them for several queries at once, where there is one.
    pub const fn scan_together(self, kernels: &Kernels) -> Option<StripScans> {
        match self {
            Self::Pq8(_) => None,
            Self::One | Self::Two | Self::Pq4(_) => kernels.scan_u6u4_x4,
        }
    }
}

/// Codes and what they stand for.
#[derive(Clone, Copy, Debug)]
pub struct Book<'a> {
    bits: Bits,
    /// Trained ones, as [`Bits::points_len`] counts them.
    points: &'a [f32],
}

impl<'a> Book<'a> {
    /// Of trained points, where these are any: [`Bits::points_len`] floats, or none where nothing is coded.
    ///
    /// # Panics
    /// Where they are no whole number of positions.
    pub fn new(bits: Bits, points: &'a [f32]) -> Self {
        assert!(
            points.len().is_multiple_of(bits.numbers() * bits.codes()),
            "{} floats are no whole number of positions",
            points.len()
        );
        Self { bits, points }
    }

    /// What codes are.
    pub const fn bits(&self) -> Bits {
        self.bits
    }

    /// Trained ones.
    pub const fn points(&self) -> &'a [f32] {
        self.points
    }

    /// Of four bits: of each number of a position the value by code, the same for all positions or of one after
    /// the other.
    fn values(&self) -> &'a [[f32; CODES]] {
        match self.bits {
            Bits::One => &SIGNS,
            Bits::Two => &POINTS,
            Bits::Pq4(_) | Bits::Pq8(_) => self.points.as_chunks().0,
        }
    }

    /// Writes the codes of a rotated vector, one a byte.
    pub(super) fn encode(&self, residual: &[f32], codes: &mut [u8]) {
        codes.fill(0);
        match self.bits {
            Bits::One => signs(residual, codes),
            Bits::Two => points(residual, codes),
            Bits::Pq4(_) | Bits::Pq8(_) => {
                let mut batch = Batch::default();
                batch.set(*self, residual, residual.len());
                codes.copy_from_slice(batch.codes(0));
            }
        }
    }

    /// Writes what codes stand for.
    ///
    /// # Panics
    /// Where one is of more bits than they have.
    pub(super) fn decode(&self, codes: &[u8], values: &mut [f32]) {
        let numbers = self.bits.numbers();
        let places = values.chunks_mut(numbers).zip(codes);
        let all = self.bits.codes();
        if let Bits::Pq8(_) = self.bits {
            for ((values, &code), points) in places.zip(self.points.chunks(numbers * all)) {
                for (value, points) in values.iter_mut().zip(points.chunks(all)) {
                    *value = points[usize::from(code)];
                }
            }
            return;
        }
        for ((values, &code), points) in places.zip(self.values().chunks(numbers).cycle()) {
            for (value, points) in values.iter_mut().zip(points) {
                *value = points[usize::from(code)];
            }
        }
    }

    /// Whether codes are those of a rotated vector, each number of which may be `off` by so much.
    pub(super) fn nearest(&self, residual: &[f32], codes: &[u8], off: f64) -> bool {
        let mut own = vec![0; codes.len()];
        self.encode(residual, &mut own);
        let mut values = [codes, &own].map(|codes| {
            let mut values = vec![0.0; residual.len()];
            self.decode(codes, &mut values);
            values
        });
        let unit = unit_of(residual);
        let numbers = self.bits.numbers();
        let [theirs, ours] = &mut values;
        let mut places = theirs.chunks(numbers).zip(ours.chunks(numbers));
        let mut groups = residual.chunks(numbers);
        own.iter().zip(codes).all(|(&own, &code)| {
            let (Some(numbers), Some((theirs, ours))) = (groups.next(), places.next()) else {
                return own == code;
            };
            own == code || self.as_near(numbers, unit, [own, code], [ours, theirs], off)
        })
    }

    /// Whether the second code is as near as the nearest for all that is known of the numbers.
    fn as_near(
        &self,
        numbers: &[f32],
        unit: f64,
        [own, code]: [u8; 2],
        values: [&[f32]; 2],
        off: f64,
    ) -> bool {
        let [ours, theirs] = values;
        if self.bits == Bits::One {
            let mut signs = numbers.iter().zip(ours).zip(theirs);
            let spare = (own ^ code) >> numbers.len() == 0;
            return spare
                && signs
                    .all(|((x, ours), theirs)| ours * theirs > 0.0 || f64::from(x.abs()) <= off);
        }
        let away = |values: &[f32]| {
            let apart = numbers.iter().zip(values);
            let apart = apart.map(|(&x, &value)| f64::from(x) / unit - f64::from(value));
            apart.map(|x| x * x).sum::<f64>().sqrt()
        };
        // Where all is as short as rounding, any will do.
        let slack = 1e-4 + 4.0 * off / unit;
        !slack.is_finite() || away(theirs) <= away(ours) + slack
    }
}

fn signs(residual: &[f32], codes: &mut [u8]) {
    for (numbers, code) in residual.chunks(4).zip(codes) {
        for (bit, x) in numbers.iter().enumerate() {
            *code |= u8::from(*x >= 0.0) << bit;
        }
    }
}

/// The nearest point to every pair, in units of the numbers' spread; ties to the lower code.
fn points(residual: &[f32], codes: &mut [u8]) {
    let Some(inverse) = inverse_unit(residual) else {
        return;
    };
    for (numbers, codes) in residual.chunks(2 * LANES).zip(codes.chunks_mut(LANES)) {
        let mut pairs = [[0.0; LANES]; 2];
        for (at, x) in numbers.iter().enumerate() {
            pairs[at % 2][at / 2] = x * inverse;
        }
        let (mut nearest, mut least) = ([0_u32; LANES], [f32::INFINITY; LANES]);
        for (code, (&x, &y)) in (0..).zip(POINTS[0].iter().zip(&POINTS[1])) {
            let half = 0.5 * (x * x + y * y);
            for lane in 0..LANES {
                let score = half - (pairs[0][lane] * x + pairs[1][lane] * y);
                let nearer = score < least[lane];
                least[lane] = if nearer { score } else { least[lane] };
                nearest[lane] = if nearer { code } else { nearest[lane] };
            }
        }
        for (place, code) in codes.iter_mut().zip(nearest) {
            *place = code.to_le_bytes()[0];
        }
    }
}

/// One over how far numbers of a vector are from zero; `None` where there is nothing to tell apart, or more
/// than a float holds.
pub(super) fn inverse_unit(residual: &[f32]) -> Option<f32> {
    #[allow(clippy::cast_possible_truncation)] // a length fits one
    let unit = unit_of(residual) as f32;
    let inverse = 1.0 / unit;
    (inverse > 0.0 && inverse.is_finite()).then_some(inverse)
}

/// How far numbers of a vector are from zero, on average.
#[allow(clippy::cast_precision_loss)] // a dimension
fn unit_of(residual: &[f32]) -> f64 {
    (dot(residual, residual) / residual.len() as f64).sqrt()
}

/// In eight lanes of `f64`, which no product of floats overflows.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (a, a_tail) = a.as_chunks::<LANES>();
    let (b, b_tail) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += f64::from(a[lane]) * f64::from(b[lane]);
        }
    }
    for ((lane, &a), &b) in lanes.iter_mut().zip(a_tail).zip(b_tail) {
        *lane += f64::from(a) * f64::from(b);
    }
    lanes.iter().sum()
}

/// What an entry of a strip holds.
#[derive(Clone, Debug, Default)]
pub struct EntryCode {
    /// Its codes, one a byte.
    pub codes: Vec<u8>,
    /// What it adds.
    pub add: f32,
    /// What it is multiplied by.
    pub scale: f32,
    values: Vec<f32>,
    square: f64,
}

impl EntryCode {
    /// Takes the code of a rotated vector less its centre. `anchor` is the centre as tables see it:
    /// `None` where they are of the query less this very centre. `apart` is added: how much farther the
    /// vector is than its numbers say.
    pub fn set(
        &mut self,
        book: Book<'_>,
        metric: Metric,
        residual: &[f32],
        anchor: Option<&[f32]>,
        apart: f32,
    ) {
        let mut batch = Batch::default();
        batch.set(book, residual, residual.len());
        self.set_of((&batch, 0), book, metric, residual, anchor, apart);
    }

    /// As [`set`](Self::set), of the vector that came `at` to a batch.
    pub fn set_of(
        &mut self,
        (batch, at): (&Batch, usize),
        book: Book<'_>,
        metric: Metric,
        residual: &[f32],
        anchor: Option<&[f32]>,
        apart: f32,
    ) {
        self.codes.clear();
        self.codes.extend_from_slice(batch.codes(at));
        self.values.resize(residual.len(), 0.0);
        book.decode(&self.codes, &mut self.values);
        let square = dot(residual, residual);
        let along = dot(&self.values, residual);
        // A vector at its centre has nothing to add, whatever its codes.
        let alpha = if along > 0.0 { square / along } else { 0.0 };
        #[allow(clippy::cast_possible_truncation)] // a score is an f32
        let (add, scale) = match metric {
            Metric::Ip => (0.0, -alpha as f32),
            Metric::L2 | Metric::Cosine => {
                let centre = anchor.map_or(0.0, |anchor| dot(anchor, &self.values));
                (
                    (square + 2.0 * alpha * centre) as f32,
                    (-2.0 * alpha) as f32,
                )
            }
        };
        (self.add, self.scale) = (add + apart, scale);
        self.square = square;
    }

    /// The vector's squared distance to its centre.
    pub const fn square(&self) -> f64 {
        self.square
    }
}

/// The tables of one query, and the memory of the one before it.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    products: Vec<[f32; CODES]>,
    bytes: Vec<u8>,
    low: f32,
    step: f32,
}

impl Tables {
    /// Takes a rotated query; allocates only to grow.
    pub fn set(&mut self, book: Book<'_>, query: &[f32], kernels: &Kernels) {
        let bytes = book.bits.tables_bytes(query.len());
        self.products.resize(bytes / CODES, [0.0; CODES]);
        self.bytes.resize(bytes, 0);
        let (products, bytes) = (&mut self.products, &mut self.bytes);
        let numbers = book.bits.numbers();
        (self.low, self.step) = match book.bits {
            Bits::Pq8(_) => trained::wide_tables(numbers, book.points, query, products, bytes),
            Bits::One | Bits::Two | Bits::Pq4(_) => {
                (kernels.tables_u6)(query, (numbers, book.values()), products, bytes)
            }
        };
    }

    /// The tables, position after position, as kernels take them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the tables leave out, and what one in a table stands for.
    pub const fn low_and_step(&self) -> (f32, f32) {
        (self.low, self.step)
    }
}
