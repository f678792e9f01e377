//! The zones' arrays as sections: the place where `zones`, which knows no files, meets them.

use super::Params;
use super::inner::Inner;
use crate::bytes::corrupt;
use crate::bytes::layout::Section;
use crate::bytes::region::Region;
use crate::codec::{Bits, Rotation, strips::Strips};
use crate::error::{Error, Fault, Result};
use crate::matrix::Rows;
use crate::zones::{Effort, ZoneArrays, ZonesView, check};
use std::sync::Arc;

/// Zones in the form of the file.
#[derive(Clone, Debug)]
pub struct Zones {
    /// What codes of the strips are.
    pub bits: Bits,
    /// Whether each zone takes tables of its own.
    pub apart: bool,
    /// Whether every row is in a second zone too.
    pub soar: bool,
    /// Rows there were when k-means parted them.
    pub parted: u32,
    /// Section `zone-centre`.
    pub centre: Region,
    /// Section `centroids`.
    pub centroids: Region,
    /// Section `zone-starts`.
    pub starts: Region,
    /// Section `zone-slots`.
    pub slots: Region,
    /// Section `points`, where these are trained.
    pub points: Option<Region>,
    /// Section `strips`.
    pub strips: Region,
    /// Section `routes`, where centroids are looked for by codes.
    pub routes: Option<Region>,
    /// Section `spans`, where there are zones enough to be measured.
    pub spans: Option<Region>,
    /// Graphs within zones, where there are any.
    pub inner: Option<Inner>,
    /// Of the seed; in no section.
    pub rotation: Arc<Rotation>,
}

impl From<ZoneArrays> for Zones {
    fn from(arrays: ZoneArrays) -> Self {
        let routes = arrays.routes.into_bytes();
        let bits = arrays.strips.strips().bits();
        let trained = bits.codec().trained();
        Self {
            bits,
            apart: arrays.apart,
            soar: arrays.soar,
            parted: u32::try_from(arrays.parted).expect("rows are u32"),
            centre: Region::from_vec(arrays.centre),
            centroids: arrays.centroids.into_region(),
            starts: Region::from_vec(arrays.starts),
            slots: Region::from_vec(arrays.slots),
            points: trained.then(|| Region::from_vec(arrays.points)),
            strips: Region::new(Arc::new(arrays.strips.into_bytes())),
            routes: (!routes.as_ref().is_empty()).then(|| Region::new(Arc::new(routes))),
            spans: (!arrays.spans.is_empty()).then(|| Region::from_vec(arrays.spans)),
            inner: None,
            rotation: Arc::new(arrays.rotation),
        }
    }
}

impl Zones {
    /// How many zones there are.
    pub fn count(&self) -> u32 {
        // A file's header has it, which opening holds against the sections.
        u32::try_from(self.starts.as_slice::<u32>().len()).unwrap_or(u32::MAX) - 1
    }

    /// Zones that a search scans where it does not say.
    pub fn probes(&self, params: &Params) -> usize {
        Effort::of(&self.view(params), 1, 0).probes
    }

    /// The arrays, borrowed.
    pub fn view(&self, params: &Params) -> ZonesView<'_> {
        let dim = params.dim as usize;
        let routes = self.routes.as_ref().map_or(&[][..], Region::as_bytes);
        let spans = self.spans.as_ref().map_or(&[][..], Region::as_slice);
        ZonesView {
            metric: params.metric,
            centre: self.centre.as_slice(),
            // A number more: how far a zone's rows spread.
            centroids: Rows::new(self.centroids.as_slice(), dim + 1),
            starts: self.starts.as_slice(),
            slots: self.slots.as_slice(),
            points: self.points.as_ref().map_or(&[], Region::as_slice),
            strips: Strips::new(self.bits, dim, self.strips.as_bytes()),
            routes: Strips::new(self.bits, dim, routes),
            spans,
            apart: self.apart,
            soar: self.soar,
            parted: self.parted as usize,
            rotation: &self.rotation,
        }
    }

    /// Everything opening asks of zones.
    pub fn validate(&self, params: &Params, offset_of: impl Fn(Section) -> u64) -> Result<()> {
        let view = self.view(params);
        let centre = (Section::ZoneCentre, view.centre);
        let centroids = (Section::Centroids, view.centroids.as_floats());
        let points = (Section::Points, view.points);
        for (section, floats) in [centre, centroids, points] {
            if let Some(at) = floats.iter().position(|x| !x.is_finite()) {
                let offset = offset_of(section) + at as u64 * 4;
                return Err(corrupt(
                    section.name(),
                    offset,
                    format!("number {at} is not finite"),
                ));
            }
        }
        check::validate(&view, params.rows as usize).map_err(|fault| placed(fault, &offset_of))?;
        let inner = self.inner.as_ref();
        inner.map_or(Ok(()), |inner| inner.validate(params, &view, offset_of))
    }

    /// Whether every code is that of its vector, and every one of a centroid. They are
    /// [valid](Self::validate).
    pub fn check(
        &self,
        params: &Params,
        rows: Rows<'_>,
        offset_of: impl Fn(Section) -> u64,
    ) -> Result<()> {
        check::codes(&self.view(params), rows).map_err(|fault| placed(fault, offset_of))
    }

    /// The sections a file has for these zones.
    pub fn sections(&self) -> Vec<(Section, Region)> {
        let mut sections = vec![
            (Section::ZoneCentre, self.centre.clone()),
            (Section::Centroids, self.centroids.clone()),
            (Section::ZoneStarts, self.starts.clone()),
            (Section::ZoneSlots, self.slots.clone()),
            (Section::Strips, self.strips.clone()),
        ];
        sections.extend(self.routes.clone().map(|routes| (Section::Routes, routes)));
        sections.extend(self.points.clone().map(|points| (Section::Points, points)));
        sections.extend(self.spans.clone().map(|spans| (Section::Spans, spans)));
        sections.extend(self.inner.iter().flat_map(Inner::sections));
        sections
    }
}

/// A fault of the arrays as one of the file.
fn placed(fault: Fault, offset_of: impl Fn(Section) -> u64) -> Error {
    let section = Section::ALL
        .into_iter()
        .find(|section| section.name() == fault.section);
    let offset = section.map_or(0, |section| {
        offset_of(section).saturating_add(fault.element * u64::from(section.element_bytes()))
    });
    corrupt(fault.section, offset, fault.what)
}
