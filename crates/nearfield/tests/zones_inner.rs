//! Zones whose rows are walked, as the bindings see them: whole answers beside exact search, the same bytes for any
//! number of threads, rows added before and after graphs are made anew, and what is refused.

mod growing;

use growing::{built, file, opened};
use nearfield::exec::Exec;
use nearfield::{Adder, Builder, Index, Phase, SearchParams};
use std::sync::Arc;
use testkit::data;
use testkit::oracle::{self, Measure};

const DIM: usize = 12;
const PARAMS: SearchParams = SearchParams {
    k: 10,
    effort: 8,
    exact: false,
    rerank: true,
};

fn options(metric: &str, more: &str) -> String {
    format!(
        r#"{{"dim":{DIM},"kind":"zones","inner":"graph","metric":"{metric}","efConstruction":60{more}}}"#
    )
}

/// Rows in one cloud, which is cut about evenly, and questions like them.
fn set(rows: usize) -> (Vec<f32>, Vec<f32>) {
    let mut base = data::clustered(rows + 100, DIM, 1, 8);
    let queries = base.split_off(rows * DIM);
    (base, queries)
}

fn ask(index: &Index, query: &[f32], params: SearchParams) -> Vec<(u32, f32)> {
    let k = params.k as usize;
    let (mut slots, mut distances) = (vec![0; k], vec![0.0; k]);
    let found = index
        .search_into(query, params, &mut slots, &mut distances)
        .expect("good");
    slots.into_iter().zip(distances).take(found).collect()
}

fn recall(
    index: &Index,
    base: &[f32],
    queries: &[f32],
    measure: Measure,
    params: SearchParams,
) -> f64 {
    let (mut hits, mut wanted) = (0_u32, 0_u32);
    for query in queries.chunks_exact(DIM) {
        let found = ask(index, query, params);
        assert_eq!(found.len(), 10);
        let mut slots: Vec<_> = found.iter().map(|(slot, _)| *slot).collect();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), 10, "none comes twice: {found:?}");
        for (slot, _) in oracle::nearest(measure, base, query, 10) {
            wanted += 1;
            hits += u32::from(slots.binary_search(&u32::try_from(slot).unwrap()).is_ok());
        }
    }
    f64::from(hits) / f64::from(wanted)
}

fn told(index: &Index) -> serde_json::Value {
    serde_json::from_str(&index.info()).expect("JSON")
}

fn add(index: &Arc<Index>, vectors: &[f32]) {
    let mut adder = Adder::new(Arc::clone(index), vectors, None).expect("good input");
    loop {
        let progress = adder.step(Exec::Serial).expect("good input");
        assert!(progress.done <= progress.total, "{progress:?}");
        if progress.phase == Phase::Done {
            break;
        }
    }
    adder.finish().expect("done");
}

/// The numbers of a section of the file.
fn section(file: &[u8], id: u32) -> Vec<u32> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four"));
    let entries = (0..word(12) as usize).map(|entry| 128 + 32 * entry);
    let at = entries.into_iter().find(|&at| word(at) == id);
    let at = at.expect("the file has it");
    let (offset, bytes) = (word(at + 8) as usize, word(at + 16) as usize);
    let words = file[offset..offset + bytes].chunks_exact(4);
    words
        .map(|four| u32::from_le_bytes(four.try_into().expect("four")))
        .collect()
}

const ROOTS: u32 = 19;
const LINKED: u32 = 20;

#[test]
fn walked_zones_find_the_nearest() {
    let (base, queries) = set(16_000);
    for (metric, measure) in [
        ("l2", Measure::L2),
        ("cosine", Measure::Cosine),
        ("ip", Measure::Ip),
    ] {
        let index = built(&options(metric, r#","zones":2"#), &base);
        let about = told(&index);
        assert_eq!((&about["zones"], &about["graphs"]), (&2.into(), &2.into()));
        assert_eq!(
            (&about["M"], &about["efConstruction"]),
            (&16.into(), &60.into())
        );
        assert_eq!(about["refine"], "sq8");
        index.check().expect("sound");
        let found = recall(&index, &base, &queries, measure, PARAMS);
        assert!(found > 0.97, "{metric}: {found}");
        let half = SearchParams {
            effort: 1,
            ..PARAMS
        };
        assert!(recall(&index, &base, &queries, measure, half) < found);
        let codes = SearchParams {
            rerank: false,
            ..PARAMS
        };
        let by_codes = recall(&index, &base, &queries, measure, codes);
        assert!(by_codes > 0.85, "{metric}: {by_codes}");
        let exact = SearchParams {
            exact: true,
            ..PARAMS
        };
        assert!(recall(&index, &base, &queries, measure, exact) > 0.9999);
        // More than a walk finds, and all there are.
        for k in [1000, 16_000] {
            let some = ask(&index, &queries[..DIM], SearchParams { k, ..PARAMS });
            assert_eq!(some.len(), k as usize);
        }
        // A batch is so many searches.
        let (mut slots, mut distances, mut counts) = (vec![0; 1000], vec![0.0; 1000], vec![0; 100]);
        index
            .search_batch(
                &queries,
                PARAMS,
                Exec::Serial,
                &mut slots,
                &mut distances,
                &mut counts,
            )
            .expect("good");
        for (query, slots) in queries.chunks_exact(DIM).zip(slots.chunks_exact(10)) {
            let alone: Vec<_> = ask(&index, query, PARAMS)
                .iter()
                .map(|(slot, _)| *slot)
                .collect();
            assert_eq!(alone, slots);
        }
        let explained = index
            .explain(&queries[..DIM], PARAMS, &|| 0.0)
            .expect("good");
        let explained: serde_json::Value = serde_json::from_str(&explained).expect("JSON");
        // Far fewer rows are compared than there are, and their links are followed.
        let scanned = explained["scanned"].as_u64().expect("a number");
        assert!((200..6000).contains(&scanned), "{explained}");
        assert!(explained["expanded"][0].as_u64().expect("a number") > 50);
        assert!(explained["distances"]["byCode"].as_u64().expect("a number") >= scanned);
    }
}

#[test]
fn zones_of_few_rows_are_scanned() {
    let (base, queries) = set(12_000);
    let index = built(&options("l2", r#","zones":5"#), &base);
    let bytes = file(&index);
    let (starts, linked) = (section(&bytes, 13), section(&bytes, LINKED));
    let slots = section(&bytes, 14);
    let rows = |zone: usize| {
        let places = &slots[starts[zone] as usize * 32..starts[zone + 1] as usize * 32];
        u32::try_from(places.iter().filter(|&&slot| slot != u32::MAX).count()).expect("few")
    };
    for (zone, &linked) in linked.iter().enumerate() {
        assert_eq!(linked, if rows(zone) < 4096 { 0 } else { rows(zone) });
    }
    let graphs = linked.iter().filter(|&&linked| linked > 0).count();
    assert_eq!(told(&index)["graphs"], graphs);
    assert!(graphs < 5, "{linked:?}");
    assert!(recall(&index, &base, &queries, Measure::L2, PARAMS) > 0.97);
    // One zone for some 131,072 rows where nobody says.
    let one = built(&options("l2", ""), &base);
    assert_eq!(
        (&told(&one)["zones"], &told(&one)["graphs"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn files_are_the_same_for_any_number_of_threads_and_come_back() {
    let (base, queries) = set(10_000);
    for more in [r#","zones":2"#, r#","zones":2,"keepVectors":false"#] {
        let options = options("cosine", more);
        let index = built(&options, &base);
        let bytes = file(&index);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(3)
            .build()
            .expect("threads");
        let mut builder = Builder::new(&base, &options, None).expect("good");
        while builder.step(Exec::Pool(&pool)).expect("good").phase != Phase::Done {}
        assert!(file(&builder.finish().expect("done")) == bytes, "{more}");
        let again = opened(&bytes);
        assert!(file(&again) == bytes);
        again.check().expect("sound");
        let params = SearchParams {
            rerank: again.keeps_vectors(),
            ..PARAMS
        };
        for query in queries.chunks_exact(DIM) {
            assert_eq!(ask(&index, query, params), ask(&again, query, params));
        }
        if !again.keeps_vectors() {
            assert!(recall(&again, &base, &queries, Measure::Cosine, params) > 0.85);
        }
    }
}

/// By FORMAT.md alone: no link out of a zone, roots as high as any row of theirs, and every row reached.
#[test]
fn a_file_has_graphs_as_the_document_says() {
    let (base, _) = set(16_000);
    let index = Arc::new(built(
        &options("l2", r#","zones":2"#),
        &base[..15_000 * DIM],
    ));
    add(&index, &base[15_000 * DIM..]);
    let bytes = file(&index);
    let [links0, levels, links] = [2, 3, 4].map(|id| section(&bytes, id));
    let [starts, slots] = [13, 14].map(|id| section(&bytes, id));
    let [roots, linked] = [ROOTS, LINKED].map(|id| section(&bytes, id));
    assert_eq!(
        (bytes[40], bytes[46], roots.len(), linked.len()),
        (3, 1, 2, 2)
    );
    assert_eq!(bytes[64..68], u32::MAX.to_le_bytes());
    let height = |slot: u32| levels[slot as usize + 1] - levels[slot as usize];
    let ends = |row: &[u32]| -> Vec<u32> {
        let full = row.iter().take_while(|&&slot| slot != u32::MAX).count();
        assert!(row[full..].iter().all(|&slot| slot == u32::MAX));
        row[..full].to_vec()
    };
    let mut inside = 0;
    for (zone, (&root, &linked)) in roots.iter().zip(&linked).enumerate() {
        let places = &slots[starts[zone] as usize * 32..starts[zone + 1] as usize * 32];
        let own: std::collections::BTreeSet<u32> =
            places[..linked as usize].iter().copied().collect();
        assert_eq!(own.len(), linked as usize);
        assert!(!own.contains(&u32::MAX) && own.contains(&root));
        assert_eq!(own.iter().copied().map(height).max(), Some(height(root)));
        for &slot in &own {
            for target in ends(&links0[slot as usize * 32..][..32]) {
                assert!(own.contains(&target) && target != slot);
            }
            for (level, row) in (1..).zip(levels[slot as usize]..levels[slot as usize + 1]) {
                for target in ends(&links[row as usize * 16..][..16]) {
                    assert!(own.contains(&target) && target != slot && height(target) >= level);
                }
            }
        }
        let (mut seen, mut queue) = (std::collections::BTreeSet::from([root]), vec![root]);
        while let Some(slot) = queue.pop() {
            let next = ends(&links0[slot as usize * 32..][..32]);
            queue.extend(next.into_iter().filter(|&next| seen.insert(next)));
        }
        assert_eq!(seen, own, "zone {zone}");
        inside += linked as usize;
        // What was added since is in no graph.
        for &slot in places[linked as usize..]
            .iter()
            .filter(|&&slot| slot != u32::MAX)
        {
            assert!(slot >= 15_000 && height(slot) == 0);
            assert!(ends(&links0[slot as usize * 32..][..32]).is_empty());
        }
    }
    assert_eq!(inside, 15_000);
}

/// Twins stand for one node, and each is found.
#[test]
fn equal_rows_are_all_found() {
    let (mut base, _) = set(9000);
    for at in [10, 4000, 8999] {
        base.copy_within(77 * DIM..78 * DIM, at * DIM);
    }
    let index = built(&options("l2", r#","zones":1"#), &base);
    index.check().expect("sound");
    let mut slots: Vec<_> = ask(
        &index,
        &base[77 * DIM..78 * DIM],
        SearchParams { k: 4, ..PARAMS },
    )
    .iter()
    .map(|&(slot, distance)| (distance.to_bits(), slot))
    .collect();
    slots.sort_unstable();
    assert_eq!(slots, [(0, 10), (0, 77), (0, 4000), (0, 8999)]);
}

#[test]
fn rows_that_are_added_are_scanned_until_there_are_many() {
    let (base, queries) = set(16_000);
    let head = |rows: usize| &base[..rows * DIM];
    let index = Arc::new(built(&options("l2", r#","zones":2"#), head(10_000)));
    let before = file(&index);
    // Few: graphs stay, whatever the batches are.
    for rows in [10_000..10_001, 10_001..10_300] {
        add(&index, &base[rows.start * DIM..rows.end * DIM]);
    }
    let few = file(&index);
    assert_eq!(section(&few, ROOTS), section(&before, ROOTS));
    assert_eq!(section(&few, LINKED), section(&before, LINKED));
    let finds_itself = |index: &Index, rows: std::ops::Range<usize>| {
        for row in rows {
            let best = ask(index, &base[row * DIM..][..DIM], PARAMS)[0];
            assert_eq!(best, (u32::try_from(row).expect("few"), 0.0));
        }
    };
    finds_itself(&index, 10_000..10_300);
    index.freeze().expect("memory").check().expect("sound");
    // Opened from its file it goes on as it would have.
    let other = opened(&few);
    assert!(file(&other) == few);
    for index in [&index, &other] {
        add(index, &base[10_300 * DIM..14_000 * DIM]);
        assert_eq!(index.size(), 14_000);
        let many = file(index);
        let linked: u32 = section(&many, LINKED).iter().sum();
        assert!(linked > 11_000, "{linked}");
        finds_itself(index, 10_000..10_100);
        index.freeze().expect("memory").check().expect("sound");
        let found = recall(index, head(14_000), &queries, Measure::L2, PARAMS);
        assert!(found > 0.97, "{found}");
    }
    // From nothing, in batches that double it and others.
    let empty = Arc::new(Index::empty(&options("l2", "")).expect("good"));
    assert!(ask(&empty, &queries[..DIM], PARAMS).is_empty());
    let other = opened(&file(&empty));
    assert!(file(&other) == file(&empty));
    add(&other, head(5000));
    assert_eq!(told(&other)["graphs"], 1);
    assert!(recall(&other, head(5000), &queries, Measure::L2, PARAMS) > 0.97);
    for rows in [0..3000, 3000..9000, 9000..9500, 9500..16_000] {
        add(&empty, &base[rows.start * DIM..rows.end * DIM]);
        finds_itself(&empty, rows.start..rows.start + 50);
    }
    empty.freeze().expect("memory").check().expect("sound");
    assert_eq!(told(&empty)["graphs"], 1);
    assert!(recall(&empty, &base, &queries, Measure::L2, PARAMS) > 0.97);
}

#[test]
fn a_batch_given_up_leaves_graphs_as_they_were() {
    let (base, _) = set(9000);
    let index = Arc::new(built(&options("l2", r#","zones":1"#), &base[..6000 * DIM]));
    let before = ask(&index, &base[..DIM], PARAMS);
    let sound = file(&index);
    for steps in [0, 3, 6, 9, 12, 20] {
        let mut adder = Adder::new(Arc::clone(&index), &base[6000 * DIM..], None).expect("good");
        for _ in 0..steps {
            adder.step(Exec::Serial).expect("good");
            assert_eq!(ask(&index, &base[..DIM], PARAMS), before);
        }
        drop(adder);
        assert!(file(&index) == sound, "{steps}");
    }
}

#[test]
fn what_cannot_be_beside_graphs_is_refused() {
    for (more, wanted) in [
        (
            r#""kind":"hnsw","inner":"graph""#,
            "inner belongs to kind 'zones', but kind is 'hnsw'",
        ),
        (
            r#""inner":"graph""#,
            "inner belongs to kind 'zones', but kind is 'auto'",
        ),
        (
            r#""kind":"zones","inner":"graph","soar":true"#,
            "inner 'graph' needs soar false, but soar is true",
        ),
        (
            r#""kind":"zones","inner":"graph","refine":"none""#,
            "inner 'graph' needs refine 'auto' or 'sq8', but refine is 'none'",
        ),
        (
            r#""kind":"zones","inner":"scan","M":8"#,
            "M belongs to kind 'hnsw' and inner 'graph', but kind is 'zones'",
        ),
    ] {
        let options = format!(r#"{{"dim":{DIM},{more}}}"#);
        let refused = Builder::new(&[0.0; DIM], &options, None).expect_err("refused");
        assert_eq!(refused.to_string(), format!("OPTION: option {wanted}"));
    }
}
