//! The parts every search is made of. None of them allocates once it has grown to its work.
//!
//! ```text
//! candidate   a score and a slot in one integer whose order is the order of answers
//! pool        the sorted, bounded list a walk keeps
//! visited     one tag a slot, cleared by counting
//! top         the k nearest of a stream
//! once        a slot that came twice, told once
//! exact       every row, for flat indexes and `exact: true`
//! scratch     all of the above for one thread; leased and given back
//! trial       do codes order rows as the vectors do
//! ```

mod candidate;
pub mod exact;
mod once;
mod pool;
mod scratch;
mod top;
pub mod trial;
mod visited;

pub use candidate::{Candidate, keep_nearest, limit_of};
pub use once::Once;
pub use pool::{Pool, narrow, rescore};
pub use scratch::{Buffers, Lease, Scratch, ScratchPool};
pub use top::Top;
pub use visited::Visited;
