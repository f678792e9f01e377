//! The truth: every row, in f64, ties by row.

/// How rows are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Σ (a − b)².
    L2,
    /// 1 − Σ a b.
    Ip,
    /// 1 − cos; 1 where either is zero.
    Cosine,
}

/// The distance of two vectors.
///
/// # Panics
/// Where their lengths differ.
pub fn distance(measure: Measure, a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum = |f: fn(f64, f64) -> f64| -> f64 {
        a.iter()
            .zip(b)
            .map(|(&x, &y)| f(f64::from(x), f64::from(y)))
            .sum()
    };
    match measure {
        Measure::L2 => sum(|x, y| (x - y) * (x - y)),
        Measure::Ip => 1.0 - sum(|x, y| x * y),
        Measure::Cosine => {
            let norms = (sum(|x, _| x * x) * sum(|_, y| y * y)).sqrt();
            if norms == 0.0 {
                1.0
            } else {
                1.0 - sum(|x, y| x * y) / norms
            }
        }
    }
}

/// The `k` nearest rows of `data` (row-major) with their distances, nearest first.
pub fn nearest(measure: Measure, data: &[f32], query: &[f32], k: usize) -> Vec<(usize, f64)> {
    let mut all: Vec<_> = data
        .chunks_exact(query.len())
        .map(|row| distance(measure, query, row))
        .enumerate()
        .collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    all.truncate(k);
    all
}

/// The share of answers no farther than the true `k`-th neighbour: ties count, as they should.
#[allow(clippy::cast_precision_loss)] // counts of a test
pub fn recall(
    measure: Measure,
    data: &[f32],
    query: &[f32],
    truth: &[(usize, f64)],
    answers: &[u32],
) -> f64 {
    let Some(&(_, farthest)) = truth.last() else {
        return 1.0;
    };
    let slack = 1e-5 * farthest.abs().max(1e-3);
    let good = answers
        .iter()
        .map(|&slot| &data[slot as usize * query.len()..][..query.len()])
        .filter(|row| distance(measure, query, row) <= farthest + slack)
        .count();
    good as f64 / truth.len() as f64
}
