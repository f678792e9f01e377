//! What an index of kind `auto` leaves out where `memory` is too little for all it would have.
//!
//! ```text
//! vectors, links, codes ─► vectors, bits ─► bits and a byte a number ─► bits1 ─► refused: what is needed least
//! ```
//! Bytes are those of the sections, of graphs and zones as they are on average: a build takes more for a time.

use super::kinds::{bits_for, exceeds_strips};
use super::options::Values;
use crate::codec::{Bits, Form};
use crate::error::{Code, Error, Result};
use crate::index::Kind;
use crate::kernels::STRIP_ENTRIES;
use crate::matrix::stride;

/// Strips that zones have beyond what rows fill, and one centroid for so many rows.
const ROWS_OF_ZONE: u64 = 160;

/// What there is memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Afforded {
    pub(super) kind: Kind,
    pub(super) keeps_vectors: bool,
    pub(super) bits: Bits,
    /// Codes of a byte a number beside the bits.
    pub(super) refine: bool,
}

/// Bytes of the parts an index may have.
struct Parts {
    /// Scanned, as zones or as one.
    parted: Kind,
    rows: u64,
    dim: usize,
    /// The vectors.
    vectors: u64,
    /// Codes of a byte a number.
    bytes: u64,
}

impl Parts {
    fn new(rows: u32, dim: usize) -> Self {
        let parted = if exceeds_strips(rows) {
            Kind::Zones
        } else {
            Kind::Flat
        };
        let rows = u64::from(rows);
        Self {
            parted,
            rows,
            dim,
            vectors: rows * stride(dim) as u64 * 4,
            bytes: rows * Form::Sq8.stride(dim) as u64,
        }
    }

    /// Strips, and what zones have beside.
    fn strips(&self, bits: Bits) -> u64 {
        let entries = (bits.strip_bytes(self.dim) / STRIP_ENTRIES + 4) as u64 * self.rows;
        let centroids = self.rows / ROWS_OF_ZONE * stride(self.dim + 1) as u64 * 4;
        match self.parted {
            Kind::Zones => entries + entries / 8 + centroids,
            Kind::Flat | Kind::Hnsw => entries,
        }
    }

    /// All of one form.
    fn of(&self, keeps_vectors: bool, bits: Bits, refine: bool) -> u64 {
        let vectors = if keeps_vectors { self.vectors } else { 0 };
        let bytes = if refine { self.bytes } else { 0 };
        vectors + self.strips(bits) + bytes
    }
}

/// What fits where the kind that would be chosen does not; `None` where it does, or `memory` is 0.
pub(super) fn afford(
    values: &Values,
    rows: u32,
    kind: Kind,
    tried: bool,
) -> Result<Option<(Afforded, String)>> {
    let memory = values.integer("memory");
    let dim = usize::try_from(values.integer("dim")).expect("the table's limit");
    let (m, keeps) = (values.integer("M"), values.flag("keepVectors"));
    let (parts, own) = (Parts::new(rows, dim), bits_for(dim));
    let vectors = if keeps { parts.vectors } else { 0 };
    let usual = match kind {
        // A level in sixteen nodes above the first.
        Kind::Hnsw => vectors + parts.rows * (8 * m + m / 4 + 4) + parts.bytes,
        Kind::Flat | Kind::Zones if tried => parts.of(keeps, own, own == Bits::One),
        Kind::Flat | Kind::Zones => vectors,
    };
    if memory == 0 || usual <= memory {
        return Ok(None);
    }
    let forms = [
        (true, own, own == Bits::One),
        (false, own, true),
        (false, Bits::One, false),
    ];
    let mut least = usual;
    for (keeps_vectors, bits, refine) in forms {
        if values.word("codec") != "auto" || (keeps_vectors && !keeps) {
            continue;
        }
        let needed = parts.of(keeps_vectors, bits, refine);
        if needed <= memory {
            let afforded = Afforded {
                kind: parts.parted,
                keeps_vectors,
                bits,
                refine,
            };
            let left = if keeps_vectors {
                "links"
            } else {
                "links and vectors"
            };
            let (name, bits) = (parts.parted.name(), bits.name());
            let why = format!(
                "{name} of {bits} without {left}: about {usual} bytes are more than memory {memory}"
            );
            return Ok(Some((afforded, why)));
        }
        least = least.min(needed);
    }
    let message = format!(
        "option memory must be at least {least} for {rows} rows of {dim} numbers, got {memory}"
    );
    Err(Error::new(Code::Option, message))
}
