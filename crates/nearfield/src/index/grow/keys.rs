//! Keys that grow: the columns of [`Keys`], with what finds a key that is
//! there already.
//!
//! Invariant: a batch's keys are judged as a whole and taken in only when its rows are shown.

use crate::bytes::region::Region;
use crate::error::{Code, Error, Result};
use crate::ids::KeyColumn;
use crate::index::keys::Keys;
use std::collections::HashMap;

/// The keys of a growing index. The first rows decide of which sort they are.
#[derive(Debug)]
pub enum GrowingKeys {
    /// There are no rows yet.
    Undecided,
    /// Row numbers.
    Rows,
    /// Safe integers, and the slot of each.
    Numbers(Vec<i64>, HashMap<i64, u32>),
    /// Where each string begins and the last one ends, their bytes, and the slot of each.
    Text(Vec<u64>, Vec<u8>, HashMap<Box<[u8]>, u32>),
}

impl GrowingKeys {
    /// Takes over the keys of `rows` rows.
    pub fn thaw(keys: &Keys, rows: u32) -> Self {
        let mut growing = Self::Undecided;
        if rows > 0 {
            growing.take_in(keys, rows);
        }
        growing
    }

    /// Refuses a batch whose keys are of another sort, or there already.
    pub fn judge(&self, batch: &Keys) -> Result<()> {
        match (self, batch) {
            (Self::Undecided, _) | (Self::Rows, Keys::Rows) => Ok(()),
            (Self::Numbers(_, slots), Keys::Numbers(batch)) => {
                let batch = batch.as_slice::<i64>();
                unused(batch.iter(), |key| slots.get(*key), ToString::to_string)
            }
            (Self::Text(_, _, slots), Keys::Text { offsets, text }) => {
                let text = text.as_bytes();
                let batch = strings(offsets.as_slice(), text);
                let shown = |key: &&[u8]| format!("'{}'", String::from_utf8_lossy(key));
                unused(batch, |key| slots.get(*key), shown)
            }
            _ => {
                let (own, received) = (self.name(), sort(batch));
                let message = format!("keys of this index are {own}, the batch has {received}");
                Err(Error::new(Code::Key, message))
            }
        }
    }

    /// Takes in what [`judge`](Self::judge) let pass, of `rows` rows.
    pub fn take_in(&mut self, batch: &Keys, rows: u32) {
        if matches!(self, Self::Undecided) && rows > 0 {
            *self = match batch {
                Keys::Rows => Self::Rows,
                Keys::Numbers(_) => Self::Numbers(Vec::new(), HashMap::new()),
                Keys::Text { .. } => Self::Text(vec![0], Vec::new(), HashMap::new()),
            };
        }
        match (self, batch) {
            (Self::Numbers(keys, slots), Keys::Numbers(batch)) => {
                let batch = batch.as_slice::<i64>();
                slots.extend(batch.iter().copied().zip(from(keys.len())));
                keys.extend(batch);
            }
            (
                Self::Text(offsets, text, slots),
                Keys::Text {
                    offsets: ends,
                    text: more,
                },
            ) => {
                let (ends, more) = (ends.as_slice::<u64>(), more.as_bytes());
                let keys = strings(ends, more).map(Box::from);
                slots.extend(keys.zip(from(offsets.len() - 1)));
                let start = offsets[offsets.len() - 1];
                offsets.extend(ends[1..].iter().map(|end| start + end));
                text.extend(more);
            }
            _ => {}
        }
    }

    /// A copy in the form of the file.
    pub fn freeze(&self) -> Keys {
        match self {
            Self::Undecided | Self::Rows => Keys::Rows,
            Self::Numbers(keys, _) => Keys::Numbers(Region::from_vec(keys.clone())),
            Self::Text(offsets, text, _) => Keys::Text {
                offsets: Region::from_vec(offsets.clone()),
                text: Region::from_vec(text.clone()),
            },
        }
    }

    /// A copy as a column; `None` for row numbers.
    pub fn to_column(&self) -> Option<KeyColumn> {
        self.freeze().to_column()
    }

    /// What `info()` calls this sort of keys.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Undecided | Self::Rows => "rows",
            Self::Numbers(..) => "numbers",
            Self::Text(..) => "text",
        }
    }

    /// Bytes of the columns, in the order of the file's sections.
    pub fn column_bytes(&self) -> Vec<u64> {
        match self {
            Self::Undecided | Self::Rows => vec![],
            Self::Numbers(keys, _) => vec![8 * keys.len() as u64],
            Self::Text(offsets, text, _) => vec![8 * offsets.len() as u64, text.len() as u64],
        }
    }
}

/// Slots from here on; rows are counted by slots.
fn from(start: usize) -> impl Iterator<Item = u32> {
    u32::try_from(start).unwrap_or(u32::MAX)..
}

fn sort(keys: &Keys) -> &'static str {
    match keys {
        Keys::Rows => "none",
        _ => keys.name(),
    }
}

/// Strings by their offsets.
fn strings<'a>(offsets: &'a [u64], text: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    offsets
        .windows(2)
        .map(move |ends| &text[at(ends[0])..at(ends[1])])
}

/// Refuses the first key of a batch that some slot has.
fn unused<'s, K>(
    batch: impl Iterator<Item = K>,
    slot_of: impl Fn(&K) -> Option<&'s u32>,
    shown: impl Fn(&K) -> String,
) -> Result<()> {
    for (row, key) in batch.enumerate() {
        if let Some(slot) = slot_of(&key) {
            let key = shown(&key);
            let message =
                format!("key {key} of row {row} is taken: row {slot} of the index has it");
            return Err(Error::new(Code::Key, message));
        }
    }
    Ok(())
}
