//! Small indexes of every sort, and a second implementation of FORMAT.md's sums for forging files.

use nearfield::boundary::{Builder, Index, Loader, Phase, SearchParams};
use nearfield::bytes::region::{AlignedBytes, Region};
use nearfield::error::Result;
use nearfield::exec::Exec;
use nearfield::hnsw::forest::{Part, join};
use nearfield::hnsw::{BuildPhase, HnswBuilder, HnswParams};
use nearfield::ids::KeyColumn;
use nearfield::index::inner::Inner;
use nearfield::index::open::{Residence, open};
use nearfield::index::{self, Parts};
use nearfield::kernels::kernels;
use nearfield::matrix::Matrix;
use std::sync::Arc;
use testkit::data;
use xxhash_rust::xxh3::xxh3_64;

/// One of each: kinds, metrics and sorts of keys, with twins and without, and nothing at all.
pub fn samples() -> Vec<(String, Index)> {
    let mut samples = Vec::new();
    for kind in [
        "flat",
        "hnsw",
        "hnsw sq8",
        "hnsw sq4",
        "hnsw sq8 alone",
        "hnsw sq4 alone",
        "flat sq4",
        "flat sq8 alone",
        "flat bits1",
        "flat bits2 alone",
        "zones bits1",
        "zones bits1 alone",
        "zones bits2",
        "zones bits2 alone",
        "zones bits2 soar",
        "zones bits1 inner",
        "zones bits2 inner",
        "zones pq4",
        "flat pq4 alone",
        "zones pq8 alone",
        "flat pq8",
    ] {
        for metric in ["l2", "ip", "cosine"] {
            for keys in ["rows", "numbers", "text"] {
                for rows in [0, 1, 40] {
                    let name = format!("{kind} {metric} {keys} {rows}");
                    samples.push((name, sample(kind, metric, keys, rows)));
                }
            }
        }
    }
    samples
}

/// An index of `rows` vectors of 5 numbers; from row 30 on they repeat the first ones. A codec may
/// follow the kind, and whether codes are alone, without the vectors.
pub fn sample(kind: &str, metric: &str, keys: &str, rows: usize) -> Index {
    let mut vectors = data::clustered(rows.min(30), 5, 3, 1);
    vectors.extend_from_within(..rows.saturating_sub(30) * 5);
    let (kind, codec) = kind.split_once(' ').unwrap_or((kind, "f32"));
    let (codec, alone) = codec.split_once(' ').unwrap_or((codec, ""));
    let keeps = alone != "alone";
    let more = match (kind, codec) {
        ("hnsw", _) => r#","M":3,"efConstruction":20"#,
        // Codes between with bits1, and none with bits2 even where no vectors are kept.
        ("zones", "bits2") if alone == "soar" => r#","zones":4,"soar":true"#,
        ("zones", "bits2") if alone == "inner" => r#","zones":4,"refine":"sq8""#,
        ("zones", "bits2") => r#","zones":4,"refine":"none""#,
        ("zones", "pq4") => r#","zones":4,"codeNumbers":2"#,
        ("zones", _) => r#","zones":4"#,
        _ => "",
    };
    let codec = format!(r#""codec":"{codec}","keepVectors":{keeps}"#);
    let options =
        format!(r#"{{"dim":5,"kind":"{kind}","metric":"{metric}","seed":7,{codec}{more}}}"#);
    let index = build(&vectors, &options, column(keys, rows));
    if alone == "inner" {
        load(&with_graphs(&file(&index))).expect("good")
    } else {
        index
    }
}

/// A file of zones with a graph of the first rows of each, which builds make of thousands: of all but every second
/// zone's last row.
fn with_graphs(file: &[u8]) -> Vec<u8> {
    let region = Region::new(Arc::new(AlignedBytes::try_copy(file).expect("small")));
    let index = open(&region, Residence::Loaded, None, Exec::Serial).expect("good");
    let mut zones = index.zones().expect("zones").clone();
    let mut params = *index.params();
    let (rows, view) = (index.rows().expect("vectors"), zones.view(&params));
    let (mut roots, mut linked, mut graphs) = (Vec::new(), Vec::new(), Vec::new());
    for zone in (0..).take(view.zones()) {
        let slots = view.rows(zone);
        let slots = &slots[..slots.len() - usize::from(zone % 2 == 1)];
        let mut own = Matrix::try_new(slots.len(), rows.dim()).expect("small");
        for (row, &slot) in own.rows_mut(0..slots.len()).zip(slots) {
            row.copy_from_slice(&rows.row(slot)[..rows.dim()]);
        }
        let hnsw = HnswParams {
            m: 2,
            ef_construction: 9,
            seed: 3,
        };
        let kernels = kernels(None);
        let mut builder = HnswBuilder::new(own.rows(), params.metric, kernels, hnsw, Exec::Serial);
        while builder
            .step(own.rows().into(), Exec::Serial)
            .expect("good")
            .phase
            != BuildPhase::Done
        {}
        graphs.push((slots, builder.finish()));
    }
    let parts: Vec<_> = graphs
        .iter()
        .map(|(slots, graph)| Part {
            slots,
            graph: graph.view(2),
            alone: true,
        })
        .collect();
    for (part, (slots, graph)) in parts.iter().zip(&graphs) {
        roots.push(part.named(graph.entry));
        linked.push(u32::try_from(slots.len()).expect("few"));
    }
    let graph = join(rows.len(), 2, &parts).into();
    (params.m, params.ef_construction) = (2, 9);
    zones.inner = Some(Inner {
        graph,
        roots: Region::from_vec(roots),
        linked: Region::from_vec(linked),
    });
    let parts = Parts {
        vectors: Some(Region::from_vec(rows.as_floats().to_vec())),
        codes: index.codes().cloned(),
        graph: None,
        zones: Some(zones),
        keys: index.keys().clone(),
    };
    let index = index::Index::new(params, parts, None).expect("fits");
    let length = usize::try_from(index.layout().file_bytes()).expect("small");
    let mut bytes = vec![0; length];
    index.read_file(0, &mut bytes).expect("in range");
    bytes
}

/// Keys of this sort: numbers of either sign, or words of many lengths.
pub fn column(keys: &str, rows: usize) -> Option<KeyColumn> {
    match keys {
        "rows" => None,
        "numbers" => {
            let number = |row: usize| f64::from(u32::try_from(row).expect("few")) * 1e9 - 5e9;
            Some(KeyColumn::Numbers((0..rows).rev().map(number).collect()))
        }
        _ => {
            let mut bytes = Vec::new();
            let mut offsets = vec![0];
            for row in 0..rows {
                bytes.extend(format!("ключ-{}", "x".repeat(row)).bytes());
                offsets.push(bytes.len() as u64);
            }
            Some(KeyColumn::Text { bytes, offsets })
        }
    }
}

/// Drives a build to its end.
pub fn build(vectors: &[f32], options: &str, keys: Option<KeyColumn>) -> Index {
    let mut builder = Builder::new(vectors, options, keys).expect("good input");
    while builder.step(Exec::Serial).expect("good input").phase != Phase::Done {}
    builder.finish().expect("done")
}

/// The bytes of its file.
pub fn file(index: &Index) -> Vec<u8> {
    let mut bytes = vec![0xaa; usize::try_from(index.file_bytes()).expect("small")];
    index.read_file(0, &mut bytes).expect("in range");
    bytes
}

/// Opens from memory.
pub fn load(file: &[u8]) -> Result<Index> {
    let mut loader = Loader::new(file.len() as u64, "{}")?;
    for chunk in file.chunks(1000) {
        loader.write(chunk)?;
    }
    loader.finish(Exec::Serial)
}

/// Memory that starts where a map would.
pub struct Map {
    words: Vec<u128>,
    start: usize,
    bytes: usize,
}

impl Map {
    /// A copy of `file` that starts `shift` bytes after a multiple of 64.
    pub fn new(file: &[u8], shift: usize) -> Self {
        let mut words = vec![0_u128; file.len() / 16 + 16];
        let start = words.as_ptr().align_offset(4) * 16 + shift;
        bytemuck::cast_slice_mut(&mut words)[start..start + file.len()].copy_from_slice(file);
        let mut map = Self {
            words,
            start,
            bytes: file.len(),
        };
        let off = map.as_ref().as_ptr() as usize % 64;
        if off != shift {
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut map.words);
            let start = map.start + 64 + shift - off;
            bytes.copy_within(map.start..map.start + map.bytes, start % 64);
            map.start = start % 64;
        }
        map
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[self.start..][..self.bytes]
    }
}

/// Opens as a map.
pub fn map(file: &[u8]) -> Result<Index> {
    Index::open_mapped(Arc::new(Map::new(file, 0)), "{}", Exec::Serial)
}

/// The answers to a few queries, walking and scanning, as slots and bits of distances.
pub fn answers(index: &Index) -> Vec<Vec<(u32, u32)>> {
    let dim = index.dim() as usize;
    let mut all = Vec::new();
    for (row, exact) in [(0, false), (1, false), (0, true), (1, true)] {
        let query = &data::clustered(2, dim, 2, 9)[row * dim..][..dim];
        let params = SearchParams {
            k: 7,
            effort: 16,
            exact,
            rerank: index.keeps_vectors(),
        };
        let (mut slots, mut distances) = ([0; 7], [0.0; 7]);
        let found = index
            .search_into(query, params, &mut slots, &mut distances)
            .expect("good");
        assert!(found <= 7 && slots[..found].iter().all(|slot| *slot < index.size()));
        all.push(
            slots
                .into_iter()
                .zip(distances.map(f32::to_bits))
                .take(found)
                .collect(),
        );
    }
    all
}

/// The `u64` at `at`.
pub fn u64_at(file: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        file.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

/// Makes every sum of a file right again, as far as its table can be followed.
pub fn seal(file: &mut [u8]) {
    let Some(count) = file.get(12..16) else {
        return;
    };
    let count = u32::from_le_bytes(count.try_into().expect("four")).min(32) as usize;
    let mut sum_at = (128 + 32 * count).next_multiple_of(64);
    for entry in 0..count {
        let field = |at| u64_at(file, 128 + 32 * entry + at).and_then(|n| usize::try_from(n).ok());
        let (Some(offset), Some(bytes)) = (field(8), field(16)) else {
            return;
        };
        let Some(end) = offset.checked_add(bytes).filter(|end| *end <= file.len()) else {
            return;
        };
        let sums: Vec<u64> = file[offset..end].chunks(65_536).map(xxh3_64).collect();
        for sum in sums {
            let Some(place) = file.get_mut(sum_at..sum_at + 8) else {
                return;
            };
            place.copy_from_slice(&sum.to_le_bytes());
            sum_at += 8;
        }
    }
    let end = sum_at.next_multiple_of(64);
    if end <= file.len() {
        let sealed = [&file[..120], &file[128..end]].concat();
        file[120..128].copy_from_slice(&xxh3_64(&sealed).to_le_bytes());
    }
}

/// Where a section of this id lies.
pub fn place(file: &[u8], id: u8) -> (usize, usize) {
    let entry = (0..usize::from(file[12])).find(|entry| file[128 + 32 * entry] == id);
    let at = 128 + 32 * entry.expect("the file has it");
    let field = |at: usize| {
        let bytes = file[at..at + 8].try_into().expect("eight");
        usize::try_from(u64::from_le_bytes(bytes)).expect("small")
    };
    (field(at + 8), field(at + 16))
}
