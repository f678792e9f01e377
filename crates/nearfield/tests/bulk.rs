//! Graphs built at once, from the outside: as good as inserted ones, the same bytes for any number of
//! threads and any instruction set, and whole on data made to break partitions.

use nearfield::{Builder, Exec, Index, Phase, SearchParams};
use testkit::data;
use testkit::oracle::{self, Measure};

fn build(base: &[f32], options: &str, exec: Exec<'_>) -> Index {
    let mut builder = Builder::new(base, options, None).expect("options");
    let mut before = 0;
    loop {
        let report = builder.step(exec).expect("a step");
        if report.phase == Phase::Link {
            // Back to nothing where codes are given up, and rows linked again without.
            assert!(report.done == 0 || (before..=report.total).contains(&report.done));
            before = report.done;
        }
        if report.phase == Phase::Done {
            return builder.finish().expect("an index");
        }
    }
}

fn options(dim: usize, metric: &str, more: &str) -> String {
    format!(r#"{{ "dim": {dim}, "metric": "{metric}", "kind": "hnsw"{more} }}"#)
}

fn file(index: &Index) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(index.file_bytes()).expect("fits")];
    index.read_file(0, &mut bytes).expect("the file");
    bytes
}

fn search(index: &Index, query: &[f32], ef: u32) -> Vec<u32> {
    let (mut slots, mut distances) = ([0; 10], [0.0; 10]);
    let params = SearchParams {
        k: 10,
        ef,
        exact: false,
        rerank: true,
    };
    let found = index
        .search_into(query, params, &mut slots, &mut distances)
        .expect("answers");
    slots[..found].to_vec()
}

#[allow(clippy::cast_precision_loss)] // thousands of rows
fn self_recall(index: &Index, base: &[f32], dim: usize) -> f64 {
    let found = base.chunks_exact(dim).filter(|row| {
        let first = search(index, row, 50)[0] as usize;
        base[first * dim..][..dim] == **row
    });
    found.count() as f64 / (base.len() / dim) as f64
}

#[test]
#[allow(clippy::cast_precision_loss)]
fn recall_and_self_recall_on_clustered_data() {
    let (rows, dim, queries) = (9000, 48, 200);
    let all = data::clustered(rows + queries, dim, 60, 5);
    let (base, asked) = all.split_at(rows * dim);
    for (metric, measure) in [("l2", Measure::L2), ("cosine", Measure::Cosine)] {
        let index = build(base, &options(dim, metric, ""), Exec::Serial);
        index.check().expect("sound");
        assert!(
            (self_recall(&index, base, dim) - 1.0).abs() < f64::EPSILON,
            "{metric}"
        );
        let share: f64 = asked
            .chunks_exact(dim)
            .map(|query| {
                let truth = oracle::nearest(measure, base, query, 10);
                let found = search(&index, query, 100);
                oracle::recall(measure, base, query, &truth, &found)
            })
            .sum();
        assert!(
            share / queries as f64 >= 0.99,
            "{metric}: {}",
            share / queries as f64
        );
    }
}

#[test]
fn the_same_bytes_for_any_threads_and_any_instructions() {
    let (rows, dim) = (6000, 40);
    let mut base = data::clustered(rows, dim, 30, 9);
    // Twins: places in a level are not slots then.
    base.copy_within(0..200 * dim, 700 * dim);
    for metric in ["l2", "cosine"] {
        let expected = file(&build(&base, &options(dim, metric, ""), Exec::Serial));
        for threads in [2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.expect("pool");
            let found = file(&build(&base, &options(dim, metric, ""), Exec::Pool(&pool)));
            assert!(found == expected, "{metric}, {threads} threads");
        }
        for kernels in nearfield::kernels::available() {
            let isa = format!(r#", "isa": "{}""#, kernels.isa.name());
            let found = file(&build(&base, &options(dim, metric, &isa), Exec::Serial));
            assert!(found == expected, "{metric}, {isa}");
        }
    }
}

#[test]
fn data_that_leaders_cannot_part_is_linked_all_the_same() {
    let (rows, dim) = (5000, 32);
    let mut heavy = data::clustered(rows, dim, 30, 5);
    for (at, row) in heavy.chunks_exact_mut(dim).enumerate() {
        let scale = [1.0, 1.0, 1.0, 100.0][at % 4];
        for x in row {
            *x *= scale;
        }
    }
    let mut line = vec![0.0; rows * dim];
    for (row, x) in (0_u16..).zip(line.iter_mut().step_by(dim)) {
        *x = f32::from(row);
    }
    let mut two = vec![1.0; rows * dim];
    for (row, x) in (0_u16..).zip(two.iter_mut().skip(3).step_by(dim)) {
        *x = f32::from(row % 2);
    }
    let sets = [
        ("heavy tails", heavy),
        ("a line", line),
        ("two points", two),
        ("far clusters", data::far_clusters(rows, dim, 20, 3)),
        ("a curve", data::curve(rows, dim)),
        ("a grid", data::grid(rows, dim, 3, 4)),
    ];
    for (name, base) in sets {
        let index = build(&base, &options(dim, "l2", ""), Exec::Serial);
        index.check().expect("sound");
        let share = self_recall(&index, &base, dim);
        assert!((share - 1.0).abs() < f64::EPSILON, "{name}: {share}");
    }
}
