//! The file of an index without a copy of it: header, table and sums, then the sections where they are.
//!
//! ```text
//! front │ vectors 0 │ links0 0 │ …       read(offset, out) copies from whichever piece is there
//! ```
//!
//! Invariant: the bytes are those FORMAT.md asks for, and the same at every call: an index never
//! changes. The front needs the sums of everything, so it is made when it is first asked for.

use crate::bytes::header::Header;
use crate::bytes::layout::Section;
use crate::bytes::region::Region;
use crate::bytes::table::Layout;
use crate::error::{Code, Error, Result};
use std::sync::OnceLock;

/// The file's bytes, gathered.
#[derive(Debug)]
pub struct Image {
    header: Header,
    layout: Layout,
    payloads: Vec<Region>,
    front: OnceLock<Region>,
}

impl Image {
    /// The image of a file with this header and these sections. Number of sections and length are
    /// put into the header here.
    pub fn new(mut header: Header, sections: Vec<(Section, Region)>) -> Result<Self> {
        let sizes: Vec<_> = sections
            .iter()
            .map(|(section, payload)| (*section, payload.len() as u64))
            .collect();
        let layout = Layout::new(&sizes)
            .ok_or_else(|| Error::new(Code::Memory, "the file would pass 2^64 bytes"))?;
        header.sections = u32::try_from(sections.len()).expect("a handful");
        header.bytes = layout.file_bytes();
        let payloads = sections.into_iter().map(|(_, payload)| payload).collect();
        Ok(Self {
            header,
            layout,
            payloads,
            front: OnceLock::new(),
        })
    }

    /// The image of a file that was read: its front is known.
    pub fn with_front(self, front: Region) -> Self {
        Self {
            front: OnceLock::from(front),
            ..self
        }
    }

    /// Where everything is.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Copies file bytes `offset..offset + out.len()`.
    pub fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let end = offset.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > self.layout.file_bytes()) {
            let (wanted, bytes) = (out.len(), self.layout.file_bytes());
            let message = format!("{wanted} bytes at {offset} are not in a file of {bytes}");
            return Err(Error::new(Code::Io, message));
        }
        out.fill(0); // padding is zeros; the rest is written over
        copy(self.front()?.as_bytes(), 0, offset, out);
        for (entry, payload) in self.layout.entries().iter().zip(&self.payloads) {
            copy(payload.as_bytes(), entry.offset, offset, out);
        }
        Ok(())
    }

    fn front(&self) -> Result<&Region> {
        if self.front.get().is_none() {
            let payloads: Vec<&[u8]> = self.payloads.iter().map(Region::as_bytes).collect();
            // Two threads may both make it; the bytes are the same and one is kept.
            let _ = self
                .front
                .set(self.layout.encode_front(&self.header, &payloads)?);
        }
        Ok(self.front.get().expect("just set"))
    }
}

/// Copies what `piece`, at `piece_at` of the file, shares with `out`, at `out_at` of it.
#[allow(clippy::cast_possible_truncation)] // differences of positions inside one of the two slices
fn copy(piece: &[u8], piece_at: u64, out_at: u64, out: &mut [u8]) {
    let start = piece_at.max(out_at);
    let end = (piece_at + piece.len() as u64).min(out_at + out.len() as u64);
    if start < end {
        let bytes = (end - start) as usize;
        let from = &piece[(start - piece_at) as usize..][..bytes];
        out[(start - out_at) as usize..][..bytes].copy_from_slice(from);
    }
}
