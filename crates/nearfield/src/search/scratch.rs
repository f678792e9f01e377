//! What one thread needs to search, and a stock of it.
//!
//! A [`Lease`] is a scratch taken from a [`ScratchPool`] that goes back when it is dropped, grown to
//! whatever its searches needed. So searches of one index do not allocate after warm-up, and there
//! are as many scratches as there were ever searches at once.

use super::{Candidate, Pool, Visited};
use crate::codec::QueryCode;
use crate::error::Result;
use crate::ids::Slot;
use crate::kernels::Kernels;
use crate::matrix::Matrix;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// The lists of a walk or scan; the query lives beside them so that a scorer may borrow it.
#[derive(Debug)]
pub struct Buffers {
    /// The walk's candidates.
    pub pool: Pool,
    /// The slots it has scored.
    pub visited: Visited,
    /// Neighbours of one node not yet scored.
    pub gathered: Vec<Slot>,
    /// The answer, nearest first.
    pub results: Vec<Candidate>,
}

impl Buffers {
    /// Empty ones.
    pub fn new(kernels: &'static Kernels) -> Self {
        Self {
            pool: Pool::new(kernels),
            visited: Visited::default(),
            gathered: Vec::new(),
            results: Vec::new(),
        }
    }
}

/// A query's padded row and the lists of its search.
#[derive(Debug)]
pub struct Scratch {
    /// One row, aligned and padded as the index's.
    pub query: Matrix,
    /// Its code, for walks by codes.
    pub code: QueryCode,
    /// Everything the search writes.
    pub buffers: Buffers,
}

impl Scratch {
    /// Of queries of `dim` numbers, which has searched for nothing yet.
    pub fn try_new(dim: usize, kernels: &'static Kernels) -> Result<Self> {
        Ok(Self {
            query: Matrix::try_new(1, dim)?,
            code: QueryCode::default(),
            buffers: Buffers::new(kernels),
        })
    }
}

/// What makes a scratch for queries of so many numbers.
type Make<S> = fn(usize, &'static Kernels) -> Result<S>;

/// Scratches of one index, for queries of one dimension.
#[derive(Debug)]
pub struct ScratchPool<S = Scratch> {
    dim: usize,
    kernels: &'static Kernels,
    make: Make<S>,
    // Boxed: a lease moves one pointer under the lock.
    #[allow(clippy::vec_box)]
    idle: Mutex<Vec<Box<S>>>,
}

impl ScratchPool {
    /// An empty stock for queries of `dim` numbers.
    pub const fn new(dim: usize, kernels: &'static Kernels) -> Self {
        Self::of((dim, kernels), Scratch::try_new)
    }
}

impl<S> ScratchPool<S> {
    /// An empty stock of what `make` makes.
    pub const fn of((dim, kernels): (usize, &'static Kernels), make: Make<S>) -> Self {
        Self {
            dim,
            kernels,
            make,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Takes an idle scratch, or makes one.
    pub fn lease(&self) -> Result<Lease<'_, S>> {
        // A panic elsewhere cannot leave the list half-changed; scratches hold nothing of value.
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let scratch = match idle {
            Some(scratch) => scratch,
            None => Box::new((self.make)(self.dim, self.kernels)?),
        };
        Ok(Lease {
            scratch: Some(scratch),
            from: self,
        })
    }
}

/// A scratch on loan.
#[derive(Debug)]
pub struct Lease<'p, S = Scratch> {
    scratch: Option<Box<S>>,
    from: &'p ScratchPool<S>,
}

impl<S> Deref for Lease<'_, S> {
    type Target = S;
    fn deref(&self) -> &S {
        self.scratch.as_ref().expect("present until dropped")
    }
}

impl<S> DerefMut for Lease<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        self.scratch.as_mut().expect("present until dropped")
    }
}

impl<S> Drop for Lease<'_, S> {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.from
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(scratch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::kernels;

    #[test]
    fn a_scratch_comes_back() {
        let stock = ScratchPool::new(5, kernels(None));
        let first = stock.lease().unwrap();
        let second = stock.lease().unwrap();
        let of = |lease: &Lease<'_>| lease.query.as_floats().as_ptr();
        let mut made = [of(&first), of(&second)];
        assert_ne!(made[0], made[1]);
        drop((first, second));
        let (first, second) = (stock.lease().unwrap(), stock.lease().unwrap());
        let mut again = [of(&first), of(&second)];
        made.sort_unstable();
        again.sort_unstable();
        assert_eq!(made, again);
    }
}
