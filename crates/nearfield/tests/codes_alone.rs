//! Answers by codes alone: as an option of a search, and of indexes that keep no vectors. Judged by exact
//! search over the vectors, and by what stored codes stand for, decoded here.

use nearfield::boundary::{Adder, Builder, Index, Loader, Phase, SearchParams};
use nearfield::codec::{Codes, Form};
use nearfield::error::Result;
use nearfield::exec::Exec;
use std::sync::Arc;
use testkit::data;
use testkit::oracle::{self, Measure};

const MEASURES: [(&str, Measure); 3] = [
    ("l2", Measure::L2),
    ("ip", Measure::Ip),
    ("cosine", Measure::Cosine),
];
const ROWS: usize = 3000;
const QUERIES: usize = 100;
const DIM: usize = 72;

/// Rows, then queries near to other rows of the same clusters.
fn vectors() -> (Vec<f32>, Vec<f32>) {
    let mut rows = data::clustered(ROWS + QUERIES, DIM, 20, 3);
    let queries = rows.split_off(ROWS * DIM);
    (rows, queries)
}

fn build(vectors: &[f32], dim: usize, more: &str) -> Index {
    let options = format!(r#"{{"dim":{dim},"kind":"hnsw"{more}}}"#);
    let mut builder = Builder::new(vectors, &options, None).expect("good");
    while builder.step(Exec::Serial).expect("good").phase != Phase::Done {}
    let index = builder.finish().expect("done");
    index.check().expect("sound");
    index
}

fn by_codes(k: u32, exact: bool) -> SearchParams {
    SearchParams {
        k,
        effort: 100,
        exact,
        rerank: false,
    }
}

fn search(index: &Index, query: &[f32], params: SearchParams) -> Result<Vec<(u32, f32)>> {
    let (mut slots, mut distances) = (vec![0; params.k as usize], vec![0.0; params.k as usize]);
    let found = index.search_into(query, params, &mut slots, &mut distances)?;
    Ok(slots.into_iter().zip(distances).take(found).collect())
}

fn file(index: &Index) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(index.file_bytes()).expect("small")];
    index.read_file(0, &mut bytes).expect("in range");
    bytes
}

fn load(file: &[u8]) -> Result<Index> {
    let mut loader = Loader::new(file.len() as u64, "{}")?;
    loader.write(file)?;
    loader.finish(Exec::Serial)
}

fn told(index: &Index) -> serde_json::Value {
    serde_json::from_str(&index.info()).expect("JSON")
}

/// The payload of a section, as FORMAT.md has it; empty where the file has none.
fn section(file: &[u8], id: u32) -> &[u8] {
    let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().expect("eight"));
    (128..)
        .step_by(32)
        .take(file[12].into())
        .find(|&at| file[at..at + 4] == id.to_le_bytes())
        .map_or(&[], |at| {
            let (offset, bytes) = (word(at + 8), word(at + 16));
            let start = usize::try_from(offset).expect("small");
            &file[start..start + usize::try_from(bytes).expect("small")]
        })
}

/// What codes are taken around.
fn centre(file: &[u8]) -> Vec<f32> {
    let fours = section(file, 10).chunks_exact(4);
    fours
        .map(|four| f32::from_le_bytes(four.try_into().expect("four")))
        .collect()
}

/// What stored rows stand for, and the sum of |number − centre| of each.
fn decoded(file: &[u8], form: Form) -> Vec<(Vec<f32>, f64)> {
    let centre = centre(file);
    let codes = Codes::new(form, section(file, 9), &centre);
    let half = centre.len().div_ceil(2);
    (0..u32::try_from(codes.len()).expect("few"))
        .map(|slot| {
            let (row, scale) = (codes.row(slot), codes.terms(slot).scale);
            let integer = |column: usize| match form {
                Form::Sq8 => i16::from(row[column].cast_signed()),
                Form::Sq4 if column < half => 2 * i16::from(row[column] % 16) - 15,
                Form::Sq4 => 2 * i16::from(row[column - half] / 16) - 15,
            };
            let away = |column| scale * f32::from(integer(column));
            let sum = (0..centre.len())
                .map(|column| f64::from(away(column).abs()))
                .sum();
            let row = centre
                .iter()
                .enumerate()
                .map(|(column, centre)| centre + away(column));
            (row.collect(), sum)
        })
        .collect()
}

#[test]
fn answers_by_codes_read_no_vector_and_find_what_codes_can() {
    let (rows, queries) = vectors();
    for (metric, measure) in MEASURES {
        for (form, least) in [(Form::Sq8, 0.95), (Form::Sq4, 0.7)] {
            let codec = form.codec().name();
            let more = format!(r#","metric":"{metric}","codec":"{codec}""#);
            let index = build(&rows, DIM, &more);
            let decoded = decoded(&file(&index), form);
            let flat: Vec<f32> = decoded.iter().flat_map(|(row, _)| row.clone()).collect();
            let (mut walked, mut scanned, mut possible) = (0.0, 0.0, 0.0);
            for query in queries.chunks_exact(DIM) {
                let truth = oracle::nearest(measure, &rows, query, 10);
                let recall = |slots: &[u32]| oracle::recall(measure, &rows, query, &truth, slots);
                let slots = |params| {
                    let hits = search(&index, query, params).expect("good");
                    hits.iter().map(|hit| hit.0).collect::<Vec<_>>()
                };
                walked += recall(&slots(by_codes(10, false)));
                scanned += recall(&slots(by_codes(10, true)));
                let best = oracle::nearest(measure, &flat, query, 10);
                let best: Vec<_> = best
                    .iter()
                    .map(|hit| u32::try_from(hit.0).unwrap())
                    .collect();
                possible += recall(&best);
                let trace = index
                    .explain(query, by_codes(10, false), &|| 0.0)
                    .expect("good");
                let trace: serde_json::Value = serde_json::from_str(&trace).expect("JSON");
                assert_eq!(trace["distances"]["byVector"], 0);
                assert_eq!(trace["rerank"], false);
            }
            // The query's seven bits may cost a little against the rows' codes and an exact query.
            let slack = 0.02 * 100.0;
            let all = format!("{metric} {codec}: {walked} {scanned} {possible}");
            assert!(scanned >= possible - slack, "{all}");
            assert!(walked >= scanned - slack, "{all}");
            assert!(walked >= least * 100.0, "{all}");
        }
    }
}

#[test]
fn distances_by_code_are_those_of_what_codes_stand_for() {
    let (rows, mut queries) = vectors();
    queries.truncate(20 * DIM);
    queries.extend([0.0; DIM]);
    for (metric, measure) in MEASURES {
        for form in Form::ALL {
            let codec = form.codec().name();
            let more = format!(r#","metric":"{metric}","codec":"{codec}""#);
            let index = build(&rows, DIM, &more);
            let file = file(&index);
            let decoded = decoded(&file, form);
            let centre: Vec<f32> = self::centre(&file);
            for query in queries.chunks_exact(DIM) {
                let norm = oracle::distance(Measure::L2, query, &[0.0; DIM]).sqrt();
                #[allow(clippy::cast_possible_truncation)] // as it is prepared
                let unit: Vec<f32> = match measure {
                    Measure::Cosine if norm > 0.0 => query
                        .iter()
                        .map(|x| (f64::from(*x) / norm) as f32)
                        .collect(),
                    _ => query.to_vec(),
                };
                // Each number of a query errs by half a step at most.
                let from = |column: usize| if metric == "ip" { 0.0 } else { centre[column] };
                let away = (0..DIM).map(|column| (unit[column] - from(column)).abs());
                let step = f64::from(away.fold(0.0, f32::max)) / 63.0;
                for (slot, distance) in search(&index, query, by_codes(30, true)).expect("good") {
                    let (row, sum) = &decoded[slot as usize];
                    let (expected, error) = match measure {
                        Measure::L2 => (oracle::distance(measure, &unit, row), step * sum),
                        Measure::Ip => (oracle::distance(measure, &unit, row), 0.5 * step * sum),
                        Measure::Cosine if norm == 0.0 => {
                            let square = oracle::distance(Measure::L2, &unit, row);
                            (0.5 + 0.5 * square, 0.5 * step * sum)
                        }
                        Measure::Cosine => {
                            let square = oracle::distance(Measure::L2, &unit, row);
                            (0.5 * square, 0.5 * step * sum)
                        }
                    };
                    let off = (f64::from(distance) - expected).abs();
                    let rounding = 1e-4 * (1.0 + expected.abs());
                    assert!(
                        off <= error + rounding,
                        "{metric} {codec}, row {slot}: {distance}, {expected} ± {error}"
                    );
                }
            }
        }
    }
}

#[test]
fn distances_by_code_are_near_to_the_true_ones() {
    let (rows, queries) = vectors();
    for (metric, measure) in MEASURES {
        let index = build(
            &rows,
            DIM,
            &format!(r#","metric":"{metric}","codec":"sq8""#),
        );
        let (mut off, mut size) = (0.0, 0.0);
        for query in queries.chunks_exact(DIM) {
            for (slot, distance) in search(&index, query, by_codes(10, false)).expect("good") {
                let row = &rows[slot as usize * DIM..][..DIM];
                let truth = oracle::distance(measure, query, row);
                off += (f64::from(distance) - truth).abs();
                size += truth.abs();
            }
        }
        assert!(off < 0.02 * size, "{metric}: off by {off} of {size}");
    }
}

#[test]
fn without_codes_there_is_nothing_but_vectors_to_answer_by() {
    let (rows, queries) = vectors();
    let index = build(&rows, DIM, r#","codec":"f32""#);
    let query = &queries[..DIM];
    let by_vectors = SearchParams {
        rerank: true,
        ..by_codes(10, false)
    };
    assert_eq!(
        search(&index, query, by_codes(10, false)),
        search(&index, query, by_vectors)
    );
}

#[test]
fn an_index_without_vectors_is_one_with_them_but_for_their_section() {
    let (mut rows, queries) = vectors();
    rows.extend_from_within(..50 * DIM); // twins
    for codec in ["sq8", "sq4"] {
        let more = format!(r#","metric":"cosine","codec":"{codec}""#);
        let with = build(&rows, DIM, &more);
        let alone = build(&rows, DIM, &format!(r#"{more},"keepVectors":false"#));
        let (told_with, told_alone) = (told(&with), told(&alone));
        assert_eq!(told_with["vectors"], true);
        assert_eq!(told_alone["vectors"], false);
        assert_eq!(told_alone["vectorBytes"], (ROWS + 50) * 80 * 4);
        assert_eq!(told_alone["vectorBytes"], told_with["vectorBytes"]);
        let saved = with.file_bytes() - alone.file_bytes();
        let vectors = told_alone["vectorBytes"].as_u64().expect("a number");
        // The section's place in the table and its sums go too, whole lines of 64 bytes.
        assert!((vectors..vectors + 64 + vectors / 65_536 * 8 + 64).contains(&saved));
        let (file_with, file_alone) = (file(&with), file(&alone));
        assert!(section(&file_alone, 1).is_empty());
        for id in 2..=10 {
            assert!(section(&file_with, id) == section(&file_alone, id), "{id}");
        }
        let opened = load(&file_alone).expect("sound");
        let map: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(Aligned::of(&file_alone));
        let mapped = Index::open_mapped(map, "{}", Exec::Serial).expect("sound");
        opened.check().expect("sound");
        assert!(file(&opened) == file_alone, "{codec}");
        for query in queries.chunks_exact(DIM) {
            for exact in [false, true] {
                let params = by_codes(20, exact);
                let answer = search(&with, query, params);
                assert_eq!(search(&alone, query, params), answer);
                assert_eq!(search(&opened, query, params), answer);
                assert_eq!(search(&mapped, query, params), answer);
            }
        }
    }
}

/// A file in memory that starts at a line.
struct Aligned(Vec<Line>, usize);

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

impl Aligned {
    fn of(file: &[u8]) -> Self {
        let lines = file.chunks(64).map(|chunk| {
            let mut line = Line([0; 64]);
            line.0[..chunk.len()].copy_from_slice(chunk);
            line
        });
        Self(lines.collect(), file.len())
    }
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        let bytes = bytemuck::cast_slice::<Line, u8>(&self.0);
        &bytes[..self.1]
    }
}

#[test]
fn what_needs_vectors_says_so() {
    let (rows, queries) = vectors();
    let index = build(&rows, DIM, r#","keepVectors":false"#);
    let query = &queries[..DIM];
    let needs = "expected an index that keeps them, this one was built with keepVectors false";
    let says = |what: &str| format!("OPTION: {what} needs vectors: {needs}");
    for exact in [false, true] {
        let params = SearchParams {
            rerank: true,
            ..by_codes(10, exact)
        };
        let refusal = says("an exact or reranked answer");
        assert_eq!(
            search(&index, query, params).expect_err("no").to_string(),
            refusal
        );
        assert_eq!(
            index
                .explain(query, params, &|| 0.0)
                .expect_err("no")
                .to_string(),
            refusal
        );
    }
    let export = index.export_bytes().expect_err("no").to_string();
    assert_eq!(export, says("format 'hnswlib'"));
    let index = Arc::new(index);
    let adder = Adder::new(Arc::clone(&index), query, None)
        .expect_err("no")
        .to_string();
    assert_eq!(adder, says("adding rows"));
    assert_eq!(index.size() as usize, ROWS);
    search(&index, query, by_codes(10, false)).expect("as before");
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let refusal = |options: &str| {
        let error = Builder::new(&[1.0, 2.0], options, None).expect_err(options);
        error.to_string()
    };
    assert_eq!(
        refusal(r#"{"dim":2,"keepVectors":false,"codec":"f32"}"#),
        "OPTION: option codec must be one of 'auto', 'sq8', 'sq4' for kind 'hnsw' where keepVectors is false, got 'f32'"
    );
    assert_eq!(
        refusal(r#"{"dim":2,"keepVectors":false,"kind":"flat"}"#),
        "OPTION: option codec must be one of 'sq8', 'sq4', 'bits1', 'bits2', 'pq4', 'pq8' for kind 'flat' where keepVectors is false, got 'auto'"
    );
    assert_eq!(
        refusal(r#"{"dim":2,"keepVectors":0}"#),
        "OPTION: option keepVectors must be true or false, got 0"
    );
    assert_eq!(
        Index::empty(r#"{"dim":2,"keepVectors":false}"#)
            .expect_err("no")
            .to_string(),
        "OPTION: option keepVectors must be true for an index that takes rows, got false"
    );
}

#[test]
fn auto_without_vectors_takes_a_graph_and_the_finer_codes() {
    let rows = data::clustered(100, 200, 5, 1);
    let mut builder =
        Builder::new(&rows, r#"{"dim":200,"keepVectors":false}"#, None).expect("good");
    while builder.step(Exec::Serial).expect("good").phase != Phase::Done {}
    let told = told(&builder.finish().expect("done"));
    assert_eq!(
        (&told["kind"], &told["codec"]),
        (&"hnsw".into(), &"sq8".into())
    );
    let chosen = told["chosen"].as_str().expect("a reason");
    let wanted = "hnsw: without vectors only graphs and zones answer; sq8: these codes alone find ";
    assert!(chosen.starts_with(wanted), "{chosen}");
}

#[test]
fn rows_that_codes_cannot_tell_apart_are_kept_all_the_same() {
    let mut rows = vec![0.5; 2000 * 4];
    for (row, x) in rows.chunks_exact_mut(4).zip(0_u16..) {
        row[0] = 1e6;
        row[1] = f32::from(x) * 1e-3;
    }
    let index = build(&rows, 4, r#","keepVectors":false"#);
    let found = search(&index, &rows[..4], by_codes(10, false)).expect("good");
    assert_eq!(found.len(), 10);
}
