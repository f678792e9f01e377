//! The one table the bindings may call: options as JSON, slices in, slices out, an [`Error`] with a
//! stable code. Everything two bindings would both write belongs here. No JavaScript, no files.
//!
//! ```text
//! options   names, ranges, defaults: one table
//! builder   Builder: vectors ─ step, step, … ─► Index
//! adder     Adder: vectors, an Index ─ step, step, … ─► the Index has them
//! import    Importer: another library's file ─ step, step, … ─► Index; Making: either
//! kinds     the kind an index becomes, and what its scans go by
//! coding    the codes a builder or an importer makes and keeps
//! loader    Loader: chunks ─► Index, and opening a map
//! generator Generator: bytes by offset; Dataset: rows by number, kept for truth and Builder
//! query     Index: search, batch, keys, description, file bytes
//! ```
//!
//! Long work is cut into steps the host drives: it calls [`Builder::step`] until the phase is
//! [`Phase::Done`], reporting progress, yielding and stopping between steps as it likes. Dropping a
//! builder, an adder or a loader half-way costs nothing else.
//!
//! [`Error`]: crate::error::Error

mod adder;
mod budget;
mod builder;
mod coding;
mod generator;
mod import;
mod kinds;
mod loader;
pub mod options;
mod query;

pub use adder::{Added, Adder};
pub use builder::Builder;
pub use generator::{Dataset, Generator};
pub use import::{Importer, Making};
pub use loader::Loader;
pub use query::Index;

use crate::kernels::{Isa, kernels};

/// The best instruction set of this machine, as `info()` spells it: a word of the option `isa`.
pub fn simd() -> &'static str {
    kernels(None).isa.name()
}

/// What a build is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Checking and normalising rows.
    Prepare,
    /// Making codes of rows.
    Encode,
    /// Giving rows to zones, and coding them there.
    Part,
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
    /// Candidates kept while walking a graph, raised to `k` where smaller, or zones scanned; 0 for the
    /// index's default. Of zones from [`RECALL_EFFORT`](options::RECALL_EFFORT) on, a [`recall`](Self::recall) to keep.
    pub effort: u32,
    /// Compare every vector instead of walking or going by codes.
    pub exact: bool,
    /// Answer by the vectors. Without it codes answer, where an index has any, and no vector is read:
    /// distances are then approximate. It must be false where an index keeps no vectors.
    pub rerank: bool,
}

impl SearchParams {
    /// The effort of zones that keeps a recall, 0 to 1.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // cut to 0 … 1
    pub fn recall(share: f64) -> u32 {
        let units = (share.clamp(0.0, 1.0) * f64::from(options::RECALL_UNITS)).round();
        options::RECALL_EFFORT + units as u32
    }
}

/// The limit an `isa` option sets; the table of options has refused other words by now.
fn isa_limit(values: &options::Values) -> Option<Isa> {
    Isa::parse(values.word("isa"))
}
