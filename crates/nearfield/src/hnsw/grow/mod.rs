//! A graph that grows by batches, searched while it does.
//!
//! ```text
//! begin    rows appended ─ copies ─ levels ─ order: highest level first
//! round    propose (walk the past, look over the round; parallel, shared)
//!          ─► weigh (prune full targets; parallel, shared) ─► link (in order, exclusive)
//! sweep    search for the newcomers and for who lost links ─► mend, until all are found
//! show     searches see the batch          take_back    or it never was
//! ```
//! Invariants: what is shown is a graph as [`check`](super::check) asks for, and stays bit for bit the
//! same while a batch is under way ([`before`]). Every node has a parent that links to it on level 0,
//! and parents lead to the entry: pruning keeps these links, so nothing is ever cut off. A round is
//! as long as the graph (prefix doubling), up to a bound; since its members are scored against each
//! other, who arrives together can be linked together. Threads cannot change the result: shared
//! parts read what was there before them, exclusive ones go in a fixed order.
//!
//! Inserting as in Malkov & Yashunin (2016); rounds by doubling as in Manohar et al. (`ParlayANN`, 2024).

mod before;
mod choose;
mod copies;
mod link;
mod round;
mod sweep;

use super::draft::{Draft, Layer};
use super::prune::Rule;
use super::view::{FrozenArrays, GraphView, Links, Walkable};
use super::{HnswParams, plan};
use crate::exec::Exec;
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::Kernels;
use crate::matrix::Rows;
use crate::metric::{Metric, ScorePair};
use crate::search::ScratchPool;
use before::Before;
use copies::Copies;
pub use round::Round;
pub use sweep::Missed;
use sweep::Sweep;

/// Slots whose links one thread scores at a time, when a frozen graph is taken over.
const GRAIN: usize = 256;

/// A graph over rows that its owner keeps, appends to and passes to every call.
#[derive(Debug)]
pub struct GrowingGraph {
    params: HnswParams,
    metric: Metric,
    kernels: &'static Kernels,
    pair: ScorePair,
    rule: Rule,
    draft: Draft,
    ground_before: Before,
    upper_before: Before,
    copies: Copies,
    /// Of the draft, which may be ahead of what is shown.
    entry: Slot,
    shown_entry: Slot,
    /// Who links to a node and is nearer to the entry; its own, the entry.
    parent: Vec<Slot>,
    /// Links to a slot on level 0.
    in_degree: Vec<u32>,
    /// Nodes there are, in the draft.
    nodes: usize,
    shown_nodes: usize,
    /// The batch: its nodes in the order of insertion, and how many are in.
    order: Vec<Slot>,
    inserted: usize,
    /// Slots that lost links to newcomers and have few.
    doubtful: Vec<Slot>,
    crowded: bool,
    sweep: Option<Sweep>,
    /// Rows there were when all of them were last found.
    swept_rows: usize,
    scratch: ScratchPool,
}

impl GrowingGraph {
    /// A graph without nodes, for rows of `dim` numbers.
    pub fn new(dim: usize, metric: Metric, kernels: &'static Kernels, params: HnswParams) -> Self {
        let draft = Draft::new(vec![0], params.m);
        Self::over(draft, Copies::default(), dim, metric, kernels, params)
    }

    fn over(
        draft: Draft,
        copies: Copies,
        dim: usize,
        metric: Metric,
        kernels: &'static Kernels,
        params: HnswParams,
    ) -> Self {
        let (ground, upper) = draft.layers();
        let pair = metric.score_pair(kernels);
        Self {
            params,
            metric,
            kernels,
            pair,
            rule: Rule::new(pair),
            ground_before: Before::new(ground),
            upper_before: Before::new(upper),
            draft,
            copies,
            entry: NO_SLOT,
            shown_entry: NO_SLOT,
            parent: Vec::new(),
            in_degree: Vec::new(),
            nodes: 0,
            shown_nodes: 0,
            order: Vec::new(),
            inserted: 0,
            doubtful: Vec::new(),
            crowded: false,
            sweep: None,
            swept_rows: 0,
            scratch: ScratchPool::new(dim, kernels),
        }
    }

    /// Takes over a frozen graph that passed [`validate`](super::check::validate). Takes time that
    /// grows with the graph: every link is scored, all nodes are visited.
    pub fn thaw(
        view: &GraphView<'_>,
        rows: Rows<'_>,
        metric: Metric,
        kernels: &'static Kernels,
        params: HnswParams,
        exec: Exec<'_>,
    ) -> Self {
        let pair = metric.score_pair(kernels);
        let draft = Draft::thaw(view, rows, pair, GRAIN, exec);
        let copies = Copies::of(rows, view.twins);
        let mut graph = Self::over(draft, copies, rows.dim(), metric, kernels, params);
        let count = view.rows;
        graph.in_degree = vec![0; count];
        for slot in (0..).take(count) {
            for &to in graph.draft.links(slot, 0) {
                graph.in_degree[to as usize] += 1;
            }
        }
        graph.parent = vec![NO_SLOT; count];
        graph.entry = view.entry;
        graph.shown_entry = view.entry;
        graph.nodes = count;
        graph.swept_rows = count;
        if let Some(twins) = view.twins {
            graph.nodes -= twins.iter().filter(|&&next| next != NO_SLOT).count();
        }
        graph.shown_nodes = graph.nodes;
        if view.entry != NO_SLOT {
            graph.plant(view.entry);
        }
        graph
    }

    /// Parents of all that is reachable from the entry, breadth first.
    fn plant(&mut self, entry: Slot) {
        self.parent[entry as usize] = entry;
        let mut queue = std::collections::VecDeque::from([entry]);
        while let Some(slot) = queue.pop_front() {
            for &next in self.draft.links(slot, 0) {
                let parent = &mut self.parent[next as usize];
                if *parent == NO_SLOT {
                    *parent = slot;
                    queue.push_back(next);
                }
            }
        }
    }

    /// How it is built.
    pub const fn params(&self) -> HnswParams {
        self.params
    }

    /// Slots that are shown.
    pub fn shown_rows(&self) -> usize {
        self.ground_before.rows()
    }

    /// Nodes of the batch, and how many of them are linked.
    pub fn progress(&self) -> (usize, usize) {
        (self.inserted, self.order.len())
    }

    /// Whether codes cannot tell some row from many others, so that walks by code may miss it.
    pub const fn crowded(&self) -> bool {
        self.crowded
    }

    /// Takes in the rows beyond those that are shown.
    pub fn begin(&mut self, rows: Rows<'_>) {
        let shown = self.shown_rows();
        let newcomers = (0..).take(rows.len()).skip(shown);
        let firsts: Vec<Slot> = newcomers
            .filter(|&slot| self.copies.enter(rows, slot))
            .collect();
        let HnswParams { seed, m, .. } = self.params;
        let mut levels = vec![0; rows.len() - shown];
        for &slot in &firsts {
            levels[slot as usize - shown] = plan::level(seed, slot, m);
        }
        self.draft.extend(levels.into_iter());
        self.parent.resize(rows.len(), NO_SLOT);
        self.in_degree.resize(rows.len(), 0);
        self.order = plan::order(seed, &firsts, m);
        self.inserted = 0;
    }

    /// Shows the batch, whose rounds and sweeps are done.
    ///
    /// # Panics
    /// Where nodes wait for their round.
    pub fn show(&mut self) {
        assert_eq!(self.inserted, self.order.len(), "rounds are left");
        let (ground, upper) = self.draft.layers();
        self.ground_before.show(ground);
        self.upper_before.show(upper);
        self.copies.show(self.draft.rows());
        self.shown_entry = self.entry;
        self.shown_nodes = self.nodes;
        if self.sweep.as_ref().is_some_and(Sweep::is_whole) {
            self.swept_rows = self.draft.rows();
        }
        self.forget_batch();
    }

    /// Puts everything back as it was before [`begin`](Self::begin).
    pub fn take_back(&mut self) {
        let shown = self.shown_rows();
        // Links that go with the new rows and with the changes of old ones.
        for slot in (shown..self.draft.rows()).chain(self.ground_before.changed().iter().copied()) {
            for &to in self.draft.layers().0.links(slot) {
                self.in_degree[to as usize] -= 1;
            }
        }
        let (ground, _) = self.draft.layers();
        for &row in self.ground_before.changed() {
            for &to in self.ground_before.links(ground, row) {
                self.in_degree[to as usize] += 1;
            }
        }
        if self.entry != self.shown_entry && self.shown_entry != NO_SLOT {
            self.parent[self.shown_entry as usize] = self.shown_entry;
        }
        let (ground, upper) = self.draft.layers_mut();
        self.ground_before.restore(ground);
        self.upper_before.restore(upper);
        self.draft.truncate(shown);
        self.copies.take_back();
        self.parent.truncate(shown);
        self.in_degree.truncate(shown);
        self.entry = self.shown_entry;
        self.nodes = self.shown_nodes;
        self.forget_batch();
    }

    fn forget_batch(&mut self) {
        self.order = Vec::new();
        self.inserted = 0;
        self.doubtful = Vec::new();
        self.sweep = None;
        self.crowded = false;
    }

    /// What searches walk.
    pub const fn shown(&self) -> Shown<'_> {
        Shown { graph: self }
    }

    /// A copy of what is shown, as a file has it.
    pub fn freeze(&self) -> FrozenArrays {
        let shown = self.shown_rows();
        let (ground, upper) = self.draft.layers();
        let levels = self.draft.levels()[..=shown].to_vec();
        FrozenArrays {
            links0: frozen_rows(&self.ground_before, ground),
            levels,
            links: frozen_rows(&self.upper_before, upper),
            twins: self.copies.to_frozen(),
            entry: self.shown_entry,
            level: self.shown().level(),
        }
    }

    /// Rows above level 0 that are shown.
    pub fn shown_upper_rows(&self) -> usize {
        self.upper_before.rows()
    }

    /// Replaces a node's links on a level; searches go on seeing those before.
    fn keep_before(&mut self, slot: Slot, level: u32) {
        let (layer, row) = self.draft.place(slot, level);
        match level {
            0 => self.ground_before.keep(layer, row),
            _ => self.upper_before.keep(layer, row),
        }
    }

    fn level_of_entry(&self) -> u32 {
        if self.entry == NO_SLOT {
            0
        } else {
            self.draft.level(self.entry)
        }
    }
}

/// Places of the rows that are shown, as they are shown.
fn frozen_rows(before: &Before, layer: &Layer) -> Vec<Slot> {
    let width = layer.width();
    let mut places = layer.places()[..before.rows() * width].to_vec();
    for &row in before.changed() {
        let links = before.links(layer, row);
        let (own, rest) = places[row * width..][..width].split_at_mut(links.len());
        own.copy_from_slice(links);
        rest.fill(NO_SLOT);
    }
    places
}

/// The graph as searches see it.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    graph: &'a GrowingGraph,
}

impl Links for Shown<'_> {
    fn rows(&self) -> usize {
        self.graph.shown_rows()
    }

    #[inline]
    fn links(&self, slot: Slot, level: u32) -> &[Slot] {
        let (layer, row) = self.graph.draft.place(slot, level);
        match level {
            0 => self.graph.ground_before.links(layer, row),
            _ => self.graph.upper_before.links(layer, row),
        }
    }
}

impl Walkable for Shown<'_> {
    #[allow(clippy::misnamed_getters)] // the graph's own entry may be ahead of what is shown
    fn entry(&self) -> Slot {
        self.graph.shown_entry
    }

    fn level(&self) -> u32 {
        match self.graph.shown_entry {
            NO_SLOT => 0,
            entry => self.graph.draft.level(entry),
        }
    }

    fn has_twins(&self) -> bool {
        self.graph.copies.any()
    }

    fn twin_after(&self, slot: Slot) -> Option<Slot> {
        self.graph.copies.after(slot)
    }
}
