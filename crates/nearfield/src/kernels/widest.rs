//! Plain Rust compiled for the widest registers of the machine: what is worth its instructions but too
//! long, or too seldom called, for a kernel of its own.
//!
//! ```text
//! Work::run     the definition, inlined into …
//!   avx512, avx2    one function a set, whose instructions the compiler then uses
//!   run itself      everywhere else
//! ```
//! Invariant: Rust rounds every operation by itself and reorders no sum, so that work has the same
//! bits on every set. No option that limits sets reaches here.

use super::Isa;

/// A piece of work. All that `run` calls and that should use wide registers has to be
/// `#[inline(always)]`, and so has `run`.
pub trait Work {
    /// What comes of it.
    type Out;
    /// Does it.
    fn run(self) -> Self::Out;
}

/// Does the work by the best set of this machine.
#[inline]
pub fn widest<W: Work>(work: W) -> W::Out {
    within(Isa::Avx512Vnni, work)
}

/// Does the work by the best set of this machine not above `limit`.
#[inline]
#[cfg(target_arch = "x86_64")]
fn within<W: Work>(limit: Isa, work: W) -> W::Out {
    use std::arch::is_x86_feature_detected as detected;
    if limit >= Isa::Avx512
        && detected!("avx512f")
        && detected!("avx512bw")
        && detected!("avx512vl")
    {
        // SAFETY: the instructions were just detected.
        unsafe { avx512(work) }
    } else if limit >= Isa::Avx2 && detected!("avx2") {
        // SAFETY: as above.
        unsafe { avx2(work) }
    } else {
        work.run()
    }
}

/// Does the work: the instructions of other architectures are those of the whole program.
#[inline]
#[cfg(not(target_arch = "x86_64"))]
fn within<W: Work>(_limit: Isa, work: W) -> W::Out {
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn avx512<W: Work>(work: W) -> W::Out {
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<W: Work>(work: W) -> W::Out {
    work.run()
}

/// What work gives on each set, the plain one first: for tests that it is always the same.
#[cfg(test)]
pub fn on_every_set<W: Work>(work: impl Fn() -> W) -> Vec<W::Out> {
    let sets = [Isa::Scalar, Isa::Avx2, Isa::Avx512];
    sets.map(|limit| within(limit, work())).into()
}
