//! The calls the bindings make: every refusal in its words, the same bytes for any number of
//! threads, answers beside an oracle.

use nearfield::boundary::{Builder, Index, Loader, Phase, Progress, SearchParams, simd};
use nearfield::error::Result;
use nearfield::exec::Exec;
use nearfield::ids::KeyColumn;
use testkit::data;
use testkit::oracle::{Measure, nearest};

const TEN: SearchParams = SearchParams {
    k: 10,
    effort: 0,
    exact: false,
    rerank: true,
};

fn steps(
    vectors: &[f32],
    options: &str,
    keys: Option<KeyColumn>,
    exec: Exec<'_>,
) -> Result<(Index, Vec<Progress>)> {
    let mut builder = Builder::new(vectors, options, keys)?;
    let mut reports = Vec::new();
    loop {
        let report = builder.step(exec)?;
        reports.push(report);
        if report.phase == Phase::Done {
            return Ok((builder.finish()?, reports));
        }
    }
}

fn build(vectors: &[f32], options: &str) -> Result<Index> {
    steps(vectors, options, None, Exec::Serial).map(|(index, _)| index)
}

fn file(index: &Index) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(index.file_bytes()).expect("small")];
    index.read_file(0, &mut bytes).expect("in range");
    bytes
}

fn says<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("accepted"),
        Err(why) => why.to_string(),
    }
}

fn search(index: &Index, query: &[f32], params: SearchParams) -> Result<Vec<(u32, f32)>> {
    let room = params.k.min(index.size()) as usize;
    let (mut slots, mut distances) = (vec![0; room], vec![0.0; room]);
    let found = index.search_into(query, params, &mut slots, &mut distances)?;
    Ok(slots.into_iter().zip(distances).take(found).collect())
}

#[test]
fn vectors_that_are_refused() {
    let four = [1.0, 2.0, 3.0, 4.0];
    assert_eq!(
        says(build(&four, r#"{"dim":3}"#)),
        "DIMENSION: vectors have 4 numbers, expected a multiple of dim 3"
    );
    for (bad, spelled) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
    ] {
        for metric in ["l2", "ip", "cosine"] {
            for kind in ["flat", "hnsw"] {
                let mut rows = data::clustered(500, 3, 4, 1);
                rows[3 * 321 + 1] = bad;
                rows[3 * 444] = bad;
                let options = format!(r#"{{"dim":3,"kind":"{kind}","metric":"{metric}"}}"#);
                assert_eq!(
                    says(build(&rows, &options)),
                    format!("NOT_FINITE: row 321, column 1 is {spelled}, expected a finite number")
                );
            }
        }
    }
}

#[test]
fn keys_that_are_refused() {
    let rows = [1.0, 2.0, 3.0, 4.0];
    let with = |keys| says(Builder::new(&rows, r#"{"dim":2}"#, Some(keys)));
    assert_eq!(
        with(KeyColumn::Numbers(vec![1.0])),
        "KEY: 1 keys, expected one for each of 2 rows"
    );
    assert_eq!(
        with(KeyColumn::Numbers(vec![8.0, 8.0])),
        "KEY: key 8 is given twice, for rows 0 and 1"
    );
    assert_eq!(
        with(KeyColumn::Text {
            bytes: b"aa".into(),
            offsets: vec![0, 1, 2]
        }),
        "KEY: key 'a' is given twice, for rows 0 and 1"
    );
    assert_eq!(
        with(KeyColumn::Numbers(vec![0.5, 8.0])),
        "KEY: key 0.5 of row 0 is not a safe integer"
    );
}

#[test]
fn searches_that_are_refused() {
    let index = build(&data::clustered(20, 3, 2, 1), r#"{"dim":3}"#).expect("good");
    let query = [1.0, 2.0, 3.0];
    assert_eq!(
        says(search(&index, &query, SearchParams { k: 0, ..TEN })),
        "OPTION: option k must be at least 1, got 0"
    );
    assert_eq!(
        says(search(&index, &query[..2], TEN)),
        "DIMENSION: query has 2 numbers, expected 3"
    );
    assert_eq!(
        says(search(&index, &[1.0, f32::NAN, 3.0], TEN)),
        "NOT_FINITE: query, column 1 is NaN, expected a finite number"
    );
    assert_eq!(
        says(index.search_into(&query, TEN, &mut [0; 9], &mut [0.0; 10])),
        "DIMENSION: slots holds 9, expected at least 10"
    );
    assert_eq!(
        says(index.search_into(&query, TEN, &mut [0; 10], &mut [0.0; 3])),
        "DIMENSION: distances holds 3, expected at least 10"
    );
    let batch = |queries: &[f32], slots, counts| {
        let (mut slots, mut counts) = (vec![0; slots], vec![0; counts]);
        index.search_batch(
            queries,
            TEN,
            Exec::Serial,
            &mut slots,
            &mut [0.0; 20],
            &mut counts,
        )
    };
    let two = [1.0, 2.0, 3.0, 4.0, 5.0, f32::INFINITY];
    assert_eq!(
        says(batch(&two[..4], 20, 2)),
        "DIMENSION: queries have 4 numbers, expected a multiple of dim 3"
    );
    assert_eq!(
        says(batch(&two, 20, 3)),
        "DIMENSION: counts holds 3, expected 2, one a query"
    );
    assert_eq!(
        says(batch(&two, 19, 2)),
        "DIMENSION: slots holds 19, expected 2 queries × k 10"
    );
    assert_eq!(
        says(batch(&two, 20, 2)),
        "NOT_FINITE: query 1, column 2 is inf, expected a finite number"
    );
}

#[test]
fn files_that_come_short_or_long_are_refused() {
    let bytes = file(&build(&[1.0, 2.0], r#"{"dim":2}"#).expect("good"));
    let mut loader = Loader::new(bytes.len() as u64, "").expect("small");
    loader.write(&bytes[..100]).expect("room");
    let more = loader.write(&bytes);
    let total = bytes.len();
    assert_eq!(
        says(more),
        format!("IO: {total} bytes after 100, expected {total} in all")
    );
    assert_eq!(
        says(loader.finish(Exec::Serial)),
        format!("IO: received 100 bytes, expected {total}")
    );
    assert!(
        says(Loader::new(8, r#"{"isa":"mmx"}"#)).starts_with("OPTION: option isa must be one of")
    );
    assert!(says(Loader::new(8, r#"{"dim":3}"#)).starts_with("OPTION: unknown option 'dim'"));
    assert!(says(Loader::new(1 << 63, "{}")).starts_with("MEMORY: 9223372036854775808 bytes"));
}

#[test]
fn a_build_that_is_not_done_has_no_index() {
    let builder = Builder::new(&[1.0], r#"{"dim":1}"#, None).expect("good");
    assert_eq!(
        says(builder.finish()),
        "CLOSED: the build is not done: steps are left"
    );
}

#[test]
fn k_beyond_the_rows_and_no_rows_at_all_give_short_answers() {
    for kind in ["flat", "hnsw"] {
        let options = format!(r#"{{"dim":2,"kind":"{kind}"}}"#);
        let index = build(&[0.0, 0.0, 3.0, 4.0], &options).expect("good");
        let answer = search(&index, &[0.0, 0.0], SearchParams { k: u32::MAX, ..TEN });
        assert_eq!(answer.expect("good"), [(0, 0.0), (1, 25.0)]);
        let empty = build(&[], &options).expect("good");
        assert_eq!((empty.size(), empty.dim()), (0, 2));
        assert_eq!(search(&empty, &[0.0, 0.0], TEN).expect("good"), []);
    }
}

#[test]
fn steps_go_forward_phase_by_phase() {
    let rows = data::clustered(3_000, 8, 5, 2);
    let (index, reports) = steps(
        &rows,
        r#"{"dim":8,"kind":"hnsw","M":4,"efConstruction":20}"#,
        None,
        Exec::Serial,
    )
    .expect("good");
    index.check().expect("sound");
    let rank = |phase| match phase {
        Phase::Prepare => 0,
        Phase::Encode => 1,
        Phase::Part => 2,
        Phase::Link => 3,
        Phase::Repair => 4,
        Phase::Done => 5,
    };
    for pair in reports.windows(2) {
        let [before, after] = [rank(pair[0].phase), rank(pair[1].phase)];
        assert!(
            before < after || (before == after && pair[0].done <= pair[1].done),
            "{pair:?}"
        );
    }
    for phase in [Phase::Prepare, Phase::Link, Phase::Repair, Phase::Done] {
        assert!(
            reports.iter().any(|report| report.phase == phase),
            "{phase:?}"
        );
    }
    assert!(
        reports
            .iter()
            .all(|report| report.total == 3_000 && report.done <= 3_000)
    );
    assert!(
        reports.len() > 8,
        "3,000 rows are linked in more than one step"
    );
    assert_eq!(reports.last().map(|report| report.done), Some(3_000));
}

#[test]
fn the_same_bytes_for_one_two_and_eight_threads() {
    let mut rows = data::clustered(3_000, 24, 12, 3);
    rows.extend_from_within(..24 * 200); // twins
    for metric in ["l2", "ip", "cosine"] {
        let options = format!(
            r#"{{"dim":24,"kind":"hnsw","metric":"{metric}","M":8,"efConstruction":40,"seed":11}}"#
        );
        let (serial, _) = steps(&rows, &options, None, Exec::Serial).expect("good");
        let expected = file(&serial);
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("pool");
            let (index, _) = steps(&rows, &options, None, Exec::Pool(&pool)).expect("good");
            assert!(
                file(&index) == expected,
                "{metric}, {threads} threads: other bytes"
            );
        }
    }
}

#[test]
fn answers_are_those_of_the_oracle() {
    let rows = data::clustered(2_000, 12, 8, 4);
    let queries = data::clustered(50, 12, 8, 5);
    for (metric, measure) in [
        ("l2", Measure::L2),
        ("ip", Measure::Ip),
        ("cosine", Measure::Cosine),
    ] {
        for kind in ["flat", "hnsw"] {
            let options = format!(r#"{{"dim":12,"kind":"{kind}","metric":"{metric}"}}"#);
            let index = build(&rows, &options).expect("good");
            let exact = SearchParams { exact: true, ..TEN };
            for query in queries.chunks(12) {
                let found = search(&index, query, exact).expect("good");
                for ((_, distance), (_, wanted)) in
                    found.iter().zip(nearest(measure, &rows, query, 10))
                {
                    let error = (f64::from(*distance) - wanted).abs();
                    assert!(
                        error <= 1e-4 * wanted.abs().max(1.0),
                        "{metric} {distance} {wanted}"
                    );
                }
                assert_eq!(found.len(), 10);
            }
        }
    }
}

#[test]
fn a_batch_is_its_single_searches() {
    let index = build(&data::clustered(1_500, 7, 6, 6), r#"{"dim":7}"#).expect("good");
    let queries = data::clustered(33, 7, 6, 7);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .expect("pool");
    for exec in [Exec::Serial, Exec::Pool(&pool), Exec::Global] {
        let (mut slots, mut distances) = (vec![9; 330], vec![0.5; 330]);
        let mut counts = vec![0; 33];
        index
            .search_batch(&queries, TEN, exec, &mut slots, &mut distances, &mut counts)
            .expect("good");
        for (row, query) in queries.chunks(7).enumerate() {
            let single = search(&index, query, TEN).expect("good");
            assert_eq!(counts[row] as usize, single.len());
            let batch = slots[row * 10..]
                .iter()
                .copied()
                .zip(distances[row * 10..].iter().copied());
            assert_eq!(
                batch.take(single.len()).collect::<Vec<_>>(),
                single,
                "query {row}"
            );
        }
    }
}

#[test]
fn the_description_says_what_was_chosen() {
    let auto = |rows| {
        build(
            &data::clustered(rows, 4, 4, 8),
            r#"{"dim":4,"seed":3,"M":12}"#,
        )
        .expect("good")
    };
    let info: serde_json::Value = serde_json::from_str(&auto(1_000).info()).expect("JSON");
    assert_eq!(info["kind"], "flat");
    assert_eq!(info["chosen"], "flat: 1000 rows are at most 1000");
    assert_eq!(info["M"], serde_json::Value::Null);
    let index = auto(1_001);
    let info: serde_json::Value = serde_json::from_str(&index.info()).expect("JSON");
    assert_eq!(info["kind"], "hnsw");
    assert_eq!(
        info["chosen"],
        "hnsw: 1001 rows are more than 1000; f32: codes of 4 numbers are not half as long"
    );
    assert_eq!(info["size"], 1_001);
    assert_eq!(info["dim"], 4);
    assert_eq!(info["metric"], "l2");
    assert_eq!(info["keys"], "rows");
    assert_eq!(info["codec"], "f32");
    assert_eq!(
        (&info["M"], &info["efConstruction"], &info["seed"]),
        (&12.into(), &200.into(), &3.into())
    );
    assert!(info["levels"].as_u64().expect("number") >= 1);
    assert_eq!(info["isa"], simd());
    assert_eq!(info["bytes"], index.file_bytes());
    let sections = info["sections"].as_array().expect("array");
    assert_eq!(sections[0]["name"], "vectors");
    assert_eq!(sections[0]["bytes"], 1_001 * 64);
}

#[test]
fn a_limit_on_instructions_is_kept() {
    let rows = data::clustered(100, 20, 4, 9);
    let index = build(&rows, r#"{"dim":20,"isa":"scalar"}"#).expect("good");
    assert!(index.info().contains(r#""isa":"scalar""#));
    let mut loader = Loader::new(index.file_bytes(), r#"{"isa":"scalar"}"#).expect("small");
    loader.write(&file(&index)).expect("room");
    let opened = loader.finish(Exec::Serial).expect("sound");
    assert!(opened.info().contains(r#""isa":"scalar""#));
}
