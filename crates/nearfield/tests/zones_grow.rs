//! Rows added to zones, against zones built of all and an independent oracle: recall at equal probes, the
//! same bytes for any number of threads, and whatever the batches are.

mod zoned;

use nearfield::codec::bits::Bits;
use nearfield::exec::Exec;
use nearfield::ids::NO_SLOT;
use nearfield::kernels::{available, kernels};
use nearfield::matrix::Matrix;
use nearfield::metric::Metric;
use nearfield::zones::{ZoneArrays, ZonesAdder, ZonesParams, ZonesPhase, check};
use testkit::data;
use testkit::random::Random;
use zoned::{MEASURES, Zoned, build, bytes, matrix, params};

/// Adds the rows from `from` on, up to `end`.
fn add_with(
    arrays: &ZoneArrays,
    matrix: &Matrix,
    range: std::ops::Range<usize>,
    params: ZonesParams,
    exec: Exec<'_>,
) -> ZoneArrays {
    let (view, rows) = (arrays.view(), matrix.rows().head(range.end));
    let before = bytes(arrays);
    let mut adder = ZonesAdder::new(&view, rows, range.start, kernels(None), params, exec).unwrap();
    let mut assigned = 0;
    loop {
        let report = adder.step(&view, rows, exec).unwrap();
        assert!(report.done <= report.total, "{report:?}");
        if report.phase == ZonesPhase::Assign {
            let more = usize::from(report.total > 0);
            assert!(
                report.done >= assigned + more,
                "{report:?} after {assigned}"
            );
            assigned = report.done;
        }
        if report.phase == ZonesPhase::Done {
            break;
        }
    }
    assert!(bytes(arrays) == before, "what is there stays");
    let grown = adder.finish();
    check::validate(&grown.view(), range.end).unwrap();
    grown
}

/// The rows before `first` built, the others added in batches of these many in turn.
fn grow(
    matrix: &Matrix,
    metric: Metric,
    params: ZonesParams,
    first: usize,
    batches: &[usize],
) -> ZoneArrays {
    let mut start = Matrix::try_new(0, matrix.dim()).unwrap();
    start.try_append(matrix.rows().head(first)).unwrap();
    let mut arrays = build(&start, metric, params);
    let (mut rows, mut sizes) = (first, batches.iter().cycle());
    while rows < matrix.len() {
        let end = matrix.len().min(rows + sizes.next().expect("endless"));
        arrays = add_with(&arrays, matrix, rows..end, params, Exec::Serial);
        rows = end;
    }
    arrays
}

fn grown(
    base: &[f32],
    dim: usize,
    metric: Metric,
    params: ZonesParams,
    first: usize,
    batches: &[usize],
) -> Zoned {
    let matrix = matrix(base, dim, metric);
    let arrays = grow(&matrix, metric, params, first, batches);
    Zoned {
        metric,
        matrix,
        arrays,
        codes: None,
    }
}

#[test]
fn grown_zones_answer_as_built_ones() {
    let (rows, dim, queries) = (9000, 48, 100);
    let all = data::clustered(rows + queries, dim, 70, 5);
    let (base, asked) = all.split_at(rows * dim);
    for (metric, _) in MEASURES {
        for (zones, bits, soar) in [
            (0, Bits::Two, false),
            (50, Bits::One, false),
            (50, Bits::Pq4(4), false),
            (0, Bits::Pq8(7), false),
            (0, Bits::Two, true),
        ] {
            let asked_for = ZonesParams {
                soar,
                ..params(zones, bits)
            };
            // Not doubled: nothing is parted anew.
            let grown = grown(base, dim, metric, asked_for, 4600, &[1, 100, 700]);
            assert_eq!(grown.arrays.parted, 4600);
            // Points are those of the build.
            let first = matrix(&base[..4600 * dim], dim, metric);
            assert_eq!(grown.arrays.points, build(&first, metric, asked_for).points);
            let as_many = ZonesParams {
                soar,
                ..params(grown.arrays.view().zones(), bits)
            };
            let built = Zoned::new(base, dim, metric, as_many);
            let what = format!("{metric:?} {bits:?} {zones}");
            for share in [0.2, 0.4, 1.0] {
                // Partitions of other rows differ by some hundredths.
                let [built, grown] =
                    [&built, &grown].map(|x| x.recall(base, asked, x.effort(10, share)));
                assert!(
                    grown >= built - 0.05,
                    "{what}, {share}: {grown}, built {built}"
                );
            }
        }
    }
}

#[test]
fn from_nothing_and_one_row_at_a_time() {
    let (rows, dim, queries) = (700, 12, 30);
    let all = data::clustered(rows + queries, dim, 20, 5);
    let (base, asked) = all.split_at(rows * dim);
    for (metric, _) in MEASURES {
        for (zones, bits) in [(0, Bits::Two), (9, Bits::Two), (9, Bits::Pq4(2))] {
            let params = params(zones, bits);
            let grown = grown(base, dim, metric, params, 0, &[1]);
            // Parted at 1, 2, 4, … 512 rows.
            assert_eq!(grown.arrays.parted, 512, "{metric:?}");
            let every = grown.recall(base, asked, grown.effort(10, 1.0));
            assert!(every >= 0.99, "{metric:?}, {zones} zones: {every}");
        }
    }
}

#[test]
fn the_first_batch_is_a_build() {
    let base = data::clustered(3000, 20, 30, 2);
    for ((metric, _), bits) in MEASURES
        .into_iter()
        .zip([Bits::One, Bits::Pq4(4), Bits::Pq8(8)])
    {
        let (matrix, params) = (matrix(&base, 20, metric), params(0, bits));
        let empty = ZoneArrays::empty(metric, 20, params).unwrap();
        let first = add_with(&empty, &matrix, 0..3000, params, Exec::Serial);
        let built = build(&matrix, metric, params);
        assert!(bytes(&first) == bytes(&built), "{metric:?}");
        // No rows change nothing.
        let same = add_with(&built, &matrix, 3000..3000, params, Exec::Serial);
        assert!(bytes(&same) == bytes(&built), "{metric:?}");
    }
}

#[test]
fn zones_that_outgrow_their_size_are_split_and_found() {
    // The new rows are of one cluster the zones know little of.
    let (rows, dim, queries) = (8000, 24, 60);
    let mut base = data::clustered(rows, dim, 40, 5);
    let mut random = Random::new(4);
    let mut near = |x: &mut f32| {
        #[allow(clippy::cast_possible_truncation)]
        let spread = random.normal() as f32;
        *x = 3.0 + 0.5 * spread;
    };
    base[4500 * dim..].iter_mut().for_each(&mut near);
    let mut asked = vec![0.0; queries * dim];
    asked.iter_mut().for_each(&mut near);
    let grown = grown(&base, dim, Metric::L2, params(0, Bits::Two), 4500, &[250]);
    let view = grown.arrays.view();
    assert_eq!(view.parted, 4500);
    assert!(view.zones() > 4500 / 160 + 3, "{} zones", view.zones());
    for zone in 0..u32::try_from(view.zones()).unwrap() {
        let strips = view.range(zone).len();
        // Split at 640 rows; of unlike parts the larger may grow to twice that.
        assert!(strips <= 41, "zone {zone} has {strips} strips");
    }
    let share = grown.recall(&base, &asked, grown.effort(10, 0.5));
    assert!(share >= 0.97, "{share}");
    // Who asks for so many zones gets no more.
    let held = zoned_of(&base, dim, params(28, Bits::Two));
    assert!(held.arrays.view().zones() <= 28);
}

fn zoned_of(base: &[f32], dim: usize, params: ZonesParams) -> Zoned {
    grown(base, dim, Metric::L2, params, 4500, &[3500])
}

#[test]
fn splits_that_make_zones_many_enough_are_routed_by_codes() {
    let (rows, dim) = (70_000, 8);
    let base = data::clustered(rows, dim, 200, 5);
    let params = params(0, Bits::Two);
    let grown = grown(&base, dim, Metric::L2, params, 36_000, &[34_000]);
    let before = 36_000 / 160;
    let view = grown.arrays.view();
    assert!(view.zones() >= before, "{}", view.zones());
    assert_eq!(view.routes.is_empty(), view.zones() < 256);
    let share = grown.recall(&base, &base[..40 * dim], grown.effort(1, 0.1));
    assert!((share - 1.0).abs() < 1e-9, "{share}");
}

#[test]
fn the_same_bytes_for_any_threads_and_any_instructions() {
    let (rows, dim) = (6000, 40);
    let base = data::clustered(rows, dim, 3, 9);
    let pools = [2, 8].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("pool")
    });
    for (metric, soar) in MEASURES.iter().flat_map(|&(m, _)| [(m, false), (m, true)]) {
        let matrix = matrix(&base, dim, metric);
        let params = ZonesParams {
            soar,
            ..params(0, Bits::Two)
        };
        // The first rows are of one cluster: those of the others make zones outgrow their size.
        let mut start = Matrix::try_new(0, dim).unwrap();
        start.try_append(matrix.rows().head(3200)).unwrap();
        let start = build(&start, metric, params);
        let add = |exec| bytes(&add_with(&start, &matrix, 3200..rows, params, exec));
        let expected = add(Exec::Serial);
        for pool in &pools {
            assert!(add(Exec::Pool(pool)) == expected, "{metric:?}, threads");
        }
        for kernels in available() {
            let (view, rows) = (start.view(), matrix.rows());
            let adder = ZonesAdder::new(&view, rows, 3200, kernels, params, Exec::Serial);
            let mut adder = adder.unwrap();
            while adder.step(&view, rows, Exec::Serial).unwrap().phase != ZonesPhase::Done {}
            let what = kernels.isa;
            assert!(bytes(&adder.finish()) == expected, "{metric:?}, {what:?}");
        }
    }
}

/// From none, and from one zone, in which rows have no second one.
#[test]
fn second_zones_come_with_the_second_zone() {
    let base = data::clustered(2000, 12, 20, 4);
    let params = ZonesParams {
        soar: true,
        ..params(0, Bits::Two)
    };
    for first in [0, 1, 200, 319] {
        let grown = grown(&base, 12, Metric::L2, params, first, &[90, 1, 400]);
        let view = grown.arrays.view();
        assert_eq!(view.times(), 2, "{first}");
        let filled = view.slots.iter().filter(|&&slot| slot != NO_SLOT);
        assert_eq!(filled.count(), 2 * 2000, "{first}");
    }
}

#[test]
fn heavy_duplicates_stay_together() {
    let (rows, dim) = (6000, 10);
    let mut base = data::clustered(rows, dim, 30, 3);
    // Nine in ten of what is added are one row.
    for (at, row) in base.chunks_exact_mut(dim).enumerate().skip(3100) {
        if at % 10 != 0 {
            row.fill(0.25);
        }
    }
    for (metric, _) in MEASURES {
        let grown = grown(&base, dim, metric, params(0, Bits::Two), 3100, &[37, 900]);
        let asked = grown.ask(&[0.25; 10], grown.effort(5, 0.3));
        for (slot, _) in asked.into_iter().filter(|_| metric != Metric::Ip) {
            assert_eq!(base[slot as usize * dim..][..dim], [0.25; 10], "{metric:?}");
        }
        for row in base.chunks_exact(dim).step_by(90) {
            let (slot, distance) = grown.ask(row, grown.effort(1, 1.0))[0];
            let own = &base[slot as usize * dim..][..dim];
            assert!(metric == Metric::Ip || own == row, "{metric:?}: {distance}");
        }
    }
}

#[test]
fn far_clusters_and_enormous_numbers() {
    let (rows, dim) = (5000, 32);
    let far = data::far_clusters(rows, dim, 20, 3);
    // In turns, so that every batch has some of every cluster.
    let mixed: Vec<f32> = (0..rows)
        .flat_map(|at| &far[(at % 20 * (rows / 20) + at / 20) * dim..][..dim])
        .copied()
        .collect();
    let mut wild = data::clustered(rows, dim, 20, 3);
    wild[4000 * dim] = 1e30;
    wild[4500 * dim + 3] = f32::MAX / 32.0;
    for (name, base, zones) in [("far", mixed, 60), ("wild", wild, 0)] {
        let params = params(zones, Bits::Two);
        let grown = grown(&base, dim, Metric::L2, params, 2600, &[333]);
        assert_eq!(grown.arrays.apart, name == "far");
        for (slot, row) in (0..).zip(base.chunks_exact(dim)).step_by(37) {
            let found = grown.ask(row, grown.effort(10, 0.5));
            assert_eq!(found[0].0, slot, "{name}");
        }
    }
}

#[test]
fn an_addition_may_be_given_up_at_any_step() {
    let base = matrix(&data::clustered(4000, 20, 3, 1), 20, Metric::L2);
    let params = params(0, Bits::One);
    let mut start = Matrix::try_new(0, 20).unwrap();
    start.try_append(base.rows().head(2100)).unwrap();
    let start = build(&start, Metric::L2, params);
    let view = start.view();
    for steps in 0..6 {
        let adder = ZonesAdder::new(
            &view,
            base.rows(),
            2100,
            kernels(None),
            params,
            Exec::Serial,
        );
        let mut adder = adder.unwrap();
        for _ in 0..steps {
            adder.step(&view, base.rows(), Exec::Serial).unwrap();
        }
    }
    check::validate(&view, 2100).unwrap();
}
