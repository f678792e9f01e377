//! Turns of k-means over one sample: every row to its nearest centroid, every centroid to the mean of
//! its rows.
//!
//! ```text
//! turn     assign (parallel over rows, in pieces of a step) ─ average (parallel over centroids)
//! penalty  λ · mean d² · (size / average size − 1), half of it the last turn's
//! ```
//! A centroid without rows takes one of the largest zone's. The last turn ends with averaging.

use super::panels::{self, Panels};
use crate::error::Result;
use crate::exec::Exec;
use crate::ids::Slot;
use crate::kernels::Kernels;
use crate::matrix::{Matrix, Rows};
use crate::rng;

/// Turns of assigning and averaging.
pub(super) const TURNS: usize = 6;
/// The share of a mean squared distance that a zone of twice the average size adds to its own.
const BALANCE: f32 = 0.1;
/// Multiplications of a step: some hundredths of a second.
const STEP_PRODUCTS: usize = 1 << 29;
const STREAM_START: u64 = 0x6c6c_6f79;

/// A sample and its centroids.
#[derive(Debug)]
pub(super) struct Lloyd {
    slots: Vec<Slot>,
    owners: Vec<u32>,
    centroids: Matrix,
    penalties: Vec<f32>,
    panels: Panels,
    /// Rows assigned in this turn.
    assigned: usize,
    turn: usize,
}

impl Lloyd {
    /// Starts from rows drawn from the sample.
    pub(super) fn new(
        rows: Rows<'_>,
        centre: &[f32],
        slots: Vec<Slot>,
        zones: usize,
        seed: u64,
    ) -> Result<Self> {
        let mut drawn: Vec<_> = slots
            .iter()
            .map(|&slot| (rng::value(seed, STREAM_START, u64::from(slot)), slot))
            .collect();
        let zones = zones.min(drawn.len());
        if zones < drawn.len() {
            drawn.select_nth_unstable(zones);
        }
        drawn.truncate(zones);
        drawn.sort_unstable();
        let mut centroids = Matrix::try_new(zones, centre.len())?;
        for (centroid, (_, slot)) in centroids.rows_mut(0..zones).zip(drawn) {
            for ((c, x), centre) in centroid.iter_mut().zip(rows.row(slot)).zip(centre) {
                *c = x - centre;
            }
        }
        Ok(Self {
            owners: vec![0; slots.len()],
            slots,
            panels: Panels::new(&centroids, &[]),
            penalties: vec![0.0; zones],
            centroids,
            assigned: 0,
            turn: 0,
        })
    }

    pub(super) const fn turns_done(&self) -> usize {
        self.turn
    }

    /// Does one bounded piece of work; whether all turns are done.
    pub(super) fn step(
        &mut self,
        rows: Rows<'_>,
        centre: &[f32],
        kernels: &Kernels,
        exec: Exec<'_>,
    ) -> bool {
        if self.turn == TURNS {
            return true;
        }
        let (zones, dim) = (self.centroids.len(), centre.len());
        let piece = (STEP_PRODUCTS / (zones * dim)).max(1);
        let end = self.slots.len().min(self.assigned + piece);
        let range = self.assigned..end;
        let (slots, owners) = (&self.slots[range.clone()], &mut self.owners[range]);
        panels::assign(&self.panels, rows, centre, slots, kernels, exec, owners);
        self.assigned = end;
        if end == self.slots.len() {
            self.average(rows, centre, exec);
            (self.assigned, self.turn) = (0, self.turn + 1);
        }
        self.turn == TURNS
    }

    /// Moves every centroid to the mean of its rows.
    fn average(&mut self, rows: Rows<'_>, centre: &[f32], exec: Exec<'_>) {
        let zones = self.centroids.len();
        let mut members = vec![Vec::new(); zones];
        for (&slot, &owner) in self.slots.iter().zip(&self.owners) {
            members[owner as usize].push(slot);
        }
        let mut spreads = vec![0.0; zones];
        let mut out: Vec<_> = self
            .centroids
            .rows_mut(0..zones)
            .zip(&mut spreads)
            .collect();
        exec.fill(&mut out, 1, Vec::new, |sums, at, (centroid, spread)| {
            if !members[at].is_empty() {
                **spread = mean(rows, centre, &members[at], sums, centroid);
            }
        });
        drop(out);
        self.fill_empty(rows, centre, &members);
        self.weigh(&members, spreads.iter().sum());
        self.panels = Panels::new(&self.centroids, &self.penalties);
    }

    /// Gives every centroid without rows one of the largest zone's, another for each.
    fn fill_empty(&mut self, rows: Rows<'_>, centre: &[f32], members: &[Vec<Slot>]) {
        let mut largest: Vec<_> = (0..members.len()).collect();
        largest.sort_by_key(|&zone| (std::cmp::Reverse(members[zone].len()), zone));
        let empty = (0..).zip(members).filter(|(_, members)| members.is_empty());
        for ((zone, _), &from) in empty.zip(&largest) {
            let from = &members[from];
            let Some(&slot) = from.get(from.len() / 2) else {
                return;
            };
            let pairs = rows.row(slot).iter().zip(centre);
            for (c, (x, centre)) in self.centroids.row_mut(zone).iter_mut().zip(pairs) {
                *c = x - centre;
            }
        }
    }

    /// Makes large zones farther by their size, and small ones nearer.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // counts of rows
    fn weigh(&mut self, members: &[Vec<Slot>], spread: f64) {
        let rows = self.slots.len().max(1);
        let unit = BALANCE * (spread / rows as f64) as f32;
        let average = rows as f32 / members.len() as f32;
        for (penalty, members) in self.penalties.iter_mut().zip(members) {
            let weight = unit * (members.len() as f32 / average - 1.0);
            let damped = 0.5 * (*penalty + weight);
            // Only enormous numbers overflow: zones are then as they fall.
            *penalty = if damped.is_finite() { damped } else { 0.0 };
        }
    }

    /// The centroids, less the centre.
    pub(super) fn finish(self) -> Matrix {
        self.centroids
    }
}

/// Writes the mean of rows less the centre, and returns the sum of their squared distances to it.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // a mean of f32 fits one
fn mean(
    rows: Rows<'_>,
    centre: &[f32],
    members: &[Slot],
    sums: &mut Vec<f64>,
    out: &mut [f32],
) -> f64 {
    sums.clear();
    sums.resize(centre.len(), 0.0);
    let mut square = 0.0;
    for &slot in members {
        let mut squares = [0.0; 8];
        let row = rows.row(slot);
        for (at, ((sum, x), centre)) in sums.iter_mut().zip(row).zip(centre).enumerate() {
            let x = f64::from(x - centre);
            *sum += x;
            squares[at % 8] += x * x;
        }
        square += squares.iter().sum::<f64>();
    }
    let count = members.len() as f64;
    for (out, sum) in out.iter_mut().zip(sums) {
        let mean = *sum / count;
        square -= count * mean * mean;
        *out = mean as f32;
    }
    square.max(0.0)
}
