//! Zones against an independent oracle: recall by every metric and number of bits, the same bytes for any
//! number of threads and any instruction set, whole answers on data made to break partitions, and forged
//! arrays refused.

mod zoned;

use nearfield::codec::bits::Bits;
use nearfield::exec::Exec;
use nearfield::ids::NO_SLOT;
use nearfield::kernels::{available, kernels};
use nearfield::metric::Metric;
use nearfield::zones::{ZoneArrays, ZonesBuilder, ZonesParams, check};
use testkit::data;
use testkit::random::Random;
use zoned::{CODES, MEASURES, Zoned, build, build_with, bytes, matrix, params};

#[test]
fn recall_by_every_metric_and_number_of_bits() {
    let (rows, dim, queries) = (10_000, 128, 100);
    let all = data::clustered(rows + queries, dim, 100, 5);
    let (base, asked) = all.split_at(rows * dim);
    for (metric, _) in MEASURES {
        for bits in CODES {
            let zoned = Zoned::new(base, dim, metric, params(0, bits));
            let what = format!("{metric:?} {bits:?}");
            let some = zoned.recall(base, asked, zoned.effort(10, 0.4));
            let every = zoned.recall(base, asked, zoned.effort(10, 1.0));
            assert!(every >= 0.997, "{what}, every zone: {every}");
            assert!(some >= 0.93, "{what}, four tenths of the zones: {some}");
            let coded = zoned.coded();
            let judged = coded.recall(base, asked, coded.effort(10, 1.0));
            assert!(judged >= 0.997, "{what}, sq8 between: {judged}");
        }
    }
}

#[test]
fn many_zones_are_parted_by_cells_and_routed_by_codes() {
    let (rows, dim, queries) = (30_000, 24, 100);
    let all = data::clustered(rows + queries, dim, 300, 8);
    let (base, asked) = all.split_at(rows * dim);
    for (metric, bits) in [
        (Metric::L2, Bits::Two),
        (Metric::Ip, Bits::Two),
        (Metric::Cosine, Bits::Two),
        (Metric::Cosine, Bits::Pq4(2)),
        (Metric::Ip, Bits::Pq8(4)),
    ] {
        let zoned = Zoned::new(base, dim, metric, params(400, bits));
        let view = zoned.arrays.view();
        assert!(
            view.zones() > 300 && !view.routes.is_empty(),
            "{}",
            view.zones()
        );
        let share = zoned.recall(base, asked, zoned.effort(10, 0.2));
        assert!(share >= 0.95, "{metric:?} {bits:?}: {share}");
    }
}

#[test]
fn one_zone_is_a_scan_of_every_row() {
    let (rows, dim) = (3000, 100);
    let all = data::clustered(rows + 50, dim, 40, 2);
    let (base, asked) = all.split_at(rows * dim);
    for bits in CODES {
        let zoned = Zoned::new(base, dim, Metric::L2, params(1, bits));
        let view = zoned.arrays.view();
        assert_eq!((view.zones(), view.strips.len()), (1, rows.div_ceil(32)));
        let share = zoned.recall(base, asked, zoned.effort(10, 1.0));
        assert!(share >= 0.99, "{bits:?}: {share}");
    }
}

#[test]
fn the_same_bytes_for_any_threads_and_any_instructions() {
    let (rows, dim) = (6000, 40);
    let base = data::clustered(rows, dim, 30, 9);
    let pools = [2, 8].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("pool")
    });
    for (metric, _) in MEASURES {
        let matrix = matrix(&base, dim, metric);
        // By one sample, and by cells.
        for (zones, bits, soar) in [
            (40, Bits::One, false),
            (300, Bits::Two, false),
            (40, Bits::Pq4(4), false),
            (300, Bits::Pq4(7), false),
            (40, Bits::Pq8(8), false),
            (40, Bits::One, true),
            (300, Bits::Two, true),
        ] {
            let params = ZonesParams {
                soar,
                ..params(zones, bits)
            };
            let expected = bytes(&build(&matrix, metric, params));
            for pool in &pools {
                let found = build_with(&matrix, metric, params, kernels(None), Exec::Pool(pool));
                assert!(
                    bytes(&found) == expected,
                    "{metric:?}, {zones} zones, threads"
                );
            }
            for kernels in available() {
                let found = build_with(&matrix, metric, params, kernels, Exec::Serial);
                assert!(
                    bytes(&found) == expected,
                    "{metric:?}, {zones} zones, {:?}",
                    kernels.isa
                );
            }
        }
    }
}

/// The loss of every other zone, by plain loops over what is rotated, beside that of the zone there is.
#[test]
fn second_zones_are_those_of_the_least_loss() {
    let (rows, dim) = (4000, 24);
    let base = data::clustered(rows, dim, 20, 11);
    for (metric, _) in MEASURES {
        let params = ZonesParams {
            soar: true,
            ..params(60, Bits::Two)
        };
        let matrix = matrix(&base, dim, metric);
        let arrays = build(&matrix, metric, params);
        let view = arrays.view();
        let mut zones_of = vec![Vec::new(); rows];
        for zone in (0..).take(view.zones()) {
            let slots = view.places(zone).iter().filter(|&&slot| slot != NO_SLOT);
            slots.for_each(|&slot| zones_of[slot as usize].push(zone));
        }
        for (slot, zones) in (0..).zip(&zones_of) {
            let row = matrix.rows().row(slot).iter().zip(view.centre);
            let mut turned: Vec<f32> = row.map(|(x, centre)| x - centre).collect();
            view.rotation.turn(&mut turned, kernels(None));
            let beside = |zone: u32| -> Vec<f64> {
                let pairs = turned.iter().zip(view.centroids.row(zone));
                pairs.map(|(x, c)| f64::from(x - c)).collect()
            };
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let square = |zone: &u32| dot(&beside(*zone), &beside(*zone));
            let first = (0..)
                .take(view.zones())
                .min_by(|a, b| square(a).total_cmp(&square(b)));
            let first = first.expect("zones");
            let [a, b] = zones[..] else {
                panic!("row {slot} is in {zones:?}");
            };
            let [own, second] = if square(&a) <= square(&b) {
                [a, b]
            } else {
                [b, a]
            };
            assert!(square(&own) <= square(&first) + 1e-3, "{metric:?} {slot}");
            let along = beside(own);
            let loss = |zone: u32| {
                let other = beside(zone);
                let share = dot(&other, &along);
                dot(&other, &other) + 1.5 * share * share / dot(&along, &along)
            };
            let others = (0..).take(view.zones()).filter(|&zone| zone != own);
            let least = others.map(loss).fold(f64::INFINITY, f64::min);
            assert!(
                loss(second) <= least + 1e-3 * least.max(1.0),
                "{metric:?} {slot}"
            );
        }
    }
}

#[test]
fn second_zones_find_as_much_by_fewer_probes() {
    let (rows, dim) = (9000, 48);
    let all = data::clustered(rows + 100, dim, 60, 5);
    let (base, asked) = all.split_at(rows * dim);
    for (metric, _) in MEASURES {
        for bits in [Bits::One, Bits::Two] {
            let [once, twice] = [false, true].map(|soar| {
                let params = ZonesParams {
                    soar,
                    ..params(80, bits)
                };
                Zoned::new(base, dim, metric, params)
            });
            for share in [0.1, 0.2] {
                let [alone, half] = [(&once, share), (&twice, share / 2.0)]
                    .map(|(zoned, share)| zoned.recall(base, asked, zoned.effort(10, share)));
                assert!(
                    half >= alone - 0.03,
                    "{metric:?} {bits:?} {share}: {half}, {alone}"
                );
            }
            let all = twice.recall(base, asked, twice.effort(10, 1.0));
            assert!(all >= 0.98, "{metric:?} {bits:?}: {all}");
        }
    }
}

#[test]
fn fewer_rows_than_zones_than_answers_and_none_at_all() {
    for rows in [0, 1, 2, 5, 31, 32, 33, 100] {
        let base = data::clustered(rows, 6, 3, 4);
        for (metric, _) in MEASURES {
            let bits = CODES[rows % CODES.len()];
            let zoned = Zoned::new(&base, 6, metric, params(64, bits));
            assert!(zoned.arrays.view().zones() <= rows);
            let asked = data::clustered(5, 6, 3, 40);
            for share in [0.0, 1.0] {
                let share = zoned.recall(&base, &asked, zoned.effort(40, share));
                assert!(
                    (share - 1.0).abs() < 1e-9 || rows > 40,
                    "{rows} rows: {share}"
                );
            }
        }
    }
}

#[test]
fn rows_that_are_all_alike_make_one_zone() {
    let base = [0.5, -2.0, 3.0].repeat(2000);
    for (metric, _) in MEASURES {
        let zoned = Zoned::new(&base, 3, metric, params(20, Bits::One));
        assert_eq!(zoned.arrays.view().zones(), 1, "{metric:?}");
        let found = zoned.ask(&[0.5, -2.0, 3.0], zoned.effort(10, 0.1));
        let slots: Vec<_> = found.iter().map(|found| found.0).collect();
        assert_eq!(
            slots,
            (0..10).collect::<Vec<_>>(),
            "{metric:?}: ties go by slot"
        );
    }
}

#[test]
fn one_dimension_and_zeros() {
    let mut random = Random::new(3);
    #[allow(clippy::cast_possible_truncation)]
    let line: Vec<f32> = (0..3000).map(|_| random.normal() as f32 * 100.0).collect();
    for bits in CODES {
        let zoned = Zoned::new(&line, 1, Metric::L2, params(20, bits));
        let asked: Vec<f32> = line.iter().step_by(60).map(|x| x + 0.01).collect();
        let share = zoned.recall(&line, &asked, zoned.effort(10, 0.3));
        assert!(share >= 0.99, "{bits:?}: {share}");
    }
    // A tenth of the rows are zeros, at distance 1 from everything: never before what is nearer.
    let (rows, dim) = (2000, 16);
    let mut base = data::clustered(rows, dim, 10, 6);
    for row in base.chunks_exact_mut(dim).step_by(10) {
        row.fill(0.0);
    }
    let zoned = Zoned::new(&base, dim, Metric::Cosine, params(12, Bits::Two));
    let asked = data::clustered(30, dim, 10, 6);
    let share = zoned.recall(&base, &asked, zoned.effort(10, 1.0));
    assert!(share >= 0.99, "{share}");
    // Zeros are as near to every row as to zeros.
    for (_, distance) in zoned.ask(&[0.0; 16], zoned.effort(10, 0.5)) {
        assert!((distance - 1.0).abs() < 1e-6, "{distance}");
    }
}

/// The share of rows whose nearest, asked for themselves, is as near as they are.
#[allow(clippy::cast_precision_loss)] // thousands of rows
fn self_recall(zoned: &Zoned, base: &[f32], dim: usize, share: f64) -> f64 {
    let effort = zoned.effort(10, share);
    let every = base.chunks_exact(dim).step_by(7);
    let count = every.len();
    let found = every.filter(|row| {
        let first = zoned.ask(row, effort)[0].0 as usize;
        base[first * dim..][..dim] == **row
    });
    found.count() as f64 / count as f64
}

#[test]
fn rows_find_themselves_in_data_made_to_break_partitions() {
    let (rows, dim) = (4000, 32);
    let mut heavy = data::clustered(rows, dim, 30, 5);
    for (at, row) in heavy.chunks_exact_mut(dim).enumerate() {
        let scale = [1.0, 1.0, 1.0, 100.0][at % 4];
        for x in row {
            *x *= scale;
        }
    }
    let mut offset = data::clustered(rows, dim, 30, 6);
    for x in &mut offset {
        *x += 300.0;
    }
    let mut outlier = data::clustered(rows, dim, 30, 7);
    outlier[5 * dim] = 1e18;
    let sets = [
        ("heavy tails", heavy),
        ("far from zero", offset),
        ("an outlier", outlier),
        ("far clusters", data::far_clusters(rows, dim, 20, 3)),
        ("a curve", data::curve(rows, dim)),
        ("a grid", data::grid(rows, dim, 3, 4)),
    ];
    for (name, base) in sets {
        for bits in CODES {
            let zoned = Zoned::new(&base, dim, Metric::L2, params(0, bits));
            let share = self_recall(&zoned, &base, dim, 0.3);
            assert!(
                (share - 1.0).abs() < f64::EPSILON,
                "{name} {bits:?}: {share}"
            );
        }
    }
}

#[test]
fn far_clusters_are_searched_with_tables_of_their_own() {
    let (rows, dim, queries) = (5000, 32, 50);
    let base = data::far_clusters(rows, dim, 20, 3);
    let zoned = CODES.map(|bits| Zoned::new(&base, dim, Metric::L2, params(0, bits)));
    assert!(zoned.iter().all(|zoned| zoned.arrays.view().apart));
    // Between rows of one cluster, where the neighbours are those of the cluster.
    let mut random = Random::new(1);
    let asked: Vec<f32> = (0..queries)
        .flat_map(|_| {
            let cluster = random.below(20);
            let rows = [(); 2].map(|()| cluster * (rows / 20) + random.below(rows / 20));
            let [a, b] = rows.map(|row| &base[row * dim..][..dim]);
            let middle = a.iter().zip(b).map(|(a, b)| 0.5 * (a + b));
            middle.collect::<Vec<_>>()
        })
        .collect();
    for zoned in zoned {
        let share = zoned.recall(&base, &asked, zoned.effort(10, 0.3));
        let bits = zoned.arrays.strips.strips().bits();
        assert!(share >= 0.99, "{bits:?}: {share}");
    }
}

#[test]
fn inner_products_with_heavy_tails() {
    let (rows, dim, queries) = (8000, 48, 60);
    let mut all = data::clustered(rows + queries, dim, 60, 3);
    let mut random = Random::new(9);
    for row in all.chunks_exact_mut(dim).take(rows) {
        #[allow(clippy::cast_possible_truncation)]
        let scale = (1.0 / (0.01 + random.unit())) as f32;
        for x in row {
            *x *= scale;
        }
    }
    let (base, asked) = all.split_at(rows * dim);
    for bits in CODES {
        let zoned = Zoned::new(base, dim, Metric::Ip, params(0, bits));
        let some = zoned.recall(base, asked, zoned.effort(10, 0.5));
        let every = zoned.recall(base, asked, zoned.effort(10, 1.0));
        assert!(some >= 0.98 && every >= 0.98, "{bits:?}: {some}, {every}");
    }
}

#[test]
fn enormous_numbers_end_in_whole_answers() {
    let (rows, dim) = (600, 8);
    let mut base = data::clustered(rows, dim, 6, 3);
    for (at, row) in base.chunks_exact_mut(dim).enumerate() {
        let scale = [1.0, 1e18, 1e30, f32::MAX / 32.0][at % 4];
        for x in row {
            *x *= scale;
        }
    }
    for (metric, _) in MEASURES {
        for bits in [Bits::Two, Bits::Pq4(4), Bits::Pq8(8)] {
            let zoned = Zoned::new(&base, dim, metric, params(10, bits));
            for row in base.chunks_exact(dim).step_by(50) {
                for share in [0.1, 1.0] {
                    let mut slots: Vec<_> = zoned.ask(row, zoned.effort(20, share));
                    slots.sort_by_key(|found| found.0);
                    slots.dedup_by_key(|found| found.0);
                    assert_eq!(slots.len(), 20, "{metric:?} {bits:?}");
                }
            }
        }
    }
}

#[test]
fn more_answers_than_the_probed_zones_hold() {
    let base = data::clustered(2000, 12, 20, 3);
    let zoned = Zoned::new(&base, 12, Metric::L2, params(40, Bits::Two));
    for k in [1, 100, 500, 2000, 5000] {
        let found = zoned.ask(&base[..12], zoned.effort(k, 0.0));
        assert_eq!(found.len(), k.min(2000));
    }
}

#[test]
fn a_build_may_be_given_up_at_any_step() {
    let base = matrix(&data::clustered(4000, 20, 30, 1), 20, Metric::L2);
    let start = || {
        let params = params(300, Bits::One);
        ZonesBuilder::new(base.rows(), Metric::L2, kernels(None), params, Exec::Serial).unwrap()
    };
    for steps in 0..60 {
        let mut builder = start();
        for _ in 0..steps {
            builder.step(base.rows(), Exec::Serial).unwrap();
        }
    }
}

/// A name, what the refusal says, and what is done to the arrays.
type Forge = (&'static str, &'static str, fn(&mut ZoneArrays));

#[test]
fn forged_arrays_are_refused_and_say_why() {
    let base = matrix(&data::clustered(500, 10, 5, 1), 10, Metric::L2);
    let whole = || build(&base, Metric::L2, params(5, Bits::Two));
    let slot_of = |arrays: &ZoneArrays, place: usize| arrays.slots[place];
    let forged: [Forge; 10] = [
        ("a slot twice", "twice", |arrays| {
            arrays.slots[1] = arrays.slots[0];
        }),
        ("slots out of order", "out of order", |arrays| {
            arrays.slots.swap(0, 1);
        }),
        ("a slot of no row", "slot 500", |arrays| {
            arrays.slots[0] = 500;
        }),
        ("a hole", "after a free place", |arrays| {
            arrays.slots[0] = NO_SLOT;
        }),
        ("a slot less", "free place", |arrays| {
            let end = arrays.starts[1] as usize * 32;
            let last = arrays.slots[..end]
                .iter()
                .rposition(|&slot| slot != NO_SLOT);
            arrays.slots[last.expect("a row")] = NO_SLOT;
        }),
        ("a zone of nothing", "ends where it starts", |arrays| {
            arrays.starts[1] = 0;
        }),
        ("a start beyond", "starts", |arrays| {
            *arrays.starts.last_mut().expect("one") += 1;
        }),
        ("a place less", "places", |arrays| {
            arrays.slots.pop();
        }),
        ("a number less", "numbers", |arrays| {
            arrays.centre.pop();
        }),
        ("points of nothing", "points", |arrays| {
            arrays.points = vec![0.0; 160];
        }),
    ];
    for (name, says, forge) in forged {
        let mut arrays = whole();
        assert_ne!(slot_of(&arrays, 0), NO_SLOT);
        forge(&mut arrays);
        let error = check::validate(&arrays.view(), 500).expect_err(name);
        assert!(error.what.contains(says), "{name}: {error}");
    }
    let params = ZonesParams {
        soar: true,
        ..params(5, Bits::Two)
    };
    let twice = build(&base, Metric::L2, params);
    for (arrays, soar, says) in [(twice, false, "twice"), (whole(), true, "one zone of two")] {
        let forged = ZoneArrays { soar, ..arrays };
        let error = check::validate(&forged.view(), 500).expect_err(says);
        assert!(error.what.contains(says), "{error}");
    }
    let error = check::validate(&whole().view(), 501).expect_err("a row more");
    assert!(error.what.contains("slot 500 is in no zone"), "{error}");
}
