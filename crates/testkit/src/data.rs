//! Rows to index, row-major.

use crate::random::Random;

#[allow(clippy::cast_possible_truncation)] // fixtures are f32
fn float(x: f64) -> f32 {
    x as f32
}

/// `clusters` Gaussian clouds whose spread decays with the column, as embeddings' spectra do.
/// Neighbouring rows belong to different clusters.
pub fn clustered(rows: usize, dim: usize, clusters: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let spread: Vec<f64> = (0u32..)
        .take(dim)
        .map(|j| 1.0 / (1.0 + 0.1 * f64::from(j)))
        .collect();
    let centres: Vec<f64> = (0..clusters * dim)
        .map(|at| 2.0 * spread[at % dim] * random.normal())
        .collect();
    (0..rows * dim)
        .map(|at| {
            let centre = centres[(at / dim % clusters) * dim + at % dim];
            float(centre + spread[at % dim] * random.normal())
        })
        .collect()
}

/// Small whole numbers: exact in every kernel, and full of ties.
///
/// # Panics
/// Where `side` does not fit a `u16`.
pub fn grid(rows: usize, dim: usize, side: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..rows * dim)
        .map(|_| f32::from(u16::try_from(random.below(side)).expect("a small side")))
        .collect()
}

/// `clusters` tight clouds very far from each other, one after the other.
pub fn far_clusters(rows: usize, dim: usize, clusters: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let centres: Vec<f64> = (0..clusters * dim)
        .map(|_| 1000.0 * random.normal())
        .collect();
    (0..rows * dim)
        .map(|at| {
            let cluster = at / dim * clusters / rows;
            float(centres[cluster * dim + at % dim] + random.normal())
        })
        .collect()
}

/// Points in order along one curve: every row's neighbours are the rows beside it.
pub fn curve(rows: usize, dim: usize) -> Vec<f32> {
    let point = |row: u32, column: u32| {
        let t = f64::from(row) * 0.01;
        float(if column == 0 {
            t
        } else {
            (t * f64::from(column)).sin() / f64::from(column)
        })
    };
    (0u32..)
        .take(rows)
        .flat_map(|row| (0u32..).take(dim).map(move |j| point(row, j)))
        .collect()
}
