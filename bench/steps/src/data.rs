//! The files' rows: little-endian `f32`, row after row, in the core's matrices.

use crate::Result;
use nearfield::matrix::Matrix;
use nearfield::metric::Metric;
use std::path::Path;

/// What every step is given: rows and questions of one dimension.
pub struct Data {
    pub metric: Metric,
    pub dim: usize,
    /// As the file has them: what the core's index is built of.
    pub raw: Vec<f32>,
    /// As the metric compares them, padded; of length one under cosine, where distances order them as
    /// angles do.
    pub rows: Matrix,
    pub queries: Matrix,
}

impl Data {
    /// Reads both files. A metric by which distances do not order rows is refused.
    pub fn read(base: &Path, queries: &Path, dim: usize, metric: &str) -> Result<Self> {
        let read = |path| numbers(path, dim);
        Self::new(read(base)?, &read(queries)?, dim, metric)
    }

    pub fn new(raw: Vec<f32>, queries: &[f32], dim: usize, metric: &str) -> Result<Self> {
        let metric = Metric::parse(metric)
            .filter(|&metric| metric != Metric::Ip)
            .ok_or_else(|| format!("expected metric l2 or cosine, received {metric}"))?;
        Ok(Self {
            rows: prepared(&raw, dim, metric)?,
            queries: prepared(queries, dim, metric)?,
            metric,
            dim,
            raw,
        })
    }
}

fn numbers(path: &Path, dim: usize) -> Result<Vec<f32>> {
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
    let (words, rest) = bytes.as_chunks::<4>();
    if words.is_empty() || !rest.is_empty() || !words.len().is_multiple_of(dim) {
        let length = bytes.len();
        return Err(format!(
            "{name}: expected rows of {dim} floats, received {length} bytes"
        ));
    }
    Ok(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
}

fn prepared(values: &[f32], dim: usize, metric: Metric) -> Result<Matrix> {
    let mut matrix = Matrix::try_new(values.len() / dim, dim).map_err(|error| error.to_string())?;
    let count = matrix.len();
    for (row, values) in matrix.rows_mut(0..count).zip(values.chunks_exact(dim)) {
        row.copy_from_slice(values);
        metric.prepare(row);
    }
    Ok(matrix)
}
