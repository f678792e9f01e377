//! The two ways into the core: [`guard`] on JavaScript's thread, [`Job`] on a thread of the host's
//! work queue. Invariant: every call into the core passes through one of them, because a panic that
//! reaches Node-API's C frames ends the process.

use napi::bindgen_prelude::{AsyncTask, ToNapiValue, TypeName};
use napi::{Env, Error, Result, Task};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// The core's `CODE: message` as a JavaScript error.
pub fn refuse(error: nearfield::error::Error) -> Error {
    Error::from_reason(error.to_string())
}

/// Runs `body`; a panic becomes the error `BACKEND: …`.
pub fn guard<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    // Unwind safety: whatever a body mutates it has taken out of its handle and puts back at its
    // end, so a panic leaves the handle empty, never half changed.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        let said = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        let reason = format!("BACKEND: the native core panicked: {said}");
        std::mem::forget(payload); // its destructor could panic again
        Err(Error::from_reason(reason))
    })
}

/// A promise of `T`: the body owns all it reads, runs off JavaScript's thread and is guarded.
pub type Promised<T> = AsyncTask<Job<T>>;

/// One queued body.
pub struct Job<T>(Option<Box<dyn FnOnce() -> Result<T> + Send>>);

/// Queues `body`.
pub fn promise<T: Send + ToNapiValue + TypeName + 'static>(
    body: impl FnOnce() -> Result<T> + Send + 'static,
) -> Promised<T> {
    AsyncTask::new(Job(Some(Box::new(body))))
}

impl<T: Send + ToNapiValue + TypeName + 'static> Task for Job<T> {
    type Output = T;
    type JsValue = T;

    fn compute(&mut self) -> Result<T> {
        let body = self.0.take();
        guard(|| {
            body.map_or_else(
                || Err(Error::from_reason("BACKEND: task ran twice")),
                |b| b(),
            )
        })
    }

    fn resolve(&mut self, _env: Env, output: T) -> Result<T> {
        Ok(output)
    }
}

/// Milliseconds from now on: for what `explain` tells, never for what is done.
#[allow(clippy::disallowed_methods)] // as said
pub fn clock() -> impl Fn() -> f64 {
    let started = Instant::now();
    move || started.elapsed().as_secs_f64() * 1e3
}
