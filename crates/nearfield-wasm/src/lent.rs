//! An index lent to a page, which searches it on its own thread: in an instance of its own of the same module, over
//! the same memory as its worker's.
//!
//! ```text
//! worker: Index.lend, stage ─ places in memory ─▶ page: query in, search_lent, answers out
//! ```
//!
//! The page enters only while its worker owes it no answer. Then nobody else is in the module, so no lock is taken
//! twice (a page may not wait for one), and the messages between the two order what they write.

use crate::Index;
use nearfield::boundary;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl Index {
    /// The same index with a stage of its own.
    pub fn lend(&self) -> Index {
        Self::sharing(Arc::clone(&self.inner))
    }

    /// What [`search_lent`] takes: good until this object is freed or called again.
    pub fn at(&mut self) -> *mut Index {
        self
    }
}

/// What stands for an error or a panic: the worker is to be asked, who can say which.
const NOT_ANSWERED: i32 = -1;

/// As [`Index::search`]. Plain numbers and no name of wasm-bindgen's: the page does without its glue.
///
/// # Safety
/// `index` is what [`Index::at`] gave and is lent still, and the worker owes the page no answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn search_lent(
    index: *mut Index,
    k: u32,
    effort: u32,
    exact: bool,
    rerank: bool,
) -> i32 {
    // SAFETY: by the contract it points to an index, which wasm-bindgen keeps at one place until it is freed; and the
    // worker, who alone could borrow it too, is at rest.
    let index = unsafe { &mut *index };
    let params = boundary::SearchParams {
        k,
        effort,
        exact,
        rerank,
    };
    let (slots, distances) = (&mut index.slots, &mut index.distances);
    let search = || {
        let found = index
            .inner
            .search_into(&index.query, params, slots, distances);
        found.ok().and_then(|count| i32::try_from(count).ok())
    };
    let found = catch_unwind(AssertUnwindSafe(search));
    found.ok().flatten().unwrap_or(NOT_ANSWERED)
}
