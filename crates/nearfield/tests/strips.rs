//! Codes of one and two bits against exact distances: right on average, and no farther off than theory
//! says, by every metric and with every table of this machine.

use nearfield::codec::bits::{Bits, Book, EntryCode, Tables};
use nearfield::codec::strips::{self, StripMemory};
use nearfield::kernels::{Kernels, ScanTerms, available};
use nearfield::metric::Metric;
use testkit::random::Random;

fn normal(random: &mut Random, dim: usize, scale: f64) -> Vec<f32> {
    #[allow(clippy::cast_possible_truncation)]
    let number = |random: &mut Random| (scale * random.normal()) as f32;
    (0..dim).map(|_| number(random)).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b);
    pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn minus(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// The scores of `vectors` around `centre`; `beside` takes tables of the query less the centre.
fn scores(
    kernels: &Kernels,
    (bits, metric): (Bits, Metric),
    query: &[f32],
    (centre, vectors): (&[f32], &[Vec<f32>]),
    beside: bool,
) -> Vec<f32> {
    let dim = query.len();
    let mut memory = StripMemory::try_new(bits, dim, vectors.len().div_ceil(32)).unwrap();
    let (mut entry, stride) = (EntryCode::default(), bits.strip_bytes(dim));
    for (strip, vectors) in memory
        .as_mut_slice()
        .chunks_exact_mut(stride)
        .zip(vectors.chunks(32))
    {
        for (place, vector) in vectors.iter().enumerate() {
            let anchor = (!beside).then_some(centre);
            entry.set(
                Book::new(bits, &[]),
                metric,
                &minus(vector, centre),
                anchor,
                0.0,
            );
            strips::write(strip, place, &entry);
        }
        strips::close(strip, vectors.len());
    }
    let mut tables = Tables::default();
    let between = minus(query, centre);
    tables.set(
        Book::new(bits, &[]),
        if beside { &between } else { query },
        kernels,
    );
    let (low, step) = tables.low_and_step();
    #[allow(clippy::cast_possible_truncation)]
    let base = match metric {
        Metric::Ip => -dot(query, centre),
        Metric::L2 | Metric::Cosine => dot(&between, &between),
    } as f32;
    let terms = ScanTerms {
        base,
        low,
        step,
        bound: f32::INFINITY,
    };
    let (all, mut out) = (memory.strips(), Vec::new());
    for strip in all.range(0..all.len()) {
        let mut scores = [0.0; 32];
        let below = (kernels.scan_u6u4)(tables.bytes(), strip, terms, &mut scores);
        let told = (0..32).filter(|place| below >> place & 1 == 1);
        out.extend(told.map(|place| scores[place]));
    }
    assert_eq!(out.len(), vectors.len(), "free places are never told");
    out
}

#[test]
#[allow(clippy::cast_precision_loss)] // thousands
fn estimates_are_right_on_average_and_as_near_as_theory_says() {
    let mut random = Random::new(17);
    let count = 2000;
    for dim in [64, 100, 129, 256] {
        let centre = normal(&mut random, dim, 1.0);
        let vectors: Vec<_> = (0..count)
            .map(|_| {
                let residual = normal(&mut random, dim, 0.7);
                centre
                    .iter()
                    .zip(residual)
                    .map(|(c, r)| c + r)
                    .collect::<Vec<_>>()
            })
            .collect();
        let query = normal(&mut random, dim, 1.2);
        for (bits, kept) in [
            (Bits::One, 2.0 / std::f64::consts::PI),
            (Bits::Two, 1.0 - 0.1076),
        ] {
            for (metric, beside) in [(Metric::L2, false), (Metric::L2, true), (Metric::Ip, false)] {
                for kernels in available() {
                    let found =
                        scores(kernels, (bits, metric), &query, (&centre, &vectors), beside);
                    // What is unknown of a vector lies across it, at random: of a product with the
                    // query, its share of the lengths.
                    let (mut error, mut square, mut theory) = (0.0, 0.0, 0.0);
                    for (vector, found) in vectors.iter().zip(found) {
                        let (far, own) = (minus(&query, vector), minus(vector, &centre));
                        let (truth, reach) = match metric {
                            Metric::Ip => (-dot(&query, vector), query.clone()),
                            _ => (dot(&far, &far), minus(&query, &centre)),
                        };
                        let times = if metric == Metric::Ip { 1.0 } else { 2.0 };
                        let across = (dot(&own, &own) * dot(&reach, &reach)).sqrt();
                        let unknown = ((1.0 / kept - 1.0) / dim as f64).sqrt();
                        theory += (times * across * unknown).powi(2);
                        error += f64::from(found) - truth;
                        square += (f64::from(found) - truth).powi(2);
                    }
                    let n = f64::from(count);
                    let (mean, spread) = (error / n, (square / n).sqrt());
                    let what = format!("{dim} {bits:?} {metric:?} {beside} {:?}", kernels.isa);
                    assert!(spread <= 1.15 * (theory / n).sqrt(), "{what}: {spread}");
                    // All vectors share the query: what is common to them is a product of its own.
                    assert!(mean.abs() <= 0.3 * spread, "{what}: {mean} of {spread}");
                }
            }
        }
    }
}

#[test]
fn a_vector_at_its_centre_and_a_query_of_zeros() {
    let mut random = Random::new(2);
    for bits in Bits::FIXED {
        for kernels in available() {
            let centre = normal(&mut random, 33, 1.0);
            let query = normal(&mut random, 33, 1.0);
            let set = (bits, Metric::L2);
            let found = scores(
                kernels,
                set,
                &query,
                (&centre, std::slice::from_ref(&centre)),
                false,
            );
            let between = minus(&query, &centre);
            let truth = dot(&between, &between);
            assert!(
                (f64::from(found[0]) - truth).abs() <= 1e-5 * truth,
                "{bits:?}"
            );
            let vectors = [normal(&mut random, 33, 1.0)];
            let zeros = vec![0.0; 33];
            let found = scores(kernels, set, &zeros, (&zeros, &vectors), false);
            let truth = dot(&vectors[0], &vectors[0]);
            assert!(
                (f64::from(found[0]) - truth).abs() <= 1e-5 * truth,
                "{bits:?}"
            );
        }
    }
}

#[test]
fn codes_are_as_many_as_they_say() {
    for (bits, dim, positions) in [
        (Bits::One, 1, 2),
        (Bits::One, 8, 2),
        (Bits::One, 9, 4),
        (Bits::One, 100, 26),
        (Bits::One, 768, 192),
        (Bits::Two, 1, 2),
        (Bits::Two, 4, 2),
        (Bits::Two, 5, 4),
        (Bits::Two, 100, 50),
        (Bits::Two, 128, 64),
        (Bits::Pq4(4), 100, 26),
        (Bits::Pq4(8), 768, 96),
        (Bits::Pq4(3), 100, 34),
        (Bits::Pq4(1), 5, 6),
    ] {
        assert_eq!(bits.positions(dim), positions, "{bits:?} {dim}");
        assert_eq!(
            bits.strip_bytes(dim),
            positions * 16 + 256,
            "{bits:?} {dim}"
        );
    }
    for (numbers, dim, positions) in [(8, 768, 96), (8, 100, 13), (7, 7, 1), (16, 1, 1), (1, 3, 3)]
    {
        let bits = Bits::Pq8(numbers);
        assert_eq!(bits.positions(dim), positions, "{bits:?} {dim}");
        assert_eq!(
            bits.strip_bytes(dim),
            positions * 32 + 256,
            "{bits:?} {dim}"
        );
        let points = positions * usize::from(numbers) * 256;
        assert_eq!(bits.points_len(dim), points, "{bits:?} {dim}");
    }
}
