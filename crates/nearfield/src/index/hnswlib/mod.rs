//! Index files of hnswlib (0.8.0, <https://github.com/nmslib/hnswlib>), read and written.
//!
//! ```text
//! 0     header     96 bytes, below
//! 96    elements   element × count
//!       uppers     for each element: u32 bytes, then that many: its lists above level 0
//! ```
//! Little-endian, sizes as 64-bit machines write them; no magic, no version, no checksum, and neither
//! space nor dimension: the caller says these.
//!
//! | at | type | name | value |
//! |---|---|---|---|
//! | 0 | u64 | offsetLevel0 | 0 |
//! | 8 | u64 | `max_elements` | room of the index that was saved, at least count |
//! | 16 | u64 | count | elements |
//! | 24 | u64 | element | bytes an element: label + 8 |
//! | 32 | u64 | label | where an element's label is: vector + 4 dim |
//! | 40 | u64 | vector | where an element's vector is: 4 + 4 · maxM0 |
//! | 48 | i32 | level | the highest; −1 without elements |
//! | 52 | u32 | entry | an element on that level; 2³² − 1 without elements |
//! | 56 | u64 | maxM | places of a list above level 0: M |
//! | 64 | u64 | maxM0 | places of a list on level 0: 2 M |
//! | 72 | u64 | M | |
//! | 80 | f64 | mult | 1 / ln M |
//! | 88 | u64 | `ef_construction` | |
//!
//! An element is its list on level 0, its vector (f32 × dim) and its label (u64). A list is a u16
//! count, a u8 mark (1: deleted; 0 above level 0), a u8 0, and places of u32 of which the first
//! `count` are elements; what stands in the others is of no meaning. An upper part holds one list of
//! maxM places a level, from level 1.
//!
//! Space `cosine` is space `ip` over vectors of unit length.
//!
//! | file | holds |
//! |---|---|
//! | `read` | [`File`]: the bytes, checked, and what is where in them |
//! | `write` | [`Plan`]: an index as such a file, in pieces |

mod read;
mod write;

pub use read::File;
pub use write::Plan;

use crate::bytes::little::{put, u32_at, u64_at};
use crate::error::{Code, Error, Result};
use crate::ids::{NO_SLOT, ROWS_MAX};

/// Bytes of the header.
const HEAD_BYTES: usize = 96;
/// Bytes before the places of a list.
const LIST_HEAD_BYTES: u64 = 4;
/// Bytes of a label.
const LABEL_BYTES: u64 = 8;
/// Lists count in 16 bits, and level 0 has twice M places.
const M_MAX: u64 = 32_767;
/// The highest level a graph of ours may have.
const LEVEL_MAX: u32 = 31;
/// What a deleted element has in its mark.
const DELETED: u8 = 1;

/// The header, as numbers that fit each other.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Head {
    elements: u32,
    dim: u32,
    m: u32,
    ef_construction: u64,
    /// [`NO_SLOT`] without elements.
    entry: u32,
    /// Of the entry; 0 without elements.
    level: u32,
}

impl Head {
    /// Bytes of a list of `places`.
    const fn list_bytes(places: u64) -> u64 {
        LIST_HEAD_BYTES + 4 * places
    }

    const fn vector_at(self) -> u64 {
        Self::list_bytes(2 * self.m as u64)
    }

    const fn label_at(self) -> u64 {
        self.vector_at() + 4 * self.dim as u64
    }

    const fn element_bytes(self) -> u64 {
        self.label_at() + LABEL_BYTES
    }

    /// Bytes an element has for each level above 0.
    const fn upper_bytes(self) -> u64 {
        Self::list_bytes(self.m as u64)
    }

    /// Where an element starts: below 2⁵³ + 96 for any header.
    const fn element_at(self, element: u32) -> u64 {
        HEAD_BYTES as u64 + element as u64 * self.element_bytes()
    }

    /// Where the upper parts start.
    const fn uppers_at(self) -> u64 {
        self.element_at(self.elements)
    }

    fn encode(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        let empty = self.elements == 0;
        let level = if empty { u32::MAX } else { self.level }; // −1
        let m = u64::from(self.m);
        let words = [
            (8, u64::from(self.elements.max(1))),
            (16, u64::from(self.elements)),
            (24, self.element_bytes()),
            (32, self.label_at()),
            (40, self.vector_at()),
            (56, m),
            (64, 2 * m),
            (72, m),
            (80, mult(self.m).to_bits()),
            (88, self.ef_construction),
        ];
        for (at, word) in words {
            put(&mut bytes, at, word.to_le_bytes());
        }
        put(&mut bytes, 48, level.to_le_bytes());
        put(&mut bytes, 52, self.entry.to_le_bytes());
        bytes
    }

    /// Reads a header and holds every field against the others and `dim`.
    fn decode(bytes: &[u8], dim: u32) -> Result<Self> {
        let short = || {
            let found = bytes.len();
            foreign(
                0,
                &format!("expected a header of {HEAD_BYTES} bytes, the file has {found}"),
            )
        };
        let word = |at| u64_at(bytes, at).ok_or_else(short);
        let expect = |name: &str, at: usize, wanted: u64| match word(at)? {
            found if found == wanted => Ok(()),
            found => Err(foreign(
                at,
                &format!("expected {name} {wanted}, found {found}"),
            )),
        };
        word(HEAD_BYTES - 8)?;
        expect("offsetLevel0", 0, 0)?;
        let wide = word(72)?;
        let m = u32::try_from(wide)
            .ok()
            .filter(|_| (1..=M_MAX).contains(&wide));
        let m = m.ok_or_else(|| foreign(72, &format!("expected M 1 to {M_MAX}, found {wide}")))?;
        expect("maxM", 56, wide)?;
        expect("maxM0", 64, 2 * wide)?;
        let mut head = Self {
            elements: 0,
            dim,
            m,
            ef_construction: word(88)?,
            entry: NO_SLOT,
            level: 0,
        };
        expect("a place of the vector of", 40, head.vector_at())?;
        let label_at = word(32)?;
        if label_at != head.label_at() {
            let floats = label_at
                .checked_sub(head.vector_at())
                .filter(|bytes| bytes % 4 == 0);
            let found = floats.map_or_else(
                || format!("vectors that end at {label_at}"),
                |bytes| format!("vectors of {}", bytes / 4),
            );
            return Err(foreign(
                32,
                &format!("expected vectors of dim {dim}, found {found}"),
            ));
        }
        expect("bytes an element of", 24, head.element_bytes())?;
        head.check_mult(word(80)?)?;
        let (room, elements) = (word(8)?, word(16)?);
        if elements > ROWS_MAX {
            let what = format!("expected at most {ROWS_MAX} elements, found {elements}");
            return Err(foreign(16, &what));
        }
        if room < elements {
            let what = format!("expected room for {elements} elements, found {room}");
            return Err(foreign(8, &what));
        }
        if head.ef_construction == 0 {
            return Err(foreign(
                88,
                "expected ef_construction of at least 1, found 0",
            ));
        }
        head.elements = u32::try_from(elements).expect("at most ROWS_MAX");
        let level = u32_at(bytes, 48).ok_or_else(short)?;
        head.place_entry(level, u32_at(bytes, 52).ok_or_else(short)?)
    }

    fn check_mult(self, bits: u64) -> Result<()> {
        let (found, wanted) = (f64::from_bits(bits), mult(self.m));
        // Logarithms differ in the last bit from library to library.
        if found.to_bits() == wanted.to_bits() || (found / wanted - 1.0).abs() < 1e-9 {
            return Ok(());
        }
        Err(foreign(
            80,
            &format!("expected mult {wanted}, found {found}"),
        ))
    }

    fn place_entry(mut self, level: u32, entry: u32) -> Result<Self> {
        if self.elements == 0 {
            if level != u32::MAX || entry != NO_SLOT {
                let what = "expected level −1 and no entry without elements";
                return Err(foreign(
                    48,
                    &format!("{what}, found {} and {entry}", level.cast_signed()),
                ));
            }
            return Ok(self);
        }
        if level > LEVEL_MAX {
            let found = level.cast_signed();
            return Err(foreign(
                48,
                &format!("expected level 0 to {LEVEL_MAX}, found {found}"),
            ));
        }
        if entry >= self.elements {
            let what = format!("expected an entry below {}, found {entry}", self.elements);
            return Err(foreign(52, &what));
        }
        (self.level, self.entry) = (level, entry);
        Ok(self)
    }
}

/// What hnswlib multiplies random levels with.
fn mult(m: u32) -> f64 {
    1.0 / f64::from(m).ln()
}

/// The refusal of a header.
fn foreign(at: usize, what: &str) -> Error {
    Error::new(
        Code::Format,
        format!("not an hnswlib index file of this metric and dim: header at offset {at}: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back() {
        for (elements, entry, level) in [(0, NO_SLOT, 0), (7, 3, 2), (1, 0, 0)] {
            for m in [1, 2, 16, 32_767] {
                let head = Head {
                    elements,
                    dim: 5,
                    m,
                    ef_construction: 20,
                    entry,
                    level,
                };
                let bytes = head.encode();
                assert_eq!(Head::decode(&bytes, 5), Ok(head));
                for length in 0..HEAD_BYTES {
                    let refusal = Head::decode(&bytes[..length], 5).expect_err("short");
                    assert_eq!(refusal.code(), Code::Format);
                }
            }
        }
    }
}
