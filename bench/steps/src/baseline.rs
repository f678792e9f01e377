//! The scan of the notes: distances in `f64`, every norm added up anew, all candidates sorted whole.
//!
//! Not slower than that by carelessness: the rows of a zone lie side by side, nothing is allocated once the
//! lists have grown, and sums are kept in eight parts, of which the compiler makes what vectors the plainest
//! processors have (SSE2, NEON).

use crate::parted::Parted;
use crate::steps::{Effort, Searcher};

/// Sums in flight.
const PARTS: usize = 8;

pub struct Baseline<'a> {
    parted: &'a Parted,
    effort: Effort,
    zones: Vec<(f64, u32)>,
    found: Vec<(f64, u32)>,
}

impl<'a> Baseline<'a> {
    pub fn new(parted: &'a Parted, effort: Effort) -> Self {
        Self {
            parted,
            effort,
            zones: Vec::new(),
            found: Vec::new(),
        }
    }
}

impl Searcher for Baseline<'_> {
    fn find(&mut self, query: &[f32], slots: &mut Vec<u32>) {
        let Self {
            parted,
            effort,
            zones,
            found,
        } = self;
        let (own, _) = norm_and_dot(query, query);
        let distance = |row| {
            let (norm, dot) = norm_and_dot(row, query);
            own + norm - 2.0 * dot
        };
        zones.clear();
        let centroids = parted.centroids.as_floats();
        let centroids = centroids.chunks_exact(parted.centroids.stride());
        zones.extend(centroids.map(distance).zip(0..));
        sort(zones);
        found.clear();
        for &(_, zone) in zones.iter().take(effort.effort) {
            let (stride, places) = (parted.rows.stride(), parted.places(zone));
            let rows = &parted.rows.as_floats()[places.start * stride..places.end * stride];
            let distances = rows.chunks_exact(stride).map(distance);
            found.extend(distances.zip(parted.slots[places].iter().copied()));
        }
        sort(found);
        slots.clear();
        slots.extend(found.iter().take(effort.k).map(|&(_, slot)| slot));
    }
}

fn sort(candidates: &mut [(f64, u32)]) {
    candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
}

/// Σ row² and Σ row · query, of rows padded to whole parts.
fn norm_and_dot(row: &[f32], query: &[f32]) -> (f64, f64) {
    let (mut norms, mut dots) = ([0.0; PARTS], [0.0; PARTS]);
    let (row, _) = row.as_chunks::<PARTS>();
    let (query, _) = query.as_chunks::<PARTS>();
    for (row, query) in row.iter().zip(query) {
        for part in 0..PARTS {
            let (x, y) = (f64::from(row[part]), f64::from(query[part]));
            norms[part] += x * x;
            dots[part] += x * y;
        }
    }
    (norms.iter().sum(), dots.iter().sum())
}
