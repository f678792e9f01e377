//! Rows of codes that one call scores, whatever their number: around four sums at a time there is more to do than short
//! rows are. Who calls says which others come next.
//!
//! ```text
//! short rows   all are asked for, then scored
//! long ones    those ahead are asked for line by line, at the pace of scoring
//! ```

use super::codes::{Codes, QueryCode};
use crate::ids::Slot;
use crate::kernels::{
    CodeRows, ROW_SCORES, ROWS_AHEAD, RowScorer, RowScores, RowsAsked, is_short, prefetch_bytes,
};

/// Rows of codes and the code of a query.
#[derive(Clone, Copy, Debug)]
pub struct CodedRows<'a> {
    query: &'a [u8],
    rows: CodeRows<'a>,
    kernel: RowScorer,
}

impl<'a> CodedRows<'a> {
    /// Of a row `read` bytes are codes that kernels read; sums are too large by `less`.
    pub(super) fn of(
        codes: &Codes<'a>,
        query: &'a QueryCode,
        (read, less): (usize, i32),
        kernel: RowScorer,
    ) -> Self {
        Self {
            query: &query.codes,
            rows: CodeRows {
                bytes: codes.bytes(),
                stride: codes.stride(),
                read,
                factor: query.factor,
                less,
            },
            kernel,
        }
    }

    /// Whether rows are so short that all which will be scored are best asked for at once.
    #[inline]
    pub const fn are_short(&self) -> bool {
        is_short(self.rows.stride)
    }

    /// Says that these will be scored soon.
    #[inline]
    pub fn prefetch(&self, slots: &[Slot]) {
        for &slot in slots {
            prefetch_bytes(self.address(slot), self.rows.stride);
        }
    }

    /// Where a row lies, or would: for hints alone.
    #[inline]
    pub(super) fn address(&self, slot: Slot) -> usize {
        self.rows.address(slot)
    }

    /// Writes the scores of rows, the same bits as one by one; a bit for each that is near.
    ///
    /// # Panics
    /// Where there is no such slot, or there are more than [`ROW_SCORES`](crate::kernels::ROW_SCORES).
    #[inline]
    pub fn score(&self, asked: RowsAsked<'_>, out: &mut RowScores) -> u32 {
        (self.kernel)(self.query, &self.rows, asked, out)
    }

    /// Tells the score of each of these in order, asking for rows before it is their turn.
    pub(super) fn tell_all(&self, slots: &[Slot], mut told: impl FnMut(Slot, f32)) {
        let mut scores = [0.0; ROW_SCORES];
        let at_once = if self.are_short() {
            ROW_SCORES
        } else {
            ROWS_AHEAD
        };
        let soon = |rest: &[Slot]| at_once.min(rest.len());
        self.prefetch(&slots[..soon(slots)]);
        let mut rest = slots;
        while !rest.is_empty() {
            let (some, after) = rest.split_at(ROW_SCORES.min(rest.len()));
            if self.are_short() {
                self.prefetch(&after[..soon(after)]);
            }
            let asked = RowsAsked {
                slots: some,
                ahead: &after[..ROWS_AHEAD.min(after.len())],
                limit: f32::INFINITY,
            };
            self.score(asked, &mut scores);
            for (&slot, &score) in some.iter().zip(&scores) {
                told(slot, score);
            }
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Encoder, Form, QueryCode, Scorer, by_code};
    use crate::exec::Exec;
    use crate::index::codes::CodeSections;
    use crate::kernels::available;
    use crate::matrix::Matrix;
    use crate::metric::Metric;
    use crate::rng;

    const ROWS: usize = 90;

    fn random(turn: usize, at: usize) -> f32 {
        let bits = rng::value(5, turn as u64, at as u64) >> 48;
        f32::from(u16::try_from(bits).unwrap()) / 4096.0 - 8.0
    }

    /// Compares one call for many with one for each; how many such calls there were.
    fn compare(scorer: &impl Scorer, name: &str) -> usize {
        let Some(rows) = scorer.coded_rows() else {
            return 0;
        };
        for count in 0..=ROW_SCORES {
            let slot = |at: usize| u32::try_from((at * 37 + count) % ROWS).unwrap();
            let slots: Vec<_> = (0..count).map(slot).collect();
            // One of them is nowhere: hints need not be right.
            let mut ahead: Vec<_> = (0..count % (ROWS_AHEAD + 1)).map(slot).collect();
            ahead.iter_mut().take(1).for_each(|slot| *slot = u32::MAX);
            rows.prefetch(&ahead);
            let expected: Vec<_> = slots.iter().map(|&slot| scorer.score(slot)).collect();
            let some = expected.get(count / 2).copied().unwrap_or(0.0);
            for limit in [some, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
                let mut scores = [f32::NAN; ROW_SCORES];
                let (slots, ahead) = (&slots[..], &ahead[..]);
                let asked = RowsAsked {
                    slots,
                    ahead,
                    limit,
                };
                let near = rows.score(asked, &mut scores);
                for (at, score) in scores.iter().enumerate() {
                    let is_near = near >> at & 1 == 1;
                    let Some(expected) = expected.get(at) else {
                        assert!(!is_near, "{name}: {at} of {count}");
                        continue;
                    };
                    assert_eq!(score.to_bits(), expected.to_bits(), "{name}: {at}");
                    let above = *expected > limit;
                    assert_eq!(is_near, !above, "{name}: {expected} by {limit}");
                }
            }
        }
        1
    }

    #[test]
    fn one_call_scores_as_many_do() {
        let mut compared = 0;
        for dim in [1, 4, 24, 50, 63, 64, 100, 129, 300, 768] {
            let mut matrix = Matrix::try_new(ROWS, dim).unwrap();
            for row in 0..ROWS {
                let numbers = matrix.row_mut(Slot::try_from(row).unwrap()).iter_mut();
                let numbers = numbers.take(dim).enumerate();
                // One is nothing but zeros, and one far away.
                let factor = if row == 7 { 0.0 } else { 1.0 } + if row == 9 { 1e6 } else { 0.0 };
                numbers.for_each(|(at, x)| *x = random(row, at) * factor);
            }
            let query: Vec<_> = (0..dim).map(|at| random(ROWS, at)).collect();
            for metric in [Metric::L2, Metric::Cosine, Metric::Ip] {
                for form in Form::ALL {
                    let mut encoder =
                        Encoder::new(form, matrix.rows(), metric, Exec::Serial).unwrap();
                    while encoder.step(matrix.rows(), Exec::Serial) < ROWS {}
                    let sections = CodeSections::from(encoder);
                    let codes = sections.view();
                    let mut code = QueryCode::default();
                    code.set(metric, &query, codes);
                    for kernels in available() {
                        let name = format!("{:?} {form:?} {metric:?} {dim}", kernels.isa);
                        compared +=
                            by_code!(codes, &code, kernels, |scorer| compare(&scorer, &name));
                    }
                }
            }
        }
        assert_eq!(compared, available().len() * 60);
    }
}
