//! How a call reaches the pool and comes back even when a thread of the pool dies.
//!
//! Rayon's own wait has no way out: a thread that traps never sets the latch and the caller sleeps
//! for ever. So a call is handed to the pool and the caller sleeps on [`WORD`] instead, which the
//! dying worker's JavaScript can write (`packages/wasm/pool/pool-trap.js`).
//!
//! ```text
//! caller: WORD = WAITING, spawn job, sleep ── DONE ── take the result (or resume its panic)
//!                                          └─ DEAD ── trap: this module must not run again
//! ```
//!
//! One call at a time: the caller is the only thread that JavaScript calls into; a page searches by itself (`lent.rs`)
//! between these calls.
//!
//! Short work is shared by the caller, which need not wait for others to wake up before it is begun:
//!
//! ```text
//! caller: WORD = WAITING, spawn work 1, 2 …, do work 0, look at WORD for some µs, sleep ── as above
//! ```

use nearfield::exec::Exec;

/// Runs `call` on this thread for one thread, on the pool for any other number.
#[cfg(not(feature = "threads"))]
pub fn run<R: Send>(_threads: u32, call: impl FnOnce(Exec<'static>) -> R + Send) -> R {
    call(Exec::Serial)
}

/// As [`run`], on this thread and all but one of the pool's.
#[cfg(not(feature = "threads"))]
pub fn share<R>(_threads: u32, call: impl FnOnce(Exec<'static>) -> R) -> R {
    call(Exec::Serial)
}

#[cfg(feature = "threads")]
pub use threaded::{run, share};

#[cfg(feature = "threads")]
mod threaded {
    use super::Exec;
    use core::arch::wasm32;
    use nearfield::exec::Crew;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
    use wasm_bindgen::prelude::*;

    const WAITING: i32 = 0;
    const DONE: i32 = 1;
    /// Written by JavaScript only.
    const DEAD: i32 = 2;
    static WORD: AtomicI32 = AtomicI32::new(DONE);

    /// The address of the word a dying pool worker writes.
    #[wasm_bindgen]
    pub fn pool_word() -> *const i32 {
        WORD.as_ptr()
    }

    /// Runs `call` on this thread for one thread, on the pool for any other number.
    pub fn run<R: Send>(threads: u32, call: impl FnOnce(Exec<'static>) -> R + Send) -> R {
        let (mut call, mut answer) = (Some(call), None);
        hand_over(threads, &mut |exec| {
            answer = call.take().map(|call| call(exec))
        });
        answer.expect("the call was made once")
    }

    /// The same for all calls, of which there are many kinds.
    fn hand_over(threads: u32, call: &mut (dyn FnMut(Exec<'static>) + Send)) {
        if threads == 1 {
            return call(Exec::Serial);
        }
        let end = Mutex::new(Ok(()));
        let job: Box<dyn FnOnce() + Send + '_> = Box::new(|| {
            let result = catch_unwind(AssertUnwindSafe(|| call(Exec::Global)));
            *end.lock().expect("only this job locks before DONE") = result;
        });
        // SAFETY: the job borrows from this frame. The frame stays until WORD leaves WAITING: with
        // DONE the job has returned, with DEAD `wait` does not return and nothing is freed.
        let job: Box<dyn FnOnce() + Send + 'static> = unsafe { std::mem::transmute(job) };
        begin();
        rayon::spawn(move || {
            job();
            finish();
        });
        wait();
        end.into_inner()
            .expect("the job does not panic while it holds the lock")
            .unwrap_or_else(|panic| resume_unwind(panic));
    }

    /// As [`run`], on this thread and all but one of the pool's.
    pub fn share<R>(threads: u32, call: impl FnOnce(Exec<'static>) -> R) -> R {
        call(match threads {
            1 => Exec::Serial,
            _ => Exec::Crew(&Caller),
        })
    }

    /// The calling thread in the place of one of the pool's.
    #[derive(Debug)]
    struct Caller;

    impl Crew for Caller {
        fn threads(&self) -> usize {
            rayon::current_num_threads()
        }

        fn all(&self, work: &(dyn Fn(usize) + Sync)) {
            let threads = self.threads();
            if threads == 1 {
                return work(0);
            }
            let (left, end) = (AtomicUsize::new(threads - 1), Mutex::new(Ok(())));
            let part = |own: usize| {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(own))) {
                    *end.lock().expect("nobody panics while it holds the lock") = Err(panic);
                }
            };
            let job: &(dyn Fn(usize) + Sync) = &|own| {
                part(own);
                if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    finish();
                }
            };
            // SAFETY: jobs borrow from this frame, which stays until WORD leaves WAITING: with DONE all of them
            // have counted themselves off, after which none touches it; with DEAD `wait` does not return.
            let job: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(job) };
            begin();
            for own in 1..threads {
                rayon::spawn(move || job(own));
            }
            part(0);
            // The others are about done too; to be woken would take longer.
            for _ in 0..LOOKS {
                if WORD.load(Ordering::Acquire) != WAITING {
                    break;
                }
                std::hint::spin_loop();
            }
            wait();
            let end = end.into_inner();
            let end = end.expect("nobody panicked while it held the lock");
            end.unwrap_or_else(|panic| resume_unwind(panic));
        }
    }

    /// Looks at [`WORD`] before sleeping: as long as a block takes another thread.
    const LOOKS: usize = 20_000;

    fn begin() {
        WORD.compare_exchange(DONE, WAITING, Ordering::AcqRel, Ordering::Acquire)
            .unwrap_or_else(|_| wasm32::unreachable());
    }

    fn finish() {
        // DEAD stays: another thread has trapped since.
        let _ = WORD.compare_exchange(WAITING, DONE, Ordering::AcqRel, Ordering::Acquire);
        // SAFETY: WORD is a static, so it is aligned and lives for ever.
        unsafe { wasm32::memory_atomic_notify(WORD.as_ptr(), 1) };
    }

    fn wait() {
        loop {
            match WORD.load(Ordering::Acquire) {
                WAITING => {
                    // SAFETY: as in `finish`; −1 is "no time limit".
                    unsafe { wasm32::memory_atomic_wait32(WORD.as_ptr(), WAITING, -1) };
                }
                DEAD => wasm32::unreachable(),
                _ => return,
            }
        }
    }
}
