//! Rows lying zone after zone, as the steps over floats scan them.
//!
//! ```text
//! starts  0         3      5 …      a zone is one range of places
//! slots   4 9 17  | 0 5  | …        whose row lies at a place
//! rows    the rows in this order
//! ```
//! The zones are those the core's k-means makes for its own index of zones, with the same seed: steps differ
//! in how they search and not in what they search.

use crate::Result;
use nearfield::exec::Exec;
use nearfield::kernels::Kernels;
use nearfield::kmeans::Kmeans;
use nearfield::matrix::{Matrix, Rows};

pub struct Parted {
    /// The means of zones; where no row is, a zone is empty.
    pub centroids: Matrix,
    /// First places of zones, then how many places there are.
    pub starts: Vec<usize>,
    pub slots: Vec<u32>,
    pub rows: Matrix,
}

impl Parted {
    pub fn new(
        rows: Rows<'_>,
        zones: usize,
        seed: u64,
        kernels: &'static Kernels,
        exec: Exec<'_>,
    ) -> Result<Self> {
        let said = |error: nearfield::Error| error.to_string();
        let mut kmeans = Kmeans::new(rows, zones, seed, kernels, exec).map_err(said)?;
        while !kmeans.step(rows, exec).map_err(said)?.done {}
        let partition = kmeans.finish();
        let mut owners = vec![0; rows.len()];
        partition.assign(rows, 0, &mut owners, kernels, exec);
        let mut centroids = partition.centroids().map_err(said)?;
        let zones = centroids.len();
        for centroid in centroids.rows_mut(0..zones) {
            for (x, centre) in centroid.iter_mut().zip(partition.centre()) {
                *x += centre;
            }
        }
        let (starts, slots) = in_zones(&owners, zones);
        let mut laid = Matrix::try_new(rows.len(), rows.dim()).map_err(said)?;
        let mut out: Vec<_> = laid.rows_mut(0..rows.len()).collect();
        exec.fill(
            &mut out,
            64,
            || (),
            |(), place, row| {
                row.copy_from_slice(&rows.row(slots[place])[..rows.dim()]);
            },
        );
        Ok(Self {
            centroids,
            starts,
            slots,
            rows: laid,
        })
    }

    /// The places of a zone.
    pub fn places(&self, zone: u32) -> std::ops::Range<usize> {
        self.starts[zone as usize]..self.starts[zone as usize + 1]
    }
}

/// First places of zones, and slots by zone, ascending in each.
fn in_zones(owners: &[u32], zones: usize) -> (Vec<usize>, Vec<u32>) {
    let mut starts = vec![0; zones + 1];
    for &owner in owners {
        starts[owner as usize + 1] += 1;
    }
    for zone in 0..zones {
        starts[zone + 1] += starts[zone];
    }
    let mut next = starts.clone();
    let mut slots = vec![0; owners.len()];
    for (slot, &owner) in (0..).zip(owners) {
        let place = &mut next[owner as usize];
        slots[*place] = slot;
        *place += 1;
    }
    (starts, slots)
}
