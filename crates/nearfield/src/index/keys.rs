//! The names callers gave their vectors, as columns in the form of the file.
//!
//! ```text
//! Rows      no column: the key of a slot is its number
//! Numbers   keys         i64 × rows
//! Text      key-offsets  u64 × (rows + 1)      key-text  UTF-8, one key after the other
//! ```
//!
//! Invariants: numbers are safe integers, text is UTF-8 cut between characters, no two keys are
//! equal. One set of checks serves a caller's keys (`KEY`) and a file's (`CORRUPT`): it finds a
//! fault, and who asked gives it its code.

use super::unique::{KEPT_MAX, first_duplicate};
use crate::bytes::corrupt;
use crate::bytes::layout::Section;
use crate::bytes::region::Region;
use crate::error::{Code, Error, Result};
use crate::ids::{KeyColumn, SAFE_INTEGER_MAX, Slot};
use std::cmp::Ordering;

/// The keys of an index.
#[derive(Clone, Debug)]
pub enum Keys {
    /// Row numbers.
    Rows,
    /// Safe integers.
    Numbers(Region),
    /// Strings.
    Text {
        /// Where each begins, and the end of the last.
        offsets: Region,
        /// Their bytes.
        text: Region,
    },
}

/// What is wrong with a column: in which section, at which element of it, in words.
struct Fault {
    section: Section,
    element: u64,
    what: String,
}

impl Keys {
    /// Takes a caller's keys, one a row.
    pub fn from_column(column: Option<KeyColumn>, rows: u32) -> Result<Self> {
        let keys = match column {
            None => return Ok(Self::Rows),
            Some(KeyColumn::Numbers(numbers)) => {
                expect_count(numbers.len(), rows)?;
                let faulty = |(slot, key): (usize, &f64)| as_key(*key).ok_or((slot, *key));
                let whole: std::result::Result<Vec<i64>, _> =
                    numbers.iter().enumerate().map(faulty).collect();
                let whole = whole.map_err(|(slot, key)| {
                    refuse(format!("key {key} of row {slot} is not a safe integer"))
                })?;
                Self::Numbers(Region::from_vec(whole))
            }
            Some(KeyColumn::Text { bytes, offsets }) => {
                expect_count(offsets.len().saturating_sub(1), rows)?;
                if offsets.is_empty() {
                    return Err(refuse("0 key offsets, expected one more than keys".into()));
                }
                Self::Text {
                    offsets: Region::from_vec(offsets),
                    text: Region::from_vec(bytes),
                }
            }
        };
        keys.check(rows)?
            .map_or(Ok(keys), |fault| Err(refuse(fault.what)))
    }

    /// Checks the keys of a file; `offset_of` says where its sections start.
    pub fn check_file(&self, rows: u32, offset_of: impl Fn(Section) -> u64) -> Result<()> {
        match self.check(rows)? {
            None => Ok(()),
            Some(Fault {
                section,
                element,
                what,
            }) => {
                let at = offset_of(section) + element * u64::from(section.element_bytes());
                Err(corrupt(section.name(), at, what))
            }
        }
    }

    /// The number the header has for this sort of keys.
    pub const fn tag(&self) -> u8 {
        match self {
            Self::Rows => 0,
            Self::Numbers(_) => 1,
            Self::Text { .. } => 2,
        }
    }

    /// What `info()` calls this sort of keys.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Numbers(_) => "numbers",
            Self::Text { .. } => "text",
        }
    }

    /// The sections a file has for these keys.
    pub fn sections(&self) -> Vec<(Section, Region)> {
        match self {
            Self::Rows => vec![],
            Self::Numbers(keys) => vec![(Section::Keys, keys.clone())],
            Self::Text { offsets, text } => {
                vec![
                    (Section::KeyOffsets, offsets.clone()),
                    (Section::KeyText, text.clone()),
                ]
            }
        }
    }

    /// A copy as a column.
    #[allow(clippy::cast_precision_loss)] // safe integers are exact
    pub fn to_column(&self) -> Option<KeyColumn> {
        match self {
            Self::Rows => None,
            Self::Numbers(keys) => {
                let keys = keys.as_slice::<i64>();
                Some(KeyColumn::Numbers(
                    keys.iter().map(|key| *key as f64).collect(),
                ))
            }
            Self::Text { offsets, text } => Some(KeyColumn::Text {
                bytes: text.as_bytes().to_vec(),
                offsets: offsets.as_slice().to_vec(),
            }),
        }
    }

    fn check(&self, rows: u32) -> Result<Option<Fault>> {
        match self {
            Self::Rows => Ok(None),
            Self::Numbers(keys) => check_numbers(keys.as_slice(), rows),
            Self::Text { offsets, text } => check_text(offsets.as_slice(), text.as_bytes(), rows),
        }
    }
}

fn check_numbers(keys: &[i64], rows: u32) -> Result<Option<Fault>> {
    let fault = |slot: usize, what| Fault {
        section: Section::Keys,
        element: slot as u64,
        what,
    };
    if let Some(slot) = keys
        .iter()
        .position(|key| key.unsigned_abs() > SAFE_INTEGER_MAX)
    {
        let what = format!("key {} of row {slot} is not a safe integer", keys[slot]);
        return Ok(Some(fault(slot, what)));
    }
    let order = |a: Slot, b: Slot| keys[a as usize].cmp(&keys[b as usize]);
    Ok(first_duplicate(rows, KEPT_MAX, order)?.map(|(low, high)| {
        let key = keys[low as usize];
        fault(
            high as usize,
            format!("key {key} is given twice, for rows {low} and {high}"),
        )
    }))
}

fn check_text(offsets: &[u64], text: &[u8], rows: u32) -> Result<Option<Fault>> {
    let fault = |section, element: usize, what| {
        Ok(Some(Fault {
            section,
            element: element as u64,
            what,
        }))
    };
    let end = text.len() as u64;
    if offsets[0] != 0 || offsets[offsets.len() - 1] != end {
        let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
        let what = format!("key offsets go from {first} to {last}, expected 0 to {end}");
        return fault(Section::KeyOffsets, 0, what);
    }
    if let Some(slot) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
        let (start, end) = (offsets[slot], offsets[slot + 1]);
        let what = format!("the key of row {slot} ends at {end}, before it starts at {start}");
        return fault(Section::KeyOffsets, slot + 1, what);
    }
    let whole = match std::str::from_utf8(text) {
        Ok(whole) => whole,
        Err(why) => {
            let at = why.valid_up_to();
            let slot = offsets.partition_point(|offset| *offset <= at as u64) - 1;
            return fault(
                Section::KeyText,
                at,
                format!("the key of row {slot} is not UTF-8"),
            );
        }
    };
    // Ascending and bounded by the text's length, so every offset fits a pointer.
    #[allow(clippy::cast_possible_truncation)]
    let at = |slot: usize| offsets[slot] as usize;
    if let Some(slot) = (0..offsets.len()).find(|slot| !whole.is_char_boundary(at(*slot))) {
        let what = format!("the key of row {slot} starts inside a character");
        return fault(Section::KeyOffsets, slot, what);
    }
    let key = |slot: Slot| &whole[at(slot as usize)..at(slot as usize + 1)];
    let order = |a: Slot, b: Slot| -> Ordering { key(a).cmp(key(b)) };
    match first_duplicate(rows, KEPT_MAX, order)? {
        None => Ok(None),
        Some((low, high)) => {
            let key = shorten(key(low));
            let what = format!("key '{key}' is given twice, for rows {low} and {high}");
            fault(Section::KeyOffsets, high as usize, what)
        }
    }
}

/// The keys at these places of a column, in their order.
pub fn gather(column: &KeyColumn, places: &[usize]) -> Result<KeyColumn> {
    let missing = |place: usize| refuse(format!("no key at {place} of the keys given"));
    match column {
        KeyColumn::Numbers(numbers) => {
            let key = |&place: &usize| numbers.get(place).copied().ok_or_else(|| missing(place));
            places
                .iter()
                .map(key)
                .collect::<Result<_>>()
                .map(KeyColumn::Numbers)
        }
        KeyColumn::Text { bytes, offsets } => {
            let at = |place: usize| usize::try_from(*offsets.get(place)?).ok();
            let mut gathered = Vec::new();
            let mut ends = vec![0];
            for &place in places {
                let key = at(place)
                    .zip(at(place + 1))
                    .and_then(|(from, to)| bytes.get(from..to));
                gathered.extend_from_slice(key.ok_or_else(|| missing(place))?);
                ends.push(gathered.len() as u64);
            }
            Ok(KeyColumn::Text {
                bytes: gathered,
                offsets: ends,
            })
        }
    }
}

/// A key short enough for a message.
fn shorten(key: &str) -> String {
    const SHOWN: usize = 60;
    if key.chars().nth(SHOWN).is_none() {
        return key.into();
    }
    key.chars().take(SHOWN).chain(['…']).collect()
}

fn expect_count(keys: usize, rows: u32) -> Result<()> {
    if keys == rows as usize {
        return Ok(());
    }
    Err(refuse(format!(
        "{keys} keys, expected one for each of {rows} rows"
    )))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // whole and below 2⁵³
fn as_key(key: f64) -> Option<i64> {
    let safe = key.fract() == 0.0 && key.abs() <= SAFE_INTEGER_MAX as f64;
    safe.then_some(key as i64)
}

fn refuse(message: String) -> Error {
    Error::new(Code::Key, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(keys: &[f64]) -> Result<Keys> {
        Keys::from_column(Some(KeyColumn::Numbers(keys.to_vec())), 3)
    }

    fn text(bytes: &[u8], offsets: &[u64]) -> Result<Keys> {
        let column = KeyColumn::Text {
            bytes: bytes.to_vec(),
            offsets: offsets.to_vec(),
        };
        Keys::from_column(Some(column), 3)
    }

    fn says<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.expect_err("refused").to_string()
    }

    #[test]
    fn good_columns_come_back() {
        let keys = numbers(&[-9_007_199_254_740_991.0, 0.0, 7.0]).expect("good");
        let expected = vec![-9_007_199_254_740_991.0, 0.0, 7.0];
        assert_eq!(keys.to_column(), Some(KeyColumn::Numbers(expected)));
        let keys = text("aäb".as_bytes(), &[0, 1, 3, 4]).expect("good");
        let offsets = vec![0, 1, 3, 4];
        assert_eq!(
            keys.to_column(),
            Some(KeyColumn::Text {
                bytes: "aäb".into(),
                offsets
            })
        );
        assert_eq!(Keys::from_column(None, 3).expect("good").to_column(), None);
    }

    #[test]
    fn bad_columns_are_named() {
        assert_eq!(
            says(numbers(&[1.0])),
            "KEY: 1 keys, expected one for each of 3 rows"
        );
        assert_eq!(
            says(numbers(&[5.0, 1.0, 5.0])),
            "KEY: key 5 is given twice, for rows 0 and 2"
        );
        for bad in [0.5, f64::NAN, f64::INFINITY, 9_007_199_254_740_992.0] {
            let refusal = says(numbers(&[1.0, bad, 2.0]));
            assert_eq!(
                refusal,
                format!("KEY: key {bad} of row 1 is not a safe integer")
            );
        }
        assert_eq!(
            says(text(b"abxab", &[0, 2, 3, 5])),
            "KEY: key 'ab' is given twice, for rows 0 and 2"
        );
        assert_eq!(
            says(text(b"a\xffb", &[0, 1, 2, 3])),
            "KEY: the key of row 1 is not UTF-8"
        );
        assert_eq!(
            says(text("äb".as_bytes(), &[0, 1, 2, 3])),
            "KEY: the key of row 1 starts inside a character"
        );
        assert_eq!(
            says(text(b"abc", &[0, 2, 1, 3])),
            "KEY: the key of row 1 ends at 1, before it starts at 2"
        );
        assert_eq!(
            says(text(b"abc", &[0, 1, 2, 9])),
            "KEY: key offsets go from 0 to 9, expected 0 to 3"
        );
        assert_eq!(
            says(text(b"", &[])),
            "KEY: 0 keys, expected one for each of 3 rows"
        );
        let long = "x".repeat(100);
        let twice = says(text(
            format!("{long}a{long}").as_bytes(),
            &[0, 100, 101, 201],
        ));
        assert!(twice.len() < 150 && twice.contains('…'), "{twice}");
    }
}
