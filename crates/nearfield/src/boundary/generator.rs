//! Data on demand: bytes by offset, rows by number, and rows the core keeps for an index of them.
//!
//! ```text
//! Generator   options ─► fill(offset, caller's bytes)
//! Dataset     options ─┬► fill(first row, caller's floats)
//!                      └► step, step, … kept rows ─┬► truth(queries)
//!                                                  └► Builder, which takes them as they are
//! ```
//! Neither has a position: what is asked for says where it is, so nothing changes but kept rows.

use super::options::{self, GENERATE, ROWS, Values};
use super::{Phase, Progress, isa_limit};
use crate::codec::F32Scorer;
use crate::datagen::{Clusters, Recipe, Rows, Stream};
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::ids::ROWS_MAX;
use crate::index;
use crate::kernels::draws::Law;
use crate::kernels::{Isa, kernels};
use crate::matrix::Matrix;
use crate::metric::Metric;
use crate::search::{Candidate, exact};

/// Numbers a step makes: some milliseconds of work.
const STEP_NUMBERS: usize = 4 << 20;

/// Bytes of a recipe.
#[derive(Debug)]
pub struct Generator(Stream);

impl Generator {
    /// `options` is JSON; see [`GENERATE`].
    pub fn new(options: &str) -> Result<Self> {
        let values = options::parse(GENERATE, options)?;
        Ok(Self(Stream::new(
            values.integer("size"),
            values.integer("seed"),
            values.number("dedupRatio"),
            values.number("compressRatio"),
            isa_limit(&values),
        )))
    }

    /// Writes the bytes from `offset` on; how many: fewer than there is room at the end alone.
    pub fn fill(&self, offset: u64, out: &mut [u8], exec: Exec<'_>) -> Result<usize> {
        self.0.fill(offset, out, exec)
    }
}

/// Rows of a recipe.
#[derive(Debug)]
pub struct Dataset {
    rows: Rows,
    count: usize,
    metric: Metric,
    isa: Option<Isa>,
    kept: Option<Matrix>,
    done: usize,
}

impl Dataset {
    /// `options` is JSON; see [`ROWS`]. Nothing but the centres of clusters is made yet.
    pub fn new(options: &str, exec: Exec<'_>) -> Result<Self> {
        let values = options::parse(ROWS, options)?;
        let isa = isa_limit(&values);
        let count = usize::try_from(values.integer("rows"))
            .ok()
            .filter(|&rows| rows as u64 <= ROWS_MAX);
        Ok(Self {
            rows: Rows::new(recipe(&values), isa, exec)?,
            count: count.ok_or_else(|| Error::new(Code::Memory, "rows do not fit this machine"))?,
            metric: Metric::parse(values.word("metric")).unwrap_or(Metric::L2),
            isa,
            kept: None,
            done: 0,
        })
    }

    /// Writes rows from `first` on, row-major; an error where there are fewer.
    pub fn fill(&self, first: u64, out: &mut [f32], exec: Exec<'_>) -> Result<()> {
        let rows = (out.len() / self.rows.dim()) as u64;
        if first.saturating_add(rows) > self.count as u64 {
            return Err(Error::new(
                Code::Dimension,
                format!(
                    "{rows} rows from row {first}, expected at most {} in all",
                    self.count
                ),
            ));
        }
        self.rows.fill(first, out, exec)
    }

    /// Makes some more of the rows that are kept.
    pub fn step(&mut self, exec: Exec<'_>) -> Result<Progress> {
        let dim = self.rows.dim();
        let matrix = match &mut self.kept {
            Some(matrix) => matrix,
            None => self.kept.insert(Matrix::try_new(self.count, dim)?),
        };
        let step = (STEP_NUMBERS / matrix.stride()).max(1);
        let end = (self.done + step).min(self.count);
        self.rows.fill_matrix(matrix, self.done..end, exec);
        self.done = end;
        Ok(Progress {
            phase: if end == self.count {
                Phase::Done
            } else {
                Phase::Prepare
            },
            done: end as u64,
            total: self.count as u64,
        })
    }

    /// The kept rows, all of them.
    pub(super) fn into_matrix(self) -> Result<Matrix> {
        self.whole()?;
        Ok(self.kept.expect("whole"))
    }

    fn whole(&self) -> Result<&Matrix> {
        let kept = self.kept.as_ref().filter(|_| self.done == self.count);
        kept.ok_or_else(|| Error::new(Code::Closed, "rows are not kept yet: steps are left"))
    }

    /// The `k` nearest kept rows of every query, by exhaustion: slots and distances, `k` a query,
    /// nearest first and ties by slot. `k` is at most the number of rows.
    pub fn truth(
        &self,
        queries: &[f32],
        k: usize,
        exec: Exec<'_>,
        slots: &mut [u32],
        distances: &mut [f32],
    ) -> Result<()> {
        let matrix = self.whole()?;
        let dim = self.rows.dim();
        let asked = queries.len() / dim;
        let fits = queries.len().is_multiple_of(dim)
            && (1..=self.count).contains(&k)
            && asked.checked_mul(k) == Some(slots.len())
            && slots.len() == distances.len();
        if !fits {
            let (numbers, rows) = (queries.len(), self.count);
            let message = format!(
                "{numbers} numbers and k {k}, expected whole queries of dim {dim}, k from 1 to {rows} and room for both"
            );
            return Err(Error::new(Code::Dimension, message));
        }
        for (row, query) in queries.chunks_exact(dim).enumerate() {
            if let Some(fault) = index::not_finite(query) {
                return Err(index::refuse_not_finite(&format!("query {row}"), fault));
            }
        }
        let pair = self.metric.score_pair(kernels(self.isa));
        let outputs = slots.chunks_exact_mut(k).zip(distances.chunks_exact_mut(k));
        let mut answers: Vec<_> = outputs.map(|out| (out, Ok(()))).collect();
        let one = |at: usize, slots: &mut [u32], distances: &mut [f32]| {
            let mut query = Matrix::try_new(1, dim)?;
            query
                .row_mut(0)
                .copy_from_slice(&queries[at * dim..][..dim]);
            self.metric.prepare(query.row_mut(0));
            let scorer = F32Scorer::new(matrix.rows(), query.row(0), pair);
            let mut nearest: Vec<Candidate> = Vec::new();
            exact::search(&scorer, self.count, k, &mut nearest);
            for ((candidate, slot), distance) in nearest.iter().zip(slots).zip(distances) {
                *slot = candidate.slot();
                *distance = self.metric.distance(candidate.score());
            }
            Ok(())
        };
        exec.fill(
            &mut answers,
            1,
            || (),
            |(), at, ((slots, distances), answer)| *answer = one(at, slots, distances),
        );
        answers.into_iter().try_for_each(|(_, answer)| answer)
    }
}

#[allow(clippy::cast_possible_truncation)] // rounded to what rows are of
fn recipe(values: &Values) -> Recipe {
    let number = |name| usize::try_from(values.integer(name)).expect("the table's limit");
    let law = values.word("distribution");
    Recipe {
        dim: number("dim"),
        law: if law == "uniform" {
            Law::Uniform
        } else {
            Law::Gaussian
        },
        clusters: (law == "clustered").then(|| Clusters {
            count: number("clusters"),
            spread: values.number("spread") as f32,
        }),
        // Cosine is of directions: rows of length 1 have the same, and scores need no more.
        unit: values.flag("normalize") || values.word("metric") == "cosine",
        seed: values.integer("seed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::{Builder, SearchParams};

    #[test]
    fn kept_rows_know_their_neighbours_and_become_an_index_as_they_are() {
        let options = r#"{"rows": 500, "dim": 20, "distribution": "clustered", "clusters": 5}"#;
        let mut dataset = Dataset::new(options, Exec::Serial).unwrap();
        let mut plain = vec![0.0; 500 * 20];
        dataset.fill(0, &mut plain, Exec::Serial).unwrap();
        let mut answer = ([0; 6], [0.0; 6]);
        let ask = |dataset: &Dataset, (slots, distances): &mut ([u32; 6], [f32; 6])| {
            dataset.truth(&plain[200..240], 3, Exec::Serial, slots, distances)
        };
        let early = ask(&dataset, &mut answer).unwrap_err();
        assert_eq!(early.code(), Code::Closed);
        while dataset.step(Exec::Serial).unwrap().phase != Phase::Done {}
        ask(&dataset, &mut answer).unwrap();
        // The queries are rows 10 and 11 themselves.
        assert_eq!((answer.0[0], answer.0[3]), (10, 11));
        assert!(answer.1[0] == 0.0 && answer.1[1] > 0.0 && answer.1[1] <= answer.1[2]);
        let mut builder =
            Builder::of_dataset(dataset, r#"{"dim": 20, "kind": "flat"}"#, None).unwrap();
        while builder.step(Exec::Serial).unwrap().phase != Phase::Done {}
        let index = builder.finish().unwrap();
        let params = SearchParams {
            k: 3,
            effort: 0,
            exact: true,
            rerank: true,
        };
        let mut found = ([0; 3], [0.0; 3]);
        let (slots, distances) = (&mut found.0, &mut found.1);
        index
            .search_into(&plain[220..240], params, slots, distances)
            .unwrap();
        assert_eq!(
            (&found.0[..], &found.1[..]),
            (&answer.0[3..], &answer.1[3..])
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refusals = [
            (r#"{"size": 0}"#, "option size must be an integer from 1 to"),
            (
                r#"{"size": 9, "dedupRatio": 0.5}"#,
                "option dedupRatio must be a number from 1 to 1000000, got 0.5",
            ),
            (
                r#"{"size": 9, "compressRatio": null}"#,
                "option compressRatio must be a number",
            ),
        ];
        for (options, says) in refusals {
            let error = Generator::new(options).unwrap_err();
            assert!(
                error.code() == Code::Option && error.message().contains(says),
                "{error}"
            );
        }
        let dataset = Dataset::new(r#"{"rows": 3, "dim": 2}"#, Exec::Serial).unwrap();
        let error = dataset.fill(2, &mut [0.0; 4], Exec::Serial).unwrap_err();
        assert_eq!(
            error.message(),
            "2 rows from row 2, expected at most 3 in all"
        );
    }
}
