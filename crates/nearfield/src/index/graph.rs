//! The graph's arrays as sections: the place where `hnsw`, which knows no bytes, meets them.

use super::Params;
use crate::bytes::corrupt;
use crate::bytes::layout::Section;
use crate::bytes::region::Region;
use crate::error::Result;
use crate::hnsw::check::{self, Fault};
use crate::hnsw::{FrozenArrays, GraphView};
use crate::ids::{NO_SLOT, Slot};

/// Where the header keeps the entry, which faults of the header are about.
const ENTRY_AT: u64 = 64;

/// A graph in the form of the file.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Section `links0`.
    pub links0: Region,
    /// Section `levels`.
    pub levels: Region,
    /// Section `links`.
    pub links: Region,
    /// Section `twins`, when two rows are equal.
    pub twins: Option<Region>,
    /// Where walks start.
    pub entry: Slot,
    /// The entry's level.
    pub level: u32,
}

impl From<FrozenArrays> for Graph {
    fn from(arrays: FrozenArrays) -> Self {
        Self {
            links0: Region::from_vec(arrays.links0),
            levels: Region::from_vec(arrays.levels),
            links: Region::from_vec(arrays.links),
            twins: arrays.twins.map(Region::from_vec),
            entry: arrays.entry,
            level: arrays.level,
        }
    }
}

impl Graph {
    /// The arrays, borrowed.
    pub fn view(&self, params: &Params) -> GraphView<'_> {
        GraphView {
            rows: params.rows as usize,
            m: params.m as usize,
            links0_stride: 2 * params.m as usize,
            entry: self.entry,
            level: self.level,
            links0: self.links0.as_slice(),
            levels: self.levels.as_slice(),
            links: self.links.as_slice(),
            twins: self.twins.as_ref().map(Region::as_slice),
        }
    }

    /// Everything opening asks of a graph.
    pub fn validate(&self, params: &Params, offset_of: impl Fn(Section) -> u64) -> Result<()> {
        check::validate(&self.view(params)).map_err(|fault| placed(&fault, offset_of))
    }

    /// Whether the rows of every chain of twins are equal in what is `kept` of them, of a graph that is
    /// valid: a search scores the first and reports all.
    pub fn check_twins<'r>(&self, kept: impl Fn(Slot) -> &'r [u8], offset: u64) -> Result<()> {
        let twins = self.twins.as_ref().map_or(&[][..], Region::as_slice::<u32>);
        for (slot, &next) in (0..).zip(twins) {
            if next != NO_SLOT && kept(slot) != kept(next) {
                let what = format!("rows {slot} and {next} are twins and not equal");
                return Err(corrupt("twins", offset + u64::from(slot) * 4, what));
            }
        }
        Ok(())
    }

    /// Whether walks reach every row, too.
    pub fn check<'r>(
        &self,
        params: &Params,
        kept: impl Fn(Slot) -> &'r [u8],
        offset_of: impl Fn(Section) -> u64,
    ) -> Result<()> {
        self.validate(params, &offset_of)?;
        self.check_twins(kept, offset_of(Section::Twins))?;
        check::reachable(&self.view(params)).map_err(|fault| placed(&fault, offset_of))
    }

    /// The sections a file has for this graph.
    pub fn sections(&self) -> Vec<(Section, Region)> {
        let mut sections = vec![
            (Section::Links0, self.links0.clone()),
            (Section::Levels, self.levels.clone()),
            (Section::Links, self.links.clone()),
        ];
        sections.extend(self.twins.clone().map(|twins| (Section::Twins, twins)));
        sections
    }
}

/// An element of an array as an offset in the file.
pub(super) fn placed(fault: &Fault, offset_of: impl Fn(Section) -> u64) -> crate::error::Error {
    let section = Section::ALL
        .into_iter()
        .find(|section| section.name() == fault.section);
    let at = section.map_or(ENTRY_AT, |section| {
        offset_of(section).saturating_add(fault.element.saturating_mul(4))
    });
    corrupt(fault.section, at, &fault.what)
}
