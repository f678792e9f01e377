//! Where work runs: on the calling thread, on the host's pool, or on rayon's global pool (the only
//! one WebAssembly has). The only file that names rayon. Work is cut the same way for any number of
//! threads, so results never depend on it.

use rayon::prelude::*;

/// Where a call may spread its work.
#[derive(Clone, Copy, Debug)]
pub enum Exec<'p> {
    /// The calling thread alone.
    Serial,
    /// A pool the host made.
    Pool(&'p rayon::ThreadPool),
    /// Rayon's global pool; the host has started it.
    Global,
}

impl Exec<'_> {
    /// How many threads work at once.
    pub fn threads(&self) -> usize {
        match self {
            Self::Serial => 1,
            Self::Pool(pool) => pool.current_num_threads(),
            Self::Global => rayon::current_num_threads(),
        }
    }

    /// Calls `body(state, i, &mut out[i])` for every `i`; `state` is made once per run of at most
    /// `grain` neighbouring items (lease expensive scratch from a pool inside `state`).
    pub fn fill<T: Send, S>(
        &self,
        out: &mut [T],
        grain: usize,
        state: impl Fn() -> S + Sync,
        body: impl Fn(&mut S, usize, &mut T) + Sync,
    ) {
        let grain = grain.max(1);
        self.parts(out, grain, |chunk, items| {
            let mut state = state();
            for (at, item) in items.iter_mut().enumerate() {
                body(&mut state, chunk * grain + at, item);
            }
        });
    }

    /// Calls `body(i, part)` for every part of `size` neighbours, the last of which may be shorter.
    pub fn parts<T: Send>(
        &self,
        out: &mut [T],
        size: usize,
        body: impl Fn(usize, &mut [T]) + Sync,
    ) {
        match self {
            Self::Serial => {
                for (at, part) in out.chunks_mut(size).enumerate() {
                    body(at, part);
                }
            }
            Self::Pool(pool) => pool.install(|| spread(out, size, &body)),
            Self::Global => spread(out, size, &body),
        }
    }
}

/// The parts over the pool this is called in. One copy for all bodies over a type: what rayon makes of
/// each is large, and a part is work enough for a call through a pointer.
fn spread<T: Send>(out: &mut [T], size: usize, body: &(dyn Fn(usize, &mut [T]) + Sync)) {
    out.par_chunks_mut(size)
        .enumerate()
        .for_each(|(at, part)| body(at, part));
}
