//! The codes of an index as sections.

use crate::bytes::corrupt;
use crate::bytes::layout::Section;
use crate::bytes::region::{AlignedBytes, Region};
use crate::codec::codes::TERMS_BYTES;
use crate::codec::{Codes, Encoder, Form};
use crate::error::{Error, Result};
use crate::exec::Exec;
use crate::ids::Slot;
use crate::matrix::Rows;
use crate::metric::Metric;
use std::sync::Arc;

/// Rows one thread looks over at a time.
const GRAIN: usize = 256;

/// Codes in the form of the file.
#[derive(Clone, Debug)]
pub struct CodeSections {
    /// What a code takes.
    pub form: Form,
    /// Section `codes`.
    pub codes: Region,
    /// Section `centre`.
    pub centre: Region,
}

impl From<Encoder> for CodeSections {
    fn from(encoder: Encoder) -> Self {
        let (form, codes, centre): (_, AlignedBytes, _) = encoder.finish();
        Self {
            form,
            codes: Region::new(Arc::new(codes)),
            centre: Region::from_vec(centre),
        }
    }
}

impl CodeSections {
    /// The codes, borrowed.
    pub fn view(&self) -> Codes<'_> {
        Codes::new(self.form, self.codes.as_bytes(), self.centre.as_slice())
    }

    /// The sections a file has for them.
    pub fn sections(&self) -> [(Section, Region); 2] {
        [
            (Section::Codes, self.codes.clone()),
            (Section::Centre, self.centre.clone()),
        ]
    }

    /// What opening asks: a finite centre, and rows whose terms are numbers and whose padding is
    /// zero. Whether they are the vectors' codes is for [`check`](Self::check).
    pub fn validate(&self, offset_of: impl Fn(Section) -> u64, exec: Exec<'_>) -> Result<()> {
        let centre = self.centre.as_slice::<f32>();
        if let Some(column) = centre.iter().position(|x| !x.is_finite()) {
            let at = offset_of(Section::Centre) + column as u64 * 4;
            return Err(corrupt(
                "centre",
                at,
                format!("column {column} is not finite"),
            ));
        }
        let fault = self.first_row(exec, |codes, slot| {
            let (row, terms) = (codes.row(slot), codes.terms(slot));
            let (row, _) = row.split_at(row.len() - TERMS_BYTES);
            let (codes, padding) = row.split_at(self.form.code_bytes(centre.len()));
            let sound = terms.scale.is_finite() && terms.scale >= 0.0 && !terms.bias.is_nan();
            sound
                && spare_bits(self.form, centre.len(), codes)
                && padding.iter().all(|byte| *byte == 0)
        });
        fault.map_or(Ok(()), |slot| {
            let what = "terms are no numbers or its padding is not zero";
            Err(self.at_row(slot, what, &offset_of))
        })
    }

    /// Whether every code is that of its vector.
    pub fn check(
        &self,
        metric: Metric,
        rows: Rows<'_>,
        offset_of: impl Fn(Section) -> u64,
    ) -> Result<()> {
        let fault = self.first_row(Exec::Serial, |codes, slot| {
            let mut expected = vec![0; codes.row(slot).len()];
            let centre = codes.centre();
            let vector = &rows.row(slot)[..centre.len()];
            self.form.encode(metric, vector, centre, &mut expected);
            expected == codes.row(slot)
        });
        fault.map_or(Ok(()), |slot| {
            Err(self.at_row(slot, "code is not that of its vector", &offset_of))
        })
    }

    /// The first row that is not `sound`.
    fn first_row(
        &self,
        exec: Exec<'_>,
        sound: impl Fn(Codes<'_>, Slot) -> bool + Sync,
    ) -> Option<Slot> {
        let codes = self.view();
        let mut faults = vec![None; codes.len().div_ceil(GRAIN)];
        exec.fill(
            &mut faults,
            1,
            || (),
            |(), group, fault| {
                let mut rows = (0..).take(codes.len()).skip(group * GRAIN).take(GRAIN);
                *fault = rows.find(|&slot| !sound(codes, slot));
            },
        );
        faults.into_iter().flatten().next()
    }

    fn at_row(&self, slot: Slot, what: &str, offset_of: &impl Fn(Section) -> u64) -> Error {
        let stride = self.view().row(slot).len() as u64;
        let at = offset_of(Section::Codes) + u64::from(slot) * stride;
        corrupt("codes", at, format!("row {slot}: {what}"))
    }
}

/// Whether the bits that no number has are zero: the high half of the last byte, where numbers go two
/// a byte and are odd in number.
fn spare_bits(form: Form, dim: usize, codes: &[u8]) -> bool {
    form != Form::Sq4 || dim.is_multiple_of(2) || codes.last().is_none_or(|last| last >> 4 == 0)
}
