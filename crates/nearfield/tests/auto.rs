//! What kind `auto` becomes, what it says of it, and that nobody finds less for it.

use nearfield::boundary::{Adder, Builder, Index, Phase, SearchParams};
use nearfield::exec::Exec;
use serde_json::Value;
use std::sync::Arc;
use testkit::data;
use testkit::oracle::{self, Measure};

fn build(vectors: &[f32], options: &str) -> Index {
    let mut builder = Builder::new(vectors, options, None).expect("good input");
    while builder.step(Exec::Serial).expect("good input").phase != Phase::Done {}
    builder.finish().expect("done")
}

fn told(index: &Index) -> Value {
    serde_json::from_str(&index.info()).expect("JSON")
}

/// Kind, codec and what was said of them.
fn chosen(index: &Index) -> (String, String, String) {
    let told = told(index);
    let word = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    (word("kind"), word("codec"), word("chosen"))
}

fn found(index: &Index, query: &[f32], k: u32) -> Vec<(u32, f32)> {
    let params = SearchParams {
        k,
        effort: 0,
        exact: false,
        rerank: true,
    };
    let (mut slots, mut distances) = (vec![0; k as usize], vec![0.0; k as usize]);
    let count = index
        .search_into(query, params, &mut slots, &mut distances)
        .expect("good");
    slots.into_iter().zip(distances).take(count).collect()
}

/// The share of the ten nearest of held-out rows that are found; rows as far as the tenth are as good.
fn recall(index: &Index, base: &[f32], queries: &[f32], measure: Measure) -> f64 {
    let dim = index.dim() as usize;
    let (mut hits, mut wanted) = (0_u32, 0_u32);
    for query in queries.chunks_exact(dim) {
        let own = found(index, query, 10);
        for (slot, _) in oracle::nearest(measure, base, query, 10) {
            wanted += 1;
            hits += u32::from(own.iter().any(|(own, _)| *own as usize == slot));
        }
    }
    f64::from(hits) / f64::from(wanted)
}

/// Rows and held-out questions of one draw.
fn set(rows: usize, dim: usize, clusters: usize) -> (Vec<f32>, Vec<f32>) {
    let mut base = data::clustered(rows + 60, dim, clusters, 3);
    let queries = base.split_off(rows * dim);
    (base, queries)
}

#[test]
fn some_thousand_rows_are_scanned_by_bits_and_found() {
    for (rows, dim, metric, measure, codec) in [
        (1001, 24, "l2", Measure::L2, "bits2"),
        (6000, 24, "cosine", Measure::Cosine, "bits2"),
        (3000, 64, "ip", Measure::Ip, "bits2"),
        (3000, 300, "l2", Measure::L2, "bits1"),
    ] {
        let (base, queries) = set(rows, dim, 50);
        let index = build(&base, &format!(r#"{{"dim":{dim},"metric":"{metric}"}}"#));
        let (kind, own, why) = chosen(&index);
        assert_eq!((kind.as_str(), own.as_str()), ("flat", codec), "{why}");
        let starts = format!("flat: {rows} rows are at most 20000; {codec}: {dim} numbers are");
        assert!(why.starts_with(&starts), "{why}");
        assert!(why.ends_with("0.995 are enough"), "{why}");
        let share = recall(&index, &base, &queries, measure);
        assert!(share >= 0.99, "{rows} × {dim} {metric}: {share}");
        for (slot, row) in (0_u32..).zip(base.chunks_exact(dim)).step_by(41) {
            // By product another row may well be nearer.
            let best = found(&index, row, 1)[0];
            assert!(
                metric == "ip" || best.0 == slot,
                "row {slot} finds {best:?}"
            );
        }
        index.check().expect("sound");
    }
}

#[test]
fn where_bits_cannot_tell_rows_apart_there_is_a_graph() {
    // Within a cloud rows are apart by a thousandth of what clouds are: a bit a number says nothing of it.
    let (rows, dim) = (4000, 24);
    let base = data::far_clusters(rows, dim, 8, 5);
    let index = build(&base, &format!(r#"{{"dim":{dim}}}"#));
    let (kind, codec, why) = chosen(&index);
    assert_eq!((kind.as_str(), codec.as_str()), ("hnsw", "f32"), "{why}");
    assert!(
        why.starts_with("flat: 4000 rows are at most 20000; bits2: "),
        "{why}"
    );
    assert!(why.contains("; hnsw in place of flat; f32: "), "{why}");
    let told = told(&index);
    assert_eq!((&told["M"], &told["zones"]), (&16.into(), &Value::Null));
    for (slot, row) in (0_u32..).zip(base.chunks_exact(dim)).step_by(17) {
        assert_eq!(found(&index, row, 1)[0], (slot, 0.0));
    }
    index.check().expect("sound");
    // The very graph that is asked for by name.
    let named = build(&base, &format!(r#"{{"dim":{dim},"kind":"hnsw"}}"#));
    let file = |index: &Index| {
        let mut bytes = vec![0; usize::try_from(index.file_bytes()).expect("small")];
        index.read_file(0, &mut bytes).expect("in range");
        bytes
    };
    assert!(file(&index) == file(&named), "another graph");
}

#[test]
fn who_asks_for_something_of_a_graph_gets_one() {
    let (base, _) = set(1500, 8, 20);
    for more in [r#","M":8"#, r#","efConstruction":50"#, r#","codec":"f32""#] {
        let index = build(&base, &format!(r#"{{"dim":8{more}}}"#));
        let (kind, _, why) = chosen(&index);
        assert_eq!(kind, "hnsw", "{more}");
        assert!(
            why.starts_with("hnsw: 1500 rows are more than 1000"),
            "{why}"
        );
    }
    let few = build(&base[..1000 * 8], r#"{"dim":8,"M":8}"#);
    let (kind, codec, why) = chosen(&few);
    assert_eq!((kind.as_str(), codec.as_str()), ("flat", "f32"));
    assert_eq!(why, "flat: 1000 rows are at most 1000");
    let (many, _) = set(20_001, 4, 20);
    let (kind, _, why) = chosen(&build(&many, r#"{"dim":4}"#));
    assert_eq!(kind, "hnsw");
    assert!(
        why.starts_with("hnsw: 20001 rows are more than 20000"),
        "{why}"
    );
}

#[test]
fn strips_take_batches_and_give_way_to_a_graph() {
    for (dim, from) in [(40, 18_000), (256, 19_500)] {
        let (base, queries) = set(20_200, dim, 100);
        let index = Arc::new(build(&base[..from * dim], &format!(r#"{{"dim":{dim}}}"#)));
        assert_eq!(chosen(&index).0, "flat");
        let adder = |range: std::ops::Range<usize>| {
            let rows = &base[range.start * dim..range.end * dim];
            Adder::new(Arc::clone(&index), rows, None).expect("good")
        };
        let add = |range| {
            let mut adder = adder(range);
            while adder.step(Exec::Global).expect("good").phase != Phase::Done {}
            adder.finish().expect("done");
        };
        add(from..20_000);
        assert_eq!(chosen(&index).0, "flat", "still");
        assert_eq!(
            found(&index, &base[19_990 * dim..][..dim], 1)[0],
            (19_990, 0.0)
        );
        index.check().expect("sound");
        // One that is given up leaves strips.
        let before = found(&index, &queries[..dim], 10);
        let mut given_up = adder(20_000..20_200);
        for _ in 0..4 {
            given_up.step(Exec::Global).expect("good");
            assert_eq!(found(&index, &queries[..dim], 10), before);
        }
        drop(given_up);
        assert_eq!((chosen(&index).0.as_str(), index.size()), ("flat", 20_000));
        assert_eq!(found(&index, &queries[..dim], 10), before);
        add(20_000..20_200);
        let (kind, codec, why) = chosen(&index);
        assert_eq!((kind.as_str(), codec.as_str()), ("hnsw", "sq8"), "{why}");
        assert_eq!(told(&index)["zones"], Value::Null);
        let share = recall(&index, &base, &queries, Measure::L2);
        assert!(share >= 0.98, "{dim}: {share}");
        index.check().expect("sound");
    }
}

#[test]
fn memory_decides_what_is_left_out() {
    for (rows, dim, steps) in [
        (4000, 40, ["flat", "flat", "flat", "flat"]),
        (21_000, 24, ["hnsw", "zones", "zones", "zones"]),
    ] {
        let (base, queries) = set(rows, dim, 60);
        let padded = dim.next_multiple_of(16) * 4;
        let all = (rows * (padded + 400)) as u64;
        let with_vectors = (rows * (padded + 40)) as u64;
        let refined = (rows * padded) as u64;
        let bits = (rows * 30) as u64;
        let mut before = u64::MAX;
        for (step, memory) in [all, with_vectors, refined, bits].into_iter().enumerate() {
            let index = build(&base, &format!(r#"{{"dim":{dim},"memory":{memory}}}"#));
            let (kind, codec, why) = chosen(&index);
            assert_eq!(kind, steps[step], "{memory}: {why}");
            assert_eq!(index.keeps_vectors(), step < 2, "{memory}: {why}");
            // Bytes are estimated, within a fifth.
            let bytes = index.file_bytes();
            assert!(
                bytes <= memory + memory / 5 && bytes <= before,
                "{bytes} of {memory}: {why}"
            );
            before = bytes;
            let short = why.contains(&format!("are more than memory {memory}"));
            assert_eq!(short, kind == "zones" || step > 1, "{why}");
            if step == 3 {
                assert_eq!(
                    (codec.as_str(), &told(&index)["refine"]),
                    ("bits1", &Value::Null)
                );
            }
            if step < 2 {
                assert!(recall(&index, &base, &queries, Measure::L2) > 0.9, "{why}");
            }
            index.check().expect("sound");
        }
        let refused = |options: &str| {
            let refusal = Builder::new(&base, options, None).expect_err("refused");
            refusal.to_string()
        };
        let few = refused(&format!(r#"{{"dim":{dim},"memory":1000}}"#));
        assert!(
            few.starts_with("OPTION: option memory must be at least "),
            "{few}"
        );
        assert!(
            few.ends_with(&format!("for {rows} rows of {dim} numbers, got 1000")),
            "{few}"
        );
        let named = refused(&format!(r#"{{"dim":{dim},"memory":1000,"codec":"sq8"}}"#));
        assert!(named.contains("memory must be at least"), "{named}");
        let kind = refused(&format!(r#"{{"dim":{dim},"memory":1000,"kind":"zones"}}"#));
        assert_eq!(
            kind,
            "OPTION: option memory belongs to kind 'auto', but kind is 'zones'"
        );
    }
    let empty = Index::empty(r#"{"dim":4,"memory":1000}"#).expect_err("no");
    assert!(
        empty.to_string().contains("memory must be left out"),
        "{empty}"
    );
}
