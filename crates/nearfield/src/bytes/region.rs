//! Memory with an owner, cut into parts that keep the whole alive.
//!
//! ```text
//! AlignedBytes ─┐
//! Vec<u32> …   ─┼─ Arc<dyn AsRef<[u8]>> ── Region (start, length) ── as_slice::<u32>() → &[u32]
//! a file's map ─┘
//! ```
//!
//! A region never reaches outside its owner, and a cast to wider elements is checked for length and
//! alignment: a map that starts anywhere is refused, not misread.

use super::{addressable, written};
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use bytemuck::{AnyBitPattern, Pod, Zeroable};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

const LINE_BYTES: usize = 64;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; LINE_BYTES]);

/// Zeroed memory of exactly the bytes asked for (rounded up to a line), starting at a multiple of 64.
pub struct AlignedBytes {
    lines: Vec<Line>,
    bytes: usize,
}

impl AlignedBytes {
    /// Reserves and zeroes; an error with [`Code::Memory`] when there is not so much.
    pub fn try_new(bytes: u64) -> Result<Self> {
        Self::try_new_by(Exec::Serial, bytes)
    }

    /// As [`try_new`](Self::try_new), by all threads.
    pub fn try_new_by(exec: Exec<'_>, bytes: u64) -> Result<Self> {
        let none = || Error::new(Code::Memory, format!("{bytes} bytes could not be reserved"));
        let bytes = addressable(bytes)?;
        let lines = written((bytes.div_ceil(LINE_BYTES), 1), exec, |_, _| ());
        let lines = lines.map_err(|_| none())?;
        Ok(Self { lines, bytes })
    }

    /// A copy of `bytes`.
    pub fn try_copy(bytes: &[u8]) -> Result<Self> {
        let mut copy = Self::try_new(bytes.len() as u64)?;
        copy.as_mut_slice().copy_from_slice(bytes);
        Ok(copy)
    }

    /// Appends bytes; room is taken ahead. An error with [`Code::Memory`] changes nothing.
    pub fn try_append(&mut self, more: &[u8]) -> Result<()> {
        let bytes = self.bytes + more.len();
        let lines = bytes.div_ceil(LINE_BYTES);
        self.lines
            .try_reserve(lines.saturating_sub(self.lines.len()))
            .map_err(|_| {
                Error::new(Code::Memory, format!("{bytes} bytes could not be reserved"))
            })?;
        self.lines.resize(lines, Line::zeroed());
        let start = std::mem::replace(&mut self.bytes, bytes);
        self.as_mut_slice()[start..].copy_from_slice(more);
        Ok(())
    }

    /// Takes the bytes from `bytes` on away.
    pub fn truncate(&mut self, bytes: usize) {
        self.bytes = self.bytes.min(bytes);
        self.lines.truncate(self.bytes.div_ceil(LINE_BYTES));
        let end = self.bytes;
        bytemuck::cast_slice_mut::<Line, u8>(&mut self.lines)[end..].fill(0);
    }

    /// The bytes, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.bytes]
    }
}

impl AsRef<[u8]> for AlignedBytes {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..self.bytes]
    }
}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlignedBytes({})", self.bytes)
    }
}

/// A vector of plain elements, seen as its bytes.
struct Elements<T>(Vec<T>);

impl<T: Pod> AsRef<[u8]> for Elements<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

/// A part of some owner's bytes.
#[derive(Clone)]
pub struct Region {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    start: usize,
    bytes: usize,
}

impl Region {
    /// All bytes of an owner, whose `as_ref` must give the same memory every time.
    pub fn new(owner: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Self {
        let bytes = (*owner).as_ref().len();
        Self {
            owner,
            start: 0,
            bytes,
        }
    }

    /// Takes over a vector.
    pub fn from_vec<T: Pod + Send + Sync>(elements: Vec<T>) -> Self {
        Self::new(Arc::new(Elements(elements)))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        // The length was taken from this owner; should its bytes have shrunk all the same, the
        // bounds are checked here and the panic is caught at the boundary.
        &(*self.owner).as_ref()[self.start..self.start + self.bytes]
    }

    /// How many bytes.
    pub const fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Bytes `offset..offset + bytes`; `None` when they are not all inside.
    pub fn part(&self, offset: u64, bytes: u64) -> Option<Self> {
        let end = offset.checked_add(bytes)?;
        if end > self.bytes as u64 {
            return None;
        }
        let (offset, bytes) = (usize::try_from(offset).ok()?, usize::try_from(bytes).ok()?);
        Some(Self {
            owner: Arc::clone(&self.owner),
            start: self.start + offset,
            bytes,
        })
    }

    /// The bytes as elements; `None` when the length or the alignment is not theirs.
    pub fn try_as_slice<T: AnyBitPattern>(&self) -> Option<&[T]> {
        let bytes = self.as_bytes();
        if bytes.is_empty() {
            return Some(&[]); // an empty part may point anywhere
        }
        bytemuck::try_cast_slice(bytes).ok()
    }

    /// The bytes as elements.
    ///
    /// # Panics
    /// When length or alignment are not theirs; [`try_as_slice`](Self::try_as_slice) says so once,
    /// where the region is made.
    pub fn as_slice<T: AnyBitPattern>(&self) -> &[T] {
        self.try_as_slice()
            .expect("length and alignment were checked when the region was made")
    }

    /// A copy in aligned memory of its own.
    pub fn to_owned_copy(&self) -> Result<Self> {
        Ok(Self::new(Arc::new(AlignedBytes::try_copy(
            self.as_bytes(),
        )?)))
    }
}

// Nothing writes to a region once it is made, so a panic cannot leave one half-changed.
impl UnwindSafe for Region {}
impl RefUnwindSafe for Region {}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({} bytes)", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_memory_is_aligned_zeroed_and_of_its_length() {
        for bytes in [0, 1, 63, 64, 65, 1000] {
            let memory = AlignedBytes::try_new(bytes).expect("small");
            assert_eq!(memory.as_ref().len() as u64, bytes);
            assert_eq!(memory.as_ref().as_ptr() as usize % 64, 0);
            assert!(memory.as_ref().iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn memory_that_cannot_be_had_is_an_error() {
        for bytes in [1 << 31, 1 << 32, 1 << 62, 1 << 63, u64::MAX] {
            if bytes < (1 << 40) && usize::BITS == 64 {
                continue; // a large machine may well have it
            }
            let refusal = AlignedBytes::try_new(bytes).expect_err("absurd");
            assert_eq!(refusal.code(), Code::Memory, "{bytes}");
            assert!(refusal.message().contains(&bytes.to_string()), "{refusal}");
        }
    }

    #[test]
    fn parts_stay_inside_and_keep_the_whole_alive() {
        let part = {
            let whole = Region::from_vec(vec![1_u32, 2, 3, 4]);
            assert!(whole.part(0, 17).is_none());
            assert!(whole.part(17, 0).is_none());
            assert!(whole.part(1, u64::MAX).is_none());
            assert!(whole.part(u64::MAX, 1).is_none());
            whole
                .part(4, 8)
                .expect("inside")
                .part(4, 4)
                .expect("inside")
        };
        assert_eq!(part.as_slice::<u32>(), [3]);
    }

    #[test]
    fn a_cast_is_refused_where_length_or_alignment_are_wrong() {
        let whole = Region::new(Arc::new(AlignedBytes::try_new(64).expect("small")));
        let part = |offset, bytes| whole.part(offset, bytes).expect("inside");
        assert_eq!(part(8, 16).try_as_slice::<u64>().map(<[u64]>::len), Some(2));
        assert!(part(0, 7).try_as_slice::<u32>().is_none(), "length");
        assert!(part(2, 8).try_as_slice::<u32>().is_none(), "alignment");
        assert_eq!(part(3, 0).try_as_slice::<u64>().map(<[u64]>::len), Some(0));
    }
}
