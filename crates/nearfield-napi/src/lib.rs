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

mod arrays;
mod pools;
mod task;

use arrays::{Hits, Keys, count, disjoint, room};
use napi::bindgen_prelude::{Float32ArraySlice, Uint8Array, Uint32ArraySlice};
use napi::{Env, Error, Result};
use napi_derive::napi;
use nearfield::boundary::{self, SearchParams};
use pools::Threads;
use std::sync::{Arc, Mutex, PoisonError};
use task::{Promised, guard, promise, refuse};

/// Something a host may close, or a panic may take away.
struct Handle<T>(Arc<Mutex<Option<T>>>, &'static str);

impl<T> Handle<T> {
    fn new(value: T, what: &'static str) -> Self {
        Self(Arc::new(Mutex::new(Some(value))), what)
    }

    fn share(&self) -> Self {
        Self(Arc::clone(&self.0), self.1)
    }

    fn set(&self, value: Option<T>) -> Option<T> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *slot, value)
    }

    fn close(&self) -> Result<()> {
        guard(|| {
            let freed = self.set(None);
            drop(freed); // outside the lock: this may take a while
            Ok(())
        })
    }

    fn take(&self) -> Result<T> {
        self.set(None).ok_or_else(|| self.gone())
    }

    fn gone(&self) -> Error {
        let what = self.1;
        Error::from_reason(format!(
            "CLOSED: this {what} is closed, busy with another call, or was stopped by a panic"
        ))
    }
}

/// Where a build stands.
#[napi(object)]
pub struct Step {
    /// `prepare`, `link`, `repair` or `done`.
    pub phase: String,
    /// Rows finished in this phase.
    pub done: f64,
    /// Rows there are.
    pub total: f64,
}

#[allow(clippy::cast_precision_loss)] // row numbers are below 2³²
fn step(progress: boundary::Progress) -> Step {
    let phase = format!("{:?}", progress.phase).to_lowercase();
    Step {
        phase,
        done: progress.done as f64,
        total: progress.total as f64,
    }
}

/// Answers are at most `k`, a u32.
fn narrow(found: usize) -> u32 {
    u32::try_from(found).unwrap_or(u32::MAX)
}

fn params(k: f64, ef: f64, exact: bool) -> Result<SearchParams> {
    Ok(SearchParams {
        k: count("k", k)?,
        ef: count("ef", ef)?,
        exact,
    })
}

fn pool(env: Env, threads: f64) -> Result<Threads> {
    pools::threads(env, count("threads", threads)?)
}

/// A build under way.
#[napi]
pub struct Builder(Handle<boundary::Builder>);

#[napi]
impl Builder {
    /// Copies `vectors` before it returns.
    #[napi(constructor, catch_unwind)]
    pub fn new(vectors: &[f32], options: String, keys: Option<Keys>) -> Result<Self> {
        guard(|| {
            let keys = keys.map(arrays::key_column).transpose()?;
            let builder = boundary::Builder::new(vectors, &options, keys).map_err(refuse)?;
            Ok(Self(Handle::new(builder, "builder")))
        })
    }

    /// One bounded piece of work.
    #[napi(catch_unwind)]
    pub fn step(&self, env: Env, threads: f64) -> Result<Promised<Step>> {
        let (handle, pool) = (self.0.share(), pool(env, threads)?);
        Ok(promise(move || {
            let mut builder = handle.take()?;
            let progress = builder.step(pool.exec());
            handle.set(Some(builder));
            progress.map(step).map_err(refuse)
        }))
    }

    /// The index; empties the builder.
    #[napi(catch_unwind)]
    pub fn finish(&self) -> Promised<Index> {
        let handle = self.0.share();
        promise(move || Ok(Index::of(handle.take()?.finish().map_err(refuse)?)))
    }

    /// Frees the memory; a second call does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }
}

/// A file on its way into memory.
#[napi]
pub struct Loader(Handle<boundary::Loader>);

#[napi]
impl Loader {
    /// Reserves the file's length.
    #[napi(constructor, catch_unwind)]
    pub fn new(bytes_total: f64, options: String) -> Result<Self> {
        guard(|| {
            let bytes_total = arrays::size("bytesTotal", bytes_total)?;
            let loader = boundary::Loader::new(bytes_total, &options).map_err(refuse)?;
            Ok(Self(Handle::new(loader, "loader")))
        })
    }

    /// Copies the next bytes.
    #[napi(catch_unwind)]
    pub fn write(&self, chunk: &[u8]) -> Result<()> {
        guard(|| {
            let mut loader = self.0.take()?;
            let written = loader.write(chunk);
            self.0.set(Some(loader));
            written.map_err(refuse)
        })
    }

    /// Checks everything; empties the loader.
    #[napi(catch_unwind)]
    pub fn finish(&self, env: Env, threads: f64) -> Result<Promised<Index>> {
        let (handle, pool) = (self.0.share(), pool(env, threads)?);
        Ok(promise(move || {
            Ok(Index::of(
                handle.take()?.finish(pool.exec()).map_err(refuse)?,
            ))
        }))
    }

    /// Frees the memory; a second call does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }
}

/// An index that answers.
#[napi]
pub struct Index(Handle<Arc<boundary::Index>>);

impl Index {
    fn of(index: boundary::Index) -> Self {
        Self(Handle::new(Arc::new(index), "index"))
    }

    fn get(&self) -> Result<Arc<boundary::Index>> {
        let slot = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.clone().ok_or_else(|| self.0.gone())
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
            let refused = |e| Error::from_reason(format!("IO: cannot map {path}: {e}"));
            let file = std::fs::File::open(&path).map_err(refused)?;
            // SAFETY: the map is read-only and lives as long as the Arc the index holds. Another
            // process may still write the file: the core leaves only vectors in the map, of which
            // every bit pattern is a valid f32, and copies the rest out before checking it.
            let map = unsafe { memmap2::Mmap::map(&file) }.map_err(refused)?;
            let index = boundary::Index::open_mapped(Arc::new(map), &options, pool.exec());
            Ok(Index::of(index.map_err(refuse)?))
        }))
    }

    /// The core's JSON description.
    #[napi(catch_unwind)]
    pub fn describe(&self) -> Result<String> {
        guard(|| Ok(self.get()?.info()))
    }

    /// The key of every slot; `null` when keys are row numbers.
    #[napi(catch_unwind)]
    pub fn keys(&self) -> Result<Promised<Option<Keys>>> {
        let index = self.get()?;
        Ok(promise(move || Ok(index.keys().map(arrays::keys_out))))
    }

    /// The nearest rows, written into the caller's arrays; how many.
    #[napi(catch_unwind)]
    pub fn search_into(
        &self,
        query: &[f32],
        k: f64,
        ef: f64,
        exact: bool,
        mut slots: Uint32ArraySlice,
        mut distances: Float32ArraySlice,
    ) -> Result<u32> {
        guard(|| {
            disjoint(query, &slots, &distances)?;
            let params = SearchParams {
                k: count("k", k)?,
                ef: count("ef", ef)?,
                exact,
            };
            // SAFETY: the three ranges were just found disjoint, and JavaScript's thread is inside
            // this call, so nothing detaches or resizes them. Memory another worker shares may
            // change under us: both types accept every bit pattern.
            let (slots, distances) = unsafe { (slots.as_mut(), distances.as_mut()) };
            let found = self.get()?.search_into(query, params, slots, distances);
            found.map(narrow).map_err(refuse)
        })
    }

    /// The nearest rows; the query is copied.
    #[napi(catch_unwind)]
    pub fn search(&self, query: &[f32], k: f64, ef: f64, exact: bool) -> Result<Promised<Hits>> {
        let (index, query, params) = (self.get()?, query.to_vec(), params(k, ef, exact)?);
        Ok(promise(move || {
            let width = params.k.min(index.size());
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
        ef: f64,
        exact: bool,
        threads: f64,
    ) -> Result<Promised<Hits>> {
        let (index, queries, params) = (self.get()?, queries.to_vec(), params(k, ef, exact)?);
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

    /// File bytes from `offset`.
    #[napi(catch_unwind)]
    pub fn read_file(&self, offset: f64, bytes: f64) -> Result<Promised<Uint8Array>> {
        let (index, offset) = (self.get()?, arrays::size("offset", offset)?);
        let bytes = count("bytes", bytes)?;
        Ok(promise(move || {
            let mut out = room(bytes, 1)?;
            index.read_file(offset, &mut out).map_err(refuse)?;
            Ok(out.into())
        }))
    }

    /// Walks every invariant.
    #[napi(catch_unwind)]
    pub fn check(&self) -> Result<Promised<()>> {
        let index = self.get()?;
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
    let pool = pools::threads(env, 2)?;
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
