//! The graph: Hierarchical Navigable Small World (Malkov & Yashunin, 2016), built at once or
//! in rounds so that threads cannot change the result, and frozen into arrays that are the file's sections.
//!
//! ```text
//! build   rows ─ twins ─ plan ─┬─► bulk (leaves, all pairs, trim: from 4,096 rows on) ─ repair ─► FrozenArrays
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
//! | `bulk` | whole levels at once |
//! | `draft` | the growing graph with its link scores |
//! | `prune` | which neighbours to keep |
//! | `grow` | [`GrowingGraph`]: batches into a graph that is searched meanwhile |
//! | `adopt` | [`Adopter`]: a graph built elsewhere, taken over |
//! | `enrich` | free places for the slots fewest link to |
//! | `repair` | making every slot reachable, then findable by its own vector |
//! | `walk` | greedy descent, beam, answer |
//! | `trace` | the same walk, counting what it does |
//! | `forest` | graphs over parts of the same rows, side by side |
//! | `check` | what opening and `check()` ask of the arrays |

mod adopt;
mod build;
mod bulk;
pub mod check;
mod draft;
mod enrich;
pub mod forest;
mod grow;
mod plan;
mod prune;
mod repair;
pub mod trace;
mod twins;
mod view;
pub mod walk;

/// Rows as near to a row as itself, by code, that make a crowd: a search with a small `ef` may then
/// miss it, for it judges no more than `ef` by the vectors. Far below the default, since a row meets
/// only some of those there are.
const CROWD_MIN: usize = 24;

pub use adopt::{Adopter, Foreign};
pub use build::{BuildPhase, HnswBuilder, HnswParams, StepReport};
pub use grow::{GrowingGraph, Missed, Round, Shown};
pub use view::{FrozenArrays, GraphView, Links, Walkable};
