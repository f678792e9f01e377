//! Rows of floats.
//!
//! ```text
//! uniform     each number evenly over −1 ≤ x < 1
//! gaussian    each number of mean 0 and variance 1
//! clustered   row r of cluster c(r):  x = centre(c) + spread · H(σ ∘ g)       centre(c) = H(σ ∘ g')
//! ```
//! The clustered recipe has what embeddings have and even noise has not: groups of unequal size, the
//! first `c` of `K` with √(c ÷ K) of the rows, and a spectrum that falls, variances 1 ÷ t√t with
//! t = 1 + j ÷ 4, so that rows have some twenty dimensions in effect, however many numbers. `H` mixes
//! sixteen numbers, a sixteenth of the row apart: no coordinate is an axis, as none of an embedding is.
//!
//! Invariant: some [`KEYED_NUMBERS`] numbers share a key, in whole rows, so that a row anywhere costs no more
//! than its group.

use super::room::{DIM_MAX, Room};
use super::{STREAM_CENTRES, STREAM_CLUSTER, STREAM_ROWS, STREAMED_BYTES_MIN, lanes, skip};
use crate::bytes::advise_huge;
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::kernels::draws::{Desk, Draws, GROUP, LINE_BYTES, Lanes, Law, Past, Shape, draws};
use crate::kernels::{Isa, prefetch_row};
use crate::matrix::Matrix;
use crate::rng;

/// Numbers of one key: making a key costs as much as some twenty lines.
const KEYED_NUMBERS: usize = 16 << 10;

/// What rows there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Numbers a row, at least 1.
    pub dim: usize,
    /// How they are distributed.
    pub law: Law,
    /// Around these, and not around zero.
    pub clusters: Option<Clusters>,
    /// Scale every row to length 1.
    pub unit: bool,
    /// Everything follows from this.
    pub seed: u64,
}

/// Around what rows lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clusters {
    /// How many, at least 1.
    pub count: usize,
    /// How far rows are from their centre, where centres are 1 from zero.
    pub spread: f32,
}

/// Makes rows.
#[derive(Debug)]
pub struct Rows {
    recipe: Recipe,
    /// Row-major; empty without clusters.
    centres: Vec<f32>,
    deviations: Vec<f32>,
    draws: &'static Draws,
}

impl Rows {
    /// Makes the centres, an error with [`Code::Memory`] where they cannot be had.
    pub fn new(recipe: Recipe, isa: Option<Isa>, exec: Exec<'_>) -> Result<Self> {
        let draws = draws(isa);
        let (mut centres, mut deviations) = (Vec::new(), Vec::new());
        if let Some(Clusters { count, spread }) = recipe.clusters {
            let dim = recipe.dim;
            centres = zeros(count.saturating_mul(dim))?;
            deviations = spectrum(dim);
            let zero = vec![0.0; dim];
            let shape = Shape {
                law: recipe.law,
                around: Some((&zero, &deviations)),
                unit: false,
            };
            exec.parts(&mut centres, dim, |cluster, centre| {
                let mut lanes = lanes(recipe.seed, STREAM_CENTRES, cluster as u64);
                (draws.row)(&mut lanes, &mut Desk::new(), shape, centre);
            });
            for deviation in &mut deviations {
                *deviation *= spread;
            }
        }
        Ok(Self {
            recipe,
            centres,
            deviations,
            draws,
        })
    }

    /// Numbers a row.
    pub const fn dim(&self) -> usize {
        self.recipe.dim
    }

    /// Fills `out`, whole rows one after the other, with the rows from `first` on.
    pub fn fill(&self, first: u64, out: &mut [f32], exec: Exec<'_>) -> Result<()> {
        let dim = self.recipe.dim;
        if !out.len().is_multiple_of(dim) {
            return Err(Error::new(
                Code::Dimension,
                format!(
                    "room for {} numbers, expected a multiple of dim {dim}",
                    out.len()
                ),
            ));
        }
        advise_huge(out);
        let streamed = size_of_val(out) >= STREAMED_BYTES_MIN;
        let (group, head) = self.head(first, out.len() / dim);
        let (head, rest) = out.split_at_mut(head * dim);
        self.group(first, head.chunks_exact_mut(dim));
        let past = self.draws.past.filter(|_| streamed && dim <= DIM_MAX);
        exec.shares(rest, self.keyed_rows() * dim, |at, part| {
            let first = (group + at as u64) * self.keyed_rows() as u64;
            match past {
                Some(past) => self.copied(first, part, past),
                None => self.group(first, part.chunks_exact_mut(dim)),
            }
        });
        Ok(())
    }

    /// Rows of one group from its first on, made in a room and copied past the caches.
    fn copied(&self, first: u64, out: &mut [f32], past: &'static Past) {
        let mut room = Room::new(out, past);
        let mut maker = self.maker(first);
        while let Some(rows) = room.next(self.recipe.dim) {
            for row in rows.chunks_exact_mut(self.recipe.dim) {
                maker.row(row);
            }
        }
    }

    /// Fills rows of a matrix: row `i` of it takes row `i`.
    pub fn fill_matrix(&self, matrix: &mut Matrix, rows: std::ops::Range<usize>, exec: Exec<'_>) {
        let first = rows.start as u64;
        let mut out: Vec<&mut [f32]> = matrix.rows_mut(rows).collect();
        let (group, head) = self.head(first, out.len());
        let (head, rest) = out.split_at_mut(head);
        self.group(first, head.iter_mut().map(|row| &mut **row));
        exec.parts(rest, self.keyed_rows(), |at, part| {
            let first = (group + at as u64) * self.keyed_rows() as u64;
            self.group(first, part.iter_mut().map(|row| &mut **row));
        });
    }

    /// Rows of one key.
    fn keyed_rows(&self) -> usize {
        (KEYED_NUMBERS / self.recipe.dim).max(1)
    }

    /// The first group that begins at or after `first`, and the rows before it.
    fn head(&self, first: u64, rows: usize) -> (u64, usize) {
        let keyed = self.keyed_rows() as u64;
        let group = first.div_ceil(keyed);
        let before = usize::try_from(group * keyed - first).unwrap_or(usize::MAX);
        (group, before.min(rows))
    }

    /// Rows of one group, from row `first` on.
    fn group<'r>(&self, first: u64, rows: impl Iterator<Item = &'r mut [f32]>) {
        let mut rows = rows.peekable();
        if rows.peek().is_some() {
            let mut maker = self.maker(first);
            rows.for_each(|row| maker.row(row));
        }
    }

    /// Makes rows of one group, from row `first` on.
    fn maker(&self, first: u64) -> Maker<'_> {
        let (recipe, keyed) = (&self.recipe, self.keyed_rows() as u64);
        let mut lanes = lanes(recipe.seed, STREAM_ROWS, first / keyed);
        let lines_a_row = recipe.dim.div_ceil(GROUP) * (GROUP * 4 / LINE_BYTES);
        let before = usize::try_from(first % keyed).expect("less than a group");
        skip(self.draws, &mut lanes, before * lines_a_row);
        Maker {
            rows: self,
            lanes,
            desk: Desk::new(),
            number: first,
            centre: self.centre(first),
        }
    }

    /// The centre that a row lies around.
    fn centre(&self, row: u64) -> Option<&[f32]> {
        let Clusters { count, .. } = self.recipe.clusters?;
        let cluster = cluster_of(self.recipe.seed, row, count);
        Some(&self.centres[cluster * self.recipe.dim..][..self.recipe.dim])
    }
}

/// One row of a group after the other.
struct Maker<'m> {
    rows: &'m Rows,
    lanes: Lanes,
    desk: Desk,
    /// Of the next row.
    number: u64,
    /// Around what it lies.
    centre: Option<&'m [f32]>,
}

impl Maker<'_> {
    fn row(&mut self, row: &mut [f32]) {
        let rows = self.rows;
        let shape = Shape {
            law: rows.recipe.law,
            around: self
                .centre
                .map(|centre| (centre, rows.deviations.as_slice())),
            unit: rows.recipe.unit,
        };
        self.number += 1;
        // Centres are met in any order: the next is on its way while this row is made.
        self.centre = rows.centre(self.number);
        prefetch_row(self.centre.unwrap_or_default());
        (rows.draws.row)(&mut self.lanes, &mut self.desk, shape, row);
    }
}

/// The cluster of a row: the square of an even number, so the first have the most.
fn cluster_of(seed: u64, row: u64, count: usize) -> usize {
    let even = rng::value(seed, STREAM_CLUSTER, row) >> 32;
    let square = (even * even) >> 32;
    usize::try_from((square * count as u64) >> 32).expect("less than the count")
}

/// Standard deviations whose squares sum to 1, falling.
#[allow(clippy::cast_precision_loss)] // dimensions are small
fn spectrum(dim: usize) -> Vec<f32> {
    let variance = |j: usize| {
        let t = 1.0 + j as f32 * 0.25;
        1.0 / (t * t.sqrt())
    };
    let sum = (0..dim).fold(0.0, |sum, j| sum + variance(j));
    (0..dim).map(|j| (variance(j) / sum).sqrt()).collect()
}

fn zeros(numbers: usize) -> Result<Vec<f32>> {
    let mut out = Vec::new();
    out.try_reserve_exact(numbers).map_err(|_| {
        let bytes = numbers.saturating_mul(4);
        Error::new(
            Code::Memory,
            format!("centres of clusters need {bytes} bytes, which could not be had"),
        )
    })?;
    out.resize(numbers, 0.0);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::draws::available;

    fn recipes(dim: usize) -> [Recipe; 4] {
        let plain = Recipe {
            dim,
            law: Law::Uniform,
            clusters: None,
            unit: false,
            seed: 6,
        };
        let gaussian = Recipe {
            law: Law::Gaussian,
            ..plain
        };
        let clusters = Some(Clusters {
            count: 7,
            spread: 0.5,
        });
        [
            plain,
            gaussian,
            Recipe {
                clusters,
                unit: true,
                ..gaussian
            },
            Recipe {
                unit: true,
                ..plain
            },
        ]
    }

    fn made(rows: &Rows, first: u64, count: usize, exec: Exec<'_>) -> Vec<f32> {
        let mut out = vec![0.0; count * rows.dim()];
        rows.fill(first, &mut out, exec).unwrap();
        out
    }

    fn bits(floats: &[f32]) -> Vec<u32> {
        floats.iter().map(|x| x.to_bits()).collect()
    }

    /// Wherever rows are asked for, by however many threads, on any instruction set, and into a matrix.
    #[test]
    fn a_row_is_a_function_of_its_number() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3);
        let pool = pool.build().unwrap();
        for dim in [1, 31, 128, 1000, 20_000] {
            let keyed = (KEYED_NUMBERS / dim).max(1);
            let count = (2 * keyed + 3).min(3000);
            for recipe in recipes(dim) {
                let rows = Rows::new(recipe, None, Exec::Serial).unwrap();
                let whole = made(&rows, 0, count, Exec::Serial);
                assert_eq!(
                    bits(&whole),
                    bits(&made(&rows, 0, count, Exec::Pool(&pool)))
                );
                for first in [1, keyed - 1, keyed, keyed + 1, count - 1] {
                    let first = first.min(count - 1);
                    for wanted in [1, 2, count - first] {
                        let wanted = wanted.min(count - first);
                        let part = made(&rows, first as u64, wanted, Exec::Serial);
                        assert_eq!(bits(&part), bits(&whole[first * dim..][..wanted * dim]));
                    }
                }
                let mut matrix = Matrix::try_new(count, dim).unwrap();
                rows.fill_matrix(&mut matrix, 0..1, Exec::Serial);
                rows.fill_matrix(&mut matrix, 1..count, Exec::Pool(&pool));
                for (slot, row) in (0..).zip(whole.chunks_exact(dim)) {
                    assert_eq!(bits(&matrix.row(slot)[..dim]), bits(row));
                }
                for table in available() {
                    let rows = Rows::new(recipe, Some(table.isa), Exec::Serial).unwrap();
                    let part = made(&rows, 0, 3.min(count), Exec::Serial);
                    assert_eq!(bits(&part), bits(&whole[..part.len()]), "{:?}", table.isa);
                }
            }
        }
    }

    /// So many at once that they pass the caches by, from within a group on, into memory of any alignment.
    #[test]
    fn rows_copied_past_the_caches_are_the_same() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2);
        let pool = pool.build().unwrap();
        for (dim, place) in [(7, 5), (100, 0), (128, 3), (4096, 16), (5000, 1)] {
            let recipe = recipes(dim)[2];
            let rows = Rows::new(recipe, None, Exec::Serial).unwrap();
            let count = STREAMED_BYTES_MIN / 4 / dim + 5;
            let mut out = vec![0.0; place + count * dim];
            rows.fill(3, &mut out[place..], Exec::Pool(&pool)).unwrap();
            let step = 1000_usize.div_ceil(dim) * 10;
            for (at, part) in out[place..].chunks(step * dim).enumerate() {
                let first = 3 + (at * step) as u64;
                let single = made(&rows, first, part.len() / dim, Exec::Serial);
                assert_eq!(bits(part), bits(&single), "{dim} from {first}");
            }
        }
    }

    #[test]
    fn different_rows_and_seeds_are_different() {
        let [recipe, ..] = recipes(40);
        let rows = Rows::new(recipe, None, Exec::Serial).unwrap();
        let other = Recipe { seed: 7, ..recipe };
        let other = Rows::new(other, None, Exec::Serial).unwrap();
        let mut all = made(&rows, 0, 2000, Exec::Serial);
        all.extend(made(&other, 0, 2000, Exec::Serial));
        let seen: std::collections::HashSet<_> = all.chunks_exact(40).map(bits).collect();
        assert_eq!(seen.len(), 4000);
    }

    /// Rows of a cluster are nearer to its centre than to others, clusters are of unequal size as
    /// documented, and variances fall as the spectrum says once the mixture is taken back.
    #[test]
    fn clusters_are_what_the_recipe_says() {
        let (dim, count, rows_made) = (64, 16, 8000);
        let recipe = Recipe {
            dim,
            law: Law::Gaussian,
            clusters: Some(Clusters { count, spread: 0.1 }),
            unit: false,
            seed: 3,
        };
        let rows = Rows::new(recipe, None, Exec::Serial).unwrap();
        let out = made(&rows, 0, rows_made, Exec::Serial);
        let mut sizes = vec![0u32; count];
        let mut variance = 0.0;
        for (number, row) in (0..).zip(out.chunks_exact(dim)) {
            let apart = |cluster: usize| -> f32 {
                let centre = &rows.centres[cluster * dim..][..dim];
                row.iter().zip(centre).map(|(x, c)| (x - c) * (x - c)).sum()
            };
            let own = cluster_of(recipe.seed, number, count);
            let nearest = (0..count).min_by(|&a, &b| apart(a).total_cmp(&apart(b)));
            assert_eq!(nearest, Some(own), "row {number}");
            sizes[own] += 1;
            variance += f64::from(apart(own)) / f64::from(u32::try_from(rows_made).unwrap());
        }
        assert!((variance - 0.01).abs() < 0.0005, "{variance}");
        let mut until = 0;
        for (cluster, size) in (1u32..).zip(&sizes) {
            until += size;
            let wanted = 8000.0 * (f64::from(cluster) / 16.0).sqrt();
            // Six standard deviations of a count of 8,000.
            assert!(
                (f64::from(until) - wanted).abs() < 270.0,
                "{cluster}: {until}, {wanted}"
            );
        }
        let falling = spectrum(dim);
        assert!(falling.windows(2).all(|pair| pair[0] > pair[1]));
        let sum: f32 = falling.iter().map(|x| x * x).sum();
        assert!((sum - 1.0).abs() < 1e-5);
    }

    #[test]
    fn room_that_is_no_whole_rows_is_refused() {
        let rows = Rows::new(recipes(5)[0], None, Exec::Serial).unwrap();
        let error = rows.fill(0, &mut [0.0; 12], Exec::Serial).unwrap_err();
        assert_eq!(
            error.to_string(),
            "DIMENSION: room for 12 numbers, expected a multiple of dim 5"
        );
    }
}
