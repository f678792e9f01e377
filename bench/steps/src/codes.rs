//! The core's own zones: codes of one or two bits in strips, scanned, the nearest judged by their vectors.

use crate::Result;
use crate::data::Data;
use crate::steps::{Effort, Searcher};
use nearfield::codec::Stored;
use nearfield::codec::bits::Bits;
use nearfield::exec::Exec;
use nearfield::kernels::Kernels;
use nearfield::zones::{
    self, ProbeScratch, ZoneArrays, ZonesBuilder, ZonesParams, ZonesPhase, ZonesView, probe,
};

/// From this many numbers a row on, one bit a number says enough.
const ONE_BIT_MIN: usize = 256;

pub fn bits_for(dim: usize) -> Bits {
    if dim < ONE_BIT_MIN {
        Bits::Two
    } else {
        Bits::One
    }
}

pub fn build(
    data: &Data,
    zones: usize,
    seed: u64,
    kernels: &'static Kernels,
    exec: Exec<'_>,
) -> Result<ZoneArrays> {
    let said = |error: nearfield::Error| error.to_string();
    let rows = data.rows.rows();
    let bits = bits_for(data.dim);
    let params = ZonesParams {
        zones,
        bits,
        seed,
        soar: false,
        walked: false,
    };
    let mut builder = ZonesBuilder::new(rows, data.metric, kernels, params, exec).map_err(said)?;
    while builder.step(rows, exec).map_err(said)?.phase != ZonesPhase::Done {}
    Ok(builder.finish())
}

/// What the core looks at for so many probes.
pub fn effort_of(view: &ZonesView<'_>, effort: Effort) -> zones::Effort {
    zones::Effort::of(view, effort.k, effort.effort)
}

pub struct Coded<'a> {
    view: ZonesView<'a>,
    data: &'a Data,
    kernels: &'static Kernels,
    effort: zones::Effort,
    scratch: ProbeScratch,
}

impl<'a> Coded<'a> {
    pub fn new(
        arrays: &'a ZoneArrays,
        data: &'a Data,
        kernels: &'static Kernels,
        effort: Effort,
    ) -> Self {
        let view = arrays.view();
        Self {
            effort: effort_of(&view, effort),
            view,
            data,
            kernels,
            scratch: ProbeScratch::default(),
        }
    }
}

impl Searcher for Coded<'_> {
    fn find(&mut self, query: &[f32], slots: &mut Vec<u32>) {
        let judges = Stored::from(self.data.rows.rows()).into();
        let (view, scratch) = (&self.view, &mut self.scratch);
        probe::search(view, judges, query, self.kernels, self.effort, scratch);
        slots.clear();
        slots.extend(scratch.results.iter().map(|found| found.slot()));
    }
}
