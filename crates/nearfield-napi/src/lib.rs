//! Node-API names for the boundary: typed arrays in, typed arrays out, nothing decided here.
//!
//! ```text
//! synchronous call ── task::guard ─────────────┐
//! asynchronous call ── copies ── task::promise ┼── nearfield::boundary
//!                                pools::threads ┘
//! ```
//! Invariants: synchronous calls borrow JavaScript's memory, asynchronous ones own a copy; every
//! export catches panics; a handle is emptied while a mutating call runs, so a panic closes it.
//! Errors are `CODE: message`.

#![allow(clippy::needless_pass_by_value)] // Node-API hands over owned strings
#![allow(clippy::too_many_arguments)] // numbers cross one by one: an object would cost more than the call

mod arrays;
mod generator;
mod handle;
mod makers;
mod numa;
mod pools;
mod task;

use arrays::{Hits, Keys, count, disjoint, room};
use handle::Handle;
use napi::bindgen_prelude::{Float32ArraySlice, Uint8Array, Uint32ArraySlice};
use napi::{Env, Error, Result};
use napi_derive::napi;
use nearfield::boundary::{self, SearchParams};
use pools::Threads;
use std::sync::Arc;
use task::{Promised, clock, guard, promise, refuse};

/// Answers are at most `k`, a u32.
fn narrow(found: usize) -> u32 {
    u32::try_from(found).unwrap_or(u32::MAX)
}

fn params(k: f64, effort: f64, exact: bool, rerank: bool) -> Result<SearchParams> {
    Ok(SearchParams {
        k: count("k", k)?,
        effort: count("effort", effort)?,
        exact,
        rerank,
    })
}

fn pool(env: Env, threads: f64) -> Result<Threads> {
    pools::threads(env, count("threads", threads)?, false)
}

/// An index that answers.
#[napi]
pub struct Index(Handle<Arc<boundary::Index>>);

impl Index {
    fn of(index: boundary::Index) -> Self {
        Self(Handle::new(Arc::new(index), "index"))
    }
}

#[napi]
impl Index {
    /// Maps the file at `path`. It must not be cut shorter while the index lives.
    #[napi(catch_unwind)]
    pub fn open_mapped(
        env: Env,
        path: String,
        options: String,
        threads: f64,
    ) -> Result<Promised<Index>> {
        let pool = pool(env, threads)?;
        Ok(promise(move || {
            let map = makers::map(&path)?;
            let index = boundary::Index::open_mapped(Arc::new(map), &options, pool.exec());
            Ok(Index::of(index.map_err(refuse)?))
        }))
    }

    /// An index without rows, made to take them.
    #[napi(factory, catch_unwind)]
    pub fn empty(options: String) -> Result<Self> {
        guard(|| Ok(Self::of(boundary::Index::empty(&options).map_err(refuse)?)))
    }

    /// An index of its own that stays as this one is now.
    #[napi(catch_unwind)]
    pub fn freeze(&self) -> Result<Promised<Index>> {
        let index = self.0.get()?;
        Ok(promise(move || {
            Ok(Index::of(index.freeze().map_err(refuse)?))
        }))
    }

    /// The core's JSON description.
    #[napi(catch_unwind)]
    pub fn describe(&self) -> Result<String> {
        guard(|| Ok(self.0.get()?.info()))
    }

    /// The key of every slot; `null` when keys are row numbers.
    #[napi(catch_unwind)]
    pub fn keys(&self) -> Result<Promised<Option<Keys>>> {
        let index = self.0.get()?;
        Ok(promise(move || Ok(index.keys().map(arrays::keys_out))))
    }

    /// The nearest rows, written into the caller's arrays; how many.
    #[napi(catch_unwind)]
    pub fn search_into(
        &self,
        query: &[f32],
        k: f64,
        effort: f64,
        exact: bool,
        rerank: bool,
        mut slots: Uint32ArraySlice,
        mut distances: Float32ArraySlice,
    ) -> Result<u32> {
        guard(|| {
            disjoint(query, &slots, &distances)?;
            let params = params(k, effort, exact, rerank)?;
            // SAFETY: the three ranges were just found disjoint, and JavaScript's thread is inside
            // this call, so nothing detaches or resizes them. Memory another worker shares may
            // change under us: both types accept every bit pattern.
            let (slots, distances) = unsafe { (slots.as_mut(), distances.as_mut()) };
            let found = self.0.get()?.search_into(query, params, slots, distances);
            found.map(narrow).map_err(refuse)
        })
    }

    /// The nearest rows; the query is copied.
    #[napi(catch_unwind)]
    pub fn search(
        &self,
        query: &[f32],
        k: f64,
        effort: f64,
        exact: bool,
        rerank: bool,
    ) -> Result<Promised<Hits>> {
        let (index, query) = (self.0.get()?, query.to_vec());
        let params = params(k, effort, exact, rerank)?;
        Ok(promise(move || {
            let width = params.k.min(index.size().max(1)); // rows may come meanwhile
            let (mut slots, mut distances) = (room(width, 1)?, room(width, 1)?);
            let found = index.search_into(&query, params, &mut slots, &mut distances);
            Ok(Hits::new(
                slots,
                distances,
                vec![found.map(narrow).map_err(refuse)?],
            ))
        }))
    }

    /// As `search` for row-major queries; row `i` is `k` wide and has `counts[i]` answers.
    #[napi(catch_unwind)]
    pub fn search_batch(
        &self,
        env: Env,
        queries: &[f32],
        k: f64,
        effort: f64,
        exact: bool,
        rerank: bool,
        threads: f64,
    ) -> Result<Promised<Hits>> {
        let (index, queries, params) = (
            self.0.get()?,
            queries.to_vec(),
            params(k, effort, exact, rerank)?,
        );
        let pool = pool(env, threads)?;
        Ok(promise(move || {
            let rows = queries.len() / index.dim() as usize;
            let (mut slots, mut distances) = (room(params.k, rows)?, room(params.k, rows)?);
            let mut counts = room(1, rows)?;
            index
                .search_batch(
                    &queries,
                    params,
                    pool.exec(),
                    &mut slots,
                    &mut distances,
                    &mut counts,
                )
                .map_err(refuse)?;
            Ok(Hits::new(slots, distances, counts))
        }))
    }

    /// What a search does, as JSON; the query is copied.
    #[napi(catch_unwind)]
    pub fn explain(
        &self,
        query: &[f32],
        k: f64,
        effort: f64,
        exact: bool,
        rerank: bool,
    ) -> Result<Promised<String>> {
        let (index, query) = (self.0.get()?, query.to_vec());
        let params = params(k, effort, exact, rerank)?;
        Ok(promise(move || {
            index.explain(&query, params, &clock()).map_err(refuse)
        }))
    }

    /// File bytes from `offset`.
    #[napi(catch_unwind)]
    pub fn read_file(&self, offset: f64, bytes: f64) -> Result<Promised<Uint8Array>> {
        let (index, offset) = (self.0.get()?, arrays::size("offset", offset)?);
        let bytes = count("bytes", bytes)?;
        Ok(promise(move || {
            let mut out = room(bytes, 1)?;
            index.read_file(offset, &mut out).map_err(refuse)?;
            Ok(out.into())
        }))
    }

    /// The length of the file in hnswlib's form.
    #[napi(catch_unwind)]
    pub fn export_bytes(&self) -> Result<f64> {
        guard(|| {
            Ok(arrays::number(
                self.0.get()?.export_bytes().map_err(refuse)?,
            ))
        })
    }

    /// Bytes from `offset` of the file in hnswlib's form.
    #[napi(catch_unwind)]
    pub fn read_export(&self, offset: f64, bytes: f64) -> Result<Promised<Uint8Array>> {
        let (index, offset) = (self.0.get()?, arrays::size("offset", offset)?);
        let bytes = count("bytes", bytes)?;
        Ok(promise(move || {
            let mut out = room(bytes, 1)?;
            index.read_export(offset, &mut out).map_err(refuse)?;
            Ok(out.into())
        }))
    }

    /// Walks every invariant.
    #[napi(catch_unwind)]
    pub fn check(&self) -> Result<Promised<()>> {
        let index = self.0.get()?;
        Ok(promise(move || index.check().map_err(refuse)))
    }

    /// Frees the memory once calls under way have ended; a second call does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }
}

/// What this machine offers.
#[napi(object)]
pub struct Capabilities {
    /// The best instruction set of the kernels.
    pub simd: String,
    /// Cores.
    pub threads: u32,
}

/// What this machine offers.
#[napi(catch_unwind)]
pub fn capabilities() -> Result<Capabilities> {
    guard(|| {
        Ok(Capabilities {
            simd: boundary::simd().to_owned(),
            threads: narrow(pools::cores()),
        })
    })
}

/// For fault tests: panics here (`panic`), in a queued job (`task-panic`) or in a pool
/// (`pool-panic`).
#[napi(catch_unwind)]
#[allow(clippy::missing_panics_doc)] // its purpose
pub fn inject_fault(env: Env, kind: String) -> Result<Promised<()>> {
    let pool = pools::threads(env, 2, false)?;
    guard(|| match kind.as_str() {
        "panic" => panic!("injected"),
        "task-panic" => Ok(promise(|| panic!("injected"))),
        "pool-panic" => Ok(promise(move || {
            pool.exec().fill(
                &mut [0u8; 64],
                1,
                || (),
                |(), at, _| assert!(at != 63, "injected"),
            );
            Ok(())
        })),
        _ => Err(Error::from_reason(format!(
            "OPTION: expected panic, task-panic or pool-panic, received {kind}"
        ))),
    })
}
