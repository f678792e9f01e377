//! A random rotation: whatever the vectors, every number of a rotated one carries about as much as
//! every other, so that codes of one or two bits fit all of them.
//!
//! ```text
//! a turn   × signs ─► Hadamard over the first 2ᵖ ─► × signs ─► over the last 2ᵖ ─► halves added and subtracted
//! two turns; 2ᵖ is the largest power of two within the dimension, so there is no padding
//! ```
//! Where the dimension is a power of two, a turn is its first half. A transform takes n log n additions and no
//! memory, where a random matrix takes n² of both (Ailon & Chazelle, 2009).
//!
//! Invariants: lengths and angles stay as they were but for rounding. Additions and products run one by
//! one in a fixed order, unfused: a rotated vector has the same bits everywhere.

use crate::kernels::{Kernels, Turns};
use crate::rng;

/// Transforms of all numbers, and of overlapping parts that are not all.
const WHOLE: usize = 2;
const PARTS: usize = 4;
const STREAM_SIGNS: u64 = 0x0702_4a71;

/// The rotation of a seed and a dimension.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Transform after transform, a sign for each number.
    signs: Vec<f32>,
    dim: usize,
    span: usize,
    /// What keeps lengths after a transform.
    shrink: f32,
}

impl Rotation {
    /// Draws the signs.
    ///
    /// # Panics
    /// Where `dim` is 0.
    pub fn new(dim: usize, seed: u64) -> Self {
        assert!(dim > 0, "a vector has at least one number");
        let span = 1 << dim.ilog2();
        let transforms = if span == dim { WHOLE } else { PARTS };
        let sign = |position: u64| {
            let positive = rng::value(seed, STREAM_SIGNS, position) >> 63 == 0;
            if positive { 1.0 } else { -1.0 }
        };
        #[allow(clippy::cast_precision_loss)] // a power of two
        let shrink = 1.0 / (span as f32).sqrt();
        Self {
            signs: (0..).take(transforms * dim).map(sign).collect(),
            dim,
            span,
            shrink,
        }
    }

    /// Rotates a vector where it lies.
    ///
    /// # Panics
    /// Where it has another dimension.
    pub fn turn(&self, vector: &mut [f32], kernels: &Kernels) {
        self.turn_either_way(vector, kernels, false);
    }

    /// Takes [`turn`](Self::turn) back.
    ///
    /// # Panics
    /// Where the vector has another dimension.
    pub fn turn_back(&self, vector: &mut [f32], kernels: &Kernels) {
        self.turn_either_way(vector, kernels, true);
    }

    fn turn_either_way(&self, vector: &mut [f32], kernels: &Kernels, back: bool) {
        assert_eq!(vector.len(), self.dim, "a vector of this dimension");
        let turns = Turns {
            signs: &self.signs,
            span: self.span,
            shrink: self.shrink,
            back,
        };
        (kernels.turn_f32)(vector, turns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{available, kernels};
    use testkit::random::Random;

    #[allow(clippy::cast_possible_truncation)] // fixtures are f32
    fn normal(random: &mut Random, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| random.normal() as f32).collect()
    }

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    #[test]
    fn lengths_and_angles_stay() {
        let mut random = Random::new(3);
        for dim in [1, 2, 3, 5, 7, 8, 9, 100, 127, 128, 129, 300, 768, 1000] {
            let rotation = Rotation::new(dim, 11);
            let (mut a, mut b) = (normal(&mut random, dim), normal(&mut random, dim));
            let before = [dot(&a, &a), dot(&b, &b), dot(&a, &b)];
            rotation.turn(&mut a, kernels(None));
            rotation.turn(&mut b, kernels(None));
            for (was, is) in before
                .into_iter()
                .zip([dot(&a, &a), dot(&b, &b), dot(&a, &b)])
            {
                let scale = (before[0] * before[1]).sqrt();
                assert!((was - is).abs() <= 1e-5 * scale, "{dim}: {was} and {is}");
            }
        }
    }

    #[test]
    fn a_turn_is_taken_back() {
        let mut random = Random::new(8);
        for dim in [1, 2, 3, 5, 8, 9, 100, 127, 128, 300, 768] {
            let rotation = Rotation::new(dim, 11);
            let vector = normal(&mut random, dim);
            let mut back = vector.clone();
            rotation.turn(&mut back, kernels(None));
            rotation.turn_back(&mut back, kernels(None));
            let apart: Vec<_> = vector.iter().zip(&back).map(|(a, b)| a - b).collect();
            let (error, length) = (dot(&apart, &apart), dot(&vector, &vector));
            assert!(error <= 1e-11 * length, "{dim}: {error} of {length}");
        }
    }

    /// The transform by its definition, in another order of sums: good to what `f32` holds.
    #[test]
    fn every_set_turns_alike_and_as_the_definition() {
        let mut random = Random::new(9);
        for dim in [
            1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 100, 127, 128, 300, 768, 1024, 1500,
        ] {
            let rotation = Rotation::new(dim, 12);
            let vector = normal(&mut random, dim);
            let mut expected: Vec<f64> = vector.iter().copied().map(f64::from).collect();
            for (at, signs) in rotation.signs.chunks_exact(dim).enumerate() {
                for (x, sign) in expected.iter_mut().zip(signs) {
                    *x *= f64::from(*sign);
                }
                let start = (at % 2) * (dim - rotation.span);
                let before = expected[start..start + rotation.span].to_vec();
                for (row, out) in expected[start..start + rotation.span]
                    .iter_mut()
                    .enumerate()
                {
                    let signed = before.iter().enumerate().map(|(column, x)| {
                        let odd = (row & column).count_ones() % 2 == 1;
                        if odd { -x } else { *x }
                    });
                    *out = signed.sum::<f64>() * f64::from(rotation.shrink);
                }
                if at % 2 == 1 && rotation.span < dim {
                    for low in 0..dim / 2 {
                        let (a, b) = (expected[low], expected[dim / 2 + low]);
                        expected[low] = (a + b) * f64::sqrt(0.5);
                        expected[dim / 2 + low] = (a - b) * f64::sqrt(0.5);
                    }
                }
            }
            let mut first = None;
            for kernels in available() {
                let mut turned = vector.clone();
                rotation.turn(&mut turned, kernels);
                for (turned, expected) in turned.iter().zip(&expected) {
                    let error = (f64::from(*turned) - expected).abs();
                    assert!(
                        error < 1e-5,
                        "{:?} {dim}: {turned}, not {expected}",
                        kernels.isa
                    );
                }
                let bits: Vec<_> = turned.iter().map(|x| x.to_bits()).collect();
                assert_eq!(
                    first.get_or_insert(bits.clone()),
                    &bits,
                    "{:?} {dim}",
                    kernels.isa
                );
            }
        }
    }

    #[test]
    fn one_number_is_spread_over_all() {
        // Of a unit vector along an axis every number carries 1 / dim on average; none more than a
        // few times its share, from whichever axis it came.
        for dim in [64_u16, 100, 128, 200, 768] {
            let rotation = Rotation::new(dim.into(), 5);
            for axis in (0..usize::from(dim)).step_by(7) {
                let mut vector = vec![0.0; dim.into()];
                vector[axis] = 1.0;
                rotation.turn(&mut vector, kernels(None));
                let largest = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                let share = 1.0 / f32::from(dim).sqrt();
                assert!(largest < 6.0 * share, "{dim}, axis {axis}: {largest}");
            }
        }
    }

    #[test]
    fn a_seed_is_a_rotation() {
        let turned = |seed| {
            let mut vector = vec![1.0; 20];
            Rotation::new(20, seed).turn(&mut vector, kernels(None));
            vector.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(turned(1), turned(1));
        assert_ne!(turned(1), turned(2));
    }
}
