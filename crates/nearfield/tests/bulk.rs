//! Graphs built at once, from the outside: as good as inserted ones, the same bytes for any number of
//! threads and, by codes, any instruction set, and whole on data made to break partitions.

use nearfield::{Builder, Exec, Index, Phase, SearchParams};
use testkit::data;
use testkit::oracle::{self, Measure};

fn build(base: &[f32], options: &str, exec: Exec<'_>) -> Index {
    let mut builder = Builder::new(base, options, None).expect("options");
    let mut before = (0, 0);
    loop {
        let report = builder.step(exec).expect("a step");
        let phases = [
            Phase::Prepare,
            Phase::Encode,
            Phase::Link,
            Phase::Repair,
            Phase::Done,
        ];
        let phase = phases.iter().position(|&phase| phase == report.phase);
        let now = (phase.expect("a phase"), report.done);
        assert!(
            before <= now && now.1 <= report.total,
            "{before:?}, {now:?}"
        );
        before = now;
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
        effort: ef,
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

/// What links are made by: codes, vectors, and vectors by inner product.
const KINDS: [(&str, &str); 5] = [
    ("l2", ""),
    ("cosine", ""),
    ("l2", r#", "codec": "f32""#),
    ("cosine", r#", "codec": "f32""#),
    ("ip", ""),
];

#[test]
#[allow(clippy::cast_precision_loss)]
fn recall_and_self_recall_on_clustered_data() {
    let (rows, dim, queries) = (9000, 48, 200);
    let all = data::clustered(rows + queries, dim, 60, 5);
    let (base, asked) = all.split_at(rows * dim);
    for (metric, codec) in KINDS {
        let measure = measure(metric);
        let index = build(base, &options(dim, metric, codec), Exec::Serial);
        index.check().expect("sound");
        if metric != "ip" {
            let share = self_recall(&index, base, dim);
            assert!((share - 1.0).abs() < f64::EPSILON, "{metric}{codec}");
        }
        let share = recall(measure, &index, base, asked, dim);
        assert!(share >= 0.99, "{metric}{codec}: {share}");
    }
}

fn measure(metric: &str) -> Measure {
    match metric {
        "l2" => Measure::L2,
        "ip" => Measure::Ip,
        _ => Measure::Cosine,
    }
}

#[allow(clippy::cast_precision_loss)]
fn recall(measure: Measure, index: &Index, base: &[f32], asked: &[f32], dim: usize) -> f64 {
    let share: f64 = asked
        .chunks_exact(dim)
        .map(|query| {
            let truth = oracle::nearest(measure, base, query, 10);
            let found = search(index, query, 100);
            oracle::recall(measure, base, query, &truth, &found)
        })
        .sum();
    share / (asked.len() / dim) as f64
}

#[test]
fn the_same_bytes_for_any_threads_and_any_instructions() {
    let (rows, dim) = (6000, 40);
    let mut base = data::clustered(rows, dim, 30, 9);
    // Twins: places in a level are not slots then.
    base.copy_within(0..200 * dim, 700 * dim);
    for (metric, codec) in KINDS {
        let expected = file(&build(&base, &options(dim, metric, codec), Exec::Serial));
        for threads in [2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.expect("pool");
            let found = file(&build(
                &base,
                &options(dim, metric, codec),
                Exec::Pool(&pool),
            ));
            assert!(found == expected, "{metric}{codec}, {threads} threads");
        }
        // Sums of floats are of two kinds; links made by codes are of one.
        let by_codes = codec.is_empty() && metric != "ip";
        let best = nearfield::kernels::kernels(None).isa;
        for kernels in nearfield::kernels::available() {
            let isa = format!(r#"{codec}, "isa": "{}""#, kernels.isa.name());
            if by_codes || kernels.isa.fused() == best.fused() {
                let found = file(&build(&base, &options(dim, metric, &isa), Exec::Serial));
                assert!(found == expected, "{metric}, {isa}");
            }
        }
    }
}

#[test]
fn codes_that_are_given_up_leave_the_graph_that_vectors_make() {
    let (rows, dim) = (6000, 48);
    let mut base = data::clustered(rows, dim, 30, 5);
    // Hundreds of rows closer together than codes can tell, met while linking (l2) or while repairing.
    let mut random = testkit::random::Random::new(3);
    for row in base.chunks_exact_mut(dim).skip(1).step_by(20) {
        for (at, x) in row.iter_mut().enumerate() {
            #[allow(clippy::cast_possible_truncation)] // noise
            let noise = (random.normal() * 1e-5) as f32;
            *x = 0.25 * f32::from(u8::try_from(at % 5).expect("small")) + noise;
        }
    }
    for metric in ["l2", "cosine"] {
        let auto = build(&base, &options(dim, metric, ""), Exec::Serial);
        let plain = options(dim, metric, r#", "codec": "f32""#);
        let plain = build(&base, &plain, Exec::Serial);
        let codec = |index: &Index| index.info().contains(r#""codec":"f32""#);
        assert!(codec(&plain), "{}", plain.info());
        assert!(codec(&auto), "{metric}: {}", auto.info());
        assert!(file(&auto) == file(&plain), "{metric}");
        // Products of the nearest differ by less than a float can tell.
        if metric == "l2" {
            let share = self_recall(&auto, &base, dim);
            assert!((share - 1.0).abs() < f64::EPSILON, "{share}");
        }
    }
}

#[test]
fn products_with_rows_of_very_different_lengths() {
    let (rows, dim) = (6000, 32);
    let mut base = data::clustered(rows + 200, dim, 40, 5);
    let mut random = testkit::random::Random::new(4);
    for row in base.chunks_exact_mut(dim) {
        #[allow(clippy::cast_possible_truncation)]
        let scale = (1.0 / (1.0 - random.unit())).powf(0.7) as f32;
        for x in row {
            *x *= scale;
        }
    }
    let (base, asked) = base.split_at(rows * dim);
    let index = build(base, &options(dim, "ip", ""), Exec::Serial);
    index.check().expect("sound");
    for (name, asked) in [("held out", asked), ("rows", &base[..200 * dim])] {
        let share = recall(Measure::Ip, &index, base, asked, dim);
        assert!(share >= 0.99, "{name}: {share}");
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
        for codec in ["", r#", "codec": "f32""#] {
            let index = build(&base, &options(dim, "l2", codec), Exec::Serial);
            index.check().expect("sound");
            let share = self_recall(&index, &base, dim);
            assert!((share - 1.0).abs() < f64::EPSILON, "{name}{codec}: {share}");
        }
        build(&base, &options(dim, "ip", ""), Exec::Serial)
            .check()
            .expect("sound");
    }
}
