//! The growing graph: the frozen form's arrays plus what only building needs.
//!
//! ```text
//! row r          slot's own row on level 0, then rows + levels[s] + l − 1 above
//! links          a b c d ∅ ∅        settled first, then newcomers; of a full row, those that wait last
//! scores         of each link, so pruning computes no score of the node again; none in a draft whose links
//!                are made at once, where memory is dear: links are in order there, nearest first
//! count/settled  4 / 3
//! waiting        0                  newcomers that took a place and were not compared; none in a draft without scores
//! ```
//! Invariants: the first `settled` links of a row passed the rule against each other; nobody waits in a row with room.

use super::prune::Contender;
use super::view::{FrozenArrays, GraphView, Links};
use super::walk::linked;
use crate::exec::Exec;
use crate::ids::{NO_SLOT, Slot};
use crate::matrix::{Rows, filled};
use crate::metric::ScorePair;
use crate::search::Candidate;

/// Links of one kind of level: all rows of one width.
#[derive(Debug)]
pub struct Layer {
    width: usize,
    links: Vec<u32>,
    scores: Vec<f32>,
    count: Vec<u16>,
    settled: Vec<u16>,
    waiting: Vec<u16>,
}

impl Layer {
    fn new(rows: usize, width: usize, scored: bool) -> Self {
        Self {
            width,
            links: filled(rows * width, NO_SLOT),
            scores: filled(if scored { rows * width } else { 0 }, 0.0),
            count: vec![0; rows],
            settled: vec![0; rows],
            waiting: vec![0; if scored { rows } else { 0 }],
        }
    }

    /// Places a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows there are.
    pub fn rows(&self) -> usize {
        self.count.len()
    }

    /// A row's links.
    #[inline]
    pub fn links(&self, row: usize) -> &[Slot] {
        &self.links[row * self.width..][..usize::from(self.count[row])]
    }

    /// Makes it `rows` rows: empty ones more, or the last ones less.
    pub fn resize(&mut self, rows: usize) {
        self.links.resize(rows * self.width, NO_SLOT);
        self.scores.resize(rows * self.width, 0.0);
        self.count.resize(rows, 0);
        self.settled.resize(rows, 0);
        self.waiting.resize(rows, 0);
    }

    /// A layer of the same width without rows.
    pub fn like(&self) -> Self {
        Self::new(0, self.width, true)
    }

    /// Copies row `from` of a layer of the same width over row `to`.
    pub fn copy_row(&mut self, to: usize, other: &Self, from: usize) {
        let (to_at, from_at) = (to * self.width, from * self.width);
        let places = from_at..from_at + self.width;
        self.links[to_at..to_at + self.width].copy_from_slice(&other.links[places.clone()]);
        self.scores[to_at..to_at + self.width].copy_from_slice(&other.scores[places]);
        self.count[to] = other.count[from];
        self.settled[to] = other.settled[from];
        self.waiting[to] = other.waiting[from];
    }

    /// How many of a row's first links are settled.
    pub fn settled(&self, row: usize) -> usize {
        usize::from(self.settled[row])
    }

    /// How many of a row's last links wait to be compared.
    pub fn waiting(&self, row: usize) -> usize {
        usize::from(self.waiting[row])
    }

    /// All places, [`NO_SLOT`] after a row's links: the array of a frozen graph.
    pub fn places(&self) -> &[Slot] {
        &self.links
    }

    /// Links with their scores, or with their places in place of these.
    #[allow(clippy::cast_precision_loss)] // places are at most 65,535
    fn contenders(&self, row: usize) -> impl Iterator<Item = Contender> {
        let (at, settled) = (row * self.width, usize::from(self.settled[row]));
        (0..usize::from(self.count[row])).map(move |i| {
            let score = self.scores.get(at + i).copied().unwrap_or(i as f32);
            Contender {
                candidate: Candidate::new(score, self.links[at + i]),
                settled: i < settled,
            }
        })
    }

    #[allow(clippy::cast_possible_truncation)] // widths are at most 65,535: a build's are, and growing asks
    fn set(&mut self, row: usize, contenders: &[Contender]) {
        let places = row * self.width..(row + 1) * self.width;
        let links = &mut self.links[places.clone()];
        links.fill(NO_SLOT);
        for (link, contender) in links.iter_mut().zip(contenders) {
            *link = contender.candidate.slot();
        }
        let scores = self.scores.get_mut(places).unwrap_or_default();
        for (score, contender) in scores.iter_mut().zip(contenders) {
            *score = contender.candidate.score();
        }
        self.count[row] = contenders.len() as u16;
        self.settled[row] = contenders.iter().take_while(|c| c.settled).count() as u16;
        if let Some(waiting) = self.waiting.get_mut(row) {
            *waiting = 0;
        }
    }

    /// Adds one link to a row with room; it counts as not settled.
    fn push(&mut self, row: usize, contender: Contender) {
        let count = usize::from(self.count[row]);
        assert!(count < self.width, "row {row} is full");
        let at = row * self.width + count;
        self.links[at] = contender.candidate.slot();
        if let Some(score) = self.scores.get_mut(at) {
            *score = contender.candidate.score();
        }
        self.count[row] += 1;
    }

    /// Takes over the places of a frozen graph: links and their number. Scores are not known yet.
    #[allow(clippy::cast_possible_truncation)] // a width fits
    fn from_places(places: &[Slot], rows: usize, width: usize) -> Self {
        let mut layer = Self::new(rows, width, true);
        layer.links.copy_from_slice(places);
        for (count, row) in layer.count.iter_mut().zip(places.chunks_exact(width)) {
            *count = linked(row).len() as u16;
        }
        layer
    }

    /// Scores every link of the rows, `owner[row]` being the slot a row is of.
    fn score_links(
        &mut self,
        owner: &[Slot],
        rows: Rows<'_>,
        pair: ScorePair,
        (grain, exec): (usize, Exec<'_>),
    ) {
        let (links, width) = (&self.links, self.width);
        let mut scores: Vec<_> = self.scores.chunks_exact_mut(width).collect();
        exec.fill(
            &mut scores,
            grain,
            || (),
            |(), row, scores| {
                let query = rows.row(owner[row]);
                for (score, &slot) in scores
                    .iter_mut()
                    .zip(linked(&links[row * width..][..width]))
                {
                    *score = pair.one(query, rows.row(slot));
                }
            },
        );
    }
}

/// The growing graph.
#[derive(Debug)]
pub struct Draft {
    rows: usize,
    levels: Vec<u32>,
    ground: Layer,
    upper: Layer,
}

impl Draft {
    /// An empty graph with these prefix sums of levels.
    pub fn new(levels: Vec<u32>, m: usize) -> Self {
        Self::with(levels, m, true)
    }

    /// As [`new`](Self::new), to take whole rows of links in order, nearest first: there is no memory for scores.
    pub fn in_order(levels: Vec<u32>, m: usize) -> Self {
        Self::with(levels, m, false)
    }

    fn with(levels: Vec<u32>, m: usize, scored: bool) -> Self {
        let rows = levels.len() - 1;
        let upper_rows = levels[rows] as usize;
        Self {
            rows,
            levels,
            ground: Layer::new(rows, 2 * m, scored),
            upper: Layer::new(upper_rows, m, scored),
        }
    }

    /// Takes a frozen graph over these rows up again; `grain` rows are scored by one thread at a time.
    pub fn thaw(
        view: &GraphView<'_>,
        rows: Rows<'_>,
        pair: ScorePair,
        grain: usize,
        exec: Exec<'_>,
    ) -> Self {
        let slots = (0..).take(view.rows);
        let upper_owner: Vec<Slot> = slots
            .clone()
            .zip(view.levels.windows(2))
            .flat_map(|(slot, sums)| std::iter::repeat_n(slot, (sums[1] - sums[0]) as usize))
            .collect();
        let mut ground = Layer::from_places(view.links0, view.rows, view.links0_stride);
        let mut upper = Layer::from_places(view.links, upper_owner.len(), view.m);
        ground.score_links(&slots.collect::<Vec<_>>(), rows, pair, (grain, exec));
        upper.score_links(&upper_owner, rows, pair, (grain, exec));
        Self {
            rows: view.rows,
            levels: view.levels.to_vec(),
            ground,
            upper,
        }
    }

    /// The highest level of a slot.
    pub fn level(&self, slot: Slot) -> u32 {
        self.levels[slot as usize + 1] - self.levels[slot as usize]
    }

    /// Places a node has on a level.
    pub fn width(&self, level: u32) -> usize {
        if level == 0 {
            self.ground.width
        } else {
            self.upper.width
        }
    }

    /// The layer of a level, and the slot's row of it.
    #[inline]
    pub fn place(&self, slot: Slot, level: u32) -> (&Layer, usize) {
        match level {
            0 => (&self.ground, slot as usize),
            _ => (&self.upper, self.upper_row(slot, level)),
        }
    }

    fn upper_row(&self, slot: Slot, level: u32) -> usize {
        self.levels[slot as usize] as usize + level as usize - 1
    }

    /// The layer of level 0, and the one that the levels above share.
    pub fn layers(&self) -> (&Layer, &Layer) {
        (&self.ground, &self.upper)
    }

    /// As [`layers`](Self::layers), to be changed.
    pub fn layers_mut(&mut self) -> (&mut Layer, &mut Layer) {
        (&mut self.ground, &mut self.upper)
    }

    /// Prefix sums of the levels above 0.
    pub fn levels(&self) -> &[u32] {
        &self.levels
    }

    /// Adds slots without links, of these levels.
    pub fn extend(&mut self, levels: impl Iterator<Item = u32>) {
        let mut sum = self.levels[self.rows];
        self.levels.extend(levels.map(|level| {
            sum += level;
            sum
        }));
        self.rows = self.levels.len() - 1;
        self.ground.resize(self.rows);
        self.upper.resize(sum as usize);
    }

    /// Takes the last slots away again; nothing may link to them.
    pub fn truncate(&mut self, rows: usize) {
        self.rows = rows;
        self.levels.truncate(rows + 1);
        self.ground.resize(rows);
        self.upper.resize(self.levels[rows] as usize);
    }

    /// A node's links with their scores.
    pub fn contenders(&self, slot: Slot, level: u32) -> impl Iterator<Item = Contender> {
        let (layer, row) = self.place(slot, level);
        layer.contenders(row)
    }

    /// Replaces a node's links; settled ones come first.
    pub fn set(&mut self, slot: Slot, level: u32, contenders: &[Contender]) {
        if level == 0 {
            self.ground.set(slot as usize, contenders);
        } else {
            let row = self.upper_row(slot, level);
            self.upper.set(row, contenders);
        }
    }

    /// Has the last links of a full row of level 0 wait to be compared, until the row is replaced.
    #[allow(clippy::cast_possible_truncation)] // no more than a width
    pub fn let_wait(&mut self, slot: Slot, count: usize) {
        self.ground.waiting[slot as usize] = count as u16;
    }

    /// Takes all links away.
    pub fn clear(&mut self) {
        for layer in [&mut self.ground, &mut self.upper] {
            layer.links.fill(NO_SLOT);
            layer.count.fill(0);
            layer.settled.fill(0);
            layer.waiting.fill(0);
        }
    }

    /// Adds one link to a node of a level, which has room.
    pub fn push(&mut self, slot: Slot, level: u32, contender: Contender) {
        if level == 0 {
            self.ground.push(slot as usize, contender);
        } else {
            let row = self.upper_row(slot, level);
            self.upper.push(row, contender);
        }
    }

    /// Drops what only building needs.
    pub fn freeze(self, twins: Option<Vec<u32>>, entry: Slot, level: u32) -> FrozenArrays {
        FrozenArrays {
            links0: self.ground.links,
            levels: self.levels,
            links: self.upper.links,
            twins,
            entry,
            level,
        }
    }
}

impl Links for Draft {
    fn rows(&self) -> usize {
        self.rows
    }

    #[inline]
    fn links(&self, slot: Slot, level: u32) -> &[Slot] {
        let (layer, row) = self.place(slot, level);
        layer.links(row)
    }
}
