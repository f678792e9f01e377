//! An index as an hnswlib file, without a copy of it: any part of the file can be asked for.
//!
//! ```text
//! slot          ─► element of the same number, its links as they are
//! twins f c₁ c₂ ─► f:  c₁ + its links without the last, where it has no place left
//!                  c₁: c₂, that last one, f, f's others        c₂: f's last, f, f's others
//! ```
//! hnswlib knows no twins: every copy becomes an element of level 0. A walk that comes to the first
//! comes to its copies one after the other, all as near as the first, and loses none of the ways it
//! had, since what the first gave up its first copy has.
//!
//! Invariant: the bytes are a function of the index, the same at every call.

use super::{HEAD_BYTES, Head};
use crate::error::{Code, Error, Result};
use crate::hnsw::{GraphView, Links, Walkable};
use crate::ids::{NO_SLOT, Slot};
use crate::index::Index;
use crate::index::keys::Keys;
use crate::matrix::Rows;

/// What writing an index needs to know beyond the index; made once.
#[derive(Debug)]
pub struct Plan {
    head: Head,
    bytes: u64,
    /// For every copy the first of its row, [`NO_SLOT`] for all others; empty where no two are equal.
    firsts: Vec<Slot>,
}

impl Plan {
    /// Whether the index can be such a file, and how long it is. `OPTION` without a graph or with
    /// longer lists than hnswlib counts, `KEY` where keys are not labels.
    pub fn new(index: &Index) -> Result<Self> {
        let params = index.params();
        index.rows_for("format 'hnswlib'")?;
        let Some(graph) = index.graph() else {
            let what = "format 'hnswlib' holds graphs: expected an index of kind 'hnsw', this one is 'flat'";
            return Err(Error::new(Code::Option, what));
        };
        if u64::from(params.m) > super::M_MAX {
            let what = format!(
                "format 'hnswlib' holds M up to {}, this index has {}",
                super::M_MAX,
                params.m
            );
            return Err(Error::new(Code::Option, what));
        }
        check_keys(index.keys())?;
        let head = Head {
            elements: params.rows,
            dim: params.dim,
            m: params.m,
            ef_construction: params.ef_construction.into(),
            entry: graph.entry,
            level: graph.level,
        };
        let view = graph.view(params);
        let upper_rows = view.levels.last().copied().unwrap_or(0);
        let uppers = u64::from(upper_rows) * head.upper_bytes() + 4 * u64::from(head.elements);
        Ok(Self {
            head,
            bytes: head.uppers_at() + uppers,
            firsts: firsts(&view),
        })
    }

    /// The length of the file.
    pub const fn file_bytes(&self) -> u64 {
        self.bytes
    }

    /// Copies file bytes `offset..offset + out.len()`; the index is the one the plan was made of.
    pub fn read(&self, index: &Index, offset: u64, out: &mut [u8]) -> Result<()> {
        let end = offset
            .checked_add(out.len() as u64)
            .filter(|end| *end <= self.bytes);
        let (Some(end), Some(graph)) = (end, index.graph()) else {
            let (wanted, bytes) = (out.len(), self.bytes);
            let message = format!("{wanted} bytes at {offset} are not in a file of {bytes}");
            return Err(Error::new(Code::Io, message));
        };
        let source = Source {
            plan: self,
            index,
            rows: index.rows_for("format 'hnswlib'")?,
            view: graph.view(index.params()),
        };
        let mut window = Window { offset, end, out };
        window.put(0, &self.head.encode());
        let mut piece = Vec::new();
        for slot in source.elements_in(offset, end) {
            piece.clear();
            source.element(slot, &mut piece);
            window.put(self.head.element_at(slot), &piece);
        }
        for slot in source.uppers_in(offset, end) {
            piece.clear();
            source.upper(slot, &mut piece);
            window.put(source.upper_at(slot), &piece);
        }
        Ok(())
    }
}

/// An index while parts of its file are made.
struct Source<'i> {
    plan: &'i Plan,
    index: &'i Index,
    rows: Rows<'i>,
    view: GraphView<'i>,
}

impl Source<'_> {
    fn upper_at(&self, slot: Slot) -> u64 {
        let head = &self.plan.head;
        let lists = u64::from(self.view.levels[slot as usize]);
        head.uppers_at() + 4 * u64::from(slot) + lists * head.upper_bytes()
    }

    /// The elements with bytes in `offset..end`.
    fn elements_in(&self, offset: u64, end: u64) -> std::ops::Range<Slot> {
        let head = &self.plan.head;
        let each = head.element_bytes();
        let from = offset.saturating_sub(HEAD_BYTES as u64) / each;
        let to = end.saturating_sub(HEAD_BYTES as u64).div_ceil(each);
        let slot = |at: u64| {
            at.min(head.elements.into())
                .try_into()
                .expect("at most elements")
        };
        slot(from)..slot(to)
    }

    /// The slots whose upper parts have bytes in `offset..end`.
    fn uppers_in(&self, offset: u64, end: u64) -> std::ops::Range<Slot> {
        let rows = self.plan.head.elements;
        let first = partition(rows, |slot| self.upper_at(slot) <= offset).saturating_sub(1);
        let last = partition(rows, |slot| self.upper_at(slot) < end);
        first..last.max(first)
    }

    fn element(&self, slot: Slot, out: &mut Vec<u8>) {
        let head = &self.plan.head;
        list(&self.ground(slot), 2 * head.m as usize, out);
        let row = &self.rows.row(slot)[..head.dim as usize];
        out.extend(row.iter().flat_map(|x| x.to_le_bytes()));
        out.extend(label(self.index.keys(), slot).to_le_bytes());
    }

    fn upper(&self, slot: Slot, out: &mut Vec<u8>) {
        let head = &self.plan.head;
        let at = slot as usize;
        let levels = self.view.levels[at + 1] - self.view.levels[at];
        let bytes = u64::from(levels) * head.upper_bytes();
        out.extend(u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes());
        for level in 1..=levels {
            list(self.view.links(slot, level), head.m as usize, out);
        }
    }

    /// The links of an element on level 0.
    fn ground(&self, slot: Slot) -> Vec<Slot> {
        let width = self.view.links0_stride;
        let next = self.view.twins_after(slot).next();
        let first = self.plan.firsts.get(slot as usize).copied();
        let Some(first) = first.filter(|&first| first != NO_SLOT) else {
            let own = linked(self.view.links(slot, 0));
            let kept = &own[..own.len().min(width - usize::from(next.is_some()))];
            return next.into_iter().chain(kept.iter().copied()).collect();
        };
        let own = linked(self.view.links(first, 0));
        let (last, others) = own
            .split_last()
            .map_or((None, own), |(last, others)| (Some(*last), others));
        let ways = next
            .into_iter()
            .chain(last)
            .chain([first])
            .chain(others.iter().copied());
        ways.take(width).collect()
    }
}

/// The part of the file that was asked for.
struct Window<'o> {
    offset: u64,
    end: u64,
    out: &'o mut [u8],
}

impl Window<'_> {
    /// Copies what `piece`, at `at` of the file, has of the window.
    #[allow(clippy::cast_possible_truncation)] // differences of positions inside one of the two
    fn put(&mut self, at: u64, piece: &[u8]) {
        let start = at.max(self.offset);
        let end = (at + piece.len() as u64).min(self.end);
        if start < end {
            let from = &piece[(start - at) as usize..(end - at) as usize];
            self.out[(start - self.offset) as usize..][..from.len()].copy_from_slice(from);
        }
    }
}

/// A list with its count, its mark and its places.
fn list(links: &[Slot], places: usize, out: &mut Vec<u8>) {
    let links = linked(links);
    let count = u16::try_from(links.len()).expect("at most 2 M_MAX");
    out.extend(u32::from(count).to_le_bytes());
    out.extend(links.iter().flat_map(|link| link.to_le_bytes()));
    out.resize(out.len() + 4 * (places - links.len()), 0);
}

fn linked(places: &[Slot]) -> &[Slot] {
    let end = places.iter().position(|&slot| slot == NO_SLOT);
    &places[..end.unwrap_or(places.len())]
}

fn label(keys: &Keys, slot: Slot) -> u64 {
    match keys {
        Keys::Numbers(keys) => keys.as_slice::<i64>()[slot as usize].unsigned_abs(),
        _ => slot.into(),
    }
}

/// Labels are numbers from 0.
fn check_keys(keys: &Keys) -> Result<()> {
    let wanted = "labels of hnswlib are integers from 0";
    match keys {
        Keys::Rows => Ok(()),
        Keys::Numbers(keys) => match keys.as_slice::<i64>().iter().find(|key| **key < 0) {
            Some(key) => Err(Error::new(
                Code::Key,
                format!("{wanted}, this index has the key {key}"),
            )),
            None => Ok(()),
        },
        Keys::Text { .. } => Err(Error::new(
            Code::Key,
            format!("{wanted}, the keys of this index are strings"),
        )),
    }
}

/// For every copy the first of its row.
fn firsts(view: &GraphView<'_>) -> Vec<Slot> {
    let Some(twins) = view.twins else {
        return Vec::new();
    };
    let mut firsts = vec![NO_SLOT; view.rows];
    for (slot, &next) in (0..).zip(twins) {
        if next != NO_SLOT {
            let first = firsts[slot as usize];
            firsts[next as usize] = if first == NO_SLOT { slot } else { first };
        }
    }
    firsts
}

/// How many of `0..rows` hold, the holding ones being the first.
fn partition(rows: u32, holds: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (0, rows);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
