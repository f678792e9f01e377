//! Where work runs: on the calling thread, on the host's pool, or on rayon's global pool (the only
//! one WebAssembly has). The only file that names rayon. Work is cut the same way for any number of
//! threads, so results never depend on it.

use rayon::prelude::*;
use std::sync::Mutex;
#[cfg(not(target_arch = "wasm32"))]
use std::sync::atomic::{AtomicUsize, Ordering};

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
    /// What a host does itself.
    Crew(&'p dyn Crew),
}

/// The calling thread and others that a host hands short work to.
pub trait Crew: std::fmt::Debug + Sync {
    /// How many with the calling one.
    fn threads(&self) -> usize;

    /// Calls `work` with every number below that of threads, with 0 on the calling one, and waits for all.
    fn all(&self, work: &(dyn Fn(usize) + Sync));
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
            Self::Crew(crew) => crew.threads(),
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
        spread(*self, out, size, &body);
    }

    /// As [`parts`](Self::parts), for memory that is written again and again by short calls: the calling thread
    /// works too, where it would only wait, and a run of neighbours is the same thread's again where that can
    /// be, whose cache may still hold it.
    pub fn shares<T: Send>(
        &self,
        out: &mut [T],
        size: usize,
        body: impl Fn(usize, &mut [T]) + Sync,
    ) {
        match self {
            #[cfg(not(target_arch = "wasm32"))]
            Self::Pool(pool) => shared(&Caller(pool), out, size, &body),
            Self::Crew(crew) => shared(*crew, out, size, &body),
            _ => self.parts(out, size, body),
        }
    }
}

/// Every thread takes neighbouring parts until none is left, many while many are. A part is work enough for a call
/// through a pointer: so there is one copy for all bodies over a type, and of what rayon makes of it one alone.
fn spread<T: Send>(
    exec: Exec<'_>,
    out: &mut [T],
    size: usize,
    body: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    #[cfg(not(target_arch = "wasm32"))]
    if let Exec::Placed(pool) = exec {
        return placed(pool, out, size, body);
    }
    let share = TURNS * exec.threads();
    let left = Mutex::new(Run {
        first: 0,
        items: out,
    });
    let work = || {
        while let Some((first, parts)) = taken(&left, |run| run.next(size, share)) {
            for (at, part) in parts.chunks_mut(size).enumerate() {
                body(first + at, part);
            }
        }
    };
    each_thread(exec, &work);
}

/// Takes of a thread's, were all parts given out as the first are: fewer, and one slow part holds up the rest.
const TURNS: usize = 8;

/// Calls this on every thread, but for those that come to it when it is done.
fn each_thread(exec: Exec<'_>, work: &(dyn Fn() + Sync)) {
    match exec {
        Exec::Serial => work(),
        Exec::Pool(pool) => pool.install(|| each_thread(Exec::Global, work)),
        Exec::Crew(crew) => crew.all(&|_| work()),
        _ => {
            let threads = 0..rayon::current_num_threads();
            let threads = threads.into_par_iter().with_max_len(1);
            threads.for_each(|_| work());
        }
    }
}

/// As [`spread`], in as many runs of neighbouring parts as there are threads, each on a thread of its own.
#[cfg(not(target_arch = "wasm32"))]
fn placed<T: Send>(
    pool: &rayon::ThreadPool,
    out: &mut [T],
    size: usize,
    body: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    let shares = runs(out, size, pool.current_num_threads());
    pool.broadcast(|thread| {
        while let Some((at, part)) =
            taken(&shares[thread.index()], |run| run.next(size, usize::MAX))
        {
            body(at, part);
        }
    });
}

/// As [`spread`], in as many runs of neighbouring parts as there are threads, the first on the calling one; who has
/// done its own takes parts of the others' from their ends.
fn shared<T: Send>(
    crew: &dyn Crew,
    out: &mut [T],
    size: usize,
    body: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    let threads = crew.threads();
    let shares = &runs(out, size, threads);
    crew.all(&|own| {
        while let Some((at, part)) = taken(&shares[own], |run| run.next(size, usize::MAX)) {
            body(at, part);
        }
        for other in (own + 1..threads).chain(0..own) {
            while let Some((at, part)) = taken(&shares[other], |run| run.last(size)) {
                body(at, part);
            }
        }
    });
}

/// Looks at whether others are done before sleeping: some microseconds.
#[cfg(not(target_arch = "wasm32"))]
const LOOKS: usize = 200;

/// The calling thread in the place of one of a pool's.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug)]
struct Caller<'p>(&'p rayon::ThreadPool);

#[cfg(not(target_arch = "wasm32"))]
impl Crew for Caller<'_> {
    fn threads(&self) -> usize {
        self.0.current_num_threads()
    }

    fn all(&self, work: &(dyn Fn(usize) + Sync)) {
        let left = &AtomicUsize::new(self.threads() - 1);
        self.0.in_place_scope(|scope| {
            for own in 1..self.threads() {
                scope.spawn(move |_| {
                    work(own);
                    left.fetch_sub(1, Ordering::Release);
                });
            }
            work(0);
            // The others are about done too; to be woken would take longer.
            for _ in 0..LOOKS {
                if left.load(Ordering::Acquire) == 0 {
                    break;
                }
                std::hint::spin_loop();
            }
        });
    }
}

/// Neighbouring parts, of which those at either end are taken away.
struct Run<'o, T> {
    /// Number of the first part that is left.
    first: usize,
    items: &'o mut [T],
}

impl<'o, T> Run<'o, T> {
    /// The first part that is left, and those after it as far as they are one in `share` of all that are left.
    fn next(&mut self, size: usize, share: usize) -> Option<(usize, &'o mut [T])> {
        let left = self.items.len().div_ceil(size);
        let parts = (left / share).max(1).min(left);
        let end = (parts * size).min(self.items.len());
        let taken = self.items.split_off_mut(..end)?;
        self.first += parts;
        (parts > 0).then_some((self.first - parts, taken))
    }

    /// The last.
    fn last(&mut self, size: usize) -> Option<(usize, &'o mut [T])> {
        let before = self.items.len().div_ceil(size).checked_sub(1)?;
        let part = self.items.split_off_mut(before * size..)?;
        Some((self.first + before, part))
    }
}

/// All parts in as many runs as there are threads.
fn runs<T>(out: &mut [T], size: usize, threads: usize) -> Vec<Mutex<Run<'_, T>>> {
    let (parts, mut rest, mut first) = (out.len().div_ceil(size), out, 0);
    let run = |thread: usize| {
        let end = parts * thread / threads;
        let length = ((end - first) * size).min(rest.len());
        let items = rest.split_off_mut(..length).expect("at most the rest");
        Mutex::new(Run {
            first: std::mem::replace(&mut first, end),
            items,
        })
    };
    (1..=threads).map(run).collect()
}

/// What was taken away; nobody else waits while it is worked on.
fn taken<'o, T, P>(run: &Mutex<Run<'o, T>>, take: impl Fn(&mut Run<'o, T>) -> P) -> P {
    take(&mut run.lock().expect("taking a part does not panic"))
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

    /// Every part once, whoever takes it, with its number.
    #[test]
    fn parts_are_each_taken_once() {
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().unwrap();
            for (len, size) in [(0, 4), (1, 4), (8, 4), (9, 4), (1000, 7), (1001, 1)] {
                let body = |at: usize, part: &mut [usize]| {
                    assert!(part.len() == size || (at + 1) * size > len);
                    for times in part {
                        *times += at + 1;
                    }
                };
                let run = |exec: Exec<'_>| {
                    let (mut parts, mut shares) = (vec![0; len], vec![0; len]);
                    exec.parts(&mut parts, size, body);
                    exec.shares(&mut shares, size, body);
                    (parts, shares)
                };
                let once: Vec<_> = (0..len).map(|at| at / size + 1).collect();
                let expected = (once.clone(), once);
                for _ in 0..50 {
                    assert_eq!(run(Exec::Pool(&pool)), expected);
                }
                let within = pool.install(|| [run(Exec::Global), run(Exec::Pool(&pool))]);
                assert_eq!(
                    within,
                    [expected.clone(), expected.clone()],
                    "from a thread of the pool"
                );
                assert_eq!(run(Exec::Serial), expected);
                assert_eq!(run(Exec::Crew(&Caller(&pool))), expected);
            }
        }
    }

    /// Whoever is held up, the others do its work.
    #[test]
    fn who_is_done_takes_over() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3);
        let pool = pool.build().unwrap();
        let caller = std::thread::current().id();
        let left = std::sync::atomic::AtomicUsize::new(30);
        let mut out = vec![None; 30];
        Exec::Pool(&pool).shares(&mut out, 1, |at, part| {
            part[0] = Some(std::thread::current().id());
            let before = left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            // The caller's first part ends when nothing else is left.
            while at == 0 && before > 1 && left.load(std::sync::atomic::Ordering::Relaxed) > 0 {
                std::thread::yield_now();
            }
        });
        assert_eq!(out.iter().filter(|by| **by == Some(caller)).count(), 1);
        assert!(out.iter().all(Option::is_some));
    }
}
