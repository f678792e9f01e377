//! The growing graph: the frozen form's arrays plus what only building needs.
//!
//! ```text
//! row r          slot's own row on level 0, then rows + levels[s] + l − 1 above
//! links          a b c d ∅ ∅        settled first, then newcomers
//! scores         of each link, so pruning computes no score of the node again
//! count/settled  4 / 3
//! ```
//! Invariant: the first `settled` links of a row passed the rule against each other.

use super::prune::Contender;
use super::view::{FrozenArrays, Links};
use crate::ids::{NO_SLOT, Slot};
use crate::search::Candidate;

/// Links of one kind of level: all rows of one width.
#[derive(Debug)]
pub struct Layer {
    width: usize,
    links: Vec<u32>,
    scores: Vec<f32>,
    count: Vec<u16>,
    settled: Vec<u16>,
}

impl Layer {
    fn new(rows: usize, width: usize) -> Self {
        Self {
            width,
            links: vec![NO_SLOT; rows * width],
            scores: vec![0.0; rows * width],
            count: vec![0; rows],
            settled: vec![0; rows],
        }
    }

    fn contenders(&self, row: usize) -> impl Iterator<Item = Contender> {
        let (at, settled) = (row * self.width, usize::from(self.settled[row]));
        (0..usize::from(self.count[row])).map(move |i| Contender {
            candidate: Candidate::new(self.scores[at + i], self.links[at + i]),
            settled: i < settled,
        })
    }

    #[allow(clippy::cast_possible_truncation)] // widths are at most 2 × M, far below 65,536
    fn set(&mut self, row: usize, contenders: &[Contender]) {
        let places = row * self.width..(row + 1) * self.width;
        let links = &mut self.links[places.clone()];
        links.fill(NO_SLOT);
        for ((link, score), contender) in links
            .iter_mut()
            .zip(&mut self.scores[places])
            .zip(contenders)
        {
            *link = contender.candidate.slot();
            *score = contender.candidate.score();
        }
        self.count[row] = contenders.len() as u16;
        self.settled[row] = contenders.iter().take_while(|c| c.settled).count() as u16;
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
        let rows = levels.len() - 1;
        let upper_rows = levels[rows] as usize;
        Self {
            rows,
            levels,
            ground: Layer::new(rows, 2 * m),
            upper: Layer::new(upper_rows, m),
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

    fn place(&self, slot: Slot, level: u32) -> (&Layer, usize) {
        match level {
            0 => (&self.ground, slot as usize),
            _ => (&self.upper, self.upper_row(slot, level)),
        }
    }

    fn upper_row(&self, slot: Slot, level: u32) -> usize {
        self.levels[slot as usize] as usize + level as usize - 1
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

    /// Takes all links away.
    pub fn clear(&mut self) {
        for layer in [&mut self.ground, &mut self.upper] {
            layer.links.fill(NO_SLOT);
            layer.count.fill(0);
            layer.settled.fill(0);
        }
    }

    /// Adds one link to a node of level 0, which has room.
    pub fn push(&mut self, slot: Slot, contender: Contender) {
        let ground = &mut self.ground;
        let count = usize::from(ground.count[slot as usize]);
        assert!(count < ground.width, "the row of {slot} is full");
        let at = slot as usize * ground.width + count;
        ground.links[at] = contender.candidate.slot();
        ground.scores[at] = contender.candidate.score();
        ground.count[slot as usize] += 1;
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
        &layer.links[row * layer.width..][..usize::from(layer.count[row])]
    }
}
