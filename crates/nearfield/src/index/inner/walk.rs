//! A search's walks through the graphs of the zones it probes.

use super::InnerView;
use crate::codec::{Codes, QueryCode, Sq8Scorer};
use crate::hnsw::forest;
use crate::hnsw::trace::Trace;
use crate::kernels::Kernels;
use crate::search::{Buffers, Candidate};
use crate::zones::{Within, Zone};

/// The walks of one query.
#[derive(Debug)]
pub struct Walks<'a> {
    /// What is walked.
    pub inner: InnerView<'a>,
    /// By which rows are compared.
    pub codes: Codes<'a>,
    /// Of the query.
    pub code: &'a QueryCode,
    /// Of the index.
    pub kernels: &'static Kernels,
    /// Rows a walk finds.
    pub ef: usize,
    /// Of a walk.
    pub buffers: &'a mut Buffers,
    /// What the walks do, where somebody asks.
    pub counts: Option<Trace>,
}

impl Within for Walks<'_> {
    fn nearest(&mut self, zone: Zone, found: &mut Vec<Candidate>) -> usize {
        let linked = self.inner.linked[zone as usize] as usize;
        if linked > 0 {
            let scorer = Sq8Scorer::new(self.codes, self.code, self.kernels);
            let root = self.inner.roots[zone as usize];
            let (graph, ef) = (&self.inner.graph, self.ef);
            let out = (&mut *self.buffers, found);
            match &mut self.counts {
                Some(counts) => forest::search_counted(graph, root, &scorer, ef, out, counts),
                None => forest::search(graph, root, &scorer, ef, out),
            }
        }
        linked
    }
}
