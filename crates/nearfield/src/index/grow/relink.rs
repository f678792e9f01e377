//! A batch that is a large part of all rows: these are linked anew, at once, as a build links them.
//!
//! ```text
//! rows and codes ─► (codes of a byte) ─► Link … ─► Repair … ─► Ready: thawed, shown with the batch
//!                    where walks go by others        │
//!          by codes of a byte, or by the vectors ◄───┘ where codes cannot tell some rows apart
//! ```
//! Rounds take several times as long a row as a build does, so from a share of the rows on a whole build is quicker,
//! and the graph is a build's. Invariants: the graph that searches walk is not touched; all that becomes of the
//! batch is in here until [`take_graph`](Growing::take_graph), so who gives it up drops it.

use super::codes::GrowingCodes;
use super::{Batch, Growing};
use crate::codec::{Codes, Encoder, Form, Stored};
use crate::error::Result;
use crate::exec::Exec;
use crate::hnsw::{BuildPhase, GrowingGraph, HnswBuilder, StepReport};
use std::ops::RangeInclusive;

/// Rows there are for each of a batch, at most: beyond them rounds are quicker.
const ROWS_A_NEWCOMER: usize = 3;

/// `M` that a build takes. A file may have another.
const M_BUILT: RangeInclusive<usize> = 2..=128;

/// A build of the graph of all rows.
#[derive(Debug)]
pub struct Relink {
    stage: Stage,
    /// Codes to link by, where walks go by others.
    links: Option<GrowingCodes>,
    walks: Walks,
    /// Rows that were repaired when linking began again.
    repaired: usize,
}

/// What walks are to go by. Where codes cannot tell some rows apart and nobody asked for them, they are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walks {
    /// The batch's codes, if it has any.
    Planned,
    /// The codes that rows are linked by.
    Links,
    Vectors,
}

#[derive(Debug)]
enum Stage {
    Encode(Box<Encoder>, Box<HnswBuilder>),
    Link(Box<HnswBuilder>),
    Repair(Box<HnswBuilder>),
    Ready(Box<GrowingGraph>),
    /// A step failed.
    Failed,
}

impl Growing {
    /// A build of all rows, where that is the way to link the batch.
    pub fn relinking(&self, exec: Exec<'_>) -> Result<Option<Relink>> {
        let (Some(graph), Some(batch)) = (&self.graph, &self.batch) else {
            return Ok(None);
        };
        if !self.is_large(batch) || !M_BUILT.contains(&graph.params().m) {
            return Ok(None);
        }
        let (rows, metric) = (self.vectors.rows(), self.params.metric);
        let builder = Box::new(HnswBuilder::new(
            rows,
            metric,
            self.kernels,
            graph.params(),
            exec,
        ));
        // Many may be copies of few.
        if !builder.is_at_once() {
            return Ok(None);
        }
        let form = self.stored().codes.map(|codes| codes.form());
        let stage = match form {
            Some(Form::Sq4) => {
                let encoder = Encoder::new(Form::Sq8, rows, metric, exec)?;
                Stage::Encode(Box::new(encoder), builder)
            }
            Some(Form::Sq8) | None => Stage::Link(builder),
        };
        Ok(Some(Relink {
            stage,
            links: None,
            walks: Walks::Planned,
            repaired: 0,
        }))
    }

    /// Whether rows are so many of all that these are linked anew.
    pub(super) fn is_large(&self, batch: &Batch) -> bool {
        let share = self.shown_rows() <= ROWS_A_NEWCOMER * batch.rows as usize;
        share && self.vectors.len() >= HnswBuilder::AT_ONCE_MIN
    }

    /// A step of it.
    ///
    /// # Panics
    /// After one that failed.
    pub fn relink(&self, relink: &mut Relink, exec: Exec<'_>) -> Result<StepReport> {
        let rows = self.vectors.len();
        let (next, phase, done) = match std::mem::replace(&mut relink.stage, Stage::Failed) {
            Stage::Encode(mut encoder, builder) => {
                let next = if encoder.step(self.vectors.rows(), exec) < rows {
                    Stage::Encode(encoder, builder)
                } else {
                    relink.links = Some(GrowingCodes::from(*encoder));
                    Stage::Link(builder)
                };
                (next, BuildPhase::Link, 0)
            }
            Stage::Link(mut builder) => {
                let report = builder.step(self.relinked_by(relink, true), exec)?;
                if report.phase == BuildPhase::Link && report.done < report.total {
                    (Stage::Link(builder), BuildPhase::Link, report.done)
                } else {
                    if builder.crowded() && self.gives_up(relink) {
                        relink.walks = Walks::Vectors;
                        builder.repair_again();
                    }
                    (Stage::Repair(builder), BuildPhase::Repair, 0)
                }
            }
            Stage::Repair(mut builder) => {
                let report = builder.step(self.relinked_by(relink, false), exec)?;
                if builder.crowded() && self.gives_up(relink) {
                    let links = relink.links.is_some() && relink.walks == Walks::Planned;
                    relink.walks = if links { Walks::Links } else { Walks::Vectors };
                    relink.repaired = relink.repaired.max(report.done);
                    if builder.linked_by_codes() && !links {
                        builder.link_again();
                        (Stage::Link(builder), BuildPhase::Repair, 0)
                    } else {
                        builder.repair_again();
                        (Stage::Repair(builder), BuildPhase::Repair, 0)
                    }
                } else if report.phase == BuildPhase::Done {
                    let graph = Box::new(self.thawed(*builder, exec));
                    (Stage::Ready(graph), BuildPhase::Done, rows)
                } else {
                    (Stage::Repair(builder), BuildPhase::Repair, report.done)
                }
            }
            Stage::Ready(graph) => (Stage::Ready(graph), BuildPhase::Done, rows),
            Stage::Failed => panic!("a step failed"),
        };
        relink.stage = next;
        // Who links again has left linking behind.
        let again = relink.repaired > 0 && phase == BuildPhase::Link;
        let done = if again { 0 } else { done }.max(relink.repaired);
        Ok(StepReport {
            phase: if again { BuildPhase::Repair } else { phase },
            done: done.min(rows),
            total: rows,
        })
    }

    /// Puts the graph in the place of the one there is, once the batch is shown.
    ///
    /// # Panics
    /// Where steps are left.
    pub fn take_graph(&mut self, relink: Relink) {
        let Stage::Ready(graph) = relink.stage else {
            panic!("steps are left");
        };
        match relink.walks {
            Walks::Planned => {}
            Walks::Links => self.go_on_with(relink.links),
            Walks::Vectors => self.go_on_with(None),
        }
        if let Some(batch) = &mut self.batch {
            batch.graph = Some(graph);
        }
    }

    /// Whether the batch may go on by finer codes, or without.
    fn gives_up(&self, relink: &Relink) -> bool {
        relink.walks != Walks::Vectors && self.plan.codec.is_none() && self.stored().codes.is_some()
    }

    /// What a build sees: the codes to link by, or those that walks go by.
    fn relinked_by<'a>(&'a self, relink: &'a Relink, links: bool) -> Stored<'a> {
        let stored = self.stored();
        let codes: Option<Codes<'a>> = match &relink.links {
            _ if relink.walks == Walks::Vectors => None,
            Some(by) if links || relink.walks == Walks::Links => Some(by.view()),
            _ => stored.codes,
        };
        Stored { codes, ..stored }
    }

    /// The graph that a build made, ready to grow.
    fn thawed(&self, builder: HnswBuilder, exec: Exec<'_>) -> GrowingGraph {
        let rows = self.vectors.rows();
        let Some(graph) = &self.graph else {
            unreachable!("there is a graph to be linked anew");
        };
        let arrays = builder.finish();
        let view = arrays.view(graph.params().m);
        let metric = self.params.metric;
        GrowingGraph::thaw(&view, rows, metric, self.kernels, graph.params(), exec)
    }
}
