//! hnswlib's own files, and a second implementation of its search to hold ours against.

use nearfield::boundary::{Builder, Importer, Index, Loader, Making, Phase, SearchParams};
use nearfield::error::Result;
use nearfield::exec::Exec;
use nearfield::ids::KeyColumn;
use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use testkit::oracle::{Measure, distance};

/// What `make.py` wrote beside a file.
pub struct Golden {
    /// The file.
    pub bytes: Vec<u8>,
    /// `l2`, `ip` or `cosine`.
    pub metric: &'static str,
    pub dim: usize,
    pub ef: usize,
    pub k: usize,
    pub vectors: Vec<f32>,
    pub labels: Vec<u64>,
    pub deleted: Vec<u64>,
    pub queries: Vec<f32>,
    /// hnswlib's, `k` a query.
    pub answers: Vec<u64>,
}

/// Every golden file by name and space.
pub const NAMES: [(&str, &str); 9] = [
    ("l2", "l2"),
    ("ip", "ip"),
    ("cosine", "cosine"),
    ("labels", "l2"),
    ("deleted", "l2"),
    ("copies", "l2"),
    ("one", "l2"),
    ("empty", "cosine"),
    ("wide", "cosine"),
];

impl Golden {
    pub fn read(name: &str) -> Self {
        let metric = NAMES
            .iter()
            .find(|(other, _)| *other == name)
            .expect("known")
            .1;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hnswlib/golden");
        let file = |end| std::fs::read(folder.join(format!("{name}.{end}"))).expect("golden");
        let asks = file("asks");
        let head: Vec<usize> = (0..6).map(|at| word(&asks, 4 * at)).collect();
        let [rows, dim, queries, k, ef, deleted] = head[..].try_into().expect("six");
        let mut at = 24;
        let mut take = |count: usize, each: usize| {
            at += count * each;
            asks[at - count * each..at].to_vec()
        };
        let floats = |bytes: Vec<u8>| {
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|x| f32::from_le_bytes(*x))
                .collect()
        };
        let wide = |bytes: Vec<u8>| {
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|x| u64::from_le_bytes(*x))
                .collect()
        };
        Self {
            bytes: file("bin"),
            metric,
            dim,
            ef,
            k,
            vectors: floats(take(rows * dim, 4)),
            labels: wide(take(rows, 8)),
            deleted: wide(take(deleted, 8)),
            queries: floats(take(queries * dim, 4)),
            answers: wide(take(queries * k, 8)),
        }
    }

    pub fn options(&self) -> String {
        format!(r#"{{"dim":{},"metric":"{}"}}"#, self.dim, self.metric)
    }

    /// The vectors that are not deleted, with their labels.
    pub fn kept(&self) -> Vec<(u64, &[f32])> {
        let gone: HashSet<_> = self.deleted.iter().collect();
        let rows = self
            .labels
            .iter()
            .copied()
            .zip(self.vectors.chunks_exact(self.dim));
        rows.filter(|(label, _)| !gone.contains(label)).collect()
    }
}

pub fn measure(metric: &str) -> Measure {
    match metric {
        "l2" => Measure::L2,
        "ip" => Measure::Ip,
        _ => Measure::Cosine,
    }
}

/// The `u32` at `at`.
pub fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four")) as usize
}

/// Opens from memory, to the end.
pub fn import(
    file: &[u8],
    options: &str,
    keys: Option<KeyColumn>,
    exec: Exec<'_>,
) -> Result<Index> {
    let mut loader = Loader::new(file.len() as u64, "{}")?;
    loader.write(file)?;
    drive(loader.import(options, keys)?.into(), exec)
}

/// Opens as a map, to the end.
pub fn import_mapped(file: &[u8], options: &str) -> Result<Index> {
    drive(
        Importer::of_map(std::sync::Arc::new(file.to_vec()), options, None)?.into(),
        Exec::Serial,
    )
}

pub fn build(vectors: &[f32], options: &str, keys: Option<KeyColumn>) -> Index {
    drive(
        Builder::new(vectors, options, keys).expect("good").into(),
        Exec::Serial,
    )
    .expect("good")
}

fn drive(mut making: Making, exec: Exec<'_>) -> Result<Index> {
    let (mut last, mut done) = (Phase::Prepare, 0);
    for _ in 0..100_000 {
        let progress = making.step(exec)?;
        assert!(
            progress.done <= progress.total || progress.phase != last,
            "{progress:?}"
        );
        assert!(progress.phase != last || progress.done >= done || progress.phase == Phase::Repair);
        (last, done) = (progress.phase, progress.done);
        if progress.phase == Phase::Done {
            return making.finish();
        }
    }
    panic!("it never ends");
}

/// The keys of the nearest.
pub fn nearest(index: &Index, query: &[f32], k: usize, ef: usize) -> Vec<u64> {
    let params = SearchParams {
        k: u32::try_from(k).expect("small"),
        effort: u32::try_from(ef).expect("small"),
        exact: false,
        rerank: true,
    };
    let (mut slots, mut distances) = (vec![0; k], vec![0.0; k]);
    let found = index
        .search_into(query, params, &mut slots, &mut distances)
        .expect("good");
    let keys = index.keys();
    let key = |&slot: &u32| match &keys {
        None => slot.into(),
        Some(KeyColumn::Numbers(keys)) => whole(keys[slot as usize]),
        Some(KeyColumn::Text { .. }) => panic!("labels are numbers"),
    };
    slots[..found].iter().map(key).collect()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // labels are safe integers
fn whole(key: f64) -> u64 {
    key as u64
}

/// The share of `answers` no farther than the true `k`th nearest of `rows`.
#[allow(clippy::cast_precision_loss)] // counts of a test
pub fn recall(
    measure: Measure,
    rows: &[(u64, &[f32])],
    query: &[f32],
    answers: &[u64],
    k: usize,
) -> f64 {
    let mut all: Vec<f64> = rows
        .iter()
        .map(|(_, row)| distance(measure, query, row))
        .collect();
    all.sort_by(f64::total_cmp);
    let limit = all[k - 1] + 1e-5 * all[k - 1].abs().max(1e-3);
    let far = |label: &u64| {
        let row = rows
            .iter()
            .find(|(other, _)| other == label)
            .expect("a label of a row");
        distance(measure, query, row.1)
    };
    answers.iter().filter(|label| far(label) <= limit).count() as f64 / k as f64
}

/// A number as an integer of the same order.
fn ordered(x: f64) -> i64 {
    let bits = x.to_bits().cast_signed();
    if bits < 0 { i64::MIN - bits } else { bits }
}

/// hnswlib's file as hnswlib walks it: greedy above level 0, then one beam; labels, nearest first.
pub struct Walker<'f> {
    file: &'f [u8],
    measure: Measure,
    dim: usize,
    /// Where the lists above level 0 of each element start.
    uppers: Vec<usize>,
}

impl<'f> Walker<'f> {
    pub fn new(file: &'f [u8], metric: &str, dim: usize) -> Self {
        // hnswlib's cosine is the inner product of what is stored at unit length.
        let measure = if metric == "l2" {
            Measure::L2
        } else {
            Measure::Ip
        };
        let mut at = 96 + word(file, 16) * word(file, 24);
        let mut uppers = Vec::new();
        for _ in 0..word(file, 16) {
            uppers.push(at + 4);
            at += 4 + word(file, at);
        }
        assert_eq!(at, file.len(), "nothing is left over");
        Self {
            file,
            measure,
            dim,
            uppers,
        }
    }

    pub fn label(&self, element: usize) -> u64 {
        let at = 96 + element * word(self.file, 24) + word(self.file, 32);
        u64::from_le_bytes(self.file[at..at + 8].try_into().expect("eight"))
    }

    fn far(&self, query: &[f32], element: usize) -> f64 {
        let at = 96 + element * word(self.file, 24) + word(self.file, 40);
        let row: Vec<f32> = (0..self.dim)
            .map(|column| {
                f32::from_le_bytes(self.file[at + 4 * column..][..4].try_into().expect("four"))
            })
            .collect();
        distance(self.measure, query, &row)
    }

    fn links(&self, element: usize, level: usize) -> Vec<usize> {
        let list = match level {
            0 => 96 + element * word(self.file, 24),
            _ => self.uppers[element] + (level - 1) * (4 + 4 * word(self.file, 56)),
        };
        let count = word(self.file, list) & 0xffff;
        (0..count)
            .map(|place| word(self.file, list + 4 + 4 * place))
            .collect()
    }

    pub fn search(&self, query: &[f32], k: usize, ef: usize) -> Vec<u64> {
        let mut at = word(self.file, 52);
        for level in (1..=word(self.file, 48)).rev() {
            loop {
                let links = self.links(at, level);
                let near =
                    |&a: &usize, &b: &usize| self.far(query, a).total_cmp(&self.far(query, b));
                let best = links
                    .into_iter()
                    .min_by(near)
                    .filter(|&best| self.far(query, best) < self.far(query, at));
                match best {
                    Some(best) => at = best,
                    None => break,
                }
            }
        }
        let key = |element| (ordered(self.far(query, element)), element);
        let mut seen = HashSet::from([at]);
        let mut open = BTreeSet::from([key(at)]);
        let mut top = BTreeSet::from([key(at)]);
        while let Some(nearest) = open.pop_first() {
            if top.len() >= ef && nearest.0 > top.last().expect("not empty").0 {
                break;
            }
            for link in self.links(nearest.1, 0) {
                if seen.insert(link)
                    && (top.len() < ef || key(link).0 < top.last().expect("full").0)
                {
                    open.insert(key(link));
                    top.insert(key(link));
                    if top.len() > ef {
                        top.pop_last();
                    }
                }
            }
        }
        top.into_iter()
            .take(k)
            .map(|(_, element)| self.label(element))
            .collect()
    }
}
