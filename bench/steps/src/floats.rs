//! Scans of floats: `f32` with norms kept, then the nearest parted off in place of the sort, then the core's
//! kernels in place of plain loops.

use crate::parted::Parted;
use crate::steps::{Effort, Searcher};
use nearfield::kernels::{Ahead, Kernels, Pair, Quad};
use nearfield::matrix::Rows;

/// Sums in flight of the plain loop.
const PARTS: usize = 8;

/// Σ x² of every row and centroid.
pub struct Norms {
    rows: Vec<f32>,
    centroids: Vec<f32>,
}

impl Norms {
    pub fn new(parted: &Parted) -> Self {
        let of = |rows: Rows<'_>| {
            let rows = rows.as_floats().chunks_exact(rows.stride());
            rows.map(|row| plain(row, row)).collect()
        };
        Self {
            rows: of(parted.rows.rows()),
            centroids: of(parted.centroids.rows()),
        }
    }
}

/// What differs between the steps.
#[derive(Clone, Copy)]
pub struct How {
    one: Pair,
    four: Quad,
    /// The nearest are parted off and only these sorted.
    parts_off: bool,
}

impl How {
    /// Plain loops.
    pub fn plain(parts_off: bool) -> Self {
        Self {
            one: plain,
            four: |query, rows, _| rows.map(|row| plain(query, row)),
            parts_off,
        }
    }

    /// The core's kernels.
    pub fn kernels(kernels: &Kernels) -> Self {
        Self {
            one: kernels.dot_f32,
            four: kernels.dot_f32_x4,
            parts_off: true,
        }
    }
}

pub struct Floats<'a> {
    parted: &'a Parted,
    norms: &'a Norms,
    how: How,
    effort: Effort,
    zones: Vec<(f32, u32)>,
    found: Vec<(f32, u32)>,
}

impl<'a> Floats<'a> {
    pub fn new(parted: &'a Parted, norms: &'a Norms, how: How, effort: Effort) -> Self {
        Self {
            parted,
            norms,
            how,
            effort,
            zones: Vec::new(),
            found: Vec::new(),
        }
    }
}

impl Searcher for Floats<'_> {
    fn find(&mut self, query: &[f32], slots: &mut Vec<u32>) {
        let Self {
            parted,
            norms,
            how,
            effort,
            zones,
            found,
        } = self;
        zones.clear();
        let centroids = parted.centroids.rows();
        let all = centroids.as_floats();
        how.scores(query, all, &norms.centroids, 0.., zones);
        how.nearest(zones, effort.effort);
        found.clear();
        for &(_, zone) in &*zones {
            let (stride, places) = (parted.rows.stride(), parted.places(zone));
            let rows = &parted.rows.as_floats()[places.start * stride..places.end * stride];
            let slots = parted.slots[places.clone()].iter().copied();
            how.scores(query, rows, &norms.rows[places], slots, found);
        }
        how.nearest(found, effort.k);
        slots.clear();
        slots.extend(found.iter().map(|&(_, slot)| slot));
    }
}

impl How {
    /// Adds `|x|² − 2 x · q` of these rows, which orders them as the distance does.
    fn scores(
        self,
        query: &[f32],
        rows: &[f32],
        norms: &[f32],
        slots: impl Iterator<Item = u32>,
        out: &mut Vec<(f32, u32)>,
    ) {
        let stride = query.len();
        let (first, from) = (out.len(), norms.len() / 4 * 4);
        out.extend(norms.iter().copied().zip(slots));
        let out = &mut out[first..];
        for (rows, out) in rows
            .chunks_exact(4 * stride)
            .zip(out.as_chunks_mut::<4>().0)
        {
            let rows = std::array::from_fn(|row| &rows[row * stride..][..stride]);
            for (dot, (score, _)) in (self.four)(query, &rows, &Ahead::NONE).into_iter().zip(out) {
                *score -= 2.0 * dot;
            }
        }
        let rest = rows[from * stride..].chunks_exact(stride);
        for (row, (score, _)) in rest.zip(&mut out[from..]) {
            *score -= 2.0 * (self.one)(query, row);
        }
    }

    /// Leaves the nearest `count`, nearest first.
    fn nearest(self, candidates: &mut Vec<(f32, u32)>, count: usize) {
        let order = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if self.parts_off && count < candidates.len() {
            candidates.select_nth_unstable_by(count, order);
            candidates.truncate(count);
        }
        candidates.sort_unstable_by(order);
        candidates.truncate(count);
    }
}

/// Σ a · b, of rows padded to whole parts.
fn plain(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; PARTS];
    let (a, _) = a.as_chunks::<PARTS>();
    let (b, _) = b.as_chunks::<PARTS>();
    for (a, b) in a.iter().zip(b) {
        for part in 0..PARTS {
            sums[part] += a[part] * b[part];
        }
    }
    sums.iter().sum()
}
