//! The frozen form.
//!
//! | array | of |
//! |---|---|
//! | `centre` | what rows, centroids and queries are less, before they are rotated |
//! | `centroids` | rotated, a row a zone, and a number more: what routing knows of how far its rows spread |
//! | `starts` | the first strip of each zone, then how many strips there are |
//! | `slots` | 32 a strip |
//! | `points` | what codes stand for, where that is trained |
//! | `strips` | codes of rows less their centroid, rotated, with their terms |
//! | `routes` | centroids as entries of strips, where there are enough of them to pay |
//! | `spans` | how far searches go that are to keep a recall, where there are enough zones |

use super::build::ZonesParams;
use crate::codec::Book;
use crate::codec::Rotation;
use crate::codec::strips::{StripMemory, Strips};
use crate::error::Result;
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::STRIP_ENTRIES;
use crate::matrix::{Matrix, Rows};
use crate::metric::Metric;

/// A zone's number, `0 … zones − 1`.
pub type Zone = u32;

/// The arrays, owned.
#[derive(Debug)]
pub struct ZoneArrays {
    /// How rows are compared.
    pub metric: Metric,
    /// Numbers of one centre.
    pub centre: Vec<f32>,
    /// Rotated centroids, of a number more than a row has.
    pub centroids: Matrix,
    /// First strips, one more than there are zones.
    pub starts: Vec<u32>,
    /// The slots of all strips' entries.
    pub slots: Vec<Slot>,
    /// What codes stand for, where that is trained.
    pub points: Vec<f32>,
    /// The strips of all zones.
    pub strips: StripMemory,
    /// The strips of the centroids; none where all of them are compared.
    pub routes: StripMemory,
    /// What was measured of how far searches go; nothing where there are few zones.
    pub spans: Vec<f32>,
    /// Whether zones lie so far apart that each takes tables of its own.
    pub apart: bool,
    /// Whether every row is in a second zone too, where there are two.
    pub soar: bool,
    /// Rows there were when k-means parted them all; more may have come since.
    pub parted: usize,
    /// Turns what is less the centre.
    pub rotation: Rotation,
}

impl ZoneArrays {
    /// The arrays, borrowed.
    pub fn view(&self) -> ZonesView<'_> {
        ZonesView {
            metric: self.metric,
            centre: &self.centre,
            centroids: self.centroids.rows(),
            starts: &self.starts,
            slots: &self.slots,
            points: &self.points,
            strips: self.strips.strips(),
            routes: self.routes.strips(),
            spans: &self.spans,
            apart: self.apart,
            soar: self.soar,
            parted: self.parted,
            rotation: &self.rotation,
        }
    }

    /// Zones of no rows.
    pub fn empty(metric: Metric, dim: usize, params: ZonesParams) -> Result<Self> {
        let bits = params.bits;
        Ok(Self {
            metric,
            centre: vec![0.0; dim],
            centroids: Matrix::try_new(0, dim + 1)?,
            starts: vec![0],
            slots: Vec::new(),
            points: Vec::new(),
            strips: StripMemory::try_new(bits, dim, 0)?,
            routes: StripMemory::try_new(bits, dim, 0)?,
            spans: Vec::new(),
            apart: false,
            soar: params.soar,
            parted: 0,
            rotation: Rotation::new(dim, params.seed),
        })
    }
}

/// The arrays, borrowed from wherever they lie.
#[derive(Clone, Copy, Debug)]
pub struct ZonesView<'a> {
    /// How rows are compared.
    pub metric: Metric,
    /// Numbers of one centre.
    pub centre: &'a [f32],
    /// Rotated centroids, of a number more than a row has.
    pub centroids: Rows<'a>,
    /// First strips, one more than there are zones.
    pub starts: &'a [u32],
    /// The slots of all strips' entries.
    pub slots: &'a [Slot],
    /// What codes stand for, where that is trained.
    pub points: &'a [f32],
    /// The strips of all zones.
    pub strips: Strips<'a>,
    /// The strips of the centroids; none where all of them are compared.
    pub routes: Strips<'a>,
    /// What was measured of how far searches go; nothing where there are few zones.
    pub spans: &'a [f32],
    /// Whether zones lie so far apart that each takes tables of its own.
    pub apart: bool,
    /// Whether every row is in a second zone too, where there are two.
    pub soar: bool,
    /// Rows there were when k-means parted them all; more may have come since.
    pub parted: usize,
    /// Turns what is less the centre.
    pub rotation: &'a Rotation,
}

impl<'a> ZonesView<'a> {
    /// How many zones there are.
    pub const fn zones(&self) -> usize {
        self.centroids.len()
    }

    /// How many zones every row is in.
    pub fn times(&self) -> usize {
        if self.soar {
            self.zones().clamp(1, 2)
        } else {
            1
        }
    }

    /// What the codes of all strips are and stand for.
    pub fn book(&self) -> Book<'a> {
        Book::new(self.strips.bits(), self.points)
    }

    /// The strips of a zone.
    ///
    /// # Panics
    /// Where there is no such zone.
    #[inline]
    pub fn range(&self, zone: Zone) -> std::ops::Range<usize> {
        self.starts[zone as usize] as usize..self.starts[zone as usize + 1] as usize
    }

    /// The slots of a zone's places, its free ones included.
    ///
    /// # Panics
    /// Where there is no such zone.
    pub fn places(&self, zone: Zone) -> &'a [Slot] {
        let range = self.range(zone);
        &self.slots[range.start * STRIP_ENTRIES..range.end * STRIP_ENTRIES]
    }

    /// The slots of a zone's rows.
    ///
    /// # Panics
    /// Where there is no such zone.
    pub fn rows(&self, zone: Zone) -> &'a [Slot] {
        let places = self.places(zone);
        &places[..places.partition_point(|&slot| slot != NO_SLOT)]
    }
}
