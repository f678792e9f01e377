//! Data made in the module's memory, from where JavaScript copies it: bytes by offset, rows by
//! number, and rows that are kept for an index.

use crate::columns::{self, Floats, Hits, zeros};
use crate::makers::{Builder, START, stepped};
use crate::{pool, thrown};
use nearfield::boundary;
use wasm_bindgen::prelude::*;

/// See [`boundary::Generator`]. Bytes are written to rooms, each at a fixed place until this is freed.
#[wasm_bindgen]
pub struct Generator {
    inner: boundary::Generator,
    rooms: Vec<Vec<u8>>,
}

#[wasm_bindgen]
impl Generator {
    /// Of options as JSON, with a room of so many bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str, room: usize) -> Result<Generator, JsError> {
        let inner = boundary::Generator::new(options).map_err(thrown)?;
        let rooms = vec![zeros(room)?];
        Ok(Self { inner, rooms })
    }

    /// Makes another room; its number.
    pub fn room(&mut self, bytes: usize) -> Result<usize, JsError> {
        self.rooms.push(zeros(bytes)?);
        Ok(self.rooms.len() - 1)
    }

    /// Where a room is.
    pub fn at(&self, room: usize) -> *const u8 {
        self.rooms[room].as_ptr()
    }

    /// Writes bytes from `offset` on to byte `from` of a room and after it, at most `bytes`; how many.
    pub fn fill(
        &mut self,
        offset: u64,
        room: usize,
        from: usize,
        bytes: usize,
        threads: u32,
    ) -> Result<usize, JsError> {
        let (inner, room) = (&self.inner, &mut self.rooms[room][from..][..bytes]);
        pool::share(threads, |exec| inner.fill(offset, room, exec)).map_err(thrown)
    }
}

/// See [`boundary::Dataset`].
#[wasm_bindgen]
pub struct Dataset {
    inner: boundary::Dataset,
    last: boundary::Progress,
}

stepped!(Dataset);

#[wasm_bindgen]
impl Dataset {
    /// Of options as JSON.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str, threads: u32) -> Result<Dataset, JsError> {
        let inner = pool::run(threads, move |exec| boundary::Dataset::new(options, exec));
        let (inner, last) = (inner.map_err(thrown)?, START);
        Ok(Self { inner, last })
    }

    /// Writes rows from `first` on.
    pub fn fill(&self, first: u64, into: &mut Floats, threads: u32) -> Result<(), JsError> {
        let (inner, into) = (&self.inner, &mut into.0);
        pool::share(threads, |exec| inner.fill(first, into, exec)).map_err(thrown)
    }

    /// The nearest kept rows of `asked` queries, by exhaustion.
    pub fn truth(
        &self,
        queries: Floats,
        asked: usize,
        k: u32,
        threads: u32,
    ) -> Result<Hits, JsError> {
        let wide = asked.saturating_mul(k as usize);
        let (mut slots, mut distances) = (zeros(wide)?, zeros(wide)?);
        let (inner, out) = (&self.inner, (&mut slots, &mut distances));
        pool::run(threads, move |exec| {
            inner.truth(&queries.0, k as usize, exec, out.0, out.1)
        })
        .map_err(thrown)?;
        let counts = vec![k; asked];
        Ok(Hits {
            slots,
            distances,
            counts,
        })
    }

    /// A builder over the kept rows.
    pub fn build(
        self,
        options: &str,
        numbers: Option<Vec<f64>>,
        text: Option<Vec<u8>>,
        offsets: Option<Vec<u64>>,
    ) -> Result<Builder, JsError> {
        let keys = columns::key_column(numbers, text, offsets);
        let builder = boundary::Builder::of_dataset(self.inner, options, keys);
        builder.map(Builder::of).map_err(thrown)
    }
}
