//! `wasm-bindgen` names for [`nearfield::boundary`]. It decides nothing: no defaults, no checks, no
//! loops over data. Errors cross as `CODE: message`; a panic crosses as wasm-bindgen's `PanicError`.
//!
//! ```text
//! Floats ─ memory JavaScript fills ─┬─ Builder ── step … finish ──┐
//!                                   ├─ Index.search_batch         ├─ Index ── stage, search, keys, read_file
//!                                   └─ Adder ── step … finish ────┤
//!                      Loader ── write … finish ──────────────────┘
//! Index.lend ── search_lent, by a page
//! Generator ── fill ─ room JavaScript reads          Dataset ── fill, or step … build ── Builder
//! ```

#![cfg_attr(feature = "threads", feature(stdarch_wasm_atomic_wait))]
#![allow(clippy::needless_pass_by_value)] // wasm-bindgen hands over owned strings and vectors
#![allow(clippy::too_many_arguments)] // numbers cross one by one: an object would cost more than the call

#[cfg(all(
    target_arch = "wasm32",
    feature = "threads",
    not(target_feature = "atomics")
))]
compile_error!("feature `threads` needs -C target-feature=+atomics and -Z build-std");
#[cfg(all(
    target_arch = "wasm32",
    not(feature = "threads"),
    target_feature = "atomics"
))]
compile_error!("-C target-feature=+atomics needs feature `threads`");

mod columns;
mod fault;
mod generator;
#[cfg(feature = "threads")]
mod lent;
mod makers;
mod pool;
#[cfg(feature = "replay")]
mod replay;

use columns::{Floats, Hits, Keys, zeros};
use nearfield::boundary;
use nearfield::error::Error;
use std::sync::Arc;
use wasm_bindgen::prelude::*;

#[cfg(feature = "threads")]
pub use wasm_bindgen_rayon::init_thread_pool;

fn thrown(error: Error) -> JsError {
    JsError::new(&error.to_string())
}

#[wasm_bindgen]
unsafe extern "C" {
    /// Milliseconds since whenever.
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

/// The kernels' instruction set.
#[wasm_bindgen]
pub fn simd() -> String {
    boundary::simd().to_owned()
}

/// The module's memory, for views over [`Floats`] and [`Index::stage`].
#[wasm_bindgen]
pub fn linear_memory() -> JsValue {
    wasm_bindgen::memory()
}

/// See [`boundary::Index`]. Single queries go through a stage: a query, slots and distances at fixed
/// places in memory, so that a call carries only numbers.
#[wasm_bindgen]
pub struct Index {
    inner: Arc<boundary::Index>,
    query: Vec<f32>,
    slots: Vec<u32>,
    distances: Vec<f32>,
}

impl Index {
    fn new(inner: boundary::Index) -> Self {
        Self::sharing(Arc::new(inner))
    }

    fn sharing(inner: Arc<boundary::Index>) -> Self {
        Self {
            inner,
            query: Vec::new(),
            slots: Vec::new(),
            distances: Vec::new(),
        }
    }
}

#[wasm_bindgen]
impl Index {
    /// An index without rows, made to take them.
    pub fn empty(options: &str) -> Result<Index, JsError> {
        boundary::Index::empty(options)
            .map(Self::new)
            .map_err(thrown)
    }

    /// An index of its own that stays as this one is now.
    pub fn freeze(&self) -> Result<Index, JsError> {
        self.inner.freeze().map(Self::new).map_err(thrown)
    }

    /// The core's JSON description.
    pub fn describe(&self) -> String {
        self.inner.info()
    }

    /// Rows.
    pub fn size(&self) -> u32 {
        self.inner.size()
    }

    /// Numbers a vector.
    pub fn dim(&self) -> u32 {
        self.inner.dim()
    }

    /// The key of every slot.
    pub fn keys(&self) -> Option<Keys> {
        self.inner.keys().map(Keys)
    }

    /// Makes room for a query of `floats` numbers and `hits` answers; [`query_at`](Self::query_at)
    /// and its neighbours say where. Valid until the next call of this.
    pub fn stage(&mut self, floats: usize, hits: usize) -> Result<(), JsError> {
        self.query = zeros(floats)?;
        self.slots = zeros(hits)?;
        self.distances = zeros(hits)?;
        Ok(())
    }

    /// Where the staged query goes.
    pub fn query_at(&mut self) -> *mut f32 {
        self.query.as_mut_ptr()
    }

    /// Where slots are answered.
    pub fn slots_at(&self) -> *const u32 {
        self.slots.as_ptr()
    }

    /// Where distances are answered.
    pub fn distances_at(&self) -> *const f32 {
        self.distances.as_ptr()
    }

    /// Answers the staged query, returns how many.
    pub fn search(
        &mut self,
        k: u32,
        effort: u32,
        exact: bool,
        rerank: bool,
    ) -> Result<usize, JsError> {
        let params = boundary::SearchParams {
            k,
            effort,
            exact,
            rerank,
        };
        let (slots, distances) = (&mut self.slots, &mut self.distances);
        self.inner
            .search_into(&self.query, params, slots, distances)
            .map_err(thrown)
    }

    /// Answers `rows` queries.
    pub fn search_batch(
        &self,
        queries: Floats,
        rows: usize,
        k: u32,
        effort: u32,
        exact: bool,
        rerank: bool,
        threads: u32,
    ) -> Result<Hits, JsError> {
        let params = boundary::SearchParams {
            k,
            effort,
            exact,
            rerank,
        };
        let wide = rows.saturating_mul(k as usize);
        let mut hits = Hits {
            slots: zeros(wide)?,
            distances: zeros(wide)?,
            counts: zeros(rows)?,
        };
        let out = &mut hits;
        pool::run(threads, move |exec| {
            let Hits {
                slots,
                distances,
                counts,
            } = out;
            self.inner
                .search_batch(&queries.0, params, exec, slots, distances, counts)
        })
        .map_err(thrown)?;
        Ok(hits)
    }

    /// What a search for the staged query does, as JSON.
    pub fn explain(
        &self,
        k: u32,
        effort: u32,
        exact: bool,
        rerank: bool,
    ) -> Result<String, JsError> {
        let params = boundary::SearchParams {
            k,
            effort,
            exact,
            rerank,
        };
        self.inner
            .explain(&self.query, params, &now)
            .map_err(thrown)
    }

    /// The length of the index's file.
    pub fn file_bytes(&self) -> u64 {
        self.inner.file_bytes()
    }

    /// `bytes` of the file from `offset`.
    pub fn read_file(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, JsError> {
        let mut out = zeros(bytes)?;
        self.inner.read_file(offset, &mut out).map_err(thrown)?;
        Ok(out)
    }

    /// The length of the file in hnswlib's form.
    pub fn export_bytes(&self) -> Result<u64, JsError> {
        self.inner.export_bytes().map_err(thrown)
    }

    /// `bytes` from `offset` of the file in hnswlib's form.
    pub fn read_export(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, JsError> {
        let mut out = zeros(bytes)?;
        self.inner.read_export(offset, &mut out).map_err(thrown)?;
        Ok(out)
    }

    /// Walks every invariant.
    pub fn check(&self) -> Result<(), JsError> {
        self.inner.check().map_err(thrown)
    }
}
