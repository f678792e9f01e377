//! The one table the bindings may call: options as JSON, slices in, slices out, an [`Error`] with a
//! stable code. Everything two bindings would both write belongs here. No JavaScript, no files.
//!
//! Long work is cut into steps the host drives: it calls [`Builder::step`] until the phase is
//! [`Phase::Done`], reporting progress, yielding and stopping between steps as it likes. Dropping a
//! builder or a loader half-way costs nothing else.

pub mod options;

use crate::error::Result;
use crate::exec::Exec;
use crate::ids::KeyColumn;
use std::sync::Arc;

/// The best instruction set of this machine, as `info()` spells it: `avx512`, `avx2`, `neon`,
/// `simd128` or `scalar`.
pub fn simd() -> &'static str {
    todo!()
}

/// What a build is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Checking and normalising rows.
    Prepare,
    /// Linking the graph.
    Link,
    /// Checking reachability and repairing.
    Repair,
    /// Nothing is left to do.
    Done,
}

/// How far a build is: `done` of `total` rows in this phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Rows finished in this phase.
    pub done: u64,
    /// Rows there are.
    pub total: u64,
}

/// How a query is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchParams {
    /// Neighbours wanted, at least 1.
    pub k: u32,
    /// Candidates kept while walking; 0 for the index's default, raised to `k` where smaller.
    pub ef: u32,
    /// Scan every row instead of walking the graph.
    pub exact: bool,
}

/// Builds one index in steps.
pub struct Builder {}

impl Builder {
    /// Takes a copy of `vectors` (row-major, `rows × dim`), the options as JSON (see
    /// [`options`](crate::boundary)) and the keys, if any. Shape and option errors surface here,
    /// non-finite values in the first steps.
    pub fn new(vectors: &[f32], options: &str, keys: Option<KeyColumn>) -> Result<Self> {
        let _ = (vectors, options, keys);
        todo!()
    }

    /// Does one bounded piece of work. A panic inside poisons the builder.
    pub fn step(&mut self, exec: Exec<'_>) -> Result<Progress> {
        let _ = exec;
        todo!()
    }

    /// The index; an error while steps are left.
    pub fn finish(self) -> Result<Index> {
        todo!()
    }
}

/// Receives a file piece by piece into memory of exactly its size, then checks it.
pub struct Loader {}

impl Loader {
    /// Reserves `bytes_total`; `options` is JSON, e.g. `{"isa":"avx2"}`.
    pub fn new(bytes_total: u64, options: &str) -> Result<Self> {
        let _ = (bytes_total, options);
        todo!()
    }

    /// Appends the next bytes.
    pub fn write(&mut self, chunk: &[u8]) -> Result<()> {
        let _ = chunk;
        todo!()
    }

    /// Checks everything once and gives the index.
    pub fn finish(self, exec: Exec<'_>) -> Result<Index> {
        let _ = exec;
        todo!()
    }
}

/// An index that answers; immutable, so any number of threads may search at once.
pub struct Index {}

impl Index {
    /// Opens a mapped file: checked once; vectors stay in the map, graph and keys are copied out
    /// before they are checked.
    pub fn open_mapped(
        map: Arc<dyn AsRef<[u8]> + Send + Sync>,
        options: &str,
        exec: Exec<'_>,
    ) -> Result<Self> {
        let _ = (map, options, exec);
        todo!()
    }

    /// Rows; with [`dim`](Self::dim), what a binding sizes its buffers by.
    pub fn size(&self) -> u32 {
        todo!()
    }

    /// Numbers a vector.
    pub fn dim(&self) -> u32 {
        todo!()
    }

    /// JSON: `{ size, dim, metric, kind, keys: "rows"|"numbers"|"text", isa, bytes, … }`; what
    /// `stats()` shows.
    pub fn info(&self) -> String {
        todo!()
    }

    /// The nearest rows to `query`, nearest first, ties by slot. `slots` and `distances` hold at
    /// least `min(k, size)`. Returns how many were written. Allocates nothing after warm-up.
    pub fn search_into(
        &self,
        query: &[f32],
        params: SearchParams,
        slots: &mut [u32],
        distances: &mut [f32],
    ) -> Result<usize> {
        let _ = (query, params, slots, distances);
        todo!()
    }

    /// As [`search_into`](Self::search_into) for `queries` row-major; row `i` of `slots` and
    /// `distances` is `k` wide and has `counts[i]` answers.
    pub fn search_batch(
        &self,
        queries: &[f32],
        params: SearchParams,
        exec: Exec<'_>,
        slots: &mut [u32],
        distances: &mut [f32],
        counts: &mut [u32],
    ) -> Result<()> {
        let _ = (queries, params, exec, slots, distances, counts);
        todo!()
    }

    /// The key of every slot; `None` when keys are row numbers.
    pub fn keys(&self) -> Option<KeyColumn> {
        todo!()
    }

    /// The length of the index's file.
    pub fn file_bytes(&self) -> u64 {
        todo!()
    }

    /// Copies file bytes `offset..offset + out.len()`.
    pub fn read_file(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let _ = (offset, out);
        todo!()
    }

    /// Walks every invariant (reachability too).
    pub fn check(&self) -> Result<()> {
        todo!()
    }
}
