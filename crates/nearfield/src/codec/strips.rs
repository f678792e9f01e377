//! Strips: the codes of 32 entries side by side with what each adds and is multiplied by, the unit that
//! scans score.
//!
//! ```text
//! strip    position 0 | position 1 | … | add × 32 | scale × 32      whole multiples of 32 bytes
//! position 16 bytes: entry i in the low four bits of byte i, entry 16 + i in the high ones
//!          of codes of eight bits 32: entry i in byte i
//! ```
//! Invariant: a place without an entry adds +∞, so no scan ever tells it.

use super::bits::{Bits, EntryCode};
use super::verify::Entry;
use crate::bytes::region::AlignedBytes;
use crate::error::Result;
use crate::kernels::{STRIP_ENTRIES, STRIP_TERMS_BYTES, TABLE_BYTES};

/// Borrowed strips. Indexing is checked, and any bits are safe to scan.
#[derive(Clone, Copy, Debug)]
pub struct Strips<'a> {
    bits: Bits,
    dim: usize,
    /// Bytes a strip, and how many there are: dividing takes as long as half a strip.
    stride: usize,
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Strips<'a> {
    /// The strips in `bytes`, of vectors of `dim` numbers.
    ///
    /// # Panics
    /// Where `bytes` ends inside a strip: the caller has checked the file by now.
    pub fn new(bits: Bits, dim: usize, bytes: &'a [u8]) -> Self {
        let stride = bits.strip_bytes(dim);
        assert!(
            bytes.len().is_multiple_of(stride),
            "{} bytes are no whole number of strips of {stride}",
            bytes.len(),
        );
        Self {
            bits,
            dim,
            stride,
            count: bytes.len() / stride,
            bytes,
        }
    }

    /// What its codes are.
    pub const fn bits(&self) -> Bits {
        self.bits
    }

    /// Numbers a vector.
    pub const fn dim(&self) -> usize {
        self.dim
    }

    /// Bytes a strip.
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// How many strips there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes of all of them.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Neighbouring strips, one after the other.
    ///
    /// # Panics
    /// Where there are not so many.
    #[inline]
    pub fn range(&self, strips: std::ops::Range<usize>) -> std::slice::ChunksExact<'a, u8> {
        self.together(strips).chunks_exact(self.stride)
    }

    /// As [`range`](Self::range), side by side as they lie.
    ///
    /// # Panics
    /// As it does.
    #[inline]
    pub fn together(&self, strips: std::ops::Range<usize>) -> &'a [u8] {
        assert!(
            strips.start <= strips.end && strips.end <= self.count,
            "strips {strips:?} of {}",
            self.count
        );
        &self.bytes[strips.start * self.stride..strips.end * self.stride]
    }

    /// Takes an entry out of its strip.
    ///
    /// # Panics
    /// Where there is no such entry.
    pub fn entry(&self, entry: usize, out: &mut Entry) {
        let place = entry % STRIP_ENTRIES;
        let at = entry / STRIP_ENTRIES;
        let strip = self.together(at..at + 1);
        let codes = strip[..self.bits.codes_bytes(self.dim)].iter();
        out.codes.clear();
        if let Bits::Pq8(_) = self.bits {
            out.codes.extend(codes.skip(place).step_by(STRIP_ENTRIES));
        } else {
            let codes = codes.skip(place % TABLE_BYTES).step_by(TABLE_BYTES);
            out.codes
                .extend(codes.map(|byte| byte >> (4 * (place / TABLE_BYTES)) & 0xf));
        }
        (out.add, out.scale) = self.terms(entry);
    }

    /// What an entry adds and is multiplied by.
    ///
    /// # Panics
    /// Where there is no such entry.
    pub fn terms(&self, entry: usize) -> (f32, f32) {
        let (at, place) = (entry / STRIP_ENTRIES, entry % STRIP_ENTRIES);
        let strip = self.together(at..at + 1);
        let terms = strip[self.bits.codes_bytes(self.dim)..].as_chunks::<4>().0;
        (
            f32::from_le_bytes(terms[place]),
            f32::from_le_bytes(terms[STRIP_ENTRIES + place]),
        )
    }
}

/// Strips to be written.
#[derive(Debug)]
pub struct StripMemory {
    bits: Bits,
    dim: usize,
    bytes: AlignedBytes,
}

impl StripMemory {
    /// So many strips without entries.
    pub fn try_new(bits: Bits, dim: usize, strips: usize) -> Result<Self> {
        let bytes = (strips as u64).saturating_mul(bits.strip_bytes(dim) as u64);
        Ok(Self {
            bits,
            dim,
            bytes: AlignedBytes::try_new(bytes)?,
        })
    }

    /// The bytes of all strips, of [`Bits::strip_bytes`] each, to be cut up for [`write()`].
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.as_mut_slice()
    }

    /// The strips.
    pub fn strips(&self) -> Strips<'_> {
        Strips::new(self.bits, self.dim, self.bytes.as_ref())
    }

    /// The bytes: a file's section to be.
    pub fn into_bytes(self) -> AlignedBytes {
        self.bytes
    }
}

/// Writes an entry into its place of a strip, whatever was there.
///
/// # Panics
/// Where the strip is of other codes, or has no such place.
pub fn write(strip: &mut [u8], place: usize, entry: &EntryCode) {
    assert!(place < STRIP_ENTRIES, "place {place} of a strip");
    let (codes, terms) = strip.split_at_mut(strip.len() - STRIP_TERMS_BYTES);
    if codes.len() == entry.codes.len() * STRIP_ENTRIES {
        let places = codes.iter_mut().skip(place).step_by(STRIP_ENTRIES);
        for (byte, code) in places.zip(&entry.codes) {
            *byte = *code;
        }
    } else {
        let positions = entry.codes.len();
        assert_eq!(
            codes.len(),
            positions * TABLE_BYTES,
            "a strip of other codes"
        );
        let shift = 4 * (place / TABLE_BYTES);
        let places = codes
            .iter_mut()
            .skip(place % TABLE_BYTES)
            .step_by(TABLE_BYTES);
        for (byte, code) in places.zip(&entry.codes) {
            *byte = *byte & !(0xf << shift) | code << shift;
        }
    }
    write_terms(terms, place, entry.add, entry.scale);
}

/// Marks the places from `from` on as without an entry.
///
/// # Panics
/// Where the strip is shorter than its terms.
pub fn close(strip: &mut [u8], from: usize) {
    let terms = strip.len() - STRIP_TERMS_BYTES;
    for place in from..STRIP_ENTRIES {
        write_terms(&mut strip[terms..], place, f32::INFINITY, 0.0);
    }
}

fn write_terms(terms: &mut [u8], place: usize, add: f32, scale: f32) {
    let words = terms.as_chunks_mut::<4>().0;
    assert_eq!(words.len(), 2 * STRIP_ENTRIES, "a strip of other codes");
    words[place] = add.to_le_bytes();
    words[STRIP_ENTRIES + place] = scale.to_le_bytes();
}
