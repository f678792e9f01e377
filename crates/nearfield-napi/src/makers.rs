//! What takes time: [`Builder`] from vectors and [`Loader`] from a file's bytes to an index, [`Adder`]
//! for vectors into one.

use crate::arrays::{self, Keys};
use crate::handle::Handle;
use crate::task::{Promised, guard, promise, refuse};
use crate::{Index, pool};
use napi::{Env, Error, Result};
use napi_derive::napi;
use nearfield::boundary;
use std::sync::Arc;

/// The file at `path`, mapped.
pub fn map(path: &str) -> Result<memmap2::Mmap> {
    let refused = |e| Error::from_reason(format!("IO: cannot map {path}: {e}"));
    let file = std::fs::File::open(path).map_err(refused)?;
    // SAFETY: the map is read-only and lives as long as the Arc of whoever asked for it. Another
    // process may still write the file: the core leaves only vectors and codes in the map, of which
    // every bit pattern is safe to score, and copies the rest out before checking it; of another
    // library's file it keeps nothing, and checks what it made of it.
    unsafe { memmap2::Mmap::map(&file) }.map_err(refused)
}

/// Where a build stands.
#[napi(object)]
pub struct Step {
    /// `prepare`, `encode`, `link`, `repair` or `done`.
    pub phase: String,
    /// Rows finished in this phase.
    pub done: f64,
    /// Rows there are.
    pub total: f64,
}

#[allow(clippy::cast_precision_loss)] // row numbers are below 2³²
pub(crate) fn step(progress: boundary::Progress) -> Step {
    let phase = format!("{:?}", progress.phase).to_ascii_lowercase();
    Step {
        phase,
        done: progress.done as f64,
        total: progress.total as f64,
    }
}

/// A build or an import under way.
#[napi]
pub struct Builder(Handle<boundary::Making>);

impl Builder {
    pub(crate) fn of(making: impl Into<boundary::Making>) -> Self {
        Self(Handle::new(making.into(), "builder"))
    }
}

#[napi]
impl Builder {
    /// Copies `vectors` before it returns.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        vectors: &[f32],
        options: String,
        keys: Option<Keys>,
        threads: f64,
    ) -> Result<Self> {
        guard(|| {
            let (keys, pool) = (
                keys.map(arrays::key_column).transpose()?,
                pool(env, threads)?,
            );
            let builder = boundary::Builder::new_by(pool.exec(), vectors, &options, keys);
            Ok(Self::of(builder.map_err(refuse)?))
        })
    }

    /// Maps another library's file at `path`, which must not be cut shorter while steps are left.
    #[napi(catch_unwind)]
    pub fn import_mapped(
        path: String,
        options: String,
        keys: Option<Keys>,
    ) -> Result<Promised<Builder>> {
        let keys = keys.map(arrays::key_column).transpose()?;
        Ok(promise(move || {
            let map = Arc::new(map(&path)?);
            let importer = boundary::Importer::of_map(map, &options, keys).map_err(refuse)?;
            Ok(Self::of(importer))
        }))
    }

    /// One bounded piece of work.
    #[napi(catch_unwind)]
    pub fn step(&self, env: Env, threads: f64) -> Result<Promised<Step>> {
        let (handle, pool) = (self.0.share(), pool(env, threads)?);
        Ok(promise(move || {
            let mut builder = handle.take()?;
            let progress = builder.step(pool.exec());
            handle.give_back(builder);
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

/// What became of a batch.
#[napi(object)]
pub struct Added {
    /// The slot of its first row.
    pub first: f64,
    /// Its rows.
    pub rows: f64,
}

/// A batch on its way into an index.
#[napi]
pub struct Adder(Handle<boundary::Adder>);

#[napi]
impl Adder {
    /// Copies `vectors` before it returns.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        index: &Index,
        vectors: &[f32],
        keys: Option<Keys>,
        threads: f64,
    ) -> Result<Self> {
        guard(|| {
            let (keys, pool) = (
                keys.map(arrays::key_column).transpose()?,
                pool(env, threads)?,
            );
            let adder = boundary::Adder::new_by(pool.exec(), index.0.get()?, vectors, keys);
            Ok(Self(Handle::new(adder.map_err(refuse)?, "batch")))
        })
    }

    /// One bounded piece of work.
    #[napi(catch_unwind)]
    pub fn step(&self, env: Env, threads: f64) -> Result<Promised<Step>> {
        let (handle, pool) = (self.0.share(), pool(env, threads)?);
        Ok(promise(move || {
            let mut adder = handle.take()?;
            let progress = adder.step(pool.exec());
            handle.give_back(adder);
            progress.map(step).map_err(refuse)
        }))
    }

    /// Shows the batch to searches; empties the adder.
    #[napi(catch_unwind)]
    pub fn finish(&self) -> Promised<Added> {
        let handle = self.0.share();
        promise(move || {
            let added = handle.take()?.finish().map_err(refuse)?;
            Ok(Added {
                first: added.first.into(),
                rows: added.rows.into(),
            })
        })
    }

    /// Takes the batch back, unless it is shown; a second call does nothing.
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
            self.0.give_back(loader);
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

    /// Takes the file for another library's; empties the loader.
    #[napi(catch_unwind)]
    pub fn import(&self, options: String, keys: Option<Keys>) -> Result<Builder> {
        guard(|| {
            let keys = keys.map(arrays::key_column).transpose()?;
            let importer = self.0.take()?.import(&options, keys).map_err(refuse)?;
            Ok(Builder::of(importer))
        })
    }

    /// Frees the memory; a second call does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }
}
