//! What tests of indexes that grow set beside them: a build of the same rows, and their files.

#![allow(dead_code, reason = "every test file uses its part")]

use nearfield::exec::Exec;
use nearfield::{Builder, Index, Loader, Phase};
use std::sync::Arc;

/// An index of all rows at once.
pub fn built(options: &str, rows: &[f32]) -> Index {
    let mut builder = Builder::new(rows, options, None).expect("good");
    while builder.step(Exec::Serial).expect("good").phase != Phase::Done {}
    builder.finish().expect("done")
}

/// The bytes of its file.
pub fn file(index: &Index) -> Vec<u8> {
    let frozen = index.freeze().expect("memory");
    let mut bytes = vec![0; usize::try_from(frozen.file_bytes()).expect("small")];
    frozen.read_file(0, &mut bytes).expect("all of it");
    assert_eq!(index.file_bytes(), frozen.file_bytes());
    bytes
}

/// An index of such bytes.
pub fn opened(bytes: &[u8]) -> Arc<Index> {
    let mut loader = Loader::new(bytes.len() as u64, "").expect("small");
    loader.write(bytes).expect("room");
    Arc::new(loader.finish(Exec::Serial).expect("a good file"))
}
