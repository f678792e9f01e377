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

use crate::rng;

/// Transforms of all numbers, and of overlapping parts that are not all.
const WHOLE: usize = 2;
const PARTS: usize = 4;
const STREAM_SIGNS: u64 = 0x0702_4a71;
const HALF_ROOT: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// Numbers whose first sums are taken together.
const START: usize = 8;

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
    pub fn turn(&self, vector: &mut [f32]) {
        assert_eq!(vector.len(), self.dim, "a vector of this dimension");
        for (at, signs) in self.signs.chunks_exact(self.dim).enumerate() {
            flip(vector, signs);
            hadamard(self.part(vector, at), self.shrink);
            if at % 2 == 1 && self.span < self.dim {
                butterfly(vector);
            }
        }
    }

    /// Takes [`turn`](Self::turn) back: every one of its steps is its own inverse.
    ///
    /// # Panics
    /// Where the vector has another dimension.
    pub fn turn_back(&self, vector: &mut [f32]) {
        assert_eq!(vector.len(), self.dim, "a vector of this dimension");
        for (at, signs) in self.signs.chunks_exact(self.dim).enumerate().rev() {
            if at % 2 == 1 && self.span < self.dim {
                butterfly(vector);
            }
            hadamard(self.part(vector, at), self.shrink);
            flip(vector, signs);
        }
    }

    /// What a transform takes: from one end, then from the other.
    fn part<'v>(&self, vector: &'v mut [f32], transform: usize) -> &'v mut [f32] {
        let start = (transform % 2) * (self.dim - self.span);
        &mut vector[start..start + self.span]
    }
}

fn flip(vector: &mut [f32], signs: &[f32]) {
    for (x, sign) in vector.iter_mut().zip(signs) {
        *x *= sign;
    }
}

/// Across the halves.
fn butterfly(vector: &mut [f32]) {
    let (low, high) = vector.split_at_mut(vector.len() / 2);
    for (a, b) in low.iter_mut().zip(high) {
        (*a, *b) = ((*a + *b) * HALF_ROOT, (*a - *b) * HALF_ROOT);
    }
}

/// The transform of a power of two numbers, of which `shrink` is the root's inverse.
fn hadamard(numbers: &mut [f32], shrink: f32) {
    let mut half = 1;
    for x in &mut *numbers {
        *x *= shrink;
    }
    if numbers.len() >= START {
        for eight in numbers.as_chunks_mut::<START>().0 {
            *eight = hadamard_start(*eight);
        }
        half = START;
    }
    while half < numbers.len() {
        for pair in numbers.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

/// The transform of eight.
#[inline]
fn hadamard_start(x: [f32; START]) -> [f32; START] {
    let mut x = x;
    for half in [1, 2, 4] {
        let mut y = [0.0; START];
        for (at, y) in y.iter_mut().enumerate() {
            let (a, b) = (x[at & !half], x[at | half]);
            *y = if at & half == 0 { a + b } else { a - b };
        }
        x = y;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
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
            rotation.turn(&mut a);
            rotation.turn(&mut b);
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
            rotation.turn(&mut back);
            rotation.turn_back(&mut back);
            let apart: Vec<_> = vector.iter().zip(&back).map(|(a, b)| a - b).collect();
            let (error, length) = (dot(&apart, &apart), dot(&vector, &vector));
            assert!(error <= 1e-11 * length, "{dim}: {error} of {length}");
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
                rotation.turn(&mut vector);
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
            Rotation::new(20, seed).turn(&mut vector);
            vector.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(turned(1), turned(1));
        assert_ne!(turned(1), turned(2));
    }
}
