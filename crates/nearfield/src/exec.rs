//! Where work runs: on the calling thread, on the host's pool, or on rayon's global pool (the only
//! one WebAssembly has). The only file that names rayon. Work is cut the same way for any number of
//! threads, so results never depend on it.

use rayon::prelude::*;
#[cfg(not(target_arch = "wasm32"))]
use std::sync::Mutex;

/// Where a call may spread its work.
#[derive(Clone, Copy, Debug)]
pub enum Exec<'p> {
    /// The calling thread alone.
    Serial,
    /// A pool the host made.
    Pool(&'p rayon::ThreadPool),
    /// As [`Pool`](Self::Pool), and a share of memory is the same thread's every time: where threads are tied
    /// to nodes of memory, what one has written first is near to it. No thread takes over another's work.
    #[cfg(not(target_arch = "wasm32"))]
    Placed(&'p rayon::ThreadPool),
    /// Rayon's global pool; the host has started it.
    Global,
}

impl Exec<'_> {
    /// How many threads work at once.
    pub fn threads(&self) -> usize {
        match self {
            Self::Serial => 1,
            Self::Pool(pool) => pool.current_num_threads(),
            #[cfg(not(target_arch = "wasm32"))]
            Self::Placed(pool) => pool.current_num_threads(),
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
            #[cfg(not(target_arch = "wasm32"))]
            Self::Placed(pool) => placed(pool, out, size, &body),
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

/// As [`spread`], in as many runs of neighbouring parts as there are threads, each on a thread of its own.
#[cfg(not(target_arch = "wasm32"))]
fn placed<T: Send>(
    pool: &rayon::ThreadPool,
    out: &mut [T],
    size: usize,
    body: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    let (parts, threads) = (out.len().div_ceil(size), pool.current_num_threads());
    let (mut rest, mut begun) = (out, 0);
    let shares: Vec<_> = (1..=threads)
        .map(|thread| {
            let end = parts * thread / threads;
            let items = ((end - begun) * size).min(rest.len());
            let share = (
                begun,
                rest.split_off_mut(..items).expect("at most the rest"),
            );
            begun = end;
            Mutex::new(share)
        })
        .collect();
    pool.broadcast(|thread| {
        let mut share = shares[thread.index()].lock().expect("this thread's alone");
        let (first, items) = &mut *share;
        for (at, part) in items.chunks_mut(size).enumerate() {
            body(*first + at, part);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every part once, and by the same thread again.
    #[test]
    fn placed_parts_are_one_threads_every_time() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3);
        let pool = pool.build().unwrap();
        for (len, size) in [(0, 4), (1, 4), (8, 4), (9, 4), (1000, 7), (1001, 1)] {
            let run = || {
                let mut out = vec![(0, None); len];
                Exec::Placed(&pool).parts(&mut out, size, |at, part| {
                    for (times, by) in part {
                        *times += at + 1;
                        *by = rayon::current_thread_index();
                    }
                });
                out
            };
            let first = run();
            for (at, &(times, by)) in first.iter().enumerate() {
                assert_eq!(times, at / size + 1);
                assert!(by.is_some());
            }
            assert_eq!(first, run());
            assert!(
                first.is_sorted_by_key(|&(_, by)| by),
                "neighbours stay together"
            );
        }
    }
}
