//! What "near" means: a metric turns kernel sums into scores, and scores into reported distances.
//!
//! A **score** orders candidates, smaller is nearer, and is never NaN: a sum that overflows both
//! ways (only finite but enormous vectors do that) is farther than everything. Ties are the
//! caller's, by slot. A **distance** is what leaves the library.
//!
//! | metric | score | distance | rows are stored |
//! |---|---|---|---|
//! | l2 | Σ (a − b)² | the score | as given |
//! | ip | −Σ a b | 1 + score | as given |
//! | cosine | −Σ a b | 1 + score, within 0 … 2 | at unit length |
//!
//! Under every metric −0 is stored as +0, so that equal rows are equal bit for bit. Normalising is
//! sequential `f64` arithmetic: a stored row has the same bits on every processor and in WebAssembly.

use crate::kernels::{Ahead, Kernels, Pair, Quad};

/// How two vectors are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Squared Euclidean distance.
    L2,
    /// Inner product: the larger, the nearer.
    Ip,
    /// Inner product of the vectors at unit length.
    Cosine,
}

impl Metric {
    /// Every metric, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::L2, Self::Ip, Self::Cosine];

    /// The name options and `stats()` use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::L2 => "l2",
            Self::Ip => "ip",
            Self::Cosine => "cosine",
        }
    }

    /// The metric of this [`name`](Self::name).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Whether rows and queries are brought to unit length before they are compared.
    pub const fn normalises(self) -> bool {
        matches!(self, Self::Cosine)
    }

    /// Brings finite numbers into the form in which they are stored and queried.
    pub fn prepare(self, row: &mut [f32]) {
        if self.normalises() {
            normalise(row);
        }
        canonical(row);
    }

    /// The scores of this metric on these kernels.
    pub fn score_pair(self, kernels: &'static Kernels) -> ScorePair {
        match self {
            Self::L2 => ScorePair {
                one: kernels.l2sq_f32,
                four: kernels.l2sq_f32_x4,
                sign: 1.0,
            },
            Self::Ip | Self::Cosine => ScorePair {
                one: kernels.dot_f32,
                four: kernels.dot_f32_x4,
                sign: -1.0,
            },
        }
    }

    /// The distance that is reported for a score.
    pub fn distance(self, score: f32) -> f32 {
        match self {
            Self::L2 => score,
            Self::Ip => 1.0 + score,
            Self::Cosine => (1.0 + score).clamp(0.0, 2.0),
        }
    }
}

/// Scores pairs of prepared vectors of equal length; a copy of two pointers and a sign, so a walk
/// chooses metric and instruction set once and not per pair.
#[derive(Clone, Copy, Debug)]
pub struct ScorePair {
    one: Pair,
    four: Quad,
    sign: f32,
}

impl ScorePair {
    /// The score of `row`; smaller is nearer.
    #[inline]
    pub fn one(&self, query: &[f32], row: &[f32]) -> f32 {
        self.ordered((self.one)(query, row))
    }

    /// The scores of four rows, the same bits as four calls of [`one`](Self::one) and much faster.
    #[inline]
    pub fn four(&self, query: &[f32], rows: [&[f32]; 4]) -> [f32; 4] {
        self.four_ahead(query, &rows, &Ahead::NONE)
    }

    /// As [`four`](Self::four), asking for rows ahead as it goes.
    #[inline]
    pub fn four_ahead(&self, query: &[f32], rows: &[&[f32]; 4], ahead: &Ahead) -> [f32; 4] {
        (self.four)(query, rows, ahead).map(|sum| self.ordered(sum))
    }

    /// `min` turns a NaN into ∞, and `+ 0.0` −0 into +0: scores can be compared as numbers or as
    /// bits and order the same. The sum comes last: `min` does not promise the sign of a zero, and
    /// LLVM 22 drops a sum before it.
    #[inline]
    fn ordered(&self, sum: f32) -> f32 {
        (self.sign * sum).min(f32::INFINITY) + 0.0
    }
}

/// Scales finite numbers to unit length. A zero vector stays zero. Squares of any `f32`, subnormal
/// or largest, fit an `f64`, so no row is lost to overflow or underflow.
pub fn normalise(row: &mut [f32]) {
    let squares = row
        .iter()
        .fold(0.0, |sum, &x| sum + f64::from(x) * f64::from(x));
    if squares == 0.0 {
        return;
    }
    let norm = squares.sqrt();
    for x in row {
        // Rounding to f32 is the point: the quotient is correctly rounded in f64 everywhere.
        #[allow(clippy::cast_possible_truncation)]
        let scaled = (f64::from(*x) / norm) as f32;
        *x = scaled;
    }
}

/// Stores −0 as +0; all other numbers keep their bits.
pub fn canonical(row: &mut [f32]) {
    for x in row {
        *x += 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::available;

    #[test]
    fn names_parse_back() {
        for metric in Metric::ALL {
            assert_eq!(Metric::parse(metric.name()), Some(metric));
        }
        assert_eq!(Metric::parse("L2"), None);
        assert_eq!(Metric::parse(""), None);
    }

    #[test]
    fn scores_and_distances_of_a_known_pair() {
        let (a, b) = ([3.0, 4.0], [4.0, 3.0]);
        for kernels in available() {
            let score = |metric: Metric| metric.score_pair(kernels).one(&a, &b);
            assert!((Metric::L2.distance(score(Metric::L2)) - 2.0).abs() < 1e-6);
            assert!((Metric::Ip.distance(score(Metric::Ip)) - (1.0 - 24.0)).abs() < 1e-6);
            let (mut a, mut b) = (a, b);
            Metric::Cosine.prepare(&mut a);
            Metric::Cosine.prepare(&mut b);
            let score = Metric::Cosine.score_pair(kernels).one(&a, &b);
            assert!((Metric::Cosine.distance(score) - (1.0 - 0.96)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_score_is_never_nan_nor_minus_zero() {
        let huge = [f32::MAX, f32::MAX];
        let mixed = [f32::MAX, -f32::MAX];
        for kernels in available() {
            for metric in Metric::ALL {
                let scores = metric.score_pair(kernels);
                let nan = scores.one(&[f32::NAN], &[1.0]);
                assert_eq!(
                    nan.to_bits(),
                    f32::INFINITY.to_bits(),
                    "{metric:?} {:?}",
                    kernels.isa
                );
                let both = scores.one(&[f32::INFINITY, f32::INFINITY], &[1.0, -1.0]);
                assert_eq!(both.to_bits(), f32::INFINITY.to_bits());
                assert!(!scores.one(&huge, &mixed).is_nan());
                let zero = scores.four(&[0.0], [&[0.0], &[-0.0], &[0.0], &[-0.0]]);
                assert!(
                    zero.iter().all(|score| score.to_bits() == 0),
                    "{metric:?} {zero:?}"
                );
            }
        }
    }

    #[test]
    fn unit_length_at_every_magnitude() {
        let subnormal = f32::from_bits(1);
        for scale in [subnormal, f32::MIN_POSITIVE, 1e-20, 1.0, 1e20, f32::MAX] {
            let mut row = [scale, -scale, scale, 0.0, scale];
            normalise(&mut row);
            let expected = [0.5f32, -0.5, 0.5, 0.0, 0.5];
            assert_eq!(
                row.map(f32::to_bits),
                expected.map(f32::to_bits),
                "{scale:e}"
            );
        }
    }

    #[test]
    fn a_zero_vector_stays_zero_and_is_at_distance_one() {
        let mut zero = [0.0, -0.0, 0.0];
        Metric::Cosine.prepare(&mut zero);
        assert!(zero.iter().all(|x| x.to_bits() == 0));
        let mut other = [1.0, 2.0, 3.0];
        Metric::Cosine.prepare(&mut other);
        for kernels in available() {
            let score = Metric::Cosine.score_pair(kernels).one(&zero, &other);
            assert_eq!(Metric::Cosine.distance(score).to_bits(), 1.0f32.to_bits());
        }
    }

    #[test]
    fn normalised_bits_are_fixed() {
        // Computed once; a processor or compiler that rounds otherwise would break saved files.
        let mut row = [0.1, -0.2, 0.3, 1e-30, 7.5, -123.456, 3.0e-3];
        normalise(&mut row);
        let bits = row.map(f32::to_bits);
        assert_eq!(bits, NORMALISED_BITS, "{bits:#x?}");
    }

    /// From an independent computation with IEEE 754 rounding (f64 sum, root and quotient).
    const NORMALISED_BITS: [u32; 7] = [
        0x3a53_f240,
        0xbad3_f240,
        0x3b1e_f5b0,
        0x0a27_ebd0,
        0x3d78_5fe2,
        0xbf7f_871a,
        0x37cb_77eb,
    ];

    #[test]
    fn canonical_touches_only_minus_zero() {
        let mut row = [
            -0.0,
            0.0,
            f32::from_bits(1),
            -f32::from_bits(1),
            f32::MAX,
            -1.5,
        ];
        let expected = [
            0.0,
            0.0,
            f32::from_bits(1),
            -f32::from_bits(1),
            f32::MAX,
            -1.5,
        ];
        canonical(&mut row);
        assert_eq!(row.map(f32::to_bits), expected.map(f32::to_bits));
    }

    #[test]
    fn cosine_distance_is_clamped() {
        assert_eq!(
            Metric::Cosine.distance(-1.000_000_2).to_bits(),
            0.0f32.to_bits()
        );
        assert_eq!(
            Metric::Cosine.distance(1.000_000_2).to_bits(),
            2.0f32.to_bits()
        );
    }
}
