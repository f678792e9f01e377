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

use super::{STREAM_CENTRES, STREAM_CLUSTER, STREAM_ROWS, lanes, skip};
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::kernels::Isa;
use crate::kernels::draws::{Desk, Draws, GROUP, LINE_BYTES, Law, Shape, draws};
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
        let (group, head) = self.head(first, out.len() / dim);
        let (head, rest) = out.split_at_mut(head * dim);
        self.group(first, head.chunks_exact_mut(dim));
        exec.parts(rest, self.keyed_rows() * dim, |at, part| {
            let first = (group + at as u64) * self.keyed_rows() as u64;
            self.group(first, part.chunks_exact_mut(dim));
        });
        Ok(())
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
        let mut rows = rows.zip(first..).peekable();
        if rows.peek().is_none() {
            return;
        }
        let (recipe, keyed) = (&self.recipe, self.keyed_rows() as u64);
        let mut lanes = lanes(recipe.seed, STREAM_ROWS, first / keyed);
        let lines_a_row = recipe.dim.div_ceil(GROUP) * (GROUP * 4 / LINE_BYTES);
        let before = usize::try_from(first % keyed).expect("less than a group");
        skip(self.draws, &mut lanes, before * lines_a_row);
        let mut desk = Desk::new();
        for (row, number) in rows {
            let shape = Shape {
                law: recipe.law,
                around: recipe.clusters.map(|Clusters { count, .. }| {
                    let cluster = cluster_of(recipe.seed, number, count);
                    let centre = &self.centres[cluster * recipe.dim..][..recipe.dim];
                    (centre, self.deviations.as_slice())
                }),
                unit: recipe.unit,
            };
            (self.draws.row)(&mut lanes, &mut desk, shape, row);
        }
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
