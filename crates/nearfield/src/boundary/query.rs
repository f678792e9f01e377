//! An index as the bindings see it: every argument is checked here, once, before the core is asked.

use super::SearchParams;
use super::options::EF_DEFAULT;
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::ids::{KeyColumn, NO_SLOT};
use crate::index::{self, How, hnswlib};
use serde_json::{Value, json};
use std::sync::OnceLock;

/// An index that answers; immutable, so any number of threads may search at once.
#[derive(Debug)]
#[allow(clippy::struct_field_names)] // the core's index is an index too
pub struct Index {
    index: index::Index,
    /// What `auto` chose for kind and codec and why, where it had to.
    chosen: Option<String>,
    /// What writing it as another library's file needs, once somebody asked.
    plan: OnceLock<hnswlib::Plan>,
}

impl Index {
    pub(super) const fn new(index: index::Index, chosen: Option<String>) -> Self {
        Self {
            index,
            chosen,
            plan: OnceLock::new(),
        }
    }

    /// Rows; with [`dim`](Self::dim), what a binding sizes its buffers by.
    pub const fn size(&self) -> u32 {
        self.index.params().rows
    }

    /// Numbers a vector.
    pub const fn dim(&self) -> u32 {
        self.index.params().dim
    }

    /// JSON: `{ size, dim, metric, kind, keys: "rows"|"numbers"|"text", codec, isa, bytes,
    /// M, efConstruction, levels, seed, sections: [{ name, bytes }], chosen }`; what `stats()` shows.
    /// `M` and `efConstruction` are null for a flat index, `chosen` where nothing was left to choose.
    pub fn info(&self) -> String {
        let params = self.index.params();
        let graph = self.index.graph();
        let levels = graph.map_or(
            0,
            |graph| if params.rows == 0 { 0 } else { graph.level + 1 },
        );
        let entries = self.index.layout().entries().iter();
        let sections: Vec<Value> = entries
            .map(|entry| json!({ "name": entry.section.name(), "bytes": entry.bytes }))
            .collect();
        json!({
            "size": params.rows,
            "dim": params.dim,
            "metric": params.metric.name(),
            "kind": if graph.is_some() { "hnsw" } else { "flat" },
            "keys": self.index.keys().name(),
            "M": graph.map(|_| params.m),
            "efConstruction": graph.map(|_| params.ef_construction),
            "seed": params.seed,
            "levels": levels,
            "codec": self.index.codec().name(),
            "isa": self.index.isa().name(),
            "bytes": self.file_bytes(),
            "sections": sections,
            "chosen": self.chosen,
        })
        .to_string()
    }

    /// The nearest rows to `query`, nearest first, ties by slot. `slots` and `distances` hold at
    /// least `min(k, size)`. Returns how many were written. Allocates nothing after warm-up.
    pub fn search_into(
        &self,
        query: &[f32],
        params: SearchParams,
        slots: &mut [u32],
        distances: &mut [f32],
    ) -> Result<usize> {
        let how = how(params)?;
        self.check_query(query)?;
        let wanted = how.k.min(self.size() as usize);
        for (name, room) in [("slots", slots.len()), ("distances", distances.len())] {
            expect(room >= wanted, || {
                format!("{name} holds {room}, expected at least {wanted}")
            })?;
        }
        self.index.search(query, how, slots, distances)
    }

    /// As [`search_into`](Self::search_into) for `queries` row-major; row `i` of `slots` and
    /// `distances` is `k` wide and has `counts[i]` answers.
    pub fn search_batch(
        &self,
        queries: &[f32],
        params: SearchParams,
        exec: Exec<'_>,
        slots: &mut [u32],
        distances: &mut [f32],
        counts: &mut [u32],
    ) -> Result<()> {
        let how = how(params)?;
        let dim = self.dim() as usize;
        let received = queries.len();
        expect(received.is_multiple_of(dim), || {
            format!("queries have {received} numbers, expected a multiple of dim {dim}")
        })?;
        let rows = received / dim;
        expect(counts.len() == rows, || {
            format!(
                "counts holds {}, expected {rows}, one a query",
                counts.len()
            )
        })?;
        for (name, room) in [("slots", slots.len()), ("distances", distances.len())] {
            expect(rows.checked_mul(how.k) == Some(room), || {
                format!("{name} holds {room}, expected {rows} queries × k {}", how.k)
            })?;
        }
        for (row, query) in queries.chunks_exact(dim).enumerate() {
            if let Some(fault) = index::not_finite(query) {
                return Err(index::refuse_not_finite(&format!("query {row}"), fault));
            }
        }
        let outputs = slots
            .chunks_exact_mut(how.k)
            .zip(distances.chunks_exact_mut(how.k));
        let mut answers: Vec<_> = outputs.zip(counts).map(|out| (out, Ok(()))).collect();
        exec.fill(
            &mut answers,
            1,
            || (),
            |(), row, (((slots, distances), count), failed)| {
                let query = &queries[row * dim..][..dim];
                match self.index.search(query, how, slots, distances) {
                    // At most the rows of an index, which a slot can count.
                    Ok(found) => **count = u32::try_from(found).unwrap_or(u32::MAX),
                    Err(error) => *failed = Err(error),
                }
            },
        );
        answers.into_iter().try_for_each(|(_, failed)| failed)
    }

    /// What a search for this query does, as JSON: `{ found, distances: { byCode, byVector },
    /// expanded: [of level 0, 1, …], pool, entry, k, ef, exact, kind, codec, isa, chosen }`. `entry` is
    /// a slot, null where nothing is walked; `ef` is the one that counts.
    pub fn explain(&self, query: &[f32], params: SearchParams) -> Result<String> {
        let how = how(params)?;
        self.check_query(query)?;
        let (trace, found) = self.index.explain(query, how)?;
        let graph = self.index.graph();
        let walked = graph.filter(|graph| !how.exact && graph.entry != NO_SLOT);
        Ok(json!({
            "found": found,
            "distances": { "byCode": trace.by_code, "byVector": trace.by_vector },
            "expanded": trace.expanded,
            "pool": trace.pool,
            "entry": walked.map(|graph| graph.entry),
            "k": how.k,
            "ef": walked.map(|_| how.ef.max(how.k)),
            "exact": walked.is_none(),
            "kind": if graph.is_some() { "hnsw" } else { "flat" },
            "codec": self.index.codec().name(),
            "isa": self.index.isa().name(),
            "chosen": self.chosen,
        })
        .to_string())
    }

    fn check_query(&self, query: &[f32]) -> Result<()> {
        let dim = self.dim() as usize;
        expect(query.len() == dim, || {
            format!("query has {} numbers, expected {dim}", query.len())
        })?;
        match index::not_finite(query) {
            Some(fault) => Err(index::refuse_not_finite("query", fault)),
            None => Ok(()),
        }
    }

    /// The key of every slot; `None` when keys are row numbers.
    pub fn keys(&self) -> Option<KeyColumn> {
        self.index.keys().to_column()
    }

    /// The length of the index's file.
    pub const fn file_bytes(&self) -> u64 {
        self.index.layout().file_bytes()
    }

    /// Copies file bytes `offset..offset + out.len()`.
    pub fn read_file(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.index.read_file(offset, out)
    }

    /// The length of the index's file in the form of hnswlib; an error where it cannot have it.
    pub fn export_bytes(&self) -> Result<u64> {
        Ok(self.plan()?.file_bytes())
    }

    /// Copies bytes `offset..offset + out.len()` of the file in the form of hnswlib.
    pub fn read_export(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.plan()?.read(&self.index, offset, out)
    }

    fn plan(&self) -> Result<&hnswlib::Plan> {
        if let Some(plan) = self.plan.get() {
            return Ok(plan);
        }
        let plan = hnswlib::Plan::new(&self.index)?;
        // Two threads may both make it; they make the same.
        Ok(self.plan.get_or_init(|| plan))
    }

    /// Walks every invariant (reachability too).
    pub fn check(&self) -> Result<()> {
        self.index.check()
    }
}

fn how(params: SearchParams) -> Result<How> {
    if params.k == 0 {
        return Err(Error::new(
            Code::Option,
            "option k must be at least 1, got 0",
        ));
    }
    let ef = if params.ef == 0 {
        EF_DEFAULT
    } else {
        params.ef
    };
    Ok(How {
        k: params.k as usize,
        ef: ef as usize,
        exact: params.exact,
    })
}

fn expect(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::new(Code::Dimension, message()))
    }
}
