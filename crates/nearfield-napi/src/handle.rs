//! Something JavaScript holds and may close, or a panic may take away.
//!
//! ```text
//! Here(value) ──take──▶ Away ──give_back──▶ Here        close: from anywhere to Closed, for good
//! ```
//! Invariant: whoever changes the value takes it out and gives it back when done. A second call in
//! between, or after a panic, finds it away and says `CLOSED`.

use crate::task::guard;
use napi::{Error, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

enum State<T> {
    Here(T),
    Away,
    Closed,
}

/// A closable value, shared with queued jobs.
pub struct Handle<T> {
    state: Arc<Mutex<State<T>>>,
    what: &'static str,
}

impl<T> Handle<T> {
    /// `what` names it in errors.
    pub fn new(value: T, what: &'static str) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::Here(value))),
            what,
        }
    }

    /// The same handle, for a queued job.
    pub fn share(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            what: self.what,
        }
    }

    /// The value, for the caller to change or consume.
    pub fn take(&self) -> Result<T> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Away) {
            State::Here(value) => Ok(value),
            gone => {
                *state = gone;
                Err(self.gone())
            }
        }
    }

    /// Returns what was taken; it is freed if the handle was closed meanwhile.
    pub fn give_back(&self, value: T) {
        let mut state = self.lock();
        if matches!(*state, State::Away) {
            *state = State::Here(value);
        }
    }

    /// Frees the value; a second time, nothing happens.
    pub fn close(&self) -> Result<()> {
        guard(|| {
            let freed = std::mem::replace(&mut *self.lock(), State::Closed);
            drop(freed); // outside the lock: this may take a while
            Ok(())
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(&self) -> Error {
        let what = self.what;
        Error::from_reason(format!(
            "CLOSED: this {what} is closed, busy with another call, or was stopped by a panic"
        ))
    }
}

impl<T: Clone> Handle<T> {
    /// A copy of a value nobody changes.
    pub fn get(&self) -> Result<T> {
        match &*self.lock() {
            State::Here(value) => Ok(value.clone()),
            _ => Err(self.gone()),
        }
    }
}
