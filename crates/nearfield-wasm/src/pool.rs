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
//! One call at a time: the caller is the only thread that JavaScript calls into.

use nearfield::exec::Exec;

/// Runs `call` on this thread for one thread, on the pool for any other number.
#[cfg(not(feature = "threads"))]
pub fn run<R: Send>(_threads: u32, call: impl FnOnce(Exec<'static>) -> R + Send) -> R {
    call(Exec::Serial)
}

#[cfg(feature = "threads")]
pub use threaded::run;

#[cfg(feature = "threads")]
mod threaded {
    use super::Exec;
    use core::arch::wasm32;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicI32, Ordering};
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
        WORD.compare_exchange(DONE, WAITING, Ordering::AcqRel, Ordering::Acquire)
            .unwrap_or_else(|_| wasm32::unreachable());
        rayon::spawn(move || {
            job();
            finish();
        });
        wait();
        end.into_inner()
            .expect("the job does not panic while it holds the lock")
            .unwrap_or_else(|panic| resume_unwind(panic));
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
