//! What crosses: numbers checked into integers, keys, answers, and memory asked for politely.

use napi::bindgen_prelude::{Either, Float32Array, Float64Array, Uint8Array, Uint32Array};
use napi::{Error, Result};
use napi_derive::napi;
use nearfield::ids::KeyColumn;
use std::ops::Range;

const SAFE_INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

fn integer(name: &str, value: f64, max: f64) -> Result<u64> {
    if value.fract() != 0.0 || !(0.0..=max).contains(&value) {
        let reason = format!("OPTION: {name}: expected an integer 0..={max}, received {value}");
        return Err(Error::from_reason(reason));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // just checked
    Ok(value as u64)
}

/// A JavaScript number as a count; Node-API alone would wrap −1 and drop fractions.
pub fn count(name: &str, value: f64) -> Result<u32> {
    integer(name, value, f64::from(u32::MAX)).map(|v| u32::try_from(v).unwrap_or(u32::MAX))
}

/// A JavaScript number as a file offset or length.
pub fn size(name: &str, value: f64) -> Result<u64> {
    integer(name, value, SAFE_INTEGER_MAX)
}

/// A size as a JavaScript number.
#[allow(clippy::cast_precision_loss)] // files end far below 2⁵³
pub fn number(size: u64) -> f64 {
    size as f64
}

/// `width × rows` zeros, or `MEMORY`: an allocation that fails inside `vec!` would end the process.
pub fn room<T: Clone + Default>(width: u32, rows: usize) -> Result<Vec<T>> {
    let (mut out, length) = (Vec::new(), (width as usize).saturating_mul(rows));
    out.try_reserve_exact(length).map_err(|_| {
        let bytes = length.saturating_mul(size_of::<T>());
        Error::from_reason(format!(
            "MEMORY: cannot allocate {bytes} bytes for the answer"
        ))
    })?;
    out.resize(length, T::default());
    Ok(out)
}

/// Refuses views that share memory: two mutable slices of it would be undefined behaviour.
pub fn disjoint(query: &[f32], slots: &[u32], distances: &[f32]) -> Result<()> {
    let (a, b, c) = (bytes_of(query), bytes_of(slots), bytes_of(distances));
    let clash = |x: &Range<usize>, y: &Range<usize>| x.start < y.end && y.start < x.end;
    if clash(&a, &b) || clash(&b, &c) || clash(&a, &c) {
        let reason = "OPTION: query, slots and distances: expected separate memory, received \
                      views that overlap";
        return Err(Error::from_reason(reason));
    }
    Ok(())
}

fn bytes_of<T>(slice: &[T]) -> Range<usize> {
    let range = slice.as_ptr_range();
    range.start.addr()..range.end.addr()
}

/// String keys: UTF-8 bytes and `rows + 1` offsets.
#[napi(object)]
pub struct TextKeys {
    /// The strings, one after the other.
    pub bytes: Uint8Array,
    /// Where each starts; the last is where the last ends.
    pub offsets: Float64Array,
}

/// Safe integers, or strings.
pub type Keys = Either<Float64Array, TextKeys>;

/// A copy of JavaScript's columns.
pub fn key_column(keys: Keys) -> Result<KeyColumn> {
    Ok(match keys {
        Either::A(numbers) => KeyColumn::Numbers(numbers.to_vec()),
        Either::B(text) => KeyColumn::Text {
            bytes: text.bytes.to_vec(),
            offsets: text
                .offsets
                .iter()
                .map(|&v| size("offsets", v))
                .collect::<Result<_>>()?,
        },
    })
}

/// The core's columns as typed arrays.
#[allow(clippy::cast_precision_loss)] // offsets are below the file's length, a safe integer
pub fn keys_out(keys: KeyColumn) -> Keys {
    match keys {
        KeyColumn::Numbers(numbers) => Either::A(numbers.into()),
        KeyColumn::Text { bytes, offsets } => Either::B(TextKeys {
            bytes: bytes.into(),
            offsets: offsets
                .into_iter()
                .map(|v| v as f64)
                .collect::<Vec<_>>()
                .into(),
        }),
    }
}

/// Answers: row `i` is `k` wide and has `counts[i]` of them.
#[napi(object)]
pub struct Hits {
    /// Places, nearest first.
    pub slots: Uint32Array,
    /// Their distances.
    pub distances: Float32Array,
    /// Answers a row.
    pub counts: Uint32Array,
}

impl Hits {
    /// Hands the arrays to JavaScript without copying.
    pub fn new(slots: Vec<u32>, distances: Vec<f32>, counts: Vec<u32>) -> Self {
        Self {
            slots: slots.into(),
            distances: distances.into(),
            counts: counts.into(),
        }
    }
}
