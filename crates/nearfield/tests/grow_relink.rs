//! Batches that are a large part of all rows, which are linked anew as a whole: against a build of the same rows,
//! byte for byte, and as a batch that is seen whole or not at all.

mod growing;

use growing::{built, file};
use nearfield::exec::Exec;
use nearfield::{Adder, Index, Phase, SearchParams};
use std::sync::Arc;
use testkit::data;
use testkit::oracle::{self, Measure};

const DIM: usize = 24;

fn add(index: &Arc<Index>, vectors: &[f32], exec: Exec<'_>) {
    let mut adder = Adder::new(Arc::clone(index), vectors, None).expect("a good batch");
    let mut last = (Phase::Prepare, 0);
    loop {
        let progress = adder.step(exec).expect("a good batch");
        let now = (progress.phase, progress.done);
        let goes_on = now.0 != last.0 || now.1 >= last.1;
        assert!(goes_on, "progress goes back from {last:?} to {now:?}");
        last = now;
        if progress.phase == Phase::Done {
            break;
        }
    }
    adder.finish().expect("done");
}

fn grown(options: &str, batches: &[&[f32]], exec: Exec<'_>) -> Arc<Index> {
    let index = Arc::new(Index::empty(options).expect("good options"));
    for batch in batches {
        add(&index, batch, exec);
    }
    index
}

fn ask(index: &Index, query: &[f32], k: u32) -> (Vec<u32>, Vec<f32>) {
    let (mut slots, mut distances) = (vec![0; k as usize], vec![0.0; k as usize]);
    let params = SearchParams {
        k,
        effort: 0,
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

fn all_find_themselves(index: &Index, rows: &[f32], what: &str) {
    for (row, query) in rows.chunks_exact(DIM).enumerate() {
        let (_, distances) = ask(index, query, 1);
        let nearest = distances[0].abs();
        assert!(nearest <= 1e-5, "{what}: row {row} is missed by {nearest}");
    }
}

#[test]
fn one_batch_makes_the_bytes_of_a_build() {
    let base = data::clustered(6000, DIM, 3, 11);
    for metric in ["l2", "cosine", "ip"] {
        for codec in ["f32", "sq8", "sq4"] {
            let options = format!(
                r#"{{"dim":{DIM},"kind":"hnsw","metric":"{metric}","codec":"{codec}","M":8}}"#
            );
            let index = grown(&options, &[&base], Exec::Serial);
            let same = file(&index) == file(&built(&options, &base));
            assert!(same, "{metric}, {codec}");
        }
    }
}

#[test]
fn a_large_batch_makes_the_graph_of_all_rows() {
    let all = data::clustered(9100, DIM, 3, 12);
    let (base, queries) = all.split_at(9000 * DIM);
    let (old, more) = base.split_at(5000 * DIM);
    let (more, rest) = more.split_at(3500 * DIM);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .expect("threads");
    for codec in ["f32", "sq8", "sq4"] {
        let options = format!(r#"{{"dim":{DIM},"kind":"hnsw","codec":"{codec}"}}"#);
        let large = grown(&options, &[old, more], Exec::Serial);
        let same = file(&large) == file(&built(&options, &base[..8500 * DIM]));
        assert!(same, "{codec}: not as a build's");
        // The last batch goes in by rounds, on the graph that was linked anew.
        let batches = [old, more, rest];
        let index = grown(&options, &batches, Exec::Serial);
        index.check().expect("whole");
        all_find_themselves(&index, base, codec);
        let same = file(&index) == file(&grown(&options, &batches, Exec::Pool(&pool)));
        assert!(same, "{codec}: threads");
        for query in queries.chunks_exact(DIM) {
            let truth = oracle::nearest(Measure::L2, base, query, 10);
            let (slots, _) = ask(&index, query, 10);
            let recall = oracle::recall(Measure::L2, base, query, &truth, &slots);
            assert!(recall >= 0.9, "{codec}: recall@10 {recall}");
        }
    }
}

#[test]
fn copies_are_chained_across_a_graph_that_is_linked_anew() {
    let mut base = data::clustered(6000, DIM, 3, 13);
    base.copy_within(0..40 * DIM, 3000 * DIM);
    base.copy_within(10 * DIM..20 * DIM, 5900 * DIM);
    let (old, more) = base.split_at(2500 * DIM);
    let (more, rest) = more.split_at(3300 * DIM);
    let options = format!(r#"{{"dim":{DIM},"kind":"hnsw","codec":"sq8"}}"#);
    let index = grown(&options, &[old, more, rest], Exec::Serial);
    index.check().expect("whole");
    for row in 0..40 {
        let copies: &[u32] = &match row {
            10..20 => vec![row, 3000 + row, 5890 + row],
            _ => vec![row, 3000 + row],
        };
        let query = &base[row as usize * DIM..][..DIM];
        let (slots, _) = ask(&index, query, 4);
        assert_eq!(&slots[..copies.len()], copies);
    }
}

#[test]
fn a_relinking_batch_is_seen_whole_or_not_at_all() {
    let base = data::clustered(5200, DIM, 3, 14);
    let (old, more) = base.split_at(2600 * DIM);
    let options = format!(r#"{{"dim":{DIM},"kind":"hnsw","codec":"sq8","M":6}}"#);
    let index = grown(&options, &[old], Exec::Serial);
    let before = file(&index);
    let queries: Vec<&[f32]> = base.chunks_exact(DIM).step_by(130).collect();
    let answers: Vec<_> = queries.iter().map(|query| ask(&index, query, 10)).collect();
    for steps in 0.. {
        let mut adder = Adder::new(Arc::clone(&index), more, None).expect("good");
        let last = (0..steps)
            .map(|_| adder.step(Exec::Serial).expect("good").phase)
            .last();
        for (query, answer) in queries.iter().zip(&answers) {
            assert_eq!(&ask(&index, query, 10), answer, "after {steps} steps");
        }
        drop(adder);
        assert!(file(&index) == before, "left after {steps} steps");
        if last == Some(Phase::Done) {
            break;
        }
    }
    add(&index, more, Exec::Serial);
    let other = grown(&options, &[old, more], Exec::Serial);
    assert!(file(&index) == file(&other), "after dropped batches");
    all_find_themselves(&index, &base, "afterwards");
}

#[test]
fn codes_that_do_not_serve_are_left_out_as_in_a_build() {
    // Tight crowds far from each other: one scale of codes for all of them.
    let mut base = data::clustered(6000, DIM, 3, 15);
    for (row, numbers) in base.chunks_exact_mut(DIM).enumerate() {
        let far = if row % 2 == 0 { 1000.0 } else { -1000.0 };
        for x in numbers {
            *x = far + *x * 0.01;
        }
    }
    let options = format!(r#"{{"dim":{DIM},"kind":"hnsw"}}"#);
    let index = grown(&options, &[&base], Exec::Serial);
    index.check().expect("whole");
    let stats = index.info();
    assert!(stats.contains("f32"), "{stats}");
    let builds = built(&options, &base);
    assert!(file(&index) == file(&builds), "another graph");
}
