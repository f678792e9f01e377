//! The frozen graph: arrays exactly as FORMAT.md lays them out, borrowed.
//!
//! ```text
//! links0   rows × links0_stride   a b c ∅ ∅ …     ∅ = NO_SLOT, nothing after the first
//! levels   rows + 1               prefix sums of the levels above 0
//! links    levels[rows] × m       row levels[s] + l − 1 is slot s on level l
//! twins    rows                   next slot with the same vector
//! ```
//! A view promises nothing by itself; [`check::validate`](super::check::validate) makes it safe to walk.

use crate::ids::{NO_SLOT, Slot};
use crate::kernels::prefetch_row;

/// A graph's neighbours, whatever form it has.
pub trait Links {
    /// Slots there are.
    fn rows(&self) -> usize;

    /// The places of a slot on a level that has it; the neighbours end at the first [`NO_SLOT`].
    fn links(&self, slot: Slot, level: u32) -> &[Slot];

    /// As [`links`](Self::links), of a slot whose turn it is not, for a hint.
    #[inline]
    fn glance(&self, slot: Slot, level: u32) -> &[Slot] {
        self.links(slot, level)
    }

    /// Says that this slot's places of level 0 will be asked for soon.
    #[inline]
    fn prefetch(&self, slot: Slot) {
        prefetch_row(self.links(slot, 0));
    }
}

/// A graph that can be asked: it also says where walks start and which rows share a node.
pub trait Walkable: Links {
    /// Where walks start; [`NO_SLOT`] when there is nothing to walk.
    fn entry(&self) -> Slot;

    /// The entry's level, the highest.
    fn level(&self) -> u32;

    /// Whether any two rows are equal.
    fn has_twins(&self) -> bool;

    /// The next slot with the same vector.
    fn twin_after(&self, slot: Slot) -> Option<Slot>;

    /// The slot's twins in ascending order, without the slot itself.
    fn twins_after(&self, slot: Slot) -> impl Iterator<Item = Slot> {
        std::iter::successors(self.twin_after(slot), |&slot| self.twin_after(slot))
    }
}

/// The frozen graph, borrowed from an index or a file.
#[derive(Clone, Copy, Debug)]
pub struct GraphView<'a> {
    /// Slots there are.
    pub rows: usize,
    /// Links a node above level 0.
    pub m: usize,
    /// Links a node on level 0.
    pub links0_stride: usize,
    /// Where walks start; [`NO_SLOT`] when there are no rows.
    pub entry: Slot,
    /// The entry's level, the highest.
    pub level: u32,
    /// Neighbours on level 0.
    pub links0: &'a [u32],
    /// Prefix sums of the levels above 0.
    pub levels: &'a [u32],
    /// Neighbours above level 0.
    pub links: &'a [u32],
    /// The next slot with the same vector, when any two are equal.
    pub twins: Option<&'a [u32]>,
}

impl Walkable for GraphView<'_> {
    fn entry(&self) -> Slot {
        self.entry
    }

    fn level(&self) -> u32 {
        self.level
    }

    fn has_twins(&self) -> bool {
        self.twins.is_some()
    }

    fn twin_after(&self, slot: Slot) -> Option<Slot> {
        let next = *self.twins?.get(slot as usize)?;
        (next != NO_SLOT).then_some(next)
    }
}

impl Links for GraphView<'_> {
    #[inline]
    fn rows(&self) -> usize {
        self.rows
    }

    #[inline]
    fn links(&self, slot: Slot, level: u32) -> &[Slot] {
        if level == 0 {
            &self.links0[slot as usize * self.links0_stride..][..self.links0_stride]
        } else {
            let row = self.levels[slot as usize] as usize + level as usize - 1;
            &self.links[row * self.m..][..self.m]
        }
    }
}

/// The frozen graph, owned; its fields are the file's sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrozenArrays {
    /// Neighbours on level 0, `2 M` places a slot.
    pub links0: Vec<u32>,
    /// Prefix sums of the levels above 0.
    pub levels: Vec<u32>,
    /// Neighbours above level 0, `M` places a row.
    pub links: Vec<u32>,
    /// The next slot with the same vector, when any two are equal.
    pub twins: Option<Vec<u32>>,
    /// Where walks start.
    pub entry: Slot,
    /// The entry's level.
    pub level: u32,
}

impl FrozenArrays {
    /// Borrows the arrays; `m` is the build's.
    pub fn view(&self, m: usize) -> GraphView<'_> {
        GraphView {
            rows: self.levels.len() - 1,
            m,
            links0_stride: 2 * m,
            entry: self.entry,
            level: self.level,
            links0: &self.links0,
            levels: &self.levels,
            links: &self.links,
            twins: self.twins.as_deref(),
        }
    }
}
