//! Codes against an independent oracle: what a byte or four bits a number keep, that every instruction set scores
//! the same, that searches by codes lose nothing, and that `auto` gives codes up where they would.

use nearfield::boundary::{Builder, Index, Phase, SearchParams};
use nearfield::codec::codes::TERMS_BYTES;
use nearfield::codec::{Codes, Form, QueryCode, Scorer, Sq4Scorer, Sq8Scorer, sq4, sq8};
use nearfield::exec::Exec;
use nearfield::kernels::{Kernels, available};
use nearfield::metric::Metric;
use testkit::data;
use testkit::oracle::{self, Measure};
use testkit::random::Random;

const MEASURES: [(Metric, Measure); 3] = [
    (Metric::L2, Measure::L2),
    (Metric::Ip, Measure::Ip),
    (Metric::Cosine, Measure::Cosine),
];

fn build(vectors: &[f32], options: &str) -> Index {
    build_with(vectors, options, Exec::Serial)
}

fn build_with(vectors: &[f32], options: &str, exec: Exec<'_>) -> Index {
    let mut builder = Builder::new(vectors, options, None).expect("good");
    while builder.step(exec).expect("good").phase != Phase::Done {}
    let index = builder.finish().expect("done");
    index.check().expect("sound");
    index
}

fn file(index: &Index) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(index.file_bytes()).expect("small")];
    index.read_file(0, &mut bytes).expect("in range");
    bytes
}

fn info(index: &Index, field: &str) -> String {
    let info: serde_json::Value = serde_json::from_str(&index.info()).expect("JSON");
    info[field].as_str().expect("text").to_owned()
}

fn options(dim: usize, metric: Metric, codec: &str) -> String {
    let metric = metric.name();
    format!(r#"{{"dim":{dim},"kind":"hnsw","metric":"{metric}","codec":"{codec}"}}"#)
}

fn search(index: &Index, query: &[f32], k: u32, ef: u32) -> Vec<u32> {
    let params = SearchParams {
        k,
        effort: ef,
        exact: false,
        rerank: true,
    };
    let (mut slots, mut distances) = (vec![0; k as usize], vec![0.0; k as usize]);
    let found = index.search_into(query, params, &mut slots, &mut distances);
    slots.truncate(found.expect("good"));
    slots
}

/// The share of rows whose nearest, asked for themselves, is as near as they are.
#[allow(clippy::cast_precision_loss)] // thousands
fn self_recall(index: &Index, vectors: &[f32], measure: Measure) -> f64 {
    let dim = index.dim() as usize;
    // 1 − cos is rounded to f32 from a number near 1; a squared difference is exact where it is 0.
    let slack = if measure == Measure::L2 { 0.0 } else { 1e-6 };
    let found = vectors.chunks_exact(dim).filter(|row| {
        let nearest = search(index, row, 10, 100)[0] as usize;
        let distance = |other: &[f32]| oracle::distance(measure, row, other);
        distance(&vectors[nearest * dim..][..dim]) <= distance(row) + slack
    });
    found.count() as f64 / f64::from(index.size())
}

/// The integers of a stored row, as the documentation has them.
fn integers(codes: Codes<'_>, slot: u32) -> Vec<i32> {
    let (row, dim) = (codes.row(slot), codes.centre().len());
    let half = dim.div_ceil(2);
    let integer = |column: usize| match codes.form() {
        Form::Sq8 => i32::from(row[column].cast_signed()),
        Form::Sq4 if column < half => 2 * i32::from(row[column] % 16) - 15,
        Form::Sq4 => 2 * i32::from(row[column - half] / 16) - 15,
    };
    (0..dim).map(integer).collect()
}

/// What a stored row stands for.
fn decoded(codes: Codes<'_>, slot: u32) -> Vec<f64> {
    let scale = f64::from(codes.terms(slot).scale);
    let row = integers(codes, slot).into_iter().zip(codes.centre());
    row.map(|(code, centre)| f64::from(*centre) + scale * f64::from(code))
        .collect()
}

/// Codes of rows around their first, which is no row's mean but a centre all the same.
fn encoded(form: Form, metric: Metric, vectors: &[f32], centre: &[f32]) -> Vec<u8> {
    let stride = form.stride(centre.len());
    let mut bytes = vec![0xaa; vectors.len() / centre.len() * stride];
    for (vector, out) in vectors
        .chunks_exact(centre.len())
        .zip(bytes.chunks_exact_mut(stride))
    {
        form.encode(metric, vector, centre, out);
    }
    bytes
}

/// Codes' scorer, whichever it is.
fn scorer<'a>(
    codes: Codes<'a>,
    query: &'a QueryCode,
    kernels: &'static Kernels,
) -> Box<dyn Scorer + 'a> {
    match codes.form() {
        Form::Sq8 => Box::new(Sq8Scorer::new(codes, query, kernels)),
        Form::Sq4 => Box::new(Sq4Scorer::new(codes, query, kernels)),
    }
}

/// What both forms promise of a row's terms, and of the bytes that hold no number.
fn assert_terms(metric: Metric, codes: Codes<'_>, slot: u32) {
    let (row, terms, integers) = (codes.row(slot), codes.terms(slot), integers(codes, slot));
    assert_eq!(terms.sum, integers.iter().sum::<i32>());
    let squares: f64 = integers.iter().map(|code| f64::from(code * code)).sum();
    let bias = f64::from(terms.scale).powi(2) * squares;
    let wanted = if metric == Metric::Ip { 0.0 } else { bias };
    let error = (f64::from(terms.bias) - wanted).abs();
    assert!(error <= 1e-6 * wanted, "{metric:?}: {terms:?}");
    let used = codes.form().code_bytes(integers.len());
    let padding = &row[used..row.len() - TERMS_BYTES];
    assert!(padding.iter().all(|byte| *byte == 0));
    if codes.form() == Form::Sq4 && integers.len() % 2 == 1 {
        assert!(row[used - 1] < 16, "half a byte is padding");
    }
}

#[test]
fn a_code_is_its_vector_within_half_a_step() {
    for dim in [1, 3, 52, 53, 64, 100, 116, 117, 256, 1536] {
        let vectors = data::clustered(60, dim, 5, dim as u64);
        for (metric, _) in MEASURES {
            let bytes = encoded(Form::Sq8, metric, &vectors, &vectors[..dim]);
            let codes = Codes::new(Form::Sq8, &bytes, &vectors[..dim]);
            assert_eq!(codes.len(), 60);
            for (slot, vector) in (0..).zip(vectors.chunks_exact(dim)) {
                let step = f64::from(codes.terms(slot).scale);
                for (x, kept) in vector.iter().zip(decoded(codes, slot)) {
                    let error = (f64::from(*x) - kept).abs();
                    assert!(error <= step * 0.501 + 1e-6, "{metric:?} {dim}: {x} {kept}");
                }
                let largest = integers(codes, slot).iter().any(|code| code.abs() == 127);
                assert!(slot == 0 || largest, "{dim}");
                assert_terms(metric, codes, slot);
            }
        }
    }
}

/// The error of the best scale there is, by looking at many, as a share of the row's length.
fn best_error(differences: &[f64]) -> f64 {
    let largest = differences
        .iter()
        .fold(0.0, |most: f64, x| most.max(x.abs()));
    let errors = (1..=2000).map(|part| {
        let scale = largest / 15.0 * f64::from(part) / 2000.0;
        let error = |x: &f64| {
            let level = (x / (2.0 * scale) + 8.0).floor().clamp(0.0, 15.0);
            (x - scale * (2.0 * level - 15.0)).powi(2)
        };
        differences.iter().map(error).sum::<f64>()
    });
    let length: f64 = differences.iter().map(|x| x * x).sum();
    (errors.fold(f64::INFINITY, f64::min) / length).sqrt()
}

#[test]
fn four_bits_err_little_more_than_by_the_best_scale_and_are_nearest() {
    for dim in [1, 3, 64, 100, 103, 104, 105, 256, 1536] {
        let vectors = data::clustered(20, dim, 5, dim as u64);
        for (metric, _) in MEASURES {
            let bytes = encoded(Form::Sq4, metric, &vectors, &vectors[..dim]);
            let codes = Codes::new(Form::Sq4, &bytes, &vectors[..dim]);
            assert_eq!(codes.len(), 20);
            for (slot, vector) in (0..).zip(vectors.chunks_exact(dim)) {
                assert_terms(metric, codes, slot);
                if slot == 0 {
                    continue;
                }
                let scale = f64::from(codes.terms(slot).scale);
                let pairs = vector.iter().zip(codes.centre());
                let differences: Vec<f64> = pairs.map(|(x, c)| f64::from(x - c)).collect();
                let (mut error, mut length) = (0.0, 0.0);
                for (x, code) in differences.iter().zip(integers(codes, slot)) {
                    let off = (x - scale * f64::from(code)).abs();
                    let clipped = code.abs() == 15 && x.abs() > 15.0 * scale;
                    assert!(
                        clipped || off <= scale * 1.0001,
                        "{dim}: {x} as {code} × {scale}"
                    );
                    error += off * off;
                    length += x * x;
                }
                let (error, best) = ((error / length).sqrt(), best_error(&differences));
                assert!(
                    error <= 1.1 * best + 0.005,
                    "{metric:?} {dim}: {error}, {best}"
                );
            }
        }
    }
}

#[test]
fn a_row_of_four_bit_codes_byte_for_byte() {
    let mut row = [0xaa; 64];
    sq4::encode(Metric::L2, &[1.0, 3.0, -1.0], &[0.0; 3], &mut row);
    // The root of the mean square, 11 / 3, times 0.1675, is more than 3 / 15: nothing is clipped.
    let scale: f32 = 3.0 / 15.0;
    let mut expected = [0; 64];
    // Levels 10, 15, 5: the first two in the low halves, the third above the first.
    expected[..2].copy_from_slice(&[0x5a, 15]);
    expected[52..56].copy_from_slice(&scale.to_le_bytes());
    expected[56..60].copy_from_slice(&(scale * scale * 275.0).to_le_bytes());
    expected[60..].copy_from_slice(&15_i32.to_le_bytes());
    assert_eq!(row, expected);
}

#[test]
fn a_row_of_codes_byte_for_byte() {
    let mut row = [0xaa; 64];
    sq8::encode(Metric::L2, &[1.0, 2.0, 0.5], &[0.0; 3], &mut row);
    let mut expected = [0; 64];
    // 63.5, 127 and 31.75 steps of 2 / 127.
    expected[..3].copy_from_slice(&[64, 127, 32]);
    let scale: f32 = 2.0 / 127.0;
    let squares = 64.0 * 64.0 + 127.0 * 127.0 + 32.0 * 32.0;
    expected[52..56].copy_from_slice(&scale.to_le_bytes());
    expected[56..60].copy_from_slice(&(scale * scale * squares).to_le_bytes());
    expected[60..].copy_from_slice(&(64 + 127 + 32_i32).to_le_bytes());
    assert_eq!(row, expected);
}

/// The score's definition, in f64 and from decoded rows; the query is quantised here again.
fn score(metric: Metric, query: &[f32], codes: Codes<'_>, slot: u32) -> f64 {
    let centre = codes.centre().iter().map(|x| f64::from(*x));
    let from: Vec<f64> = match metric {
        Metric::Ip => vec![0.0; query.len()],
        _ => centre.clone().collect(),
    };
    let query = query
        .iter()
        .zip(&from)
        .map(|(x, from)| f64::from(*x) - from);
    let largest = query.clone().fold(0.0, |most: f64, x| most.max(x.abs()));
    let step = largest / 63.0;
    let quantised = query.map(|x| (x / step).round() * step);
    let row = decoded(codes, slot).into_iter().zip(centre);
    let pairs = quantised.zip(row.map(|(x, centre)| x - centre));
    match metric {
        Metric::Ip => pairs.map(|(q, v)| -q * v).sum(),
        _ => pairs.map(|(q, v)| v * v - 2.0 * q * v).sum(),
    }
}

#[test]
fn scores_are_the_definition_and_the_same_on_every_instruction_set() {
    for dim in [5, 52, 60, 64, 100, 300] {
        let vectors = data::clustered(43, dim, 4, 3);
        for (form, (metric, _)) in Form::ALL
            .into_iter()
            .flat_map(|form| MEASURES.map(|m| (form, m)))
        {
            let bytes = encoded(form, metric, &vectors, &vectors[..dim]);
            let codes = Codes::new(form, &bytes, &vectors[..dim]);
            let mut query = QueryCode::default();
            for row in [1, 17, 42] {
                let vector = &vectors[row * dim..][..dim];
                query.set(metric, vector, codes);
                let mut bits: Option<Vec<u32>> = None;
                for kernels in available() {
                    let scorer = scorer(codes, &query, kernels);
                    let ones: Vec<f32> = (0..43).map(|slot| scorer.score(slot)).collect();
                    for at in 0..40 {
                        let slots = [at, at + 3, 42 - at, 7];
                        let wanted = slots.map(|slot| ones[slot as usize].to_bits());
                        assert_eq!(scorer.score4(slots).map(f32::to_bits), wanted);
                        let asking = scorer.score4_ahead(slots, [42 - at, at, 0, 42]);
                        assert_eq!(asking.map(f32::to_bits), wanted);
                    }
                    for (slot, found) in (0..).zip(&ones) {
                        let wanted = score(metric, vector, codes, slot);
                        let error = (f64::from(*found) - wanted).abs();
                        let size = f64::from(codes.terms(slot).bias).abs() + wanted.abs();
                        assert!(
                            error <= 1e-3 * size.max(1e-3),
                            "{metric:?} {found} {wanted}"
                        );
                    }
                    let these = ones.iter().map(|score| score.to_bits()).collect();
                    let first = bits.get_or_insert_with(|| Vec::clone(&these));
                    assert_eq!(*first, these, "{:?}", kernels.isa);
                }
            }
        }
    }
}

#[test]
fn any_bytes_and_any_query_are_safe_to_score() {
    let mut random = Random::new(4);
    let numbers = [
        0.0,
        -1.0,
        1e-45,
        1e-20,
        3e38,
        -3e38,
        f32::MAX,
        f32::MIN,
        1.0,
    ];
    for round in 0..400 {
        let dim = 1 + random.below(80);
        let mut pick = |_| numbers[random.below(numbers.len())];
        let vectors: Vec<f32> = (0..dim * 4).map(&mut pick).collect();
        let (centre, query): (Vec<f32>, Vec<f32>) = (
            (0..dim).map(&mut pick).collect(),
            (0..dim).map(&mut pick).collect(),
        );
        let (metric, _) = MEASURES[round % 3];
        let form = Form::ALL[round / 6 % 2];
        let mut bytes = encoded(form, metric, &vectors, &centre);
        if round % 2 == 1 {
            for byte in &mut bytes {
                *byte = random.bits().to_le_bytes()[0];
            }
        }
        let codes = Codes::new(form, &bytes, &centre);
        let mut code = QueryCode::default();
        code.set(metric, &query, codes);
        let scores = available().into_iter().map(|kernels| {
            let scorer = scorer(codes, &code, kernels);
            let all = scorer.score4([0, 1, 2, 3]).map(f32::to_bits);
            all.map(|bits| {
                if f32::from_bits(bits).is_nan() {
                    0
                } else {
                    bits
                }
            })
        });
        let scores: Vec<_> = scores.collect();
        assert!(
            scores.windows(2).all(|pair| pair[0] == pair[1]),
            "{scores:x?}"
        );
    }
}

#[test]
fn searches_by_codes_find_what_searches_by_vectors_find() {
    let (rows, dim) = (6000, 48);
    let all = data::clustered(rows + 100, dim, 40, 5);
    let (base, queries) = all.split_at(rows * dim);
    for (metric, measure) in MEASURES {
        let recall = |codec| {
            let index = build(base, &options(dim, metric, codec));
            assert_eq!(info(&index, "codec"), codec);
            let shares = queries.chunks_exact(dim).map(|query| {
                let truth = oracle::nearest(measure, base, query, 10);
                oracle::recall(
                    measure,
                    base,
                    query,
                    &truth,
                    &search(&index, query, 10, 100),
                )
            });
            shares.sum::<f64>() / 100.0
        };
        let exact = recall("f32");
        for codec in ["sq8", "sq4"] {
            let coded = recall(codec);
            assert!(
                coded >= 0.98 && coded >= exact - 0.005,
                "{metric:?}: {coded} by {codec}, {exact} by vectors"
            );
        }
    }
}

#[test]
fn codes_are_the_same_bytes_for_any_number_of_threads() {
    let base = data::clustered(3000, 24, 10, 9);
    for (metric, codec) in MEASURES
        .into_iter()
        .flat_map(|(m, _)| [(m, "sq8"), (m, "sq4")])
    {
        let options = options(24, metric, codec);
        let serial = file(&build(&base, &options));
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.expect("pool");
            let pooled = file(&build_with(&base, &options, Exec::Pool(&pool)));
            assert!(pooled == serial, "{metric:?}, {codec}, {threads}");
        }
    }
}

#[test]
fn auto_says_what_it_chose_and_why() {
    let chosen = |vectors: &[f32], dim, codec| {
        let index = build(vectors, &options(dim, Metric::L2, codec));
        let chosen = serde_json::from_str::<serde_json::Value>(&index.info()).expect("JSON");
        (info(&index, "codec"), chosen["chosen"].clone())
    };
    let base = data::clustered(2000, 32, 10, 9);
    let (codec, why) = chosen(&base, 32, "auto");
    assert_eq!(codec, "sq8");
    assert_eq!(
        why,
        "sq8: codes of sq8 find 1.000 of sampled rows' neighbours, 0.995 are enough"
    );
    assert_eq!(
        chosen(&base, 32, "sq8"),
        ("sq8".into(), serde_json::Value::Null)
    );
    assert_eq!(
        chosen(&base, 32, "f32"),
        ("f32".into(), serde_json::Value::Null)
    );
    let (codec, why) = chosen(&base[..16 * 100], 16, "auto");
    assert_eq!(codec, "f32");
    assert_eq!(why, "f32: codes of 16 numbers are not half as long");
    // A thousand times farther apart than wide: no neighbour within a step of the codes.
    let far = data::far_clusters(3000, 32, 5, 4);
    let (codec, why) = chosen(&far, 32, "auto");
    assert_eq!(codec, "f32");
    assert!(
        why.as_str()
            .expect("text")
            .starts_with("f32: codes of sq8 find 0."),
        "{why}"
    );
    // From 64 numbers on, half a byte for each is tried as well.
    let base = data::clustered(2000, 64, 200, 9);
    let (codec, why) = chosen(&base, 64, "auto");
    assert_eq!(codec, "sq4");
    assert_eq!(
        why,
        "sq4: codes of sq4 find 1.000 of sampled rows' neighbours, 0.995 are enough"
    );
    assert_eq!(
        chosen(&base, 64, "sq4"),
        ("sq4".into(), serde_json::Value::Null)
    );
    // One number in every row far larger than the others: a byte still tells those apart, four bits do not.
    let mut tall = base;
    for (at, row) in tall.chunks_exact_mut(64).enumerate() {
        row[0] = [-40.0, 40.0][at % 2];
    }
    let (codec, why) = chosen(&tall, 64, "auto");
    assert_eq!(codec, "sq8");
    assert!(
        why.as_str()
            .expect("text")
            .starts_with("sq8: codes of sq4 find 0."),
        "{why}"
    );
}

/// Six thousand rows, hundreds of which are a crowd this wide, where no sampled row is among them.
fn crowd(dim: usize, width: f64) -> Vec<f32> {
    let rows = 6000;
    let mut base = data::clustered(rows, dim, 40, 6);
    let mut random = Random::new(2);
    let first = base[dim..2 * dim].to_vec();
    for row in (1..330).filter(|row| row % 94 != 0) {
        for (x, first) in base[row * dim..][..dim].iter_mut().zip(&first) {
            #[allow(clippy::cast_possible_truncation)] // noise
            let noise = (width * random.normal()) as f32;
            *x = first + noise;
        }
    }
    base
}

#[test]
fn a_crowd_that_the_sample_misses_is_met_while_repairing() {
    let dim = 64;
    let base = crowd(dim, 0.01);
    let index = build(&base, &options(dim, Metric::L2, "auto"));
    assert_eq!(
        info(&index, "chosen"),
        "sq8: some rows are too near to many others for codes of sq4"
    );
    let share = self_recall(&index, &base, Measure::L2);
    assert!((share - 1.0).abs() < f64::EPSILON, "{share}");
    let forced = build(&base, &options(dim, Metric::L2, "sq4"));
    let share = self_recall(&forced, &base, Measure::L2);
    assert!(share < 1.0, "there was nothing to be met");
}

#[test]
fn a_crowd_that_the_sample_misses_is_met_while_linking() {
    let dim = 32;
    let base = crowd(dim, 1e-5);
    let index = build(&base, &options(dim, Metric::L2, "auto"));
    assert_eq!(
        info(&index, "chosen"),
        "f32: some rows are too near to many others for codes"
    );
    let share = self_recall(&index, &base, Measure::L2);
    assert!((share - 1.0).abs() < f64::EPSILON, "{share}");
    let forced = build(&base, &options(dim, Metric::L2, "sq8"));
    let share = self_recall(&forced, &base, Measure::L2);
    assert!(share < 1.0, "there was nothing to be met");
}

#[test]
fn every_row_finds_itself_whatever_was_chosen() {
    let mut copies = data::clustered(2200, 32, 5, 1);
    let copy = copies[..32].to_vec();
    copies[..2000 * 32]
        .chunks_exact_mut(32)
        .for_each(|row| row.copy_from_slice(&copy));
    let mut heavy = data::clustered(3000, 32, 30, 5);
    for (at, row) in heavy.chunks_exact_mut(32).enumerate() {
        let scale = [1.0, 1.0, 1.0, 100.0][at % 4];
        for x in row {
            *x *= scale;
        }
    }
    let sets: [(&str, usize, Vec<f32>); 9] = [
        ("far clusters", 32, data::far_clusters(4000, 32, 20, 3)),
        ("copies", 32, copies),
        ("zeros", 40, vec![0.0; 500 * 40]),
        ("curve", 40, data::curve(3000, 40)),
        ("grid", 20, data::grid(3000, 20, 3, 4)),
        ("clustered", 48, data::clustered(3000, 48, 30, 5)),
        ("heavy tails", 32, heavy),
        ("wide far clusters", 96, data::far_clusters(4000, 96, 20, 3)),
        ("wide clustered", 96, data::clustered(3000, 96, 300, 5)),
    ];
    for (name, dim, base) in sets {
        for (metric, measure) in [MEASURES[0], MEASURES[2]] {
            let index = build(&base, &options(dim, metric, "auto"));
            let share = self_recall(&index, &base, measure);
            let codec = info(&index, "codec");
            println!("{name} {metric:?}: {codec}, {}", info(&index, "chosen"));
            assert!(
                (share - 1.0).abs() < f64::EPSILON,
                "{name} {metric:?} {codec}: {share}"
            );
        }
    }
}

#[test]
fn few_rows_have_codes_too() {
    for rows in [0, 1, 2, 3, 5, 40] {
        let base = data::clustered(rows, 6, 3, 8);
        for (metric, measure) in MEASURES {
            for codec in ["sq8", "sq4", "auto"] {
                let index = build(&base, &options(6, metric, codec));
                let found = search(&index, &[0.5; 6], 50, 50);
                let truth = oracle::nearest(measure, &base, &[0.5; 6], 50);
                let truth: Vec<_> = truth.iter().map(|hit| hit.0).collect();
                let found: Vec<_> = found.iter().map(|slot| *slot as usize).collect();
                assert_eq!(found, truth, "{metric:?} {codec} {rows}");
            }
        }
    }
}
