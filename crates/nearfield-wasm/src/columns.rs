//! Blocks of numbers that cross the border: in as [`Floats`], out as [`Hits`] and [`Keys`].

use crate::thrown;
use nearfield::error::{Code, Error};
use nearfield::ids::KeyColumn;
use wasm_bindgen::prelude::*;

/// `len` zeros, or `MEMORY`: an allocation that fails in WebAssembly would otherwise end the module.
pub(crate) fn zeros<T: Clone + Default>(len: usize) -> Result<Vec<T>, JsError> {
    let mut block = Vec::new();
    block.try_reserve_exact(len).map_err(|_| {
        let message = format!(
            "expected room for {len} × {} bytes in WebAssembly's memory, which is full",
            size_of::<T>()
        );
        thrown(Error::new(Code::Memory, message))
    })?;
    block.resize(len, T::default());
    Ok(block)
}

/// Numbers in the module's memory, written by JavaScript.
#[wasm_bindgen]
pub struct Floats(pub(crate) Vec<f32>);

#[wasm_bindgen]
impl Floats {
    /// Room for `len` numbers.
    #[wasm_bindgen(constructor)]
    pub fn new(len: usize) -> Result<Floats, JsError> {
        zeros(len).map(Self)
    }

    /// Where they are.
    pub fn at(&mut self) -> *mut f32 {
        self.0.as_mut_ptr()
    }
}

/// Answers of a batch, row-major; each column can be taken once.
#[wasm_bindgen]
pub struct Hits {
    pub(crate) slots: Vec<u32>,
    pub(crate) distances: Vec<f32>,
    pub(crate) counts: Vec<u32>,
}

#[wasm_bindgen]
impl Hits {
    /// `k` a row.
    pub fn slots(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.slots)
    }

    /// `k` a row.
    pub fn distances(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.distances)
    }

    /// Answers of each row.
    pub fn counts(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.counts)
    }
}

/// Keys as JavaScript hands them over: `numbers`, or `text` with `offsets`, or neither.
pub(crate) fn key_column(
    numbers: Option<Vec<f64>>,
    text: Option<Vec<u8>>,
    offsets: Option<Vec<u64>>,
) -> Option<KeyColumn> {
    match (numbers, text, offsets) {
        (Some(numbers), ..) => Some(KeyColumn::Numbers(numbers)),
        (None, Some(bytes), Some(offsets)) => Some(KeyColumn::Text { bytes, offsets }),
        _ => None,
    }
}

/// The keys of an index.
#[wasm_bindgen]
pub struct Keys(pub(crate) KeyColumn);

#[wasm_bindgen]
impl Keys {
    /// One a row, unless they are text.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        if let KeyColumn::Numbers(numbers) = &self.0 {
            Some(numbers.clone())
        } else {
            None
        }
    }

    /// UTF-8, one after the other.
    pub fn text(&self) -> Option<Vec<u8>> {
        if let KeyColumn::Text { bytes, .. } = &self.0 {
            Some(bytes.clone())
        } else {
            None
        }
    }

    /// `rows + 1` places in the text.
    pub fn offsets(&self) -> Option<Vec<u64>> {
        if let KeyColumn::Text { offsets, .. } = &self.0 {
            Some(offsets.clone())
        } else {
            None
        }
    }
}
