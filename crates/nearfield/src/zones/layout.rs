//! From whom rows belong to, to zones as they lie: those without rows dropped, slots in zone order, whole
//! strips each.

use super::view::Zone;
use crate::error::Result;
use crate::ids::{NO_SLOT, Slot, spread};
use crate::kernels::STRIP_ENTRIES;
use crate::kmeans::Partition;
use crate::matrix::{Matrix, Rows};

#[allow(clippy::cast_possible_truncation)] // 32
const ENTRIES: u32 = STRIP_ENTRIES as u32;
/// Rows looked at for whether zones lie far apart.
const SPREAD_SAMPLE: usize = 4096;
/// Zones lie apart where rows are this much nearer to their centroid than to the centre, squared: the six
/// bits of one table would then say little of a row within its zone.
const APART: f64 = 1.0 / 16.0;

/// Zones with rows, and where they lie.
#[derive(Debug)]
pub(super) struct Layout {
    /// Less the centre.
    pub(super) centroids: Matrix,
    /// First strips, one more than there are zones.
    pub(super) starts: Vec<u32>,
    /// 32 a strip.
    pub(super) slots: Vec<Slot>,
}

impl Layout {
    /// Of a partition, the zone of every row and, where there are any, its second one; they become numbers of zones
    /// with rows.
    pub(super) fn new(
        partition: &Partition,
        owners: &mut [Zone],
        seconds: &mut [Zone],
    ) -> Result<Self> {
        let all = partition.centroids()?;
        let mut counts = vec![0_u32; all.len()];
        for &owner in owners.iter().chain(&*seconds) {
            counts[owner as usize] += 1;
        }
        let kept: Vec<_> = (0..)
            .zip(&counts)
            .filter(|(_, count)| **count > 0)
            .collect();
        let mut centroids = Matrix::try_new(kept.len(), all.dim())?;
        let mut renamed = vec![0; counts.len()];
        let mut starts = vec![0];
        let mut strips = 0;
        let out = centroids.rows_mut(0..kept.len());
        for ((new, (zone, count)), out) in (0..).zip(&kept).zip(out) {
            out.copy_from_slice(&all.row(*zone)[..all.dim()]);
            renamed[*zone as usize] = new;
            strips += count.div_ceil(ENTRIES);
            starts.push(strips);
        }
        let mut slots = vec![NO_SLOT; strips as usize * STRIP_ENTRIES];
        let places = starts.iter().map(|&start| start as usize * STRIP_ENTRIES);
        let mut places: Vec<_> = places.collect();
        for owner in owners.iter_mut().chain(&mut *seconds) {
            *owner = renamed[*owner as usize];
        }
        for (slot, owner) in (0..).zip(&*owners) {
            let second = seconds.get(slot as usize);
            for zone in std::iter::once(owner).chain(second) {
                let place = &mut places[*zone as usize];
                slots[*place] = slot;
                *place += 1;
            }
        }
        Ok(Self {
            centroids,
            starts,
            slots,
        })
    }
}

/// Whether most rows are much nearer to their centroid than to the centre; a few rows of enormous
/// numbers do not decide. A row at the centre says so only where it is at its centroid too.
pub(super) fn apart(rows: Rows<'_>, centre: &[f32], centroids: &Matrix, owners: &[Zone]) -> bool {
    let sample = spread(rows.len(), SPREAD_SAMPLE);
    let near = sample.iter().filter(|&&slot| {
        let centroid = centroids.row(owners[slot as usize]);
        let (mut own, mut all) = (0.0, 0.0);
        for ((x, centre), centroid) in rows.row(slot).iter().zip(centre).zip(centroid) {
            let (x, centroid) = (f64::from(x - centre), f64::from(*centroid));
            all += x * x;
            own += (x - centroid) * (x - centroid);
        }
        own <= APART * all
    });
    2 * near.count() > sample.len()
}
