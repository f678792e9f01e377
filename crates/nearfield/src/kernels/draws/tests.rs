//! Every table against the definition, and the definition against what others publish.

#![allow(
    clippy::cast_precision_loss,
    reason = "counts and places are small enough to convert exactly"
)]

use super::*;
use crate::rng;

fn lanes(key: u64) -> Lanes {
    let words: [u64; 32] = rng::expand(key);
    Lanes(std::array::from_fn(|word| {
        std::array::from_fn(|lane| words[word * 8 + lane])
    }))
}

/// The first numbers of the authors' program for the state 1, 2, 3, 4.
#[test]
fn every_lane_is_the_published_generator() {
    const FIRST: [u64; 10] = [
        41_943_041,
        58_720_359,
        3_588_806_011_781_223,
        3_591_011_842_654_386,
        9_228_616_714_210_784_205,
        9_973_669_472_204_895_162,
        14_011_001_112_246_962_877,
        12_406_186_145_184_390_807,
        15_849_039_046_786_891_736,
        10_450_023_813_501_588_000,
    ];
    for table in available() {
        for lane in 0..8 {
            let mut lanes = lanes(3);
            for (word, state) in lanes.0.iter_mut().zip(1..) {
                word[lane] = state;
            }
            let mut out = [0; 10 * LINE_BYTES];
            (table.lines)(&mut lanes, &mut out, Store::Cached);
            let words = out.chunks_exact(LINE_BYTES).map(|line| {
                u64::from_le_bytes(line[lane * 8..][..8].try_into().expect("eight bytes"))
            });
            assert!(words.eq(FIRST), "{:?}, lane {lane}", table.isa);
        }
    }
}

#[test]
fn tables_agree_in_every_bit() {
    let mut replayed = Vec::new();
    let (mut expected, mut found) = (vec![0; 9000], vec![0; 9000]);
    for table in available() {
        for count in [0, 1, 2, 3, 63, 100] {
            for place in 0..64 {
                for store in [Store::Cached, Store::Streamed] {
                    let (mut ours, mut theirs) = (lanes(7), lanes(7));
                    let bytes = count * LINE_BYTES;
                    // Twice: what the first call leaves in the state counts too.
                    for _ in 0..2 {
                        (SCALAR.lines)(&mut theirs, &mut expected[place..][..bytes], store);
                        (table.lines)(&mut ours, &mut found[place..][..bytes], store);
                        assert!(
                            expected == found,
                            "{:?} {count} lines at {place}",
                            table.isa
                        );
                    }
                }
            }
        }
        replayed.push(table.isa);
    }
    println!("replayed draws: {replayed:?}");
}

#[test]
fn rows_agree_in_every_bit() {
    let numbers: Vec<f32> = (0..4096).map(|at| (at % 97) as f32 / 50.0 - 0.9).collect();
    let laws = [Law::Uniform, Law::Gaussian];
    for table in available() {
        for dim in (1..200).chain([511, 512, 513, 1024, 1536, 2000]) {
            let around = (&numbers[..dim], &numbers[7..][..dim]);
            for (law, around, unit) in laws.into_iter().flat_map(|law| {
                [
                    (law, None, false),
                    (law, None, true),
                    (law, Some(around), true),
                ]
            }) {
                let shape = Shape { law, around, unit };
                let (mut expected, mut found) = (vec![0.0; dim], vec![0.0; dim]);
                let (mut ours, mut theirs) = (lanes(dim as u64), lanes(dim as u64));
                for _ in 0..3 {
                    (SCALAR.row)(&mut theirs, &mut Desk::new(), shape, &mut expected);
                    (table.row)(&mut ours, &mut Desk::new(), shape, &mut found);
                    let same = expected.iter().zip(&found);
                    let same = same.into_iter().all(|(a, b)| a.to_bits() == b.to_bits());
                    assert!(same, "{:?} {shape:?} {dim}", table.isa);
                }
            }
        }
    }
}

fn drawn(law: Law, rows: usize, dim: usize) -> Vec<f32> {
    let shape = Shape {
        law,
        around: None,
        unit: false,
    };
    let table = draws(None);
    let (mut out, mut lanes, mut desk) = (vec![0.0; rows * dim], lanes(5), Desk::new());
    for row in out.chunks_exact_mut(dim) {
        (table.row)(&mut lanes, &mut desk, shape, row);
    }
    out
}

/// The complementary error function to 1.2·10⁻⁷ (Numerical Recipes, erfcc).
fn erfc(x: f64) -> f64 {
    let z = x.abs();
    let t = 1.0 / (1.0 + 0.5 * z);
    let series = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ];
    let sum = series.into_iter().fold(0.0, |sum, c| sum * t + c);
    let y = t * (-z * z + sum).exp();
    if x >= 0.0 { y } else { 2.0 - y }
}

/// Kolmogorov and Smirnov's largest distance, against the value one sample in a thousand exceeds.
fn assert_distribution(mut numbers: Vec<f32>, below: impl Fn(f64) -> f64) {
    let count = numbers.len() as f64;
    numbers.sort_unstable_by(f32::total_cmp);
    let mut apart = 0.0f64;
    for (at, &number) in numbers.iter().enumerate() {
        let expected = below(f64::from(number));
        apart = apart.max((expected - at as f64 / count).abs());
        apart = apart.max((expected - (at + 1) as f64 / count).abs());
    }
    assert!(apart < 1.95 / count.sqrt(), "{apart} of {count} numbers");
}

#[test]
fn numbers_follow_their_laws() {
    let (rows, dim) = (2000, 500);
    let normal = |x: f64| 0.5 * erfc(-x / std::f64::consts::SQRT_2);
    assert_distribution(drawn(Law::Gaussian, rows, dim), normal);
    assert_distribution(drawn(Law::Uniform, rows, dim), |x| f64::midpoint(x, 1.0));
    // Cosines and sines of one angle are independent, and so are neighbours: no correlation beyond
    // four and a half standard deviations.
    let numbers = drawn(Law::Gaussian, rows, dim);
    for apart in [1, 16, 256, dim] {
        let products = numbers.iter().zip(&numbers[apart..]);
        let sum: f64 = products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        assert!(
            sum.abs() < 4.5 * (numbers.len() as f64).sqrt(),
            "{apart}: {sum}"
        );
    }
    let largest = numbers
        .iter()
        .fold(0.0f32, |largest, x| largest.max(x.abs()));
    assert!((4.5..5.78).contains(&largest), "{largest}");
}

/// Mixing and scaling against the same in `f64`, from the plain draws of the same lanes.
#[test]
fn shapes_are_what_they_say() {
    for dim in [1, 15, 16, 17, 100, 128, 600] {
        let centre: Vec<f32> = (0..dim).map(|at| at as f32 / 100.0).collect();
        let deviations: Vec<f32> = (0..dim).map(|at| 1.0 / (at + 1) as f32).collect();
        let plain = Shape {
            law: Law::Gaussian,
            around: None,
            unit: false,
        };
        let shape = Shape {
            around: Some((&centre, &deviations)),
            unit: true,
            ..plain
        };
        let (mut row, mut found) = (vec![0.0; dim], vec![0.0; dim]);
        (SCALAR.row)(&mut lanes(1), &mut Desk::new(), plain, &mut row);
        (SCALAR.row)(&mut lanes(1), &mut Desk::new(), shape, &mut found);
        let scaled: Vec<f64> = row
            .iter()
            .zip(&deviations)
            .map(|(x, d)| f64::from(*x) * f64::from(*d))
            .collect();
        let part = dim / 16;
        let mut wanted: Vec<f64> = (0..dim)
            .map(|at| {
                if at >= part * 16 {
                    return scaled[at];
                }
                // Entry (a, b) of the matrix is −1 to the number of bits both have.
                let (a, place) = (at / part, at % part);
                let terms = (0..16).map(|b: usize| {
                    let sign = if (a & b).count_ones().is_multiple_of(2) {
                        0.25
                    } else {
                        -0.25
                    };
                    sign * scaled[b * part + place]
                });
                terms.sum()
            })
            .collect();
        for (x, c) in wanted.iter_mut().zip(&centre) {
            *x += f64::from(*c);
        }
        let norm = wanted.iter().map(|x| x * x).sum::<f64>().sqrt();
        for (found, wanted) in found.iter().zip(&wanted) {
            assert!((f64::from(*found) - wanted / norm).abs() < 1e-5, "{dim}");
        }
    }
}
