//! What an index of kind `auto` leaves out where `memory` is too little for all it would have.
//!
//! ```text
//! vectors, links, codes ─► vectors, bits ─► bits and a byte a number ─► bits1 ─► refused: what is needed least
//! ```
//! Bytes are those of the sections, of graphs and zones as they are on average: a build takes more for a time.

use super::kinds::{exceeds_strips, signs_from};
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

/// What fits where the kind that would be chosen does not; `None` where it does, or `memory` is 0.
pub(super) fn afford(
    values: &Values,
    rows: u32,
    kind: Kind,
    tried: bool,
) -> Result<Option<(Afforded, String)>> {
    let memory = values.integer("memory");
    let setting = |name| usize::try_from(values.integer(name)).expect("the table's limit");
    let (dim, m, count) = (setting("dim"), values.integer("M"), u64::from(rows));
    let vectors = count * stride(dim) as u64 * 4;
    let bytes = Form::Sq8.stride(dim) as u64 * count;
    let parted = if exceeds_strips(rows) {
        Kind::Zones
    } else {
        Kind::Flat
    };
    let strips = |bits: Bits| {
        let entry = (bits.strip_bytes(dim) / STRIP_ENTRIES + 4) as u64 * count;
        let centroids = count / ROWS_OF_ZONE * stride(dim + 1) as u64 * 4;
        match parted {
            Kind::Zones => entry + entry / 8 + centroids,
            Kind::Flat | Kind::Hnsw => entry,
        }
    };
    let own = signs_from(dim);
    let beside = |refine: bool| if refine { bytes } else { 0 };
    let kept = if values.flag("keepVectors") {
        vectors
    } else {
        0
    };
    let usual = kept
        + match kind {
            // A level in sixteen nodes above the first.
            Kind::Hnsw => count * (8 * m + m / 4 + 4) + bytes,
            Kind::Flat | Kind::Zones if tried => strips(own) + beside(own == Bits::One),
            Kind::Flat | Kind::Zones => 0,
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
        let fits = values.word("codec") == "auto" && (values.flag("keepVectors") || !keeps_vectors);
        if !fits {
            continue;
        }
        let needed = strips(bits) + beside(refine) + if keeps_vectors { vectors } else { 0 };
        if needed <= memory {
            let afforded = Afforded {
                kind: parted,
                keeps_vectors,
                bits,
                refine,
            };
            let left = if keeps_vectors {
                "links"
            } else {
                "links and vectors"
            };
            let (name, bits) = (parted.name(), bits.name());
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
