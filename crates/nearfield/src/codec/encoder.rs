//! Coding all rows, in steps.
//!
//! ```text
//! new ─► centre: the mean of a sample ─► step, step, … ─► finish: the file's sections
//! ```
//! Invariant: sums run over fixed blocks of rows in a fixed order, so the centre, and with it every
//! code, is the same for any number of threads.

use super::Form;
use crate::bytes::region::AlignedBytes;
use crate::error::Result;
use crate::exec::Exec;
use crate::ids::spread;
use crate::matrix::Rows;
use crate::metric::Metric;

/// Rows the centre is taken from at most, evenly spread.
const SAMPLE_MAX: usize = 16_384;
/// Sampled rows of one block of sums.
const BLOCK_ROWS: usize = 256;
/// Numbers a step codes: some milliseconds of work, whatever the dimension.
const STEP_NUMBERS: usize = 4 << 20;
/// Rows one thread codes at a time.
const GRAIN: usize = 64;

/// Codes in the making.
#[derive(Debug)]
pub struct Encoder {
    form: Form,
    metric: Metric,
    centre: Vec<f32>,
    bytes: AlignedBytes,
    done: usize,
}

impl Encoder {
    /// Takes the centre of prepared rows and reserves their codes.
    pub fn new(form: Form, rows: Rows<'_>, metric: Metric, exec: Exec<'_>) -> Result<Self> {
        let bytes = (rows.len() as u64).saturating_mul(form.stride(rows.dim()) as u64);
        Ok(Self {
            form,
            metric,
            centre: centre(rows, exec),
            bytes: AlignedBytes::try_new_by(exec, bytes)?,
            done: 0,
        })
    }

    /// Codes rows around a centre that others were coded around.
    pub fn around(form: Form, centre: &[f32], rows: usize, metric: Metric) -> Result<Self> {
        let bytes = (rows as u64).saturating_mul(form.stride(centre.len()) as u64);
        Ok(Self {
            form,
            metric,
            centre: centre.to_vec(),
            bytes: AlignedBytes::try_new(bytes)?,
            done: 0,
        })
    }

    /// What the codes take.
    pub const fn form(&self) -> Form {
        self.form
    }

    /// Codes the next rows; how many are done.
    pub fn step(&mut self, rows: Rows<'_>, exec: Exec<'_>) -> usize {
        let stride = self.form.stride(rows.dim());
        let start = self.done;
        self.done = rows.len().min(start + (STEP_NUMBERS / rows.dim()).max(1));
        let bytes = &mut self.bytes.as_mut_slice()[start * stride..self.done * stride];
        let mut out: Vec<&mut [u8]> = bytes.chunks_exact_mut(stride).collect();
        let (form, metric, centre) = (self.form, self.metric, &self.centre[..]);
        let vectors = &rows.as_floats()[start * rows.stride()..];
        exec.fill(
            &mut out,
            GRAIN,
            || (),
            |(), at, out| {
                let vector = &vectors[at * rows.stride()..][..centre.len()];
                form.encode(metric, vector, centre, out);
            },
        );
        self.done
    }

    /// The sections `codes` and `centre`, and what the codes take.
    pub fn finish(self) -> (Form, AlignedBytes, Vec<f32>) {
        (self.form, self.bytes, self.centre)
    }
}

/// The mean of evenly spread rows.
fn centre(rows: Rows<'_>, exec: Exec<'_>) -> Vec<f32> {
    let sampled = spread(rows.len(), SAMPLE_MAX);
    let blocks: Vec<_> = sampled.chunks(BLOCK_ROWS).collect();
    let mut sums = vec![Vec::new(); blocks.len()];
    exec.fill(
        &mut sums,
        1,
        || (),
        |(), block, sums| {
            *sums = vec![0.0f64; rows.dim()];
            for &slot in blocks[block] {
                for (sum, x) in sums.iter_mut().zip(rows.row(slot)) {
                    *sum += f64::from(*x);
                }
            }
        },
    );
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    // a mean of f32 fits one
    let mean = |column: usize| {
        let sum: f64 = sums.iter().map(|sums| sums[column]).sum();
        (sum / sampled.len().max(1) as f64) as f32
    };
    (0..rows.dim()).map(mean).collect()
}
