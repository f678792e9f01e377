//! Trained points against their definition, written out in `f64`: every code the nearest of its position, every
//! score the product with what the codes stand for, errors no larger than what the points leave of vectors.

use nearfield::codec::bits::{Bits, Book, EntryCode, Tables};
use nearfield::codec::strips::{self, StripMemory};
use nearfield::codec::trained::Training;
use nearfield::codec::verify::Entry;
use nearfield::exec::Exec;
use nearfield::kernels::{ScanTerms, available};
use nearfield::matrix::Matrix;
use nearfield::metric::Metric;
use testkit::random::Random;

const SORTS: [Bits; 7] = [
    Bits::Pq4(1),
    Bits::Pq4(2),
    Bits::Pq4(4),
    Bits::Pq4(8),
    Bits::Pq8(3),
    Bits::Pq8(8),
    Bits::Pq8(16),
];

/// Vectors whose neighbouring numbers go together, as those of no rotation do: there is something to learn.
#[allow(clippy::cast_possible_truncation)] // fixtures are f32
fn vectors(random: &mut Random, count: usize, dim: usize) -> Matrix {
    let mut all = Matrix::try_new(count, dim).unwrap();
    for row in all.rows_mut(0..count) {
        let (scale, mut last) = (0.5 + random.unit(), 0.0);
        for x in row {
            last = 0.6 * last + random.normal();
            *x = (scale * last) as f32;
        }
    }
    all
}

fn trained(bits: Bits, sample: &Matrix, exec: Exec<'_>) -> Vec<f32> {
    let mut copy = Matrix::try_new(0, sample.dim()).unwrap();
    copy.try_append(sample.rows()).unwrap();
    let mut training = Training::new(bits, copy, 3);
    while !training.step(exec) {}
    training.finish()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}

/// What code `code` of a position stands for, by the document's words.
fn point(bits: Bits, points: &[f32], position: usize, code: usize) -> Vec<f64> {
    let (numbers, codes) = (bits.numbers(), bits.codes());
    (0..numbers)
        .map(|at| f64::from(points[(position * numbers + at) * codes + code]))
        .collect()
}

/// Strips of all vectors around nothing, and each entry read back.
fn coded(book: Book<'_>, all: &Matrix, metric: Metric) -> (StripMemory, Vec<Entry>) {
    let (bits, dim) = (book.bits(), all.dim());
    let mut memory = StripMemory::try_new(bits, dim, all.len().div_ceil(32)).unwrap();
    let mut entry = EntryCode::default();
    let stride = bits.strip_bytes(dim);
    for (slot, at) in (0..).zip(0..all.len()) {
        entry.set(book, metric, &all.rows().row(slot)[..dim], None, 0.0);
        let strip = &mut memory.as_mut_slice()[at / 32 * stride..][..stride];
        strips::write(strip, at % 32, &entry);
    }
    let last = memory.as_mut_slice().chunks_exact_mut(stride).next_back();
    strips::close(last.unwrap(), (all.len() - 1) % 32 + 1);
    let entries = (0..all.len()).map(|at| {
        let mut entry = Entry::default();
        memory.strips().entry(at, &mut entry);
        entry
    });
    let entries = entries.collect();
    (memory, entries)
}

#[test]
fn codes_are_the_nearest_points_and_terms_those_of_the_codes() {
    let mut random = Random::new(8);
    for bits in SORTS {
        for dim in [1, 5, 16, 50] {
            let all = vectors(&mut random, 300, dim);
            let points = trained(bits, &all, Exec::Serial);
            assert_eq!(points.len(), bits.points_len(dim));
            let (_, entries) = coded(Book::new(bits, &points), &all, Metric::L2);
            for (slot, entry) in (0..).zip(entries) {
                let vector = wide(&all.rows().row(slot)[..dim]);
                #[allow(clippy::cast_precision_loss)] // a dimension
                let unit = (dot(&vector, &vector) / dim as f64).sqrt();
                let mut stands = Vec::new();
                for (position, numbers) in vector.chunks(bits.numbers()).enumerate() {
                    let away = |code: usize| {
                        let point = point(bits, &points, position, code);
                        let pairs = numbers.iter().zip(point);
                        pairs.map(|(x, p)| (x / unit - p).powi(2)).sum::<f64>()
                    };
                    let own = usize::from(entry.codes[position]);
                    let least = (0..bits.codes()).map(away).fold(f64::INFINITY, f64::min);
                    assert!(
                        away(own) <= least + 1e-5 * (1.0 + least),
                        "{bits:?} {dim}: code {own} of row {slot}, position {position}"
                    );
                    stands.extend(&point(bits, &points, position, own)[..numbers.len()]);
                }
                let alpha = dot(&vector, &vector) / dot(&stands, &vector);
                let (add, scale) = (dot(&vector, &vector), -2.0 * alpha);
                assert!((f64::from(entry.add) - add).abs() <= 1e-5 * add, "{bits:?}");
                let wrong = (f64::from(entry.scale) - scale).abs();
                assert!(
                    wrong <= 1e-4 * scale.abs(),
                    "{bits:?} {dim}: {wrong} of {scale}"
                );
            }
        }
    }
}

#[test]
fn scores_are_products_with_what_codes_stand_for_and_right_on_average() {
    let mut random = Random::new(4);
    let (count, dim) = (1500, 96);
    let all = vectors(&mut random, count, dim);
    let query = vectors(&mut random, 1, dim);
    let query = &query.rows().row(0)[..dim];
    for bits in SORTS {
        let points = trained(bits, &all, Exec::Serial);
        let book = Book::new(bits, &points);
        let (memory, entries) = coded(book, &all, Metric::Ip);
        for kernels in available() {
            let mut tables = Tables::default();
            tables.set(book, query, kernels);
            assert_eq!(tables.bytes().len(), bits.tables_bytes(dim));
            let (low, step) = tables.low_and_step();
            let terms = ScanTerms {
                base: 0.0,
                low,
                step,
                bound: f32::INFINITY,
            };
            let (mut error, mut square, mut theory) = (0.0, 0.0, 0.0);
            for (at, strip) in memory.strips().range(0..memory.strips().len()).enumerate() {
                let mut scores = [0.0; 32];
                let below = bits.scan(kernels)(tables.bytes(), strip, terms, &mut scores);
                let filled = (count - 32 * at).min(32);
                assert_eq!(
                    below.count_ones() as usize,
                    filled,
                    "free places are not told"
                );
                for (place, score) in scores.into_iter().enumerate().take(filled) {
                    let slot = 32 * at + place;
                    let (entry, vector) =
                        (&entries[slot], all.rows().row(u32::try_from(slot).unwrap()));
                    let vector = wide(&vector[..dim]);
                    let mut stands = Vec::new();
                    for (position, code) in entry.codes.iter().enumerate() {
                        if position * bits.numbers() < dim {
                            stands.extend(point(bits, &points, position, usize::from(*code)));
                        }
                    }
                    let product = dot(&wide(query), &stands);
                    let exact = f64::from(entry.scale) * product;
                    // Every table rounds to half a step.
                    #[allow(clippy::cast_precision_loss)] // positions
                    let slack =
                        f64::from(entry.scale.abs() * step) * 0.51 * entry.codes.len() as f64;
                    assert!(
                        (f64::from(score) - exact).abs() <= slack + 1e-4 * exact.abs(),
                        "{bits:?} {:?}: {score} for {exact}",
                        kernels.isa
                    );
                    let truth = -dot(&wide(query), &vector);
                    error += f64::from(score) - truth;
                    square += (f64::from(score) - truth).powi(2);
                    // What codes leave unknown of the vector lies across it, at random.
                    let cosine = dot(&stands, &vector).powi(2)
                        / (dot(&stands, &stands) * dot(&vector, &vector));
                    let across = dot(&wide(query), &wide(query)) * dot(&vector, &vector);
                    #[allow(clippy::cast_precision_loss)] // a dimension
                    let dim = dim as f64;
                    theory += across * (1.0 / cosine - 1.0) / dim;
                }
            }
            let n = f64::from(u32::try_from(count).unwrap());
            let (mean, spread) = (error / n, (square / n).sqrt());
            let theory = (theory / n).sqrt();
            assert!(spread <= 1.6 * theory, "{bits:?}: {spread}, {theory}");
            assert!(mean.abs() <= 0.35 * spread, "{bits:?}: {mean} of {spread}");
        }
    }
}

#[test]
fn training_learns_what_fixed_points_cannot() {
    let mut random = Random::new(21);
    let (count, dim) = (3000, 64);
    let all = vectors(&mut random, count, dim);
    // Of a vector, the share of its length that codes keep.
    let kept = |book: Book<'_>| {
        let (_, entries) = coded(book, &all, Metric::L2);
        let shares = entries.iter().map(|entry| {
            let scale = f64::from(entry.scale) / -2.0;
            // |r|² is α ⟨u, r⟩, so the cosine's square is |r|² / (α² |u|²); u by the points' words.
            let mut square = 0.0;
            for (position, code) in entry.codes.iter().enumerate() {
                if position * book.bits().numbers() < dim {
                    square += stands_for(book, position, *code);
                }
            }
            f64::from(entry.add) / (scale * scale * square)
        });
        shares.sum::<f64>() / f64::from(u32::try_from(count).unwrap())
    };
    let fixed = [Bits::One, Bits::Two].map(|bits| kept(Book::new(bits, &[])));
    let of = |bits| {
        let points = trained(bits, &all, Exec::Serial);
        kept(Book::new(bits, &points))
    };
    // As many bits a number, and numbers that go together.
    let (four, eight) = (of(Bits::Pq4(4)), of(Bits::Pq8(8)));
    assert!(four >= fixed[0] + 0.05, "{four} beside {}", fixed[0]);
    assert!(eight >= four + 0.02, "{eight} beside {four}");
    let two = of(Bits::Pq4(2));
    assert!(two >= fixed[1] + 0.01, "{two} beside {}", fixed[1]);
    let half = of(Bits::Pq4(8));
    assert!(half >= 0.4 && half < four, "{half}");
}

/// The square of what a code stands for; fixed ones are known by name.
fn stands_for(book: Book<'_>, position: usize, code: u8) -> f64 {
    const POINTS: [[f64; 2]; 16] = [
        [0.0008, -0.0026],
        [-0.8849, -0.0956],
        [0.5225, -0.7285],
        [0.3641, 0.812],
        [-0.3901, -0.8752],
        [0.95, 0.097],
        [-0.5611, 0.7712],
        [-1.6646, -0.847],
        [0.5035, -1.8055],
        [1.5672, -1.0126],
        [1.3033, 1.3358],
        [0.0932, 1.8604],
        [-1.8049, 0.4647],
        [-0.8042, -1.8339],
        [1.9892, 0.2283],
        [-1.1885, 1.6114],
    ];
    match book.bits() {
        Bits::One => 4.0,
        Bits::Two => dot(&POINTS[usize::from(code)], &POINTS[usize::from(code)]),
        bits => {
            let point = point(bits, book.points(), position, code.into());
            dot(&point, &point)
        }
    }
}

#[test]
fn points_are_the_same_for_any_threads_and_of_few_vectors_or_none_with_a_direction() {
    let mut random = Random::new(2);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    for bits in SORTS {
        let mut all = vectors(&mut random, 700, 40);
        let words = |points: Vec<f32>| points.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let alone = words(trained(bits, &all, Exec::Serial));
        assert_eq!(
            words(trained(bits, &all, Exec::Pool(&pool))),
            alone,
            "{bits:?}"
        );
        for row in all.rows_mut(0..700) {
            row.fill(0.0);
        }
        let points = trained(bits, &all, Exec::Serial);
        assert!(
            points.iter().all(|x| x.is_finite() && x.abs() < 10.0),
            "{bits:?}"
        );
        // They tell vectors of any direction apart all the same.
        let others = vectors(&mut random, 64, 40);
        let (_, entries) = coded(Book::new(bits, &points), &others, Metric::L2);
        assert!(entries.iter().all(|entry| entry.scale < 0.0), "{bits:?}");
    }
}
