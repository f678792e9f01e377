//! Opening uses no more memory than the file is long and 16 MiB, whatever the file says; searching
//! uses none, and building no more than twice the vectors and links. A test program of its own, because it counts every allocation of the process.

use nearfield::boundary::{Builder, Index, Loader, Phase, SearchParams};
use nearfield::exec::Exec;
use nearfield::ids::KeyColumn;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// The system's allocator, counting.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only numbers are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), SeqCst) + layout.size(), SeqCst);
        // SAFETY: the caller's promise is the system's requirement.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), SeqCst);
        // SAFETY: `memory` came from `alloc` above with this layout.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SLACK_BYTES: usize = 16 << 20;

/// The most that was allocated at once while `body` ran, beyond what there was before.
fn peak<T>(body: impl FnOnce() -> T) -> (usize, T) {
    let before = NOW.load(SeqCst);
    PEAK.store(before, SeqCst);
    let value = body();
    (PEAK.load(SeqCst) - before, value)
}

fn file(vectors: &[f32], options: &str, keys: Option<KeyColumn>) -> Vec<u8> {
    let mut builder = Builder::new(vectors, options, keys).expect("good input");
    while builder.step(Exec::Serial).expect("good input").phase != Phase::Done {}
    let index = builder.finish().expect("done");
    let mut bytes = vec![0; usize::try_from(index.file_bytes()).expect("small")];
    index.read_file(0, &mut bytes).expect("in range");
    bytes
}

fn load(file: &[u8]) -> nearfield::error::Result<Index> {
    let mut loader = Loader::new(file.len() as u64, "{}")?;
    loader.write(file)?;
    loader.finish(Exec::Serial)
}

/// Keys in an order that makes the check for equals work hardest, far more than fit its memory.
fn scattered(rows: u64) -> impl Iterator<Item = u64> {
    (0..rows).map(move |row| row.wrapping_mul(2_654_435_761) % rows.next_power_of_two())
}

/// One test, so that nothing else allocates meanwhile.
#[test]
fn opening_stays_within_the_file_and_16_mib_and_searching_takes_nothing() {
    let rows = 3 << 20; // their keys are 24 MiB: a sorted copy would not fit the slack
    let numbers: Vec<f64> = scattered(rows)
        .map(|key| f64::from(u32::try_from(key).expect("small")))
        .collect();
    let vectors = vec![1.0; usize::try_from(rows).expect("small")];
    let mut sound = vec![];
    let options = r#"{"dim":1,"kind":"flat"}"#;
    sound.push(file(&vectors, options, Some(KeyColumn::Numbers(numbers))));
    let mut bytes = Vec::new();
    let mut offsets = vec![0];
    for key in scattered(1 << 19) {
        bytes.extend(format!("the key of number {key:>40}").bytes());
        offsets.push(bytes.len() as u64);
    }
    let few = &vectors[..1 << 19];
    sound.push(file(few, options, Some(KeyColumn::Text { bytes, offsets })));
    let graph: Vec<f32> = (0..3_000_u16).map(f32::from).collect();
    sound.push(file(
        &graph,
        r#"{"dim":1,"kind":"hnsw","M":4,"efConstruction":8}"#,
        None,
    ));
    sound.push(file(
        &testkit::data::clustered(3_000, 40, 9, 1),
        r#"{"dim":40,"kind":"hnsw","codec":"sq8","M":4,"efConstruction":8}"#,
        None,
    ));
    sound.push(file(
        &testkit::data::clustered(3_000, 41, 9, 1),
        r#"{"dim":41,"kind":"hnsw","codec":"sq4","M":4,"efConstruction":8}"#,
        None,
    ));
    for file in sound {
        let (most, opened) = peak(|| load(&file));
        let index = opened.expect("sound");
        assert!(
            most <= file.len() + SLACK_BYTES,
            "loading {} took {most}",
            file.len()
        );
        searches_allocate_nothing(&index);
        drop(index);
        let length = file.len();
        let map: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(aligned(&file));
        let (most, opened) = peak(|| Index::open_mapped(map, "{}", Exec::Serial));
        opened.expect("sound");
        assert!(most <= length + SLACK_BYTES, "mapping {length} took {most}");
        bombs(&file);
    }
    foreign_bombs();
    for (metric, codec) in [("l2", "sq4"), ("ip", "f32")] {
        building_takes_twice_what_is_kept(metric, codec);
    }
}

/// At 100 numbers a row and M 16: what rows meet while they are linked is the larger part of a short row.
fn building_takes_twice_what_is_kept(metric: &str, codec: &str) {
    let vectors = testkit::data::clustered(30_000, 100, 60, 1);
    let options = format!(r#"{{"dim":100,"kind":"hnsw","metric":"{metric}","codec":"{codec}"}}"#);
    let (most, index) = peak(|| {
        let mut builder = Builder::new(&vectors, &options, None).expect("good input");
        while builder.step(Exec::Serial).expect("good input").phase != Phase::Done {}
        builder.finish().expect("done")
    });
    // A row of 112 floats, 32 links and what levels and upper links take.
    let kept = 30_000 * (112 * 4 + 32 * 4 + 4 + 4);
    let length = usize::try_from(index.file_bytes()).expect("small");
    assert!(
        (kept..kept * 3 / 2).contains(&length),
        "{length} for {kept}"
    );
    assert!(most <= 2 * kept, "{metric}, {codec}: {most} for {kept}");
}

/// Files of hnswlib that are refused take no more than that, wherever they are wrong.
fn foreign_bombs() {
    let vectors = testkit::data::clustered(20_000, 4, 9, 1);
    let options = r#"{"dim":4,"kind":"hnsw","M":4,"efConstruction":8}"#;
    let mut builder = Builder::new(&vectors, options, None).expect("good input");
    while builder.step(Exec::Serial).expect("good input").phase != Phase::Done {}
    let index = builder.finish().expect("done");
    let mut sound =
        vec![0; usize::try_from(index.export_bytes().expect("a graph")).expect("small")];
    index.read_export(0, &mut sound).expect("in range");
    drop(index);
    let refused = |file: &[u8]| {
        let (most, result) = peak(|| {
            let mut loader = Loader::new(file.len() as u64, "{}")?;
            loader.write(file)?;
            let mut importer = loader.import(r#"{"dim":4,"metric":"l2"}"#, None)?;
            while importer.step(Exec::Serial)?.phase == Phase::Prepare {}
            Ok::<_, nearfield::error::Error>(())
        });
        assert!(result.is_err(), "opened");
        // A byte and a bit an element; the slack of a few megabytes would hide much at this size.
        assert!(
            most <= file.len() + 20_000 * 2 + 4096,
            "{most} for a file of {}",
            file.len()
        );
    };
    for at in (0..96).step_by(8) {
        for value in [1_u64 << 31, 1 << 32, 1 << 40, 1 << 60, 1 << 63, u64::MAX] {
            let mut bomb = sound.clone();
            bomb[at..at + 8].copy_from_slice(&value.to_le_bytes());
            if ![8, 88].contains(&at) {
                refused(&bomb); // room and ef_construction may be anything
            }
        }
    }
    refused(&sound[..sound.len() - 1]);
    let mut link = sound.clone();
    link[100..104].fill(0xff);
    refused(&link);
}

/// Once the scratch has grown to its work.
fn searches_allocate_nothing(index: &Index) {
    let (mut slots, mut distances) = ([0; 10], [0.0; 10]);
    for exact in [false, true] {
        let params = SearchParams {
            k: 10,
            effort: 50,
            exact,
            rerank: true,
        };
        let mut search = |at: u16| {
            let query = &[f32::from(at); 41][..index.dim() as usize];
            index
                .search_into(query, params, &mut slots, &mut distances)
                .expect("good")
        };
        search(0);
        let (most, found) = peak(|| (0..3_000).step_by(150).map(&mut search).sum::<usize>());
        assert_eq!((most, found), (0, 200), "exact: {exact}");
    }
}

/// Counts and sizes that would need far more than the file has, one at a time.
fn bombs(file: &[u8]) {
    let file = &file[..file.len().min(1 << 20)];
    let fields = [12, 16, 24, 32, 36, 56, 72]
        .into_iter()
        .chain((128..320).step_by(8));
    for at in fields {
        for value in [1_u64 << 31, 1 << 32, 1 << 40, 1 << 60, 1 << 63, u64::MAX] {
            let mut bomb = file.to_vec();
            bomb[at..at + 8].copy_from_slice(&value.to_le_bytes());
            let (most, opened) = peak(|| load(&bomb));
            assert!(opened.is_err(), "{value} at {at} opened");
            assert!(
                most <= bomb.len() + SLACK_BYTES,
                "{value} at {at} took {most}"
            );
        }
    }
}

/// A copy that starts where a map would.
fn aligned(file: &[u8]) -> impl AsRef<[u8]> + Send + Sync + 'static {
    nearfield::bytes::region::AlignedBytes::try_copy(file).expect("small")
}
