//! The codes of an index that grows under codec `auto`: what it takes and says, as a build of the same rows does; that
//! it goes from four bits to a byte to the vectors where rows ask for it; that nothing of it depends on threads, or
//! is left of a batch that is dropped.

mod growing;

use growing::{built, file, opened};
use nearfield::exec::Exec;
use nearfield::{Adder, Index, Phase, SearchParams};
use std::sync::Arc;
use testkit::data;
use testkit::oracle::{self, Measure};
use testkit::random::Random;

const DIM: usize = 64;
const NEAR: &str = "some rows are too near to many others for codes";

fn add(index: &Arc<Index>, vectors: &[f32], exec: Exec<'_>) {
    let mut adder = Adder::new(Arc::clone(index), vectors, None).expect("a good batch");
    while adder.step(exec).expect("a good batch").phase != Phase::Done {}
    adder.finish().expect("done");
}

fn grown(options: &str, batches: &[&[f32]], exec: Exec<'_>) -> Arc<Index> {
    let index = Arc::new(Index::empty(options).expect("good options"));
    for batch in batches {
        add(&index, batch, exec);
    }
    index
}

fn told(index: &Index, field: &str) -> String {
    let info: serde_json::Value = serde_json::from_str(&index.info()).expect("JSON");
    info[field].as_str().unwrap_or_default().to_owned()
}

fn ask(index: &Index, query: &[f32], k: u32, ef: u32) -> Vec<(u32, f32)> {
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
    slots.into_iter().zip(distances).take(found).collect()
}

/// Every row is found at ef 100, and the index is whole.
fn all_find_themselves(index: &Index, rows: &[f32], what: &str) {
    index.check().expect("whole");
    for (row, query) in rows.chunks_exact(DIM).enumerate() {
        let (_, distance) = ask(index, query, 1, 100)[0];
        assert!(distance.abs() <= 1e-5, "{what}: row {row} is missed");
    }
}

#[allow(clippy::cast_precision_loss)] // hundreds
fn recall(index: &Index, base: &[f32], queries: &[f32], ef: u32) -> f64 {
    let each = queries.chunks_exact(DIM).map(|query| {
        let truth = oracle::nearest(Measure::L2, base, query, 10);
        let slots: Vec<_> = ask(index, query, 10, ef).iter().map(|hit| hit.0).collect();
        oracle::recall(Measure::L2, base, query, &truth, &slots)
    });
    each.sum::<f64>() / (queries.len() / DIM) as f64
}

/// So many rows so near to one of others.
fn crowd(of: &[f32], rows: usize, width: f64, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let mut out = of[..DIM].repeat(rows);
    for x in &mut out {
        #[allow(clippy::cast_possible_truncation)] // noise
        let noise = (width * random.normal()) as f32;
        *x += noise;
    }
    out
}

fn auto() -> String {
    format!(r#"{{"dim":{DIM},"kind":"hnsw"}}"#)
}

#[test]
fn auto_takes_four_bits_and_finds_what_a_build_does() {
    let rows = 5000;
    let all = data::clustered(rows + 200, DIM, 200, 9);
    let (base, queries) = all.split_at(rows * DIM);
    let best = built(&auto(), base);
    let batches: Vec<_> = base.chunks(500 * DIM).collect();
    let by_500 = grown(&auto(), &batches, Exec::Serial);
    let half = Arc::new(built(&auto(), &base[..2500 * DIM]));
    for batch in &batches[5..] {
        add(&half, batch, Exec::Serial);
    }
    for (what, index) in [("by 500", &by_500), ("half of it built", &half)] {
        assert_eq!(told(index, "codec"), "sq4", "{what}");
        let why = told(index, "chosen");
        let says = "sq4: codes of sq4 find 1.000 of sampled rows' neighbours, 0.995 are enough";
        assert!(why.ends_with(says), "{what}: {why}");
        for ef in [10, 20, 40] {
            let (own, built) = (
                recall(index, base, queries, ef),
                recall(&best, base, queries, ef),
            );
            assert!(
                own >= built - 0.015,
                "{what}, ef {ef}: {own}, of a build {built}"
            );
        }
        all_find_themselves(index, base, what);
    }
}

#[test]
fn the_codec_is_that_of_a_build_whenever_rows_have_doubled() {
    let plain = data::clustered(2400, DIM, 200, 9);
    // One number far larger than the others: a byte still tells those apart, four bits do not.
    let mut tall = plain.clone();
    for (at, row) in tall.chunks_exact_mut(DIM).enumerate() {
        row[0] = [-40.0, 40.0][at % 2];
    }
    let far = data::far_clusters(2400, DIM, 5, 4);
    let few = data::clustered(1200, 16, 20, 4);
    for (what, first, then, codecs) in [
        ("four bits fail", &plain, &tall, ["sq4", "sq8"]),
        ("four bits never served", &tall, &plain, ["sq8", "sq8"]),
        ("a byte fails too", &plain, &far, ["sq4", "f32"]),
        ("nothing serves", &far, &far, ["f32", "f32"]),
    ] {
        let index = Arc::new(Index::empty(&auto()).expect("good options"));
        let mut rows = Vec::new();
        for (half, codec) in [
            (&first[..1200 * DIM], codecs[0]),
            (&then[1200 * DIM..], codecs[1]),
        ] {
            for batch in half.chunks(400 * DIM) {
                add(&index, batch, Exec::Serial);
                rows.extend_from_slice(batch);
            }
            assert_eq!(told(&index, "codec"), codec, "{what}");
            let build = built(&auto(), &rows);
            assert_eq!(told(&build, "codec"), codec, "{what}, of a build");
            // A batch that is no doubling may have met crowds before.
            let crowded = told(&index, "chosen").contains(NEAR);
            assert!(
                crowded == (what == "a byte fails too" && codec == "f32"),
                "{what}"
            );
            if !crowded {
                let why = told(&index, "chosen");
                assert!(why.ends_with(&told(&build, "chosen")), "{what}: {why}");
            }
        }
        all_find_themselves(&index, &rows, what);
    }
    // Nothing to gain by codes of so few numbers.
    let index = grown(r#"{"dim":16}"#, &[&few], Exec::Serial);
    assert_eq!(told(&index, "codec"), "f32");
}

/// Rows, then a crowd that four bits cannot tell apart, then one that a byte cannot.
fn crowding() -> [Vec<f32>; 4] {
    let base = data::clustered(3000, DIM, 40, 6);
    let near = crowd(&base, 300, 0.04, 2);
    let nearer = crowd(&base[DIM..], 300, 1e-5, 3);
    let rest = data::clustered(400, DIM, 40, 7);
    [base, near, nearer, rest]
}

#[test]
fn crowds_are_met_by_finer_codes_and_then_by_none() {
    let sets = crowding();
    let [base, near, nearer, rest] = &sets;
    let bytes = format!("sq8: {NEAR} of sq4");
    let none = format!("f32: {NEAR}");
    let start = file(&built(&auto(), base));
    for (what, index, before) in [
        ("grown", grown(&auto(), &[base], Exec::Serial), "hnsw"),
        ("built", Arc::new(built(&auto(), base)), "sq4"),
        ("opened", opened(&start), ""),
    ] {
        assert_eq!(told(&index, "codec"), "sq4", "{what}");
        assert!(
            told(&index, "chosen").starts_with(before) || before == "hnsw",
            "{what}"
        );
        let mut rows = base.clone();
        for (batch, codec, why) in [
            (near, "sq8", &bytes),
            (nearer, "f32", &none),
            (rest, "f32", &none),
        ] {
            add(&index, batch, Exec::Serial);
            rows.extend_from_slice(batch);
            assert_eq!(told(&index, "codec"), codec, "{what}");
            assert!(told(&index, "chosen").ends_with(why.as_str()), "{what}");
            all_find_themselves(&index, &rows, what);
        }
        // What was given up for a crowd is not taken again, though a trial would pass.
        for batch in [&base[..], &rest[..]] {
            let moved: Vec<_> = batch.iter().map(|x| x + 0.5).collect();
            add(&index, &moved, Exec::Serial);
            rows.extend(moved);
        }
        assert_eq!(told(&index, "codec"), "f32", "{what}, doubled");
        all_find_themselves(&index, &rows, what);
    }
    // Both at once: four bits, a byte and the vectors within one batch.
    let index = grown(
        &auto(),
        &[base, &[&nearer[..], rest].concat()],
        Exec::Serial,
    );
    assert_eq!(told(&index, "codec"), "f32");
    all_find_themselves(&index, &[&base[..], nearer, rest].concat(), "both");
    // Who asks for four bits keeps them.
    let named = format!(r#"{{"dim":{DIM},"kind":"hnsw","codec":"sq4"}}"#);
    let index = grown(&named, &[base, near], Exec::Serial);
    assert_eq!(
        (told(&index, "codec"), told(&index, "chosen")),
        ("sq4".into(), String::new())
    );
}

#[test]
fn a_large_batch_makes_the_bytes_of_a_build_whatever_it_meets() {
    let [base, near, nearer, rest] = crowding();
    for (what, rows) in [
        ("sq4", [&base[..], &rest, &rest[..200 * DIM]].concat()),
        ("sq8", [&base[..], &near, &rest].concat()),
        ("f32", [&base[..], &nearer, &rest].concat()),
    ] {
        let rows: Vec<f32> = data::clustered(1500, DIM, 40, 8)
            .into_iter()
            .chain(rows)
            .collect();
        let best = built(&auto(), &rows);
        assert_eq!(told(&best, "codec"), what);
        let (old, more) = rows.split_at(1500 * DIM);
        let index = grown(&auto(), &[old, more], Exec::Serial);
        assert_eq!(told(&index, "codec"), what);
        assert!(file(&index) == file(&best), "{what}: other bytes");
        all_find_themselves(&index, &rows, what);
    }
}

#[test]
fn a_file_keeps_its_codec_unless_finer_codes_are_needed() {
    let base = data::clustered(2600, DIM, 200, 9);
    let (old, more) = base.split_at(1200 * DIM);
    for codec in ["f32", "sq8", "sq4"] {
        let named = format!(r#"{{"dim":{DIM},"kind":"hnsw","codec":"{codec}"}}"#);
        let index = opened(&file(&built(&named, old)));
        add(&index, more, Exec::Serial);
        assert_eq!(told(&index, "codec"), codec);
        all_find_themselves(&index, &base, codec);
    }
}

#[test]
fn threads_make_no_difference_to_codes() {
    let sets = crowding();
    let [base, near, nearer, rest] = &sets;
    let (old, more) = base.split_at(1100 * DIM);
    let batches = [old, more, near, nearer, rest];
    let serial = grown(&auto(), &batches, Exec::Serial);
    assert_eq!(told(&serial, "codec"), "f32");
    let some = grown(&auto(), &batches[..3], Exec::Serial);
    assert_eq!(told(&some, "codec"), "sq8");
    for threads in [2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().expect("threads");
        for (count, serial) in [(5, &serial), (3, &some)] {
            let other = grown(&auto(), &batches[..count], Exec::Pool(&pool));
            assert!(
                file(&other) == file(serial),
                "{threads} threads, {count} batches"
            );
        }
    }
}

#[test]
fn a_batch_dropped_while_codes_change_was_never_there() {
    let sets = crowding();
    let [base, near, nearer, _] = &sets;
    let old = &base[..1400 * DIM];
    let doubling = [&base[1400 * DIM..], &near[..10 * DIM]].concat();
    for (what, more, steps_min) in [
        ("four bits to a byte", near, 8),
        ("four bits to the vectors", nearer, 10),
        ("all rows coded anew", &doubling, 6),
    ] {
        let index = grown(&auto(), &[old], Exec::Serial);
        let other = grown(&auto(), &[old], Exec::Serial);
        let (before, codec) = (file(&index), told(&index, "codec"));
        assert_eq!(codec, "sq4", "{what}");
        let answers = ask(&index, &near[..DIM], 10, 50);
        for steps in 0.. {
            let mut adder = Adder::new(Arc::clone(&index), more, None).expect("good");
            let last = (0..steps)
                .map(|_| adder.step(Exec::Serial).expect("good").phase)
                .last();
            assert_eq!(
                ask(&index, &near[..DIM], 10, 50),
                answers,
                "{what}: seen after {steps} steps"
            );
            drop(adder);
            assert!(file(&index) == before, "{what}: left after {steps} steps");
            if last == Some(Phase::Done) {
                assert!(steps >= steps_min, "{what}: {steps} steps");
                break;
            }
        }
        add(&index, more, Exec::Serial);
        add(&other, more, Exec::Serial);
        assert!(
            file(&index) == file(&other),
            "{what}: after dropped batches"
        );
    }
}
