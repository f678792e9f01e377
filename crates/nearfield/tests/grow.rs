//! Indexes that grow by batches, against an oracle: recall and self-recall whatever the batches, the
//! same bytes for any number of threads, batches that leave nothing behind, rows added to any index.

mod growing;

use growing::{built, file, opened};
use nearfield::exec::Exec;
use nearfield::{Adder, Code, Index, KeyColumn, Phase, SearchParams};
use std::sync::Arc;
use testkit::data;
use testkit::oracle::{self, Measure};

fn drive(adder: &mut Adder, exec: Exec<'_>) {
    while adder.step(exec).expect("a good batch").phase != Phase::Done {}
}

fn add(index: &Arc<Index>, vectors: &[f32], exec: Exec<'_>) -> u32 {
    let mut adder = Adder::new(Arc::clone(index), vectors, None).expect("a good batch");
    drive(&mut adder, exec);
    adder.finish().expect("done").first
}

fn empty(options: &str) -> Arc<Index> {
    Arc::new(Index::empty(options).expect("good options"))
}

fn grown(options: &str, rows: &[f32], dim: usize, batch: usize, exec: Exec<'_>) -> Arc<Index> {
    let index = empty(options);
    for chunk in rows.chunks(batch * dim) {
        add(&index, chunk, exec);
    }
    index
}

fn ask(index: &Index, query: &[f32], k: u32, ef: u32) -> (Vec<u32>, Vec<f32>) {
    let (mut slots, mut distances) = (vec![0; k as usize], vec![0.0; k as usize]);
    let params = SearchParams {
        k,
        effort: ef,
        exact: false,
        rerank: true,
    };
    let found = index
        .search_into(query, params, &mut slots, &mut distances)
        .expect("a good query");
    slots.truncate(found);
    distances.truncate(found);
    (slots, distances)
}

/// Every row asked for is found at the distance of nothing.
fn all_find_themselves(index: &Index, rows: &[f32], dim: usize, what: &str) {
    for (row, query) in rows.chunks_exact(dim).enumerate() {
        let (_, distances) = ask(index, query, 1, 0);
        assert!(
            distances[0].abs() <= 1e-5,
            "{what}: row {row} is missed, the nearest found is {}",
            distances[0]
        );
    }
}

#[allow(clippy::cast_precision_loss)] // hundreds
fn recall(index: &Index, base: &[f32], queries: &[f32], dim: usize, ef: u32) -> f64 {
    let each = queries.chunks_exact(dim).map(|query| {
        let truth = oracle::nearest(Measure::L2, base, query, 10);
        let (slots, _) = ask(index, query, 10, ef);
        oracle::recall(Measure::L2, base, query, &truth, &slots)
    });
    each.sum::<f64>() / (queries.len() / dim) as f64
}

#[test]
fn batches_of_any_size_search_as_well_as_a_build() {
    let (rows, dim) = (4000, 32);
    let all = data::clustered(rows + 100, dim, 4, 5);
    let (base, queries) = all.split_at(rows * dim);
    for codec in ["f32", "sq8", "sq4"] {
        let options = format!(r#"{{"dim":{dim},"kind":"hnsw","codec":"{codec}"}}"#);
        let best = recall(&built(&options, base), base, queries, dim, 100);
        for batch in [100, 1000, rows] {
            let index = grown(&options, base, dim, batch, Exec::Serial);
            index.check().expect("whole");
            let found = recall(&index, base, queries, dim, 100);
            assert!(
                found >= best - 0.01 && found >= 0.98,
                "{codec}, batches of {batch}: recall@10 {found}, of a build {best}"
            );
            all_find_themselves(&index, base, dim, &format!("{codec}, batches of {batch}"));
        }
    }
}

#[test]
fn a_grown_graph_finds_as_much_with_a_short_pool_as_a_built_one() {
    // A pool of 10 for 10 neighbours: what the graph does not lead to is missed.
    let (rows, dim) = (6000, 96);
    let all = data::clustered(rows + 500, dim, 1, 5);
    let (base, queries) = all.split_at(rows * dim);
    let options = format!(r#"{{"dim":{dim},"kind":"hnsw","codec":"sq8"}}"#);
    let best = recall(&built(&options, base), base, queries, dim, 10);
    let (first, rest) = base.split_at(rows / 2 * dim);
    let half = Arc::new(built(&options, first));
    for chunk in rest.chunks(500 * dim) {
        add(&half, chunk, Exec::Serial);
    }
    let by_500 = grown(&options, base, dim, 500, Exec::Serial);
    for (what, index) in [("by 500", by_500), ("half of it built", half)] {
        let found = recall(&index, base, queries, dim, 10);
        assert!(
            found >= best - 0.015,
            "{what}: recall@10 {found}, of a build {best}"
        );
    }
}

#[test]
fn rows_that_come_in_order_are_found_after_every_batch() {
    // The hardest order: each batch is far from all before it, or just beside.
    let (rows, dim) = (3000, 12);
    let sets = [data::far_clusters(rows, dim, 12, 3), data::curve(rows, dim)];
    for (set, base) in sets.iter().enumerate() {
        let index = empty(r#"{"dim":12,"M":8,"efConstruction":60}"#);
        for (batch, chunk) in base.chunks(130 * dim).enumerate() {
            add(&index, chunk, Exec::Serial);
            index.check().expect("whole");
            if batch % 6 == 5 {
                let so_far = &base[..base.len().min((batch + 1) * 130 * dim)];
                all_find_themselves(&index, so_far, dim, &format!("set {set}, batch {batch}"));
            }
        }
        all_find_themselves(&index, base, dim, &format!("set {set}"));
    }
}

#[test]
fn same_bytes_for_any_number_of_threads() {
    let (rows, dim) = (3000, 24);
    let mut base = data::clustered(rows, dim, 10, 9);
    base.copy_within(0..200 * dim, 700 * dim);
    for metric in ["l2", "ip", "cosine"] {
        for codec in ["f32", "sq8", "sq4"] {
            let options =
                format!(r#"{{"dim":{dim},"metric":"{metric}","codec":"{codec}","seed":3}}"#);
            let serial = file(&grown(&options, &base, dim, 700, Exec::Serial));
            for threads in [2, 5] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                let pool = pool.build().expect("threads");
                let other = file(&grown(&options, &base, dim, 700, Exec::Pool(&pool)));
                assert!(other == serial, "{metric} {codec}: {threads} threads");
            }
        }
    }
}

#[test]
fn copies_are_found_within_a_batch_and_across() {
    let dim = 6;
    let mut base = data::clustered(1500, dim, 5, 1);
    for copy in [40, 41, 700, 1100, 1499] {
        base.copy_within(7 * dim..8 * dim, copy * dim);
    }
    let index = grown(r#"{"dim":6}"#, &base, dim, 500, Exec::Serial);
    let (slots, distances) = ask(&index, &base[7 * dim..8 * dim], 6, 0);
    assert_eq!(slots, [7, 40, 41, 700, 1100, 1499]);
    assert!(distances.iter().all(|&distance| distance == 0.0));
    index.check().expect("whole");
    let again = opened(&file(&index));
    assert_eq!(
        ask(&again, &base[..dim], 20, 50),
        ask(&index, &base[..dim], 20, 50)
    );
    // All equal: one node, whatever the batches.
    let same = grown(
        r#"{"dim":6}"#,
        &vec![0.5; 6 * 3000],
        dim,
        1000,
        Exec::Serial,
    );
    same.check().expect("whole");
    assert_eq!(ask(&same, &[0.5; 6], 3, 0).0, [0, 1, 2]);
}

#[test]
fn rows_go_into_built_and_opened_indexes_alike() {
    let (rows, dim) = (2000, 16);
    let base = data::clustered(rows, dim, 8, 4);
    let (old, more) = base.split_at(1500 * dim);
    for kind in ["flat", "hnsw"] {
        let options = format!(r#"{{"dim":{dim},"kind":"{kind}","metric":"cosine"}}"#);
        let built = Arc::new(built(&options, old));
        let loaded = opened(&file(&built));
        assert_eq!(add(&built, more, Exec::Serial), 1500);
        assert_eq!(add(&loaded, more, Exec::Serial), 1500);
        built.check().expect("whole");
        let bytes = file(&built);
        assert!(file(&loaded) == bytes, "{kind}");
        let again = opened(&bytes);
        again.check().expect("whole");
        for query in base.chunks_exact(dim).step_by(97) {
            assert_eq!(ask(&again, query, 10, 40), ask(&built, query, 10, 40));
        }
        all_find_themselves(&built, &base, dim, kind);
    }
}

#[test]
fn a_small_build_of_kind_auto_becomes_a_graph_as_it_grows() {
    let dim = 8;
    let base = data::clustered(1600, dim, 8, 4);
    let index = Arc::new(built(r#"{"dim":8}"#, &base[..600 * dim]));
    add(&index, &base[600 * dim..900 * dim], Exec::Serial);
    assert!(index.info().contains(r#""kind":"flat""#));
    let mut adder = Adder::new(Arc::clone(&index), &base[900 * dim..], None).expect("good");
    drive(&mut adder, Exec::Serial);
    assert_eq!(
        ask(&index, &base[..dim], 1, 0).0,
        [0],
        "answers while the graph is made"
    );
    adder.finish().expect("done");
    assert!(index.info().contains(r#""kind":"hnsw""#));
    index.check().expect("whole");
    all_find_themselves(&index, &base, dim, "auto");
}

#[test]
fn a_batch_that_is_dropped_at_any_step_was_never_there() {
    let (rows, dim) = (2600, 10);
    let mut base = data::clustered(rows, dim, 6, 2);
    base.copy_within(0..30 * dim, 1500 * dim); // copies of rows that are shown
    let (old, more) = base.split_at(1300 * dim);
    for options in [r#"{"dim":10,"codec":"sq8"}"#, r#"{"dim":10,"kind":"flat"}"#] {
        let index = grown(options, old, dim, 1300, Exec::Serial);
        let other = grown(options, old, dim, 1300, Exec::Serial);
        let before = file(&index);
        for steps in 0.. {
            let mut adder = Adder::new(Arc::clone(&index), more, None).expect("good");
            let last = (0..steps)
                .map(|_| adder.step(Exec::Serial).expect("good").phase)
                .last();
            assert!(
                file(&index) == before,
                "{options}: seen after {steps} steps"
            );
            let finished = last == Some(Phase::Done);
            drop(adder);
            assert!(
                file(&index) == before,
                "{options}: left after {steps} steps"
            );
            if finished {
                break;
            }
        }
        add(&index, more, Exec::Serial);
        add(&other, more, Exec::Serial);
        assert!(
            file(&index) == file(&other),
            "{options}: after dropped batches"
        );
        index.check().expect("whole");
    }
}

#[test]
fn searches_see_a_batch_whole_or_not_at_all() {
    let (rows, dim) = (2400, 10);
    let base = data::clustered(rows, dim, 6, 8);
    let (old, more) = base.split_at(1200 * dim);
    let index = grown(r#"{"dim":10,"M":6}"#, old, dim, 1200, Exec::Serial);
    let queries: Vec<&[f32]> = base.chunks_exact(dim).step_by(60).collect();
    let before: Vec<_> = queries
        .iter()
        .map(|query| ask(&index, query, 10, 30))
        .collect();
    let mut adder = Adder::new(Arc::clone(&index), more, None).expect("good");
    while adder.step(Exec::Serial).expect("good").phase != Phase::Done {
        for (query, before) in queries.iter().zip(&before) {
            assert_eq!(&ask(&index, query, 10, 30), before);
        }
    }
    assert_eq!(index.size(), 1200);
    adder.finish().expect("done");
    assert_eq!(index.size(), 2400);
    all_find_themselves(&index, &base, dim, "afterwards");
}

#[test]
fn a_bad_batch_is_refused_as_a_whole() {
    let index = empty(r#"{"dim":2}"#);
    let keys = |keys: &[f64]| Some(KeyColumn::Numbers(keys.to_vec()));
    let batch = |vectors: &[f32], keys| -> nearfield::Result<()> {
        let mut adder = Adder::new(Arc::clone(&index), vectors, keys)?;
        while adder.step(Exec::Serial)?.phase != Phase::Done {}
        adder.finish().map(drop)
    };
    batch(&[1.0, 2.0, 3.0, 4.0], keys(&[7.0, 9.0])).expect("good");
    let before = file(&index);
    let refused = [
        (
            &[1.0, 2.0, 3.0][..],
            None,
            Code::Dimension,
            "multiple of dim 2",
        ),
        (
            &[1.0, f32::NAN],
            keys(&[1.0]),
            Code::NotFinite,
            "row 0, column 1",
        ),
        (
            &[1.0, 1.0],
            keys(&[9.0]),
            Code::Key,
            "key 9 of row 0 is taken: row 1",
        ),
        (&[1.0, 1.0], None, Code::Key, "the batch has none"),
        (&[1.0, 1.0], keys(&[1.0, 2.0]), Code::Key, ""),
    ];
    for (vectors, keys, code, says) in refused {
        let error = batch(vectors, keys).expect_err(says);
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(says), "{error}");
        assert!(file(&index) == before, "{says}");
    }
    // Two at once: the second waits for the first, or is refused and may try again.
    let mut first = Adder::new(Arc::clone(&index), &[5.0, 6.0], keys(&[1.0])).expect("good");
    drive(&mut first, Exec::Serial);
    let busy = batch(&[7.0, 8.0], keys(&[2.0])).expect_err("busy");
    assert_eq!(busy.code(), Code::Closed, "{busy}");
    first.finish().expect("done");
    batch(&[7.0, 8.0], keys(&[2.0])).expect("its turn");
    assert_eq!(index.keys(), keys(&[7.0, 9.0, 1.0, 2.0]));
}

#[test]
fn who_lost_links_is_searched_for() {
    // Four links a node, in 96 directions: one row in nine would be missed by a short walk if nobody looked for those
    // who lost links.
    let (rows, dim) = (7000, 96);
    let base = data::clustered(rows, dim, 1, 5);
    let options =
        format!(r#"{{"dim":{dim},"kind":"hnsw","codec":"sq8","M":4,"efConstruction":40}}"#);
    let index = grown(&options, &base, dim, 250, Exec::Serial);
    let missed = (0..)
        .zip(base.chunks_exact(dim))
        .filter(|&(slot, row)| !ask(&index, row, 1, 16).0.contains(&slot))
        .count();
    assert!(missed * 12 <= rows, "{missed} of {rows} rows are missed");
}
