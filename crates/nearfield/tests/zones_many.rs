//! Many queries at once: zones are shared by the queries that probe them, and every answer is the one a
//! search alone gives, bit for bit.

use nearfield::boundary::{Adder, Builder, Index, Phase, SearchParams};
use nearfield::exec::Exec;
use nearfield::kernels::{Isa, available};
use std::sync::Arc;
use testkit::data;

const DIM: usize = 24;
const PARAMS: SearchParams = SearchParams {
    k: 10,
    effort: 0,
    exact: false,
    rerank: true,
};

fn build(vectors: &[f32], options: &str) -> Index {
    let mut builder = Builder::new(vectors, options, None).expect("good input");
    while builder.step(Exec::Serial).expect("good input").phase != Phase::Done {}
    builder.finish().expect("done")
}

fn options(kind: &str, metric: &str, more: &str) -> String {
    format!(r#"{{"dim":{DIM},"kind":"{kind}","metric":"{metric}"{more}}}"#)
}

/// Slots and distances, by their bits.
type Found = Vec<(u32, u32)>;

fn alone(index: &Index, query: &[f32], params: SearchParams) -> Found {
    let k = params.k as usize;
    let (mut slots, mut distances) = (vec![0; k], vec![0.0_f32; k]);
    let found = index
        .search_into(query, params, &mut slots, &mut distances)
        .expect("good");
    let pairs = slots
        .into_iter()
        .zip(distances.into_iter().map(f32::to_bits));
    pairs.take(found).collect()
}

fn together(index: &Index, queries: &[f32], params: SearchParams, exec: Exec<'_>) -> Vec<Found> {
    let (rows, k) = (queries.len() / DIM, params.k as usize);
    let (mut slots, mut distances) = (vec![0; rows * k], vec![0.0_f32; rows * k]);
    let mut counts = vec![0; rows];
    index
        .search_batch(
            queries,
            params,
            exec,
            &mut slots,
            &mut distances,
            &mut counts,
        )
        .expect("good");
    let rows = slots.chunks(k).zip(distances.chunks(k)).zip(counts);
    rows.map(|((slots, distances), count)| {
        let pairs = slots.iter().zip(distances);
        let pairs = pairs.map(|(&slot, distance)| (slot, distance.to_bits()));
        pairs.take(count as usize).collect()
    })
    .collect()
}

/// All of a batch, by one thread and by three, beside every query alone.
fn agrees(index: &Index, queries: &[f32], params: SearchParams, what: &str) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    let own: Vec<_> = queries
        .chunks_exact(DIM)
        .map(|query| alone(index, query, params))
        .collect();
    for exec in [Exec::Serial, Exec::Pool(&pool)] {
        for count in [1, 2, 7, own.len()] {
            let found = together(index, &queries[..count * DIM], params, exec);
            assert!(found == own[..count], "{what}, {params:?}, {count} queries");
        }
    }
}

/// Sets differ in how many queries share a strip and in how lists are halved, never in what is found.
#[test]
fn batches_are_answered_alike_by_every_set() {
    let mut base = data::clustered(4300, DIM, 30, 8);
    let queries = base.split_off(4000 * DIM);
    for codec in ["bits1", "bits2"] {
        let index = |isa: Isa| {
            let more = format!(r#","codec":"{codec}","zones":40,"isa":"{}""#, isa.name());
            build(&base, &options("zones", "l2", &more))
        };
        let mut fused = None;
        for isa in available().into_iter().map(|table| table.isa) {
            let index = index(isa);
            for effort in [3, 12, 40] {
                let params = SearchParams { effort, ..PARAMS };
                agrees(&index, &queries, params, isa.name());
            }
            let params = SearchParams {
                effort: 12,
                ..PARAMS
            };
            let found = together(&index, &queries, params, Exec::Serial);
            if isa.fused() {
                let first = fused.get_or_insert_with(|| found.clone());
                assert!(*first == found, "{codec}, {}", isa.name());
            }
        }
    }
}

#[test]
fn a_batch_answers_as_searches_alone_do() {
    let mut base = data::clustered(5300, DIM, 40, 5);
    let queries = base.split_off(5000 * DIM);
    for metric in ["l2", "ip", "cosine"] {
        for (kind, more) in [
            ("zones", ""),
            ("zones", r#","codec":"bits1","zones":150"#),
            ("zones", r#","codec":"bits2","refine":"sq8","zones":20"#),
            (
                "zones",
                r#","codec":"bits1","refine":"sq8","keepVectors":false"#,
            ),
            (
                "zones",
                r#","codec":"bits2","refine":"none","keepVectors":false"#,
            ),
            ("flat", r#","codec":"bits2""#),
            ("zones", r#","codec":"bits1","zones":150,"soar":true"#),
            (
                "zones",
                r#","codec":"bits2","refine":"none","keepVectors":false,"soar":true"#,
            ),
            ("zones", r#","codec":"pq4","zones":150"#),
            (
                "zones",
                r#","codec":"pq8","refine":"none","keepVectors":false"#,
            ),
        ] {
            let index = build(&base, &options(kind, metric, more));
            let rerank = index.keeps_vectors();
            let what = format!("{kind} {metric} {more}");
            for (k, effort) in [(10, 0), (1, 1), (3, 4), (100, 12)] {
                let effort = if kind == "zones" { effort } else { 0 };
                let params = SearchParams {
                    k,
                    effort,
                    rerank,
                    ..PARAMS
                };
                agrees(&index, &queries, params, &what);
            }
            if kind == "zones" {
                for (k, recall) in [(1, 0.5), (10, 0.9), (40, 0.99)] {
                    let effort = SearchParams::recall(recall);
                    let params = SearchParams {
                        k,
                        effort,
                        rerank,
                        ..PARAMS
                    };
                    agrees(&index, &queries, params, &what);
                }
            }
            let exact = SearchParams {
                exact: rerank,
                rerank,
                ..PARAMS
            };
            agrees(&index, &queries[..9 * DIM], exact, &what);
        }
    }
}

/// Rows of few different numbers: most estimates and distances are equal to others, and slots decide.
#[test]
fn ties_are_broken_alike() {
    let base = data::grid(4000, DIM, 2, 9);
    let twice: Vec<_> = base.iter().chain(&base).copied().collect();
    let queries = data::grid(150, DIM, 2, 10);
    for metric in ["l2", "ip", "cosine"] {
        let index = build(&twice, &options("zones", metric, r#","zones":40"#));
        for effort in [3, 15, 40] {
            agrees(&index, &queries, SearchParams { effort, ..PARAMS }, metric);
        }
    }
    let same = vec![1.0; 3000 * DIM];
    let index = build(&same, &options("flat", "l2", r#","codec":"bits2""#));
    agrees(&index, &queries, PARAMS, "one row again and again");
    let first: Vec<_> = (0..10).collect();
    let found = together(&index, &queries, PARAMS, Exec::Serial);
    for found in found {
        let slots: Vec<_> = found.iter().map(|&(slot, _)| slot).collect();
        assert_eq!(slots, first);
    }
}

#[test]
fn zones_too_small_for_an_answer_and_numbers_too_large_for_codes() {
    let base = data::clustered(900, DIM, 30, 6);
    let index = build(&base, &options("zones", "l2", r#","zones":90"#));
    let params = SearchParams {
        k: 200,
        effort: 2,
        ..PARAMS
    };
    agrees(&index, &base[..300 * DIM], params, "few rows a zone");
    let promised = SearchParams {
        effort: SearchParams::recall(0.5),
        ..params
    };
    agrees(&index, &base[..300 * DIM], promised, "few rows a zone");

    let large: Vec<_> = base.iter().map(|x| x * 1e18).collect();
    let index = build(&large, &options("zones", "l2", r#","zones":9"#));
    agrees(&index, &large[..60 * DIM], PARAMS, "enormous numbers");

    let far = data::far_clusters(2000, DIM, 20, 4);
    let index = build(&far, &options("zones", "l2", r#","zones":20"#));
    agrees(&index, &far[..90 * DIM], PARAMS, "clusters far apart");
}

#[test]
fn batches_over_zones_that_grow() {
    let base = data::clustered(5000, DIM, 40, 7);
    let (first, more) = base.split_at(3000 * DIM);
    let index = Arc::new(build(first, &options("zones", "cosine", "")));
    let mut adder = Adder::new(Arc::clone(&index), more, None).expect("good input");
    while adder.step(Exec::Serial).expect("good input").phase != Phase::Done {}
    adder.finish().expect("done");
    agrees(&index, &base[2900 * DIM..3100 * DIM], PARAMS, "grown");
}

/// One query takes all threads where there are strips enough: 1,100 of 4,352 bytes.
#[test]
fn one_query_by_several_threads() {
    const WIDE: usize = 512;
    let base = data::clustered(35_200, WIDE, 50, 8);
    let options = format!(r#"{{"dim":{WIDE},"kind":"flat","codec":"bits2"}}"#);
    let index = build(&base, &options);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap();
    for query in base.chunks_exact(WIDE).step_by(3000) {
        let (mut slots, mut distances, mut count) = (vec![0; 10], vec![0.0_f32; 10], [0]);
        let exec = Exec::Pool(&pool);
        index
            .search_batch(query, PARAMS, exec, &mut slots, &mut distances, &mut count)
            .expect("good");
        let distances = distances.into_iter().map(f32::to_bits);
        let found: Vec<_> = slots.into_iter().zip(distances).collect();
        assert_eq!(found, alone(&index, query, PARAMS));
        assert_eq!(count, [10]);
    }
}
