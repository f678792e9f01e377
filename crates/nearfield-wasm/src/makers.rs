//! What takes time, in steps: an index from vectors or from a file's bytes, and vectors into an index.

use crate::columns::{self, Floats};
use crate::{Index, pool, thrown};
use nearfield::boundary;
use std::sync::Arc;
use wasm_bindgen::prelude::*;

/// Before the first step.
pub(crate) const START: boundary::Progress = boundary::Progress {
    phase: boundary::Phase::Prepare,
    done: 0,
    total: 0,
};

/// What is driven in steps, `inner`, and the `last` report of them.
macro_rules! stepped {
    ($name:ident) => {
        #[wasm_bindgen]
        impl $name {
            /// Does one piece of work; `phase`, `done` and `total` tell of it. One thread, or all.
            pub fn step(&mut self, threads: u32) -> Result<(), JsError> {
                let inner = &mut self.inner;
                self.last = pool::run(threads, move |exec| inner.step(exec)).map_err(thrown)?;
                Ok(())
            }

            /// prepare, encode, link, repair or done.
            pub fn phase(&self) -> String {
                format!("{:?}", self.last.phase).to_ascii_lowercase()
            }

            /// Rows finished in this phase.
            pub fn done(&self) -> u64 {
                self.last.done
            }

            /// Rows there are.
            pub fn total(&self) -> u64 {
                self.last.total
            }
        }
    };
}
pub(crate) use stepped;

stepped!(Builder);
stepped!(Adder);

/// See [`boundary::Builder`].
#[wasm_bindgen]
pub struct Builder {
    inner: boundary::Making,
    last: boundary::Progress,
}

impl Builder {
    pub(crate) fn of(making: impl Into<boundary::Making>) -> Self {
        let inner = making.into();
        Self { inner, last: START }
    }
}

#[wasm_bindgen]
impl Builder {
    /// `numbers`, or `text` with `offsets`, or neither.
    #[wasm_bindgen(constructor)]
    pub fn new(
        vectors: Floats,
        options: &str,
        numbers: Option<Vec<f64>>,
        text: Option<Vec<u8>>,
        offsets: Option<Vec<u64>>,
        threads: u32,
    ) -> Result<Builder, JsError> {
        let keys = columns::key_column(numbers, text, offsets);
        let inner = pool::run(threads, move |exec| {
            boundary::Builder::new_by(exec, &vectors.0, options, keys)
        });
        inner.map(Self::of).map_err(thrown)
    }

    /// The index; an error while steps are left.
    pub fn finish(self) -> Result<Index, JsError> {
        self.inner.finish().map(Index::new).map_err(thrown)
    }
}

/// See [`boundary::Loader`].
#[wasm_bindgen]
pub struct Loader(boundary::Loader);

#[wasm_bindgen]
impl Loader {
    /// Reserves `bytes_total`.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes_total: u64, options: &str) -> Result<Loader, JsError> {
        boundary::Loader::new(bytes_total, options)
            .map(Self)
            .map_err(thrown)
    }

    /// Appends the next bytes.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), JsError> {
        self.0.write(chunk).map_err(thrown)
    }

    /// Takes the file for another library's.
    pub fn import(
        self,
        options: &str,
        numbers: Option<Vec<f64>>,
        text: Option<Vec<u8>>,
        offsets: Option<Vec<u64>>,
    ) -> Result<Builder, JsError> {
        let keys = columns::key_column(numbers, text, offsets);
        let importer = self.0.import(options, keys).map_err(thrown)?;
        Ok(Builder::of(importer))
    }

    /// Checks everything and gives the index.
    pub fn finish(self, threads: u32) -> Result<Index, JsError> {
        pool::run(threads, move |exec| self.0.finish(exec))
            .map(Index::new)
            .map_err(thrown)
    }
}

/// See [`boundary::Adder`].
#[wasm_bindgen]
pub struct Adder {
    inner: boundary::Adder,
    last: boundary::Progress,
}

#[wasm_bindgen]
impl Adder {
    /// `numbers`, or `text` with `offsets`, or neither.
    #[wasm_bindgen(constructor)]
    pub fn new(
        index: &Index,
        vectors: Floats,
        numbers: Option<Vec<f64>>,
        text: Option<Vec<u8>>,
        offsets: Option<Vec<u64>>,
        threads: u32,
    ) -> Result<Adder, JsError> {
        let keys = columns::key_column(numbers, text, offsets);
        let index = Arc::clone(&index.inner);
        let inner = pool::run(threads, move |exec| {
            boundary::Adder::new_by(exec, index, &vectors.0, keys)
        });
        let inner = inner.map_err(thrown)?;
        Ok(Self { inner, last: START })
    }

    /// Shows the batch to searches: the slot of its first row.
    pub fn finish(self) -> Result<u32, JsError> {
        self.inner.finish().map(|added| added.first).map_err(thrown)
    }
}
