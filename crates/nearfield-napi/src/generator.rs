//! Data made where the caller wants it: [`Generator`] for bytes, [`Dataset`] for rows.
//!
//! Invariant: JavaScript's memory is written while JavaScript waits in the call and at no other time, by
//! this thread and those of the pool that work for it. So nothing can detach or resize it meanwhile.

use crate::arrays::{Hits, count, room, size};
use crate::handle::Handle;
use crate::makers::{Builder, Step, step};
use crate::pools::{self, Threads};
use crate::task::{Promised, guard, promise, refuse};
use crate::{arrays, pool};
use napi::bindgen_prelude::{Float32ArraySlice, Uint8ArraySlice};
use napi::{Env, Result};
use napi_derive::napi;
use nearfield::boundary;
use std::sync::Arc;

/// Bytes by offset.
#[napi]
pub struct Generator {
    inner: Handle<Arc<boundary::Generator>>,
    placed: bool,
}

/// Whether threads are tied to nodes of memory, and why not.
#[napi(object)]
pub struct Placing {
    /// Whether they are.
    pub pinned: bool,
    /// What was done, or why nothing.
    pub why: String,
}

#[napi]
impl Generator {
    /// Of options as JSON; `placed` ties threads to nodes of memory where there are several.
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String, placed: bool) -> Result<Self> {
        guard(|| {
            let generator = boundary::Generator::new(&options).map_err(refuse)?;
            let inner = Handle::new(Arc::new(generator), "generator");
            Ok(Self { inner, placed })
        })
    }

    /// How the threads of a fill are placed.
    #[napi(catch_unwind)]
    pub fn placing(&self, env: Env, threads: f64) -> Result<Placing> {
        guard(|| {
            let (pinned, why) = self.threads(env, threads)?.placing();
            Ok(Placing { pinned, why })
        })
    }

    /// Writes the bytes from `offset` on into the caller's memory; how many.
    #[napi(catch_unwind)]
    pub fn fill(
        &self,
        env: Env,
        offset: f64,
        mut into: Uint8ArraySlice,
        threads: f64,
    ) -> Result<f64> {
        guard(|| {
            let (generator, pool) = (self.inner.get()?, self.threads(env, threads)?);
            let offset = size("offset", offset)?;
            // SAFETY: JavaScript's thread is inside this call, so nothing detaches or resizes the
            // memory, and no other view of it exists here. Another worker may write what is shared:
            // bytes accept every bit pattern.
            let into = unsafe { into.as_mut() };
            let written = generator.fill(offset, into, pool.exec()).map_err(refuse)?;
            Ok(arrays::number(written as u64))
        })
    }

    /// Frees the memory; a second call does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) -> Result<()> {
        self.inner.close()
    }

    fn threads(&self, env: Env, threads: f64) -> Result<Threads> {
        pools::threads(env, count("threads", threads)?, self.placed)
    }
}

/// Rows by number, and rows that are kept.
#[napi]
pub struct Dataset(Handle<boundary::Dataset>);

#[napi]
impl Dataset {
    /// Of options as JSON.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, options: String, threads: f64) -> Result<Self> {
        guard(|| {
            let pool = pool(env, threads)?;
            let dataset = boundary::Dataset::new(&options, pool.exec()).map_err(refuse)?;
            Ok(Self(Handle::new(dataset, "data set")))
        })
    }

    /// Writes rows from `first` on into the caller's memory.
    #[napi(catch_unwind)]
    pub fn fill(
        &self,
        env: Env,
        first: f64,
        mut into: Float32ArraySlice,
        threads: f64,
    ) -> Result<()> {
        guard(|| {
            let (first, pool) = (size("first", first)?, pool(env, threads)?);
            let dataset = self.0.take()?;
            // SAFETY: as in `Generator::fill`; floats accept every bit pattern too.
            let filled = dataset.fill(first, unsafe { into.as_mut() }, pool.exec());
            self.0.give_back(dataset);
            filled.map_err(refuse)
        })
    }

    /// Makes some more of the rows that are kept.
    #[napi(catch_unwind)]
    pub fn step(&self, env: Env, threads: f64) -> Result<Promised<Step>> {
        let (handle, pool) = (self.0.share(), pool(env, threads)?);
        Ok(promise(move || {
            let mut dataset = handle.take()?;
            let progress = dataset.step(pool.exec());
            handle.give_back(dataset);
            progress.map(step).map_err(refuse)
        }))
    }

    /// The nearest kept rows of every query, by exhaustion; the queries, `asked` of them, are copied.
    #[napi(catch_unwind)]
    pub fn truth(
        &self,
        env: Env,
        queries: &[f32],
        asked: f64,
        k: f64,
        threads: f64,
    ) -> Result<Promised<Hits>> {
        let (handle, queries, pool) = (self.0.share(), queries.to_vec(), pool(env, threads)?);
        let (asked, k) = (count("queries", asked)?, count("k", k)?);
        Ok(promise(move || {
            let mut slots = room(k, asked as usize)?;
            let mut distances = room(k, asked as usize)?;
            let dataset = handle.take()?;
            let (exec, wide) = (pool.exec(), k as usize);
            let found = dataset.truth(&queries, wide, exec, &mut slots, &mut distances);
            handle.give_back(dataset);
            found.map_err(refuse)?;
            Ok(Hits::new(slots, distances, vec![k; asked as usize]))
        }))
    }

    /// A builder over the kept rows; empties the data set.
    #[napi(catch_unwind)]
    pub fn build(&self, options: String, keys: Option<arrays::Keys>) -> Result<Builder> {
        guard(|| {
            let keys = keys.map(arrays::key_column).transpose()?;
            let dataset = self.0.take()?;
            let builder = boundary::Builder::of_dataset(dataset, &options, keys);
            Ok(Builder::of(builder.map_err(refuse)?))
        })
    }

    /// Frees the memory; a second call does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }
}
