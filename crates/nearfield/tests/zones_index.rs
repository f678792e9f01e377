//! Indexes of kind `zones`, and flat ones with codes, as the bindings see them: whole answers beside exact
//! search, codes alone, batches, and what is refused.

use nearfield::boundary::{Adder, Builder, Index, Phase, SearchParams};
use nearfield::exec::Exec;
use std::sync::Arc;
use testkit::data;
use testkit::oracle::{self, Measure};

const DIM: usize = 32;
const PARAMS: SearchParams = SearchParams {
    k: 10,
    effort: 0,
    exact: false,
    rerank: true,
};

fn build(vectors: &[f32], options: &str) -> Index {
    let mut builder = Builder::new(vectors, options, None).expect("good input");
    let (mut phase, mut done) = (Phase::Prepare, 0);
    loop {
        let progress = builder.step(Exec::Serial).expect("good input");
        assert!(progress.done <= progress.total, "{progress:?}");
        assert!(
            progress.phase != phase || progress.done >= done,
            "{progress:?}"
        );
        (phase, done) = (progress.phase, progress.done);
        if phase == Phase::Done {
            return builder.finish().expect("done");
        }
    }
}

fn add(index: &Arc<Index>, vectors: &[f32]) {
    let mut adder = Adder::new(Arc::clone(index), vectors, None).expect("good input");
    while adder.step(Exec::Serial).expect("good input").phase != Phase::Done {}
    adder.finish().expect("done");
}

fn ask(index: &Index, query: &[f32], params: SearchParams) -> Vec<(u32, f32)> {
    let k = params.k as usize;
    let (mut slots, mut distances) = (vec![0; k], vec![0.0; k]);
    let found = index
        .search_into(query, params, &mut slots, &mut distances)
        .expect("good");
    let pairs = slots.into_iter().zip(distances);
    pairs.take(found).collect()
}

/// The share of the ten nearest of each query that is found.
fn recall(
    index: &Index,
    base: &[f32],
    queries: &[f32],
    measure: Measure,
    params: SearchParams,
) -> f64 {
    let (mut hits, mut wanted) = (0_u32, 0_u32);
    for query in queries.chunks_exact(DIM) {
        let nearest = oracle::nearest(measure, base, query, 10);
        let found = ask(index, query, params);
        assert_eq!(found.len(), 10.min(base.len() / DIM));
        assert!(
            found.windows(2).all(|pair| pair[0].1 <= pair[1].1),
            "{found:?}"
        );
        for (slot, _) in &nearest {
            wanted += 1;
            hits += u32::from(found.iter().any(|(own, _)| *own as usize == *slot));
        }
    }
    f64::from(hits) / f64::from(wanted)
}

fn options(kind: &str, metric: &str, more: &str) -> String {
    format!(r#"{{"dim":{DIM},"kind":"{kind}","metric":"{metric}"{more}}}"#)
}

fn rows(count: usize, seed: u64) -> Vec<f32> {
    data::clustered(count, DIM, 60, seed)
}

/// Rows and held-out questions of one draw.
fn set(count: usize) -> (Vec<f32>, Vec<f32>) {
    let mut base = rows(count + 100, 3);
    let queries = base.split_off(count * DIM);
    (base, queries)
}

#[test]
fn zones_and_compressed_scans_find_what_exact_search_finds() {
    let (base, queries) = set(6000);
    for (metric, measure) in [("l2", Measure::L2), ("cosine", Measure::Cosine)] {
        for (kind, more, floor) in [
            ("zones", "", 0.97),
            ("zones", r#","codec":"bits1""#, 0.95),
            (
                "zones",
                r#","codec":"bits2","refine":"sq8","zones":20"#,
                0.97,
            ),
            ("flat", r#","codec":"sq8""#, 0.999),
            ("flat", r#","codec":"sq4""#, 0.99),
            ("flat", r#","codec":"bits2""#, 0.97),
            ("zones", r#","codec":"pq4","zones":20"#, 0.95),
            ("zones", r#","codec":"pq8""#, 0.95),
            ("flat", r#","codec":"pq4","codeNumbers":2"#, 0.97),
        ] {
            let index = build(&base, &options(kind, metric, more));
            let found = recall(&index, &base, &queries, measure, PARAMS);
            assert!(found >= floor, "{kind} {metric} {more}: {found}");
            let exact = SearchParams {
                exact: true,
                ..PARAMS
            };
            assert!(recall(&index, &base, &queries, measure, exact) > 0.999);
            index.check().expect("sound");
        }
    }
}

#[test]
fn more_probes_find_more_and_all_of_them_all() {
    let (base, queries) = set(6000);
    let index = build(&base, &options("zones", "l2", r#","zones":64"#));
    let at = |effort| {
        recall(
            &index,
            &base,
            &queries,
            Measure::L2,
            SearchParams { effort, ..PARAMS },
        )
    };
    let (one, some, all) = (at(1), at(8), at(64));
    assert!(
        one < some && some <= all && all > 0.98,
        "{one} {some} {all}"
    );
}

/// Over held-out questions.
#[test]
fn a_recall_that_is_promised_is_kept() {
    // One cloud: where rows are near to one zone alone, any promise is kept by that.
    let mut base = data::clustered(6400, DIM, 1, 3);
    let queries = base.split_off(6000 * DIM);
    for (metric, measure) in [
        ("l2", Measure::L2),
        ("cosine", Measure::Cosine),
        ("ip", Measure::Ip),
    ] {
        let built = build(&base, &options("zones", metric, r#","zones":64"#));
        // Shares stay as they were measured of three in four rows.
        let added = Arc::new(build(&base[..4500 * DIM], &options("zones", metric, "")));
        add(&added, &base[4500 * DIM..]);
        for index in [&built, &*added] {
            let mut before = 0.0;
            for promised in [0.6, 0.8, 0.9, 0.95, 0.99] {
                let params = SearchParams {
                    effort: SearchParams::recall(promised),
                    ..PARAMS
                };
                let found = recall(index, &base, &queries, measure, params);
                // It was measured by 128 rows and is by 400: the farther from 1 the less sure.
                let sure = 0.02 + 0.1 * (1.0 - promised);
                assert!(found >= promised - sure, "{metric} {promised}: {found}");
                let scanned = |query| {
                    let told = index.explain(query, params, &|| 0.0).expect("good");
                    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
                    let [least, left] =
                        ["least", "left"].map(|name| told["promise"][name].as_f64());
                    assert!(left.expect("a share") < least.expect("a share"), "{told}");
                    assert!((told["promise"]["recall"].as_f64().unwrap() - promised).abs() < 1e-6);
                    told["scanned"].as_f64().expect("rows")
                };
                let scanned = queries.chunks_exact(DIM).map(scanned).sum::<f64>() / 400.0;
                assert!(
                    scanned > before && scanned < 6000.0,
                    "{metric} {promised}: {scanned}"
                );
                before = scanned;
            }
        }
    }
}

#[test]
fn codes_alone_answer_and_take_little() {
    let (base, queries) = set(6000);
    for (metric, measure) in [
        ("l2", Measure::L2),
        ("cosine", Measure::Cosine),
        ("ip", Measure::Ip),
    ] {
        let codes = |more: &str| {
            let more = format!(r#","keepVectors":false{more}"#);
            build(&base, &options("zones", metric, &more))
        };
        let params = SearchParams {
            rerank: false,
            effort: 1000,
            ..PARAMS
        };
        let refined = codes(r#","codec":"bits1","refine":"sq8""#);
        let found = recall(&refined, &base, &queries, measure, params);
        assert!(found >= 0.9, "{metric}: {found}");
        // Distances by codes are those of the vectors, nearly.
        let query = &queries[..DIM];
        let (slot, distance) = ask(&refined, query, params)[0];
        let row = &base[slot as usize * DIM..][..DIM];
        let true_distance = oracle::nearest(measure, row, query, 1)[0].1;
        assert!((f64::from(distance) - true_distance).abs() < 0.05 * (1.0 + true_distance.abs()));
        let smallest = codes(r#","codec":"bits1","refine":"none""#);
        // Signs, 12 bytes a row and a free place here and there, and the centroids.
        let row_bytes = DIM / 8 + 12;
        let bytes = usize::try_from(smallest.file_bytes()).expect("small");
        assert!(
            bytes < 6000 * row_bytes * 13 / 10 + 38 * (4 * DIM + 100) + 4096,
            "{bytes}"
        );
        assert!(recall(&smallest, &base, &queries, measure, params) > 0.3);
        for exact in [true, false] {
            let refused = smallest.search_into(
                query,
                SearchParams { exact, ..PARAMS },
                &mut [0; 10],
                &mut [0.0; 10],
            );
            let message = refused.expect_err("no vectors").to_string();
            assert!(
                message.starts_with("OPTION: an exact or reranked answer needs vectors"),
                "{message}"
            );
        }
    }
}

#[test]
fn batches_join_zones_that_were_there() {
    let (base, queries) = set(4000);
    for more in [
        "",
        r#","codec":"pq4""#,
        r#","codec":"bits1""#,
        r#","codec":"bits2","zones":9"#,
    ] {
        let index = Arc::new(build(&base[..1000 * DIM], &options("zones", "l2", more)));
        for batch in base[1000 * DIM..].chunks(750 * DIM) {
            add(&index, batch);
        }
        assert_eq!(index.size(), 4000);
        let found = recall(
            &index,
            &base,
            &queries,
            Measure::L2,
            SearchParams {
                effort: 100,
                ..PARAMS
            },
        );
        assert!(found > 0.95, "{more}: {found}");
        for (slot, row) in base.chunks_exact(DIM).enumerate().step_by(13) {
            let best = ask(
                &index,
                row,
                SearchParams {
                    k: 1,
                    effort: 100,
                    ..PARAMS
                },
            )[0];
            assert!(best.1 == 0.0, "{more}: row {slot} finds {best:?}");
        }
        index.check().expect("sound");
    }
    let empty = Arc::new(Index::empty(&options("zones", "l2", "")).expect("good"));
    assert!(ask(&empty, &queries[..DIM], PARAMS).is_empty());
    for batch in base.chunks(1300 * DIM) {
        add(&empty, batch);
    }
    let found = recall(&empty, &base, &queries, Measure::L2, PARAMS);
    assert!(found > 0.95, "{found}");
    let flat = Arc::new(build(
        &base[..100 * DIM],
        &options("flat", "l2", r#","codec":"sq8""#),
    ));
    add(&flat, &base[100 * DIM..]);
    assert!(recall(&flat, &base, &queries, Measure::L2, PARAMS) > 0.999);
}

#[test]
fn a_batch_given_up_leaves_zones_as_they_were() {
    let (base, _) = set(2000);
    let index = Arc::new(build(&base[..1000 * DIM], &options("zones", "l2", "")));
    let before = ask(&index, &base[..DIM], PARAMS);
    for steps in 0..12 {
        let mut adder = Adder::new(Arc::clone(&index), &base[1000 * DIM..], None).expect("good");
        for _ in 0..steps {
            adder.step(Exec::Serial).expect("good");
            assert_eq!(ask(&index, &base[..DIM], PARAMS), before);
        }
        drop(adder);
        assert_eq!(index.size(), 1000);
        assert_eq!(ask(&index, &base[..DIM], PARAMS), before);
    }
}

#[test]
fn what_a_search_did_is_told() {
    let (base, queries) = set(3000);
    let index = build(&base, &options("zones", "l2", r#","zones":30"#));
    let params = SearchParams {
        effort: 5,
        ..PARAMS
    };
    // A clock that goes on by a millisecond whenever it is looked at.
    let ticks = std::cell::Cell::new(0.0);
    let clock = || ticks.replace(ticks.get() + 1.0);
    let told = index
        .explain(&queries[..DIM], params, &clock)
        .expect("good");
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(
        (&told["kind"], &told["probes"]),
        (&"zones".into(), &5.into())
    );
    let number = |name: &str| told[name].as_u64().expect("a number");
    let (scanned, kept) = (number("scanned"), number("kept"));
    assert!(scanned > kept && kept >= 10 && scanned < 3000, "{told}");
    assert_eq!(told["distances"]["byVector"].as_u64(), Some(kept), "{told}");
    assert_eq!(
        (&told["exact"], &told["ef"]),
        (&false.into(), &serde_json::Value::Null)
    );
    let phases = told["phases"].as_object().expect("phases");
    let names: Vec<_> = phases.keys().map(String::as_str).collect();
    let mut wanted = ["rotate", "table", "route", "scan", "codes", "vectors"];
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    for (name, micros) in phases {
        assert_eq!(micros.as_f64(), Some(1000.0), "{name}");
    }
    let graph = build(&base, &options("hnsw", "l2", ""));
    let told = graph
        .explain(&queries[..DIM], PARAMS, &clock)
        .expect("good");
    assert!(told.contains(r#""phases":null"#), "{told}");
}

#[test]
fn no_more_probes_are_told_than_there_are_zones() {
    let (base, _) = set(500);
    for zones in 1..6 {
        let more = format!(r#","zones":{zones}"#);
        let told = build(&base, &options("zones", "l2", &more)).info();
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        assert!(told["probes"].as_u64() <= told["zones"].as_u64(), "{told}");
    }
}

#[test]
fn what_zones_cannot_be_is_refused() {
    for (options, wanted) in [
        (
            options("zones", "l2", r#","codec":"sq4""#),
            "option codec must be one of 'auto', 'bits1', 'bits2', 'pq4', 'pq8' for kind 'zones', got 'sq4'",
        ),
        (
            options("hnsw", "l2", r#","codec":"bits1""#),
            "option codec must be one of 'auto', 'f32', 'sq8', 'sq4' for kind 'hnsw', got 'bits1'",
        ),
        (
            options("auto", "l2", r#","codec":"bits1""#),
            "option codec must be one of 'auto', 'f32', 'sq8', 'sq4' for kind 'hnsw', got 'bits1'",
        ),
        (
            options("flat", "l2", r#","keepVectors":false"#),
            "option codec must be one of 'sq8', 'sq4', 'bits1', 'bits2', 'pq4', 'pq8' for kind 'flat' where keepVectors is false, got 'auto'",
        ),
        (
            options("zones", "l2", r#","M":4"#),
            "option M belongs to kind 'hnsw' and inner 'graph', but kind is 'zones'",
        ),
        (
            options("hnsw", "l2", r#","zones":4"#),
            "option zones belongs to kind 'zones', but kind is 'hnsw'",
        ),
        (
            options("zones", "l2", r#","zones":-1"#),
            "option zones must be an integer from 0 to 16777216, got -1",
        ),
        (
            options("zones", "l2", r#","codec":"pq4","codeNumbers":17"#),
            "option codeNumbers must be an integer from 0 to 16, got 17",
        ),
        (
            options("zones", "l2", r#","codec":"bits1","codeNumbers":4"#),
            "option codeNumbers belongs to codec 'pq4' and 'pq8', but codec is 'bits1', got 4",
        ),
        (
            options("zones", "l2", r#","codeNumbers":4"#),
            "option codeNumbers belongs to codec 'pq4' and 'pq8', but codec is 'auto', got 4",
        ),
        (
            options("hnsw", "l2", r#","codec":"pq4""#),
            "option codec must be one of 'auto', 'f32', 'sq8', 'sq4' for kind 'hnsw', got 'pq4'",
        ),
        (
            options("zones", "l2", r#","refine":"sq4""#),
            "option refine must be one of 'auto', 'none', 'sq8', got 'sq4'",
        ),
    ] {
        let refused = Builder::new(&[0.0; DIM], &options, None)
            .expect_err("refused")
            .to_string();
        assert_eq!(refused, format!("OPTION: {wanted}"));
    }
}
