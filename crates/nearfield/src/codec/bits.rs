//! Codes of one or two bits a number, for rotated vectors, and the tables that score them.
//!
//! ```text
//! code     four bits: the signs of four numbers (bits1), or the nearest of sixteen points to two (bits2)
//! vector   ≈ centre + α · u        u: what the codes stand for, α = |r|² / ⟨u, r⟩, r = vector − centre
//! table    sixteen bytes a code: ⟨what code c stands for, the query's numbers there⟩ = least + step · t[c]
//! ⟨q, u⟩   ≈ low + step · Σ t[code]
//! ```
//! | metric | add | scale | so base + add + scale · ⟨q, u⟩ is |
//! |---|---|---|---|
//! | l2, cosine | \|r\|² + 2 α ⟨centre, u⟩ | −2 α | ‖q − v‖², base being ‖q − centre‖² |
//! | ip | 0 | −α | −q · v, base being −q · centre |
//!
//! The rescale α makes ⟨q, α u⟩ right on average over rotations, for any code (Gao & Long, 2024, for
//! signs). Since the centre's product is part of `add`, one set of tables serves all centres. No codebook
//! is trained: numbers of a rotated vector are close to normal ones, and the sixteen points are those
//! that quantise a pair of these best (Lloyd's iteration to its end: error 0.1076 of the variance).
//!
//! Invariant: sums run in `f64` in eight lanes, in `f32` one by one: codes, terms and tables have the same
//! bits everywhere.

use crate::kernels::{Kernels, STRIP_TERMS_BYTES, TABLE_BYTES};
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

/// Bits a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// Its sign.
    One,
    /// Two, which pairs of numbers share.
    Two,
}

impl Bits {
    /// Every number of bits.
    pub const ALL: [Self; 2] = [Self::One, Self::Two];

    /// The name options and `stats()` use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "bits1",
            Self::Two => "bits2",
        }
    }

    /// The codec of these.
    pub const fn codec(self) -> super::Codec {
        match self {
            Self::One => super::Codec::Bits1,
            Self::Two => super::Codec::Bits2,
        }
    }

    /// Numbers of one code.
    const fn numbers(self) -> usize {
        self.values().len()
    }

    /// What the codes stand for: of each number, the value by code.
    const fn values(self) -> &'static [[f32; CODES]] {
        match self {
            Self::One => &SIGNS,
            Self::Two => &POINTS,
        }
    }

    /// Codes of a vector of `dim` numbers: an even number of them.
    pub const fn positions(self, dim: usize) -> usize {
        dim.div_ceil(self.numbers()).next_multiple_of(2)
    }

    /// Bytes of the codes and terms of 32 vectors of `dim` numbers.
    pub const fn strip_bytes(self, dim: usize) -> usize {
        self.positions(dim) * TABLE_BYTES + STRIP_TERMS_BYTES
    }

    /// Writes the codes of a rotated vector, one a byte, and what they stand for.
    fn encode(self, residual: &[f32], codes: &mut [u8], values: &mut [f32]) {
        codes.fill(0);
        match self {
            Self::One => signs(residual, codes),
            Self::Two => points(residual, codes),
        }
        self.decode(codes, values);
    }

    /// Writes what codes stand for.
    pub(super) fn decode(self, codes: &[u8], values: &mut [f32]) {
        for (values, &code) in values.chunks_mut(self.numbers()).zip(codes) {
            for (value, table) in values.iter_mut().zip(self.values()) {
                *value = table[usize::from(code)];
            }
        }
    }

    /// Whether codes are those of a rotated vector, each number of which may be `off` by so much.
    pub(super) fn nearest(self, residual: &[f32], codes: &[u8], off: f64) -> bool {
        let mut own = vec![0; codes.len()];
        match self {
            Self::One => signs(residual, &mut own),
            Self::Two => points(residual, &mut own),
        }
        let unit = unit_of(residual);
        let mut pairs = own.iter().zip(codes).enumerate();
        pairs.all(|(at, (&own, &code))| {
            let Some(numbers) = residual.chunks(self.numbers()).nth(at) else {
                return own == code;
            };
            own == code || self.as_near(numbers, unit, [own, code], off)
        })
    }

    /// Whether the second code is as near as the nearest for all that is known of the numbers.
    fn as_near(self, numbers: &[f32], unit: f64, codes: [u8; 2], off: f64) -> bool {
        let [own, code] = codes.map(|code| usize::from(code & 15));
        if self == Self::One {
            let mut signs = numbers.iter().zip(&SIGNS);
            let spare = (own ^ code) >> numbers.len() == 0;
            return spare
                && signs.all(|(x, s)| s[own] * s[code] > 0.0 || f64::from(x.abs()) <= off);
        }
        let away = |code: usize| {
            let (x, y) = (numbers[0], numbers.get(1).copied().unwrap_or(0.0));
            let x = f64::from(x) / unit - f64::from(POINTS[0][code]);
            let y = f64::from(y) / unit - f64::from(POINTS[1][code]);
            (x * x + y * y).sqrt()
        };
        // Where all is as short as rounding, any will do.
        let slack = 1e-4 + 4.0 * off / unit;
        !slack.is_finite() || away(code) <= away(own) + slack
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
    #[allow(clippy::cast_possible_truncation)] // a length fits one
    let unit = unit_of(residual) as f32;
    let inverse = 1.0 / unit;
    // Nothing to tell apart, or more than a float holds.
    if !(inverse > 0.0 && inverse.is_finite()) {
        return;
    }
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
        bits: Bits,
        metric: Metric,
        residual: &[f32],
        anchor: Option<&[f32]>,
        apart: f32,
    ) {
        let dim = residual.len();
        self.codes.resize(bits.positions(dim), 0);
        self.values.resize(dim, 0.0);
        bits.encode(residual, &mut self.codes, &mut self.values);
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
    pub fn set(&mut self, bits: Bits, query: &[f32], kernels: &Kernels) {
        let positions = bits.positions(query.len());
        self.products.resize(positions, [0.0; CODES]);
        self.bytes.resize(positions * TABLE_BYTES, 0);
        let (products, bytes) = (&mut self.products, &mut self.bytes);
        (self.low, self.step) = (kernels.tables_u6)(query, bits.values(), products, bytes);
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
