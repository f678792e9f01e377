//! Graphs within zones: a large zone's rows are walked in place of scanned.
//!
//! ```text
//! zone 3   | 4 9 17 20 … 91 | 95 98 |     rows that are linked | rows added since
//!            walked from root         scanned by their strips
//! ```
//! | file | holds |
//! |---|---|
//! | `mod` | [`Inner`]: the sections, what opening asks of them |
//! | `link` | [`Linking`]: which zones are to be linked, and the steps |
//! | `walk` | [`Walks`]: how a search asks them |
//!
//! Walks go by the codes of sq8 that stand between strips and vectors, so what they find goes the way of what a scan
//! keeps. Zones of few rows, and those whose rows these codes cannot tell apart, have no graph. The place where
//! `zones` meets `hnsw`.

mod link;
mod walk;

use super::Params;
use super::graph::{Graph, placed};
use crate::bytes::corrupt;
use crate::bytes::layout::Section;
use crate::bytes::region::Region;
use crate::error::{Fault, Result};
use crate::hnsw::GraphView;
use crate::hnsw::forest::{self, NO_PART};
use crate::ids::{NO_SLOT, Slot};
use crate::zones::{Zone, ZonesView};
pub use link::{Linking, LinkingReport};
pub use walk::Walks;

/// Graphs of zones in the form of the file.
#[derive(Clone, Debug)]
pub struct Inner {
    /// The links of all; its entry is none.
    pub graph: Graph,
    /// Section `roots`: where walks of each zone start, [`NO_SLOT`] where it has no graph.
    pub roots: Region,
    /// Section `linked`: how many of each zone's rows are linked, from its first on.
    pub linked: Region,
}

/// The arrays, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct InnerView<'a> {
    /// The links of all.
    pub graph: GraphView<'a>,
    /// Where walks of each zone start.
    pub roots: &'a [Slot],
    /// How many of each zone's rows are linked.
    pub linked: &'a [u32],
}

impl<'a> InnerView<'a> {
    /// The rows of a zone that its graph has; none where it has none.
    pub fn members(&self, zones: &ZonesView<'a>, zone: Zone) -> &'a [Slot] {
        &zones.places(zone)[..self.linked[zone as usize] as usize]
    }
}

impl Inner {
    /// The arrays, borrowed.
    pub fn view(&self, params: &Params) -> InnerView<'_> {
        InnerView {
            graph: self.graph.view(params),
            roots: self.roots.as_slice(),
            linked: self.linked.as_slice(),
        }
    }

    /// Of no zones.
    pub fn empty(m: usize) -> Self {
        Self {
            graph: forest::join(0, m, &[]).into(),
            roots: Region::from_vec(Vec::<Slot>::new()),
            linked: Region::from_vec(Vec::<u32>::new()),
        }
    }

    /// How many zones have a graph.
    pub fn count(&self) -> usize {
        let roots = self.roots.as_slice::<Slot>().iter();
        roots.filter(|&&root| root != NO_SLOT).count()
    }

    /// Everything opening asks of the graphs of valid zones.
    pub fn validate(
        &self,
        params: &Params,
        zones: &ZonesView<'_>,
        offset_of: impl Fn(Section) -> u64,
    ) -> Result<()> {
        let view = self.view(params);
        for (zone, &linked) in (0..).zip(view.linked) {
            let places = zones.places(zone);
            let rows = places.partition_point(|&slot| slot != NO_SLOT);
            if linked as usize > rows {
                let offset = offset_of(Section::Linked) + u64::from(zone) * 4;
                let what = format!("{linked} rows of zone {zone} are linked, of {rows}");
                return Err(corrupt(Section::Linked.name(), offset, what));
            }
        }
        let parts = parts(params, zones, &view);
        let valid = forest::validate(&view.graph, &parts, view.roots);
        valid.map_err(|fault: Fault| placed(&fault, offset_of))
    }

    /// Whether walks reach every row that is linked, and twins are equal in what is `kept` of them.
    pub fn check<'r>(
        &self,
        params: &Params,
        zones: &ZonesView<'_>,
        kept: impl Fn(Slot) -> &'r [u8],
        offset_of: impl Fn(Section) -> u64,
    ) -> Result<()> {
        self.validate(params, zones, &offset_of)?;
        self.graph.check_twins(kept, offset_of(Section::Twins))?;
        let view = self.view(params);
        let parts = parts(params, zones, &view);
        let reached = forest::reachable(&view.graph, &parts, view.roots);
        reached.map_err(|fault| placed(&fault, offset_of))
    }

    /// The sections a file has for them beside those of the links.
    pub fn sections(&self) -> [(Section, Region); 2] {
        [
            (Section::Roots, self.roots.clone()),
            (Section::Linked, self.linked.clone()),
        ]
    }
}

/// The zone in whose graph each slot is.
fn parts(params: &Params, zones: &ZonesView<'_>, view: &InnerView<'_>) -> Vec<u32> {
    let mut parts = vec![NO_PART; params.rows as usize];
    for zone in (0..).take(zones.zones()) {
        for &slot in view.members(zones, zone) {
            parts[slot as usize] = zone;
        }
    }
    parts
}
