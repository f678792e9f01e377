//! How far searches go, as files have it: by a second implementation of what FORMAT.md says, by exhaustion
//! and in binary64; files of nonsense, and files that were written before there was such a section.

use crate::fixture::{build, column, file, load, place, seal};
use nearfield::boundary::SearchParams;
use testkit::data;
use testkit::oracle::{self, Measure};

/// Fewer than are kept by code, so that none is missed.
const ROWS: usize = 380;
const DIM: usize = 12;
const ZONES: usize = 20;
const RECALLS: [f64; 8] = [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999];

fn options(metric: &str) -> String {
    format!(
        r#"{{"dim":{DIM},"kind":"zones","metric":"{metric}","zones":{ZONES},"codec":"bits2","refine":"none"}}"#
    )
}

fn numbers(file: &[u8], id: u8) -> Vec<f64> {
    let (at, bytes) = place(file, id);
    let (floats, _) = file[at..at + bytes].as_chunks::<4>();
    floats
        .iter()
        .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
        .collect()
}

fn words(file: &[u8], id: u8) -> Vec<usize> {
    let (at, bytes) = place(file, id);
    let (words, _) = file[at..at + bytes].as_chunks::<4>();
    words
        .iter()
        .map(|bytes| u32::from_le_bytes(*bytes) as usize)
        .collect()
}

/// The zone of every row, and what routing adds for how far the zones' rows spread.
fn zones(file: &[u8]) -> (Vec<usize>, Vec<f64>) {
    let (starts, slots) = (words(file, 13), words(file, 14));
    let mut owners = vec![0; ROWS];
    for (zone, ends) in starts.windows(2).enumerate() {
        for &slot in slots[32 * ends[0]..32 * ends[1]]
            .iter()
            .filter(|&&slot| slot < ROWS)
        {
            owners[slot] = zone;
        }
    }
    let spreads = numbers(file, 12)
        .chunks_exact(16)
        .map(|row| row[DIM])
        .collect();
    (owners, spreads)
}

fn products(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn expected(file: &[u8], measure: Measure, turn: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let ip = matches!(measure, Measure::Ip);
    let (owners, spreads) = zones(file);
    let (vectors, centre) = (numbers(file, 1), numbers(file, 11));
    let rows: Vec<_> = vectors.chunks_exact(16).map(|row| &row[..DIM]).collect();
    let all = numbers(file, 12);
    let centroids: Vec<_> = all.chunks_exact(16).map(|row| &row[..DIM]).collect();
    let base: Vec<_> = rows
        .iter()
        .flat_map(|row| row.iter().map(|&x| x as f32))
        .collect();
    let length = |row: &[f64]| products(row, row).sqrt();
    let longest = centroids
        .iter()
        .zip(&spreads)
        .map(|(row, spread)| length(row) + spread);
    let lift = if ip { longest.fold(0.0, f64::max) } else { 0.0 };
    let asks: Vec<_> = (0..ROWS).step_by(ROWS.div_ceil(128)).collect();
    let mut walks = Vec::new();
    for &ask in &asks {
        let less =
            |row: &[f64]| -> Vec<_> { row.iter().zip(&centre).map(|(x, c)| x - c).collect() };
        let query = turn(&if ip {
            rows[ask].to_vec()
        } else {
            less(rows[ask])
        });
        let score = |zone: usize| {
            let between: Vec<_> = query
                .iter()
                .zip(centroids[zone])
                .map(|(x, c)| x - c)
                .collect();
            if ip {
                (lift - spreads[zone]) * length(&query) - products(&query, centroids[zone])
            } else {
                products(&between, &between) + spreads[zone] * spreads[zone]
            }
        };
        let mut order: Vec<_> = (0..spreads.len()).map(|zone| (score(zone), zone)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut sum, mut least) = (0.0, f64::INFINITY);
        let walk = order.iter().map(|(score, zone)| {
            let worth = (order[0].0 / score).powi(16);
            sum += worth;
            least = f64::min(least, worth / sum);
            (*zone, least)
        });
        let walk: Vec<_> = walk.collect();
        let query: Vec<_> = rows[ask].iter().map(|&x| x as f32).collect();
        let near = oracle::nearest(measure, &base, &query, 101).into_iter();
        let near = near
            .map(|(slot, _)| slot)
            .filter(|&slot| slot != ask)
            .take(100);
        let near = near.map(|slot| {
            let at = walk.iter().find(|(zone, _)| *zone == owners[slot]);
            at.expect("every zone").1
        });
        let near: Vec<_> = near.collect();
        walks.push((walk, near));
    }
    let mut numbers = vec![lift];
    for depth in [1, 10, 100] {
        let mut shares: Vec<_> = walks
            .iter()
            .flat_map(|(_, near)| &near[..depth])
            .copied()
            .collect();
        shares.sort_by(|a, b| b.total_cmp(a));
        for recall in RECALLS {
            let missed = (1.0 - recall) - f64::min(0.25 * (1.0 - recall), 0.015);
            let least = shares[shares.len() - 1 - (missed * shares.len() as f64) as usize];
            let zones = |(walk, _): &(Vec<(usize, f64)>, _)| {
                walk.iter()
                    .filter(|(_, share)| *share >= least * (1.0 - 1e-9))
                    .count()
            };
            let zones: usize = walks.iter().map(zones).sum();
            numbers.extend([least, zones as f64 / walks.len() as f64]);
        }
    }
    numbers
}

#[test]
fn spans_are_what_the_document_says() {
    let vectors = data::clustered(ROWS, DIM, 30, 3);
    for (metric, measure) in [
        ("l2", Measure::L2),
        ("cosine", Measure::Cosine),
        ("ip", Measure::Ip),
    ] {
        let file = file(&build(&vectors, &options(metric), None));
        let found = numbers(&file, 18);
        let turn = |row: &[f64]| {
            #[allow(clippy::cast_possible_truncation)] // they were binary32
            let row: Vec<_> = row.iter().map(|&x| x as f32).collect();
            let turned = crate::strips::rotate(0, &row);
            turned.into_iter().map(f64::from).collect()
        };
        let expected = expected(&file, measure, turn);
        assert_eq!(found.len(), 49);
        assert_eq!(found.len(), expected.len());
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let near = (found - expected).abs() <= 1e-3 * expected.abs();
            assert!(near, "{metric}, number {at}: {found}, expected {expected}");
        }
    }
}

#[test]
fn spans_that_say_nothing_are_refused() {
    let vectors = data::clustered(ROWS, DIM, 30, 3);
    let sound = file(&build(&vectors, &options("l2"), None));
    load(&sound).expect("sound");
    let (spans, bytes) = place(&sound, 18);
    assert_eq!(bytes, 49 * 4);
    for (number, value) in [
        (0, -1.0),
        (0, f32::INFINITY),
        (1, 0.0),
        (3, 1.5),
        (47, f32::NAN),
        (2, -0.5),
        (48, f32::INFINITY),
    ] {
        let mut file = sound.clone();
        file[spans + 4 * number..][..4].copy_from_slice(&value.to_le_bytes());
        seal(&mut file);
        let refusal = load(&file).expect_err("refused").to_string();
        let at = spans + 4 * number;
        let wanted = format!("CORRUPT: spans at offset {at}: number {number} is out of its range");
        assert_eq!(refusal, wanted);
    }
}

/// What a file was before there were spans: seven sections in place of eight, whose table and sums take as
/// much room.
#[test]
fn files_without_spans_go_by_a_number_of_zones() {
    let vectors = data::clustered(ROWS, DIM, 30, 3);
    let index = build(&vectors, &options("l2"), column("numbers", ROWS));
    let mut file = file(&index);
    assert_eq!(file[12], 8);
    let (spans, _) = place(&file, 18);
    file.truncate(spans);
    file[12] = 7;
    file[16..24].copy_from_slice(&(spans as u64).to_le_bytes());
    file[128 + 7 * 32..128 + 8 * 32].fill(0);
    file[128 + 8 * 32 + 7 * 8..][..8].fill(0);
    seal(&mut file);
    let old = load(&file).expect("an old file");
    old.check().expect("sound");
    let params = |recall| SearchParams {
        k: 10,
        effort: SearchParams::recall(recall),
        exact: false,
        rerank: true,
    };
    let probes = |recall| {
        let told = old
            .explain(&vectors[..DIM], params(recall), &|| 0.0)
            .expect("good");
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        assert!(told["promise"]["least"].is_null(), "{told}");
        told["probes"].as_u64().expect("zones")
    };
    let zones = index.info();
    let zones: serde_json::Value = serde_json::from_str(&zones).expect("JSON");
    assert_eq!(Some(probes(0.95)), zones["probes"].as_u64());
    assert!(probes(0.5) < probes(0.8) && probes(0.8) < probes(0.95));
    let (mut slots, mut distances) = ([0; 10], [0.0; 10]);
    let found = old.search_into(&vectors[..DIM], params(0.95), &mut slots, &mut distances);
    assert_eq!((found.expect("good"), slots[0], distances[0]), (10, 0, 0.0));
}
