//! Building whole levels at once, without a walk: blocks of integer products over the codes, or of sums over
//! the vectors where there are no codes, where these cannot tell rows apart, and for inner products.
//!
//! ```text
//! rows ── partition ─► overlapping leaves ── all pairs of a leaf ─► reservoirs ── trim ─► links
//!         random leaders, every row            the few nearest        the nearest      which of them
//!         joins its nearest                    of each member         a row has met    a row keeps
//! ```
//! `PiPNN` ("Pick-in-Partitions Nearest Neighbours", arXiv 2602.21247) with three changes: products are
//! of 8-bit codes where they can be, reservoirs keep the nearest in place of hashed buckets, and places that trimming
//! left free go to the rows that fewest link to. An upper level is built in the same way
//! from its own rows.
//!
//! Invariants: nothing depends on the number of threads, for a reservoir holds the same whatever the
//! order of offers; nor, by codes, on the processor, for scores are made of exact sums (sums over vectors are
//! those of [`kernels`](crate::kernels): one for fused sets, one for the others). A row is in a bounded
//! number of leaves, so time and memory do not depend on what the data looks like.
//!
//! By inner product, pairs are near whose product is large, but such rows are no neighbours of each other: leaves
//! are cut, and links kept apart, by the distances that `lift` makes of products.
//!
//! | file | holds |
//! |---|---|
//! | `level` | the steps of one level |
//! | `partition` | leaders and leaves |
//! | `leaf` | all pairs |
//! | `lift` | inner products as distances |
//! | `reservoir` | what rows have met |
//! | `share` | who gets the places that are left free |
//! | `trim` | which to keep, and rows that codes cannot tell apart |

mod leaf;
mod level;
mod lift;
mod partition;
mod reservoir;
mod share;
mod trim;

use super::draft::Draft;
use crate::codec::Stored;
use crate::codec::pairs::Basis;
use crate::exec::Exec;
use crate::ids::Slot;
use crate::kernels::Kernels;
use crate::metric::Metric;
use level::Level;
pub use lift::lift;

/// Candidates while inserting that stand for one bucket a row joins: more make a better graph.
const EF_A_BUCKET: usize = 25;

/// What a level is built from.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The vectors.
    pub stored: Stored<'a>,
    /// What pairs are scored by.
    pub basis: Basis<'a>,
    /// What tells how far rows are from each other, where scores are no distances.
    pub lifted: Option<Basis<'a>>,
    /// How they are compared.
    pub metric: Metric,
    /// What compares codes.
    pub kernels: &'static Kernels,
    /// Who does the work.
    pub exec: Exec<'a>,
}

/// What a whole build keeps to.
#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    m: usize,
    /// Buckets a row joins, and leaves of each.
    fan: [usize; 2],
}

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// This many rows in a thousand are done.
    Going(usize),
    /// Every level is linked.
    Linked,
    /// Some rows are too near to many others for codes: links made by them would miss rows.
    Crowded,
}

/// The levels of a graph, one after the other from the lowest.
#[derive(Debug)]
pub struct Bulk {
    plan: Plan,
    next: u32,
    level: Option<Level>,
    /// Slots of the graph, neighbours near each other.
    order: Vec<Slot>,
}

impl<'a> Site<'a> {
    /// What leaves are cut and links are parted by.
    fn space(&self) -> Basis<'a> {
        self.lifted.unwrap_or(self.basis)
    }
}

impl Bulk {
    /// Rows from which a graph is built at once. Below, inserting row by row takes a fraction of a second,
    /// and the few leaves there would be overlap too little.
    pub const ROWS_MIN: usize = 4096;

    /// Whether so many rows are built at once.
    pub const fn suits(rows: usize) -> bool {
        rows >= Self::ROWS_MIN
    }

    /// A build of graphs with `m` links, twice as many on level 0.
    pub fn new(seed: u64, m: usize, ef_construction: usize) -> Self {
        let buckets = (ef_construction / EF_A_BUCKET).clamp(2, 64);
        Self {
            plan: Plan {
                seed,
                m,
                fan: [buckets, 2],
            },
            next: 0,
            level: None,
            order: Vec::new(),
        }
    }

    /// One bounded piece of work; `order` holds every slot of the graph.
    pub fn step(&mut self, draft: &mut Draft, site: &Site<'_>, order: &[Slot]) -> Turn {
        let Some(level) = &mut self.level else {
            let mut slots: Vec<Slot> = order
                .iter()
                .copied()
                .filter(|&slot| draft.level(slot) >= self.next)
                .collect();
            if slots.len() < 2 {
                return Turn::Linked;
            }
            slots.sort_unstable();
            self.level = Some(Level::new(self.next, slots, self.plan, site));
            let done = self.done();
            self.next += 1;
            return Turn::Going(done);
        };
        if let Some(done) = level.step(draft, site) {
            return Turn::Going(if self.next == 1 { done } else { self.done() });
        }
        if level.crowded() {
            return Turn::Crowded;
        }
        if self.next == 1 {
            self.order = level.order().collect();
        }
        self.level = None;
        Turn::Going(self.done())
    }

    /// In a thousand; upper levels have few rows.
    const fn done(&self) -> usize {
        if self.next == 0 { 0 } else { 999 }
    }

    /// The slots of the graph so that neighbours follow each other, `entry` first: what works through
    /// the graph in this order finds most of what it reads in the caches.
    pub fn into_order(self, entry: Slot) -> Vec<Slot> {
        let rest = self.order.into_iter().filter(|&slot| slot != entry);
        std::iter::once(entry).chain(rest).collect()
    }
}
