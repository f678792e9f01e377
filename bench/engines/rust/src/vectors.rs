//! Rows of float32 in memory, and the two loops over them that peers leave to their users.

use crate::protocol::{Result, failed};
use std::io::{BufReader, Read};
use std::path::Path;

/// Vectors one after another.
pub struct Vectors {
    values: Vec<f32>,
    dim: usize,
}

impl Vectors {
    /// Reads little-endian float32, row after row.
    pub fn read(path: &Path, dim: usize) -> Result<Self> {
        let why = |error: std::io::Error| failed(format!("{}: {error}", path.display()));
        let file = std::fs::File::open(path).map_err(why)?;
        let bytes = file.metadata().map_err(why)?.len();
        let row = dim as u64 * 4;
        if row == 0 || bytes == 0 || !bytes.is_multiple_of(row) {
            let name = path.display();
            return Err(failed(format!(
                "{name}: expected rows of {row} bytes; received {bytes} bytes"
            )));
        }
        // Value by value out of a small buffer, so that the peak of memory is the vectors alone.
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut values =
            vec![0.0; usize::try_from(bytes / 4).map_err(|error| failed(error.to_string()))?];
        let mut word = [0; 4];
        for value in &mut values {
            reader.read_exact(&mut word).map_err(why)?;
            *value = f32::from_le_bytes(word);
        }
        Ok(Self { values, dim })
    }

    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    pub fn row(&self, slot: usize) -> &[f32] {
        &self.values[slot * self.dim..][..self.dim]
    }

    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }
}

/// Copies `row` into `into`, which is cleared, and gives it length one; a row of zeros stays.
pub fn normalise(row: &[f32], into: &mut Vec<f32>) {
    let square: f64 = row.iter().map(|&value| f64::from(value).powi(2)).sum();
    let length = square.sqrt();
    #[expect(clippy::cast_possible_truncation)] // the row is f32
    let scale = if length > 0.0 {
        (1.0 / length) as f32
    } else {
        1.0
    };
    into.clear();
    into.extend(row.iter().map(|value| value * scale));
}

/// Sums in flight: as many as keep two multiply-add units of 256 or 512 bits busy.
const LANES: usize = 32;

/// Folds two rows into a sum, [`LANES`] at a time, which is what the compiler makes vectors of.
#[inline(always)]
#[expect(clippy::inline_always)] // a call between the loop and `step` would leave it scalar
fn sum(a: &[f32], b: &[f32], step: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    let (head_a, tail_a) = a.as_chunks::<LANES>();
    let (head_b, tail_b) = b.as_chunks::<LANES>();
    for (a, b) in head_a.iter().zip(head_b) {
        for lane in 0..LANES {
            sums[lane] = step(a[lane], b[lane], sums[lane]);
        }
    }
    for (lane, (&a, &b)) in tail_a.iter().zip(tail_b).enumerate() {
        sums[lane] = step(a, b, sums[lane]);
    }
    sums.iter().sum()
}

/// `a · b + c`, in one instruction where there is one: without it `mul_add` calls a function.
#[inline(always)]
#[expect(clippy::inline_always)]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

pub fn squared_euclidean(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |a, b, sum| multiply_add(a - b, a - b, sum))
}

pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, multiply_add)
}

/// The widest vectors the compiler was allowed here.
pub fn built_isa() -> &'static str {
    if cfg!(target_feature = "avx512f") {
        "avx512"
    } else if cfg!(target_feature = "avx2") {
        "avx2"
    } else if cfg!(target_feature = "sse2") {
        "sse2"
    } else if cfg!(target_feature = "neon") {
        "neon"
    } else {
        "scalar"
    }
}
