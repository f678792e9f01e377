//! The graph: Hierarchical Navigable Small World (Malkov & Yashunin, 2016), built at once or
//! in rounds so that threads cannot change the result, and frozen into arrays that are the file's sections.
//!
//! ```text
//! build   rows ─ twins ─ plan ─┬─► bulk (leaves, all pairs, trim: where there are codes) ─ repair ─► FrozenArrays
//!                              ├─► propose (walk the frozen past, in parallel)
//!                              └─◄ link    (own rows, then reverse edges, prune) ─ … ─ enrich ─ repair ─► FrozenArrays
//! open    sections ─ GraphView ─ check::validate ─► walk::search
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `view` | [`GraphView`], [`FrozenArrays`], and [`Links`], which walks ask both forms for |
//! | `twins` | rows equal bit for bit, and their chains |
//! | `plan` | levels, insertion order and rounds: functions of seed and number, not of threads |
//! | `build` | [`HnswBuilder`]: the steps |
//! | `bulk` | whole levels at once, where there are codes |
//! | `draft` | the growing graph with its link scores |
//! | `prune` | which neighbours to keep |
//! | `enrich` | free places for the slots fewest link to |
//! | `repair` | making every slot reachable, then findable by its own vector |
//! | `walk` | greedy descent, beam, answer |
//! | `check` | what opening and `check()` ask of the arrays |

mod build;
mod bulk;
pub mod check;
mod draft;
mod enrich;
mod plan;
mod prune;
mod repair;
mod twins;
mod view;
pub mod walk;

/// Rows as near to a row as itself, by code, that make a crowd: a search with a small `ef` may then
/// miss it, for it judges no more than `ef` by the vectors. Far below the default, since a row meets
/// only some of those there are.
const CROWD_MIN: usize = 24;

pub use build::{BuildPhase, HnswBuilder, HnswParams, StepReport};
pub use view::{FrozenArrays, GraphView, Links};
