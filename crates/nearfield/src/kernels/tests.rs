//! Every table this machine can run, replayed against a reference written out here.
//!
//! The reference has the documented lanes and tree and either rounds products (unfused sets) or does
//! not (`f32::mul_add`, fused sets): within each kind tables must agree with it in every bit. That it
//! computes the right thing at all is shown against `f64` with a proven bound, and exactly on integers.

#![allow(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    reason = "exact equality is what is tested, on numbers small enough to convert exactly"
)]

mod codes;
mod floats;
#[cfg(unix)]
mod guard;
mod lookups;
mod nearest;
mod nibbles;
mod queries;
#[cfg(target_arch = "x86_64")]
mod sift;
mod sorted;
mod values;

use super::{
    Ahead, CODE_BLOCK, Isa, Kernels, TILE_COLUMNS, TILE_ROWS, TILE_STEP, available, kernels,
    prefetch_row,
};
use values::{Random, edges};

/// Lengths replayed one by one: every tail, and past 1024.
const LEN_MAX: usize = 1100;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sum {
    L2sq,
    Dot,
}

const SUMS: [Sum; 2] = [Sum::L2sq, Sum::Dot];

impl Sum {
    fn one(self, table: &Kernels, query: &[f32], row: &[f32]) -> f32 {
        match self {
            Self::L2sq => (table.l2sq_f32)(query, row),
            Self::Dot => (table.dot_f32)(query, row),
        }
    }

    fn four(self, table: &Kernels, query: &[f32], rows: [&[f32]; 4]) -> [f32; 4] {
        let four = match self {
            Self::L2sq => table.l2sq_f32_x4,
            Self::Dot => table.dot_f32_x4,
        };
        let sums = four(query, &rows, &Ahead::NONE);
        let places = || rows.map(|row| row.as_ptr().addr());
        let ahead = Ahead::of(size_of_val(query), size_of_val(query), places);
        let asking = four(query, &rows, &ahead);
        assert_eq!(sums.map(f32::to_bits), asking.map(f32::to_bits));
        sums
    }

    /// The definition, written a second time.
    fn reference(self, fused: bool, query: &[f32], row: &[f32]) -> f32 {
        let plus = |sum: f32, a: f32, b: f32| {
            if fused {
                a.mul_add(b, sum)
            } else {
                sum + a * b
            }
        };
        let mut lane = [0.0f32; 16];
        for i in 0..query.len() {
            let (a, b) = match self {
                Self::L2sq => (query[i] - row[i], query[i] - row[i]),
                Self::Dot => (query[i], row[i]),
            };
            lane[i % 16] = plus(lane[i % 16], a, b);
        }
        let eight: [f32; 8] = std::array::from_fn(|j| lane[j] + lane[j + 8]);
        let four: [f32; 4] = std::array::from_fn(|j| eight[j] + eight[j + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }

    /// The sum in `f64`, and the sum of its terms' magnitudes.
    fn exact(self, query: &[f32], row: &[f32]) -> (f64, f64) {
        let terms = query
            .iter()
            .zip(row)
            .map(|(&x, &y)| (f64::from(x), f64::from(y)));
        let terms = terms.map(|(x, y)| {
            if self == Self::L2sq {
                (x - y) * (x - y)
            } else {
                x * y
            }
        });
        terms.fold((0.0, 0.0), |(sum, size), term| {
            (sum + term, size + term.abs())
        })
    }
}

/// Runs `check` on every table of this machine and says which there were.
fn replay(check: impl Fn(&'static Kernels)) -> Vec<Isa> {
    let tables = available();
    for table in &tables {
        check(table);
    }
    tables.iter().map(|table| table.isa).collect()
}

/// Equal in every bit; a NaN is a NaN, its payload is the processor's business.
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// Pair and quad of `table` against the reference, every row at every place of the quad.
fn assert_reference(table: &Kernels, query: &[f32], rows: [&[f32]; 4], what: &str) {
    for sum in SUMS {
        let expected = rows.map(|row| sum.reference(table.isa.fused(), query, row));
        for turn in 0..4 {
            let mut turned = rows;
            turned.rotate_left(turn);
            let four = sum.four(table, query, turned);
            for (at, row) in turned.iter().enumerate() {
                let (want, pair) = (expected[(at + turn) % 4], sum.one(table, query, row));
                assert!(
                    same(pair, want) && same(four[at], want),
                    "{:?} {sum:?} {what}: expected {want:e}, pair {pair:e}, row {at} of quad {:e}",
                    table.isa,
                    four[at],
                );
            }
        }
    }
}

/// Every length at every alignment, query and rows each at their own.
fn replay_lengths_and_alignments(table: &Kernels) {
    let mut random = Random(1);
    let data: [Vec<f32>; 5] = std::array::from_fn(|_| random.ordinary(LEN_MAX));
    let mut buffers = [(); 5].map(|()| vec![f32::NAN; LEN_MAX + 32]);
    for len in 0..=LEN_MAX {
        let fused = table.isa.fused();
        let expected = SUMS.map(|sum| {
            [1, 2, 3, 4].map(|row| sum.reference(fused, &data[0][..len], &data[row][..len]))
        });
        for offset in 0..16 {
            // What lies before and after is NaN: one float too many shows in the sum.
            let starts: [usize; 5] = std::array::from_fn(|at| (offset * (at + 1) + at) % 16);
            for at in 0..5 {
                let (start, buffer) = (starts[at], &mut buffers[at]);
                buffer.fill(f32::NAN);
                buffer[start..start + len].copy_from_slice(&data[at][..len]);
            }
            let [query, rows @ ..]: [&[f32]; 5] =
                std::array::from_fn(|at| &buffers[at][starts[at]..starts[at] + len]);
            for (sum, expected) in SUMS.into_iter().zip(&expected) {
                let four = sum.four(table, query, rows).map(f32::to_bits);
                assert_eq!(
                    four,
                    expected.map(f32::to_bits),
                    "{sum:?} {len} at {offset}"
                );
                let pair = sum.one(table, query, rows[offset % 4]);
                assert_eq!(
                    pair.to_bits(),
                    expected[offset % 4].to_bits(),
                    "{sum:?} {len}"
                );
            }
        }
    }
}

#[test]
fn no_simd_set_is_skipped() {
    let mut expected = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512bw") && has!("avx512vnni") {
            expected.push(Isa::Avx512Vnni);
        }
        if has!("avx512f") && has!("avx512bw") {
            expected.push(Isa::Avx512);
        }
        if has!("avxvnni") {
            expected.push(Isa::AvxVnni);
        }
        if has!("avx2") && has!("fma") {
            expected.push(Isa::Avx2);
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        if std::arch::is_aarch64_feature_detected!("dotprod") {
            expected.push(Isa::NeonDotprod);
        }
        expected.push(Isa::Neon);
    }
    if cfg!(all(target_arch = "wasm32", target_feature = "simd128")) {
        expected.push(Isa::Simd128);
    }
    expected.push(Isa::Scalar);
    let replayed = replay(replay_lengths_and_alignments);
    println!("replayed: {replayed:?}");
    assert_eq!(
        replayed, expected,
        "replayed (left) is not what the machine reports (right)"
    );
}

#[test]
fn the_bound_holds_at_every_length() {
    // u = 2⁻²⁴. A lane adds ⌈n / 16⌉ terms, the tree 4 more; a term has at most 3 roundings of its
    // own (difference twice, product). Second-order terms are far below the 1 % on top.
    replay(|table| {
        let mut random = Random(2);
        for len in 0..=LEN_MAX {
            let rows = [(); 5].map(|()| random.ordinary(len));
            let [query, rows @ ..]: [&[f32]; 5] = std::array::from_fn(|at| rows[at].as_slice());
            for sum in SUMS {
                let four = sum.four(table, query, rows);
                for (row, got) in rows.iter().zip(four) {
                    let (exact, size) = sum.exact(query, row);
                    let roundings = (len.div_ceil(16) + 4 + 3) as f64;
                    let bound = 1.01 * roundings * 2f64.powi(-24) * size;
                    let error = (f64::from(got) - exact).abs();
                    assert!(
                        error <= bound,
                        "{:?} {sum:?} {len}: {error:e} > {bound:e}",
                        table.isa
                    );
                }
            }
        }
    });
}

#[test]
fn whole_numbers_are_exact() {
    replay(|table| {
        let mut random = Random(3);
        for len in 0..=LEN_MAX {
            let data = [(); 5].map(|()| random.whole(len, 15));
            let rows: [Vec<f32>; 5] =
                std::array::from_fn(|at| data[at].iter().map(|&x| x as f32).collect());
            let [query, rows @ ..]: [&[f32]; 5] = std::array::from_fn(|at| rows[at].as_slice());
            for sum in SUMS {
                let four = sum.four(table, query, rows);
                for (row, got) in (1..5).zip(four) {
                    let pairs = data[0].iter().zip(&data[row]);
                    let exact: i64 = match sum {
                        Sum::L2sq => pairs.map(|(x, y)| (x - y) * (x - y)).sum(),
                        Sum::Dot => pairs.map(|(x, y)| x * y).sum(),
                    };
                    assert!(exact.abs() < 1 << 24, "the test itself must stay exact");
                    assert_eq!(
                        f64::from(got),
                        exact as f64,
                        "{:?} {sum:?} {len}",
                        table.isa
                    );
                }
            }
        }
    });
}

#[test]
fn edge_values_in_every_lane_and_in_the_tail() {
    replay(|table| {
        let mut random = Random(4);
        let ordinary = [(); 5].map(|()| random.ordinary(40));
        for len in [1, 7, 16, 31, 40] {
            for (at, (x, y)) in edges().flat_map(|pair| [0, 5, 15, 16, 39].map(|at| (at, pair))) {
                let at = at % len;
                let mut data = ordinary.clone().map(|row| row[..len].to_vec());
                data[0][at] = x;
                data[1][at] = y;
                data[2][at] = -y;
                data[3][at] = x;
                let [query, rows @ ..]: [&[f32]; 5] = std::array::from_fn(|i| data[i].as_slice());
                assert_reference(
                    table,
                    query,
                    rows,
                    &format!("{x:e}, {y:e} at {at} of {len}"),
                );
            }
        }
    });
}

#[test]
fn nan_and_infinity_come_out() {
    replay(|table| {
        for len in [1, 16, 17, 100] {
            for at in [0, len / 2, len - 1] {
                let one = vec![1.0f32; len];
                let with = |x: f32| {
                    let mut row = one.clone();
                    row[at] = x;
                    row
                };
                let (nan, huge, inf) = (with(f32::NAN), with(f32::MAX), with(f32::INFINITY));
                for sum in SUMS {
                    assert!(sum.one(table, &nan, &one).is_nan());
                    assert!(sum.one(table, &one, &nan).is_nan());
                    let four = sum.four(table, &one, [&one, &nan, &one, &one]);
                    assert_eq!(four.map(f32::is_nan), [false, true, false, false]);
                    assert_eq!(sum.one(table, &inf, &one), f32::INFINITY);
                }
                assert_eq!(
                    Sum::Dot.one(table, &huge, &huge),
                    f32::INFINITY,
                    "overflow is ∞"
                );
                assert_eq!(Sum::L2sq.one(table, &huge, &with(-f32::MAX)), f32::INFINITY);
                assert!(Sum::L2sq.one(table, &inf, &inf).is_nan(), "∞ − ∞");
                assert_eq!(
                    Sum::Dot.one(table, &inf, &with(f32::NEG_INFINITY)),
                    f32::NEG_INFINITY
                );
            }
        }
    });
}

#[test]
fn any_bit_patterns() {
    replay(|table| {
        let mut random = Random(5);
        for round in 0..3000 {
            let len = round % 67;
            let rows = [(); 5].map(|()| random.any_bits(len));
            let [query, rows @ ..]: [&[f32]; 5] = std::array::from_fn(|at| rows[at].as_slice());
            assert_reference(table, query, rows, &format!("round {round}"));
        }
    });
}

#[test]
fn padding_with_zeros_changes_no_bit() {
    replay(|table| {
        let mut random = Random(6);
        for len in 0..100 {
            let (query, row) = (random.ordinary(len), random.ordinary(len));
            let padded = |row: &[f32]| {
                let mut row = row.to_vec();
                row.resize(len.next_multiple_of(16), 0.0);
                row
            };
            for sum in SUMS {
                let bare = sum.one(table, &query, &row);
                let whole = sum.one(table, &padded(&query), &padded(&row));
                assert_eq!(
                    bare.to_bits(),
                    whole.to_bits(),
                    "{:?} {sum:?} {len}",
                    table.isa
                );
            }
        }
    });
}

#[test]
fn unequal_lengths_are_refused() {
    let refused = |call: &dyn Fn() -> f32| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err()
    };
    replay(|table| {
        let (long, short) = ([0.0; 17], [0.0; 16]);
        for sum in SUMS {
            assert!(
                refused(&|| sum.one(table, &long, &short)),
                "{:?} {sum:?}",
                table.isa
            );
            assert!(
                refused(&|| sum.one(table, &short, &long)),
                "{:?} {sum:?}",
                table.isa
            );
            for at in 0..4 {
                let mut rows: [&[f32]; 4] = [&long; 4];
                rows[at] = &short;
                assert!(
                    refused(&|| sum.four(table, &long, rows)[0]),
                    "{:?} row {at}",
                    table.isa
                );
            }
        }
    });
}

#[test]
fn a_limit_is_kept_and_the_best_below_it_chosen() {
    let sets = available();
    assert!(
        sets.is_sorted_by(|a, b| a.isa > b.isa),
        "best first, none twice"
    );
    assert_eq!(kernels(None).isa, sets[0].isa);
    for limit in Isa::ALL {
        let best = sets
            .iter()
            .map(|table| table.isa)
            .filter(|isa| *isa <= limit)
            .max();
        assert_eq!(Some(kernels(Some(limit)).isa), best, "{limit:?}");
    }
    assert_eq!(kernels(Some(Isa::Scalar)).isa, Isa::Scalar);
}

#[test]
fn names_parse_back() {
    for isa in Isa::ALL {
        assert_eq!(Isa::parse(isa.name()), Some(isa));
    }
    assert_eq!(Isa::parse("sse2"), None);
}

#[test]
fn a_prefetch_changes_nothing() {
    for len in [0, 1, 16, 17, 1000] {
        let row = vec![1.5f32; len];
        prefetch_row(&row);
        assert!(row.iter().all(|x| x.to_bits() == 1.5f32.to_bits()));
    }
}
