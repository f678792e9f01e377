//! The bytes of an hnswlib file, checked in steps, then readable element by element.
//!
//! ```text
//! open: header, lengths ─► check, check, … ─► row, label, deleted, links
//! ```
//! Invariants: nothing is taken on trust: until [`File::check`] has gone over all elements nothing but
//! a byte an element is allocated, and every access is bounds-checked, so that a map which others
//! write to meanwhile gives wrong numbers and never a crash; what is made of the file is checked again.

use super::{DELETED, HEAD_BYTES, Head, LIST_HEAD_BYTES};
use crate::bytes::corrupt;
use crate::bytes::little::{u32_at, u64_at};
use crate::bytes::region::Region;
use crate::error::{Code, Error, Result};
use crate::hnsw::Foreign;
use crate::ids::SAFE_INTEGER_MAX;
use crate::metric::Metric;

/// Bytes of elements that a step checks.
const STEP_BYTES: u64 = 32 << 20;
/// Elements between two known places of upper parts.
const ANCHOR: usize = 64;
/// How far from 1 the squared length of a cosine file's vector may be.
const UNIT_SLACK: f64 = 0.01;

/// An hnswlib file.
#[derive(Debug)]
pub struct File {
    bytes: Region,
    head: Head,
    /// Of every element whose upper part was met.
    levels: Vec<u8>,
    /// Where the upper part of every [`ANCHOR`]th element starts.
    anchors: Vec<u64>,
    /// Where the next upper part starts.
    upper_at: u64,
    /// Elements whose upper lists were checked, after all levels were known.
    checked: u32,
    deleted: u32,
}

impl File {
    /// Checks header and lengths against `dim`.
    pub fn open(bytes: Region, dim: u32) -> Result<Self> {
        let head = Head::decode(bytes.as_bytes(), dim)?;
        let (found, least) = (bytes.len() as u64, head.uppers_at());
        let least = least.saturating_add(4 * u64::from(head.elements));
        if found < least {
            let (elements, each) = (head.elements, head.element_bytes());
            let what = format!(
                "{elements} elements of {each} bytes and their levels need {least}, the file has {found}"
            );
            return Err(corrupt("elements", HEAD_BYTES as u64, what));
        }
        let mut levels = Vec::new();
        let memory = |_| {
            Error::new(
                Code::Memory,
                format!("{} bytes could not be had", head.elements),
            )
        };
        levels
            .try_reserve_exact(head.elements as usize)
            .map_err(memory)?;
        Ok(Self {
            bytes,
            head,
            levels,
            anchors: Vec::new(),
            upper_at: head.uppers_at(),
            checked: 0,
            deleted: 0,
        })
    }

    /// Elements there are, deleted ones too.
    pub const fn elements(&self) -> u32 {
        self.head.elements
    }

    /// Elements that are marked as deleted, once all are checked.
    pub const fn deleted_count(&self) -> u32 {
        self.deleted
    }

    /// Links a node above level 0.
    pub const fn m(&self) -> u32 {
        self.head.m
    }

    /// Of the build.
    pub const fn ef_construction(&self) -> u64 {
        self.head.ef_construction
    }

    /// Where hnswlib's walks start.
    pub const fn entry(&self) -> u32 {
        self.head.entry
    }

    /// Checks the next elements; how many of twice [`elements`](Self::elements) are done. First every
    /// element and the length of its upper part, then, all levels being known, the upper lists.
    pub fn check(&mut self) -> Result<u64> {
        let step = (STEP_BYTES / self.head.element_bytes()).max(1);
        let elements = self.head.elements;
        for _ in 0..step {
            if self.levels.len() < elements as usize {
                self.check_element()?;
            } else if self.checked < elements {
                self.check_uppers()?;
            } else {
                break;
            }
        }
        if self.checked == elements {
            self.check_end()?;
        }
        Ok(self.levels.len() as u64 + u64::from(self.checked))
    }

    fn check_element(&mut self) -> Result<()> {
        let element = u32::try_from(self.levels.len()).expect("below elements");
        let at = self.head.element_at(element);
        let places = 2 * u64::from(self.head.m);
        let (count, mark) = self.list_head(at, places, element, 0)?;
        if mark > DELETED {
            let what = format!("element {element}: expected mark 0 or {DELETED}, found {mark}");
            return Err(corrupt("elements", at + 2, what));
        }
        self.check_targets(at, count, element, 0)?;
        let label = self.label(element);
        if label > SAFE_INTEGER_MAX {
            let what = format!(
                "label {label} of element {element} is not a safe integer, expected at most {SAFE_INTEGER_MAX}"
            );
            return Err(Error::new(Code::Key, what));
        }
        let level = self.upper_level(element)?;
        if self.levels.len().is_multiple_of(ANCHOR) {
            self.anchors.push(self.upper_at);
        }
        self.upper_at += 4 + u64::from(level) * self.head.upper_bytes();
        self.levels
            .push(u8::try_from(level).expect("at most LEVEL_MAX"));
        self.deleted += u32::from(mark == DELETED);
        Ok(())
    }

    /// The level that the length of the next upper part means.
    fn upper_level(&self, element: u32) -> Result<u32> {
        let (at, each) = (self.upper_at, self.head.upper_bytes());
        let end = self.bytes.len() as u64;
        let refuse =
            |what: String| Err(corrupt("uppers", at, format!("element {element}: {what}")));
        let Some(bytes) = self.u32(at) else {
            return refuse(format!(
                "its length is expected here, the file ends at {end}"
            ));
        };
        let bytes = u64::from(bytes);
        if bytes % each != 0 || bytes / each > u64::from(self.head.level) {
            let most = self.head.level;
            return refuse(format!(
                "expected at most {most} lists of {each} bytes, found {bytes} bytes"
            ));
        }
        if at + 4 + bytes > end {
            return refuse(format!(
                "{bytes} bytes are expected, the file ends at {end}"
            ));
        }
        Ok(u32::try_from(bytes / each).expect("at most LEVEL_MAX"))
    }

    fn check_uppers(&mut self) -> Result<()> {
        let element = self.checked;
        for level in 1..=self.level(element) {
            let at = self.list_at(element, level);
            let (count, mark) = self.list_head(at, self.head.m.into(), element, level)?;
            if mark != 0 {
                let what =
                    format!("element {element}, level {level}: expected mark 0, found {mark}");
                return Err(corrupt("uppers", at + 2, what));
            }
            self.check_targets(at, count, element, level)?;
        }
        self.checked += 1;
        Ok(())
    }

    /// Count and mark of a list of `places`.
    fn list_head(&self, at: u64, places: u64, element: u32, level: u32) -> Result<(u32, u8)> {
        let section = section(level);
        let [low, high, mark, rest] = self.u32(at).unwrap_or(0).to_le_bytes();
        let count = u16::from_le_bytes([low, high]);
        if u64::from(count) > places {
            let what = format!(
                "element {element}, level {level}: expected at most {places} links, found {count}"
            );
            return Err(corrupt(section, at, what));
        }
        if rest != 0 {
            let what = format!(
                "element {element}, level {level}: expected 0 after the mark, found {rest}"
            );
            return Err(corrupt(section, at + 3, what));
        }
        Ok((count.into(), mark))
    }

    /// Links lead to other elements of their level; above level 0 all levels are known.
    fn check_targets(&self, at: u64, count: u32, element: u32, level: u32) -> Result<()> {
        let first = at + LIST_HEAD_BYTES;
        for (place, target) in (0..).zip(self.targets(first, count)) {
            let wrong = if target >= self.head.elements {
                format!("expected an element below {}", self.head.elements)
            } else if target == element {
                "expected another element".into()
            } else if level > 0 && self.level(target) < level {
                format!(
                    "expected an element of level {level}, it has {}",
                    self.level(target)
                )
            } else {
                continue;
            };
            let what = format!("element {element}, level {level}: link to {target}, {wrong}");
            return Err(corrupt(section(level), first + 4 * place, what));
        }
        Ok(())
    }

    /// Nothing is left over, and the entry is where the header says.
    fn check_end(&self) -> Result<()> {
        let (end, found) = (self.upper_at, self.bytes.len() as u64);
        if found != end {
            let what = format!(
                "expected the end of the file, found {} bytes more",
                found - end
            );
            return Err(corrupt("uppers", end, what));
        }
        let entry = self.head.entry;
        if self.head.elements > 0 && self.level(entry) != self.head.level {
            let (wanted, level) = (self.head.level, self.level(entry));
            let what = format!("expected entry {entry} on level {wanted}, it is on level {level}");
            return Err(corrupt("header", 52, what));
        }
        Ok(())
    }

    fn u32(&self, at: u64) -> Option<u32> {
        u32_at(self.bytes.as_bytes(), usize::try_from(at).ok()?)
    }

    /// At most `count` numbers from `at`.
    fn targets(&self, at: u64, count: u32) -> impl Iterator<Item = u32> {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let places = self.bytes.as_bytes().get(start..).unwrap_or_default();
        let (places, _) = places.as_chunks::<4>();
        places
            .iter()
            .take(count as usize)
            .map(|place| u32::from_le_bytes(*place))
    }

    /// Where a list starts; the levels of all elements up to this one are known.
    fn list_at(&self, element: u32, level: u32) -> u64 {
        if level == 0 {
            return self.head.element_at(element);
        }
        let (at, each) = (element as usize, self.head.upper_bytes());
        let anchor = at / ANCHOR * ANCHOR;
        let between: u64 = self.levels[anchor..at]
            .iter()
            .map(|&level| 4 + u64::from(level) * each)
            .sum();
        self.anchors[at / ANCHOR] + between + 4 + u64::from(level - 1) * each
    }

    /// Whether an element is marked as deleted.
    pub fn is_deleted(&self, element: u32) -> bool {
        let head = self.u32(self.head.element_at(element)).unwrap_or(0);
        head.to_le_bytes()[2] == DELETED
    }

    /// An element's label: a safe integer once it is checked.
    pub fn label(&self, element: u32) -> u64 {
        let at = self.head.element_at(element) + self.head.label_at();
        let label = usize::try_from(at)
            .ok()
            .and_then(|at| u64_at(self.bytes.as_bytes(), at));
        label.unwrap_or(u64::MAX)
    }

    /// Copies an element's vector and brings it into the form it is stored in.
    pub fn read_row(&self, element: u32, metric: Metric, row: &mut [f32]) -> Result<()> {
        let at = self.head.element_at(element) + self.head.vector_at();
        for (x, bits) in row.iter_mut().zip(self.targets(at, self.head.dim)) {
            *x = f32::from_bits(bits);
        }
        let refuse = |column: usize, what: String| {
            let at = at + 4 * column as u64;
            let label = self.label(element);
            Err(corrupt(
                "elements",
                at,
                format!("vector of element {element} (label {label}): {what}"),
            ))
        };
        if let Some(column) = row.iter().position(|x| !x.is_finite()) {
            return refuse(
                column,
                format!(
                    "expected a finite number in column {column}, found {}",
                    row[column]
                ),
            );
        }
        if metric.normalises() {
            let squares: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            if squares != 0.0 && (squares - 1.0).abs() > UNIT_SLACK {
                let length = squares.sqrt();
                return refuse(
                    0,
                    format!(
                        "expected unit length, as hnswlib keeps them for space cosine, found length {length}"
                    ),
                );
            }
        }
        metric.prepare(row);
        Ok(())
    }
}

impl Foreign for File {
    fn level(&self, element: u32) -> u32 {
        self.levels[element as usize].into()
    }

    fn links(&self, element: u32, level: u32, out: &mut Vec<u32>) {
        let at = self.list_at(element, level);
        let [low, high, ..] = self.u32(at).unwrap_or(0).to_le_bytes();
        let count = u16::from_le_bytes([low, high]).into();
        // Checked, but a map may have changed since.
        let targets = self.targets(at + LIST_HEAD_BYTES, count);
        out.extend(targets.filter(|&target| target < self.head.elements));
    }
}

const fn section(level: u32) -> &'static str {
    if level == 0 { "elements" } else { "uppers" }
}
