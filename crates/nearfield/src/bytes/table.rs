//! Which sections there are ⇄ where they are, and the sums over them.
//!
//! ```text
//! (section, bytes) … ── Layout::new ──► offsets, position of the sums, length of the file
//!         ▲                                     │ written as they are        (saving)
//!         └── declared by the table ── compared with what the table says     (opening)
//! ```
//!
//! One computation serves both ways: a table is right when it says what this file would have
//! written for the same sections, so there is nothing left to check one by one. All of it is checked
//! `u64` arithmetic; memory is touched only after the positions are known to be inside the file.

use super::header::Header;
use super::layout::{
    ALIGN, BLOCK_BYTES, ENTRY_BYTES, HEADER_BYTES, ROOT_AT, SECTIONS_MAX, Section,
};
use super::little::{put, u32_at, u64_at};
use super::region::{AlignedBytes, Region};
use super::{addressable, corrupt};
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use std::sync::Arc;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// Blocks one thread sums at a time: 1 MiB.
const BLOCKS_GRAIN: usize = 16;

/// Where one section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it holds.
    pub section: Section,
    /// Where it starts in the file.
    pub offset: u64,
    /// Its length without padding.
    pub bytes: u64,
    /// Its first block sum among all.
    pub first_block: u64,
}

impl Entry {
    /// Blocks that are summed.
    pub const fn blocks(&self) -> u64 {
        self.bytes.div_ceil(BLOCK_BYTES as u64)
    }
}

/// Where everything in a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    entries: Vec<Entry>,
    /// Where the block sums start.
    sums_at: u64,
    /// Where the first section starts: the end of header, table and sums.
    front_bytes: u64,
    /// The length of the file.
    file_bytes: u64,
}

impl Layout {
    /// The layout of a file with these sections and payload lengths, in the order of the file;
    /// `None` when it would be longer than 2⁶⁴ bytes.
    pub fn new(sections: &[(Section, u64)]) -> Option<Self> {
        let table = (sections.len() as u64).checked_mul(ENTRY_BYTES as u64)?;
        let sums_at = align(table.checked_add(HEADER_BYTES as u64)?)?;
        let mut entries = Vec::with_capacity(sections.len());
        let mut blocks: u64 = 0;
        for &(section, bytes) in sections {
            let entry = Entry {
                section,
                offset: 0,
                bytes,
                first_block: blocks,
            };
            blocks = blocks.checked_add(entry.blocks())?;
            entries.push(entry);
        }
        let front_bytes = align(sums_at.checked_add(blocks.checked_mul(8)?)?)?;
        let mut at = front_bytes;
        for entry in &mut entries {
            entry.offset = at;
            at = align(at.checked_add(entry.bytes)?)?;
        }
        Some(Self {
            entries,
            sums_at,
            front_bytes,
            file_bytes: at,
        })
    }

    /// The layout the table of a file declares, which must be the one it would be written with and
    /// exactly as long as the file is.
    pub fn decode(file: &[u8], sections: u32) -> Result<Self> {
        if sections > SECTIONS_MAX {
            let what = format!("{sections} sections, expected at most {SECTIONS_MAX}");
            return Err(corrupt("header", 12, what));
        }
        let mut declared = Vec::with_capacity(sections as usize);
        for index in 0..sections {
            declared.push(entry_at(file, index)?);
        }
        if let Some(pair) = declared
            .windows(2)
            .position(|pair| pair[0].section >= pair[1].section)
        {
            let at = entry_offset(pair + 1);
            return Err(corrupt(
                "table",
                at as u64,
                "sections are not in ascending order",
            ));
        }
        let sizes: Vec<_> = declared
            .iter()
            .map(|entry| (entry.section, entry.bytes))
            .collect();
        let layout = Self::new(&sizes).ok_or_else(|| {
            corrupt(
                "table",
                HEADER_BYTES as u64,
                "sections reach beyond 2^64 bytes",
            )
        })?;
        for (index, (found, wanted)) in declared.iter().zip(&layout.entries).enumerate() {
            if found.offset != wanted.offset {
                let (name, found, wanted) = (found.section.name(), found.offset, wanted.offset);
                let what = format!("section {name} starts at {found}, expected {wanted}");
                return Err(corrupt("table", entry_offset(index) as u64 + 8, what));
            }
        }
        if layout.file_bytes != file.len() as u64 {
            let what = format!(
                "sections end at {}, but the file has {} bytes",
                layout.file_bytes,
                file.len()
            );
            return Err(corrupt("table", HEADER_BYTES as u64, what));
        }
        Ok(layout)
    }

    /// Every section, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of a section, when the file has it.
    pub fn find(&self, section: Section) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.section == section)
    }

    /// Where the first section starts: the length of header, table and sums.
    pub const fn front_bytes(&self) -> u64 {
        self.front_bytes
    }

    /// The length of the file.
    pub const fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Header, table and sums of the file with these payloads, one a section.
    pub fn encode_front(&self, header: &Header, payloads: &[&[u8]]) -> Result<Region> {
        let mut front = AlignedBytes::try_new(self.front_bytes)?;
        let out = front.as_mut_slice();
        out[..HEADER_BYTES].copy_from_slice(&header.encode());
        let mut sum_at = addressable(self.sums_at)?;
        for (index, (entry, payload)) in self.entries.iter().zip(payloads).enumerate() {
            let at = entry_offset(index);
            put(out, at, (entry.section as u32).to_le_bytes());
            put(out, at + 4, entry.section.element_bytes().to_le_bytes());
            put(out, at + 8, entry.offset.to_le_bytes());
            put(out, at + 16, entry.bytes.to_le_bytes());
            put(out, at + 24, entry.blocks().to_le_bytes());
            for block in payload.chunks(BLOCK_BYTES) {
                put(out, sum_at, xxh3_64(block).to_le_bytes());
                sum_at += 8;
            }
        }
        let root = root(out);
        put(out, ROOT_AT, root.to_le_bytes());
        Ok(Region::new(Arc::new(front)))
    }

    /// Checks the root and the padding of header, table and sums.
    pub fn check_front(&self, front: &[u8]) -> Result<()> {
        let table_end = (HEADER_BYTES + self.entries.len() * ENTRY_BYTES) as u64;
        let blocks: u64 = self.entries.iter().map(Entry::blocks).sum();
        check_zeros(front, table_end, self.sums_at, "table")?;
        check_zeros(front, self.sums_at + blocks * 8, self.front_bytes, "sums")?;
        let stored = u64_at(front, ROOT_AT);
        let found = root(front);
        if stored == Some(found) {
            return Ok(());
        }
        let stored = stored.unwrap_or_default();
        let what = format!("root is {stored:016x}, but header, table and sums give {found:016x}");
        Err(corrupt("header", ROOT_AT as u64, what))
    }

    /// Checks a section's payload against the sums in `front`, and that `padding` after it is zero.
    pub fn check_payload(
        &self,
        front: &[u8],
        entry: &Entry,
        payload: &[u8],
        padding: &[u8],
        exec: Exec<'_>,
    ) -> Result<()> {
        let name = entry.section.name();
        let blocks = addressable(entry.blocks())?;
        let mut damaged = Vec::new();
        damaged.try_reserve_exact(blocks).map_err(|_| {
            Error::new(
                Code::Memory,
                format!("{blocks} bytes could not be reserved"),
            )
        })?;
        damaged.resize(blocks, false);
        let first = addressable(self.sums_at)? + addressable(entry.first_block)? * 8;
        exec.fill(
            &mut damaged,
            BLOCKS_GRAIN,
            || (),
            |(), block, damaged| {
                let start = block * BLOCK_BYTES;
                let bytes = &payload[start..payload.len().min(start + BLOCK_BYTES)];
                *damaged = u64_at(front, first + block * 8) != Some(xxh3_64(bytes));
            },
        );
        if let Some(block) = damaged.iter().position(|damaged| *damaged) {
            let what = format!("block {block} of {blocks} does not match its checksum");
            return Err(corrupt(
                name,
                entry.offset + (block * BLOCK_BYTES) as u64,
                what,
            ));
        }
        match padding.iter().position(|byte| *byte != 0) {
            None => Ok(()),
            Some(at) => {
                let at = entry.offset + entry.bytes + at as u64;
                Err(corrupt(name, at, "padding after the section is not zero"))
            }
        }
    }
}

/// The next multiple of 64.
pub(crate) fn align(at: u64) -> Option<u64> {
    at.checked_next_multiple_of(ALIGN)
}

const fn entry_offset(index: usize) -> usize {
    HEADER_BYTES + index * ENTRY_BYTES
}

fn entry_at(file: &[u8], index: u32) -> Result<Entry> {
    let at = entry_offset(index as usize);
    let fault = |field: usize, what: String| corrupt("table", (at + field) as u64, what);
    let word =
        |field| u32_at(file, at + field).ok_or_else(|| fault(field, "the file ends here".into()));
    let long =
        |field| u64_at(file, at + field).ok_or_else(|| fault(field, "the file ends here".into()));
    let (id, element) = (word(0)?, word(4)?);
    let (offset, bytes, blocks) = (long(8)?, long(16)?, long(24)?);
    let section = Section::from_id(id).ok_or_else(|| fault(0, format!("unknown section {id}")))?;
    let name = section.name();
    if element != section.element_bytes() {
        let wanted = section.element_bytes();
        return Err(fault(
            4,
            format!("elements of {name} have {element} bytes, expected {wanted}"),
        ));
    }
    if !bytes.is_multiple_of(u64::from(element)) || bytes > file.len() as u64 {
        let limit = file.len();
        let what = format!(
            "section {name} has {bytes} bytes, expected a multiple of {element}, at most {limit}"
        );
        return Err(fault(16, what));
    }
    let entry = Entry {
        section,
        offset,
        bytes,
        first_block: 0,
    };
    if blocks != entry.blocks() {
        let wanted = entry.blocks();
        return Err(fault(
            24,
            format!("section {name} has {blocks} blocks, expected {wanted}"),
        ));
    }
    Ok(entry)
}

/// The sum over everything before the first section but itself.
fn root(front: &[u8]) -> u64 {
    let mut sum = Xxh3Default::new();
    sum.update(&front[..ROOT_AT]);
    sum.update(&front[HEADER_BYTES..]);
    sum.digest()
}

fn check_zeros(front: &[u8], from: u64, to: u64, name: &str) -> Result<()> {
    let (start, end) = (addressable(from)?, addressable(to)?);
    match front[start..end].iter().position(|byte| *byte != 0) {
        None => Ok(()),
        Some(at) => Err(corrupt(name, from + at as u64, "padding is not zero")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Layout, Header, Vec<Vec<u8>>) {
        let payloads: Vec<Vec<u8>> =
            vec![vec![7; 70_000], vec![], (0..24).collect(), b"text".to_vec()];
        let sections = [
            Section::Vectors,
            Section::Twins,
            Section::Keys,
            Section::KeyText,
        ];
        let sizes: Vec<_> = sections
            .iter()
            .zip(&payloads)
            .map(|(id, bytes)| (*id, bytes.len() as u64))
            .collect();
        let layout = Layout::new(&sizes).expect("small");
        let header = Header {
            sections: 4,
            bytes: layout.file_bytes(),
            rows: 3,
            dim: 1,
            stride: 16,
            kind: 1,
            metric: 1,
            codec: 1,
            keys: 1,
            vectors: 0,
            apart: 0,
            refine: 0,
            numbers: 0,
            seed: 9,
            m: 0,
            ef_construction: 0,
            entry: u32::MAX,
            level: 0,
            links0: 0,
            zones: 0,
            parted: 0,
            soar: 0,
        };
        (layout, header, payloads)
    }

    fn file(layout: &Layout, header: &Header, payloads: &[Vec<u8>]) -> Vec<u8> {
        let parts: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let mut file = layout
            .encode_front(header, &parts)
            .expect("small")
            .as_bytes()
            .to_vec();
        for (entry, payload) in layout.entries().iter().zip(payloads) {
            assert_eq!(file.len() as u64, entry.offset);
            file.extend(payload);
            file.resize(file.len().next_multiple_of(64), 0);
        }
        file
    }

    #[test]
    fn a_written_table_is_read_back() {
        let (layout, header, payloads) = sample();
        let file = file(&layout, &header, &payloads);
        assert_eq!(file.len() as u64, layout.file_bytes());
        assert_eq!(Layout::decode(&file, 4), Ok(layout.clone()));
        let front = &file[..addressable(layout.front_bytes()).expect("small")];
        layout.check_front(front).expect("sealed");
        for (entry, payload) in layout.entries().iter().zip(&payloads) {
            layout
                .check_payload(front, entry, payload, &[0; 8], Exec::Serial)
                .expect("sound");
        }
    }

    #[test]
    fn damage_is_named_by_section_and_block() {
        let (layout, header, mut payloads) = sample();
        let file = file(&layout, &header, &payloads);
        let front = &file[..addressable(layout.front_bytes()).expect("small")];
        payloads[0][66_000] ^= 1;
        let entry = &layout.entries()[0];
        let refusal = layout
            .check_payload(front, entry, &payloads[0], &[], Exec::Serial)
            .expect_err("damaged")
            .to_string();
        let at = entry.offset + 65_536;
        let wanted = format!("vectors at offset {at}: block 1 of 2 does not match its checksum");
        assert_eq!(refusal, format!("CORRUPT: {wanted}"));
    }

    #[test]
    fn absurd_sizes_do_not_wrap() {
        for bytes in [u64::MAX, u64::MAX - 63, 1 << 63, u64::MAX - (1 << 20)] {
            let layout = Layout::new(&[(Section::Vectors, bytes), (Section::Links0, bytes)]);
            assert_eq!(layout, None, "{bytes}");
        }
        let file = [0; 64];
        assert!(Layout::decode(&file, 17).is_err());
        assert!(
            Layout::decode(&file, 1).is_err(),
            "the table is outside the file"
        );
    }
}
