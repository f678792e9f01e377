//! One block of memory in shards of one length, each under a lock of its own.
//!
//! ```text
//! memory   shard 0 | shard 1 | shard 2 | …     zeros, every shard from a cache line on
//! locks       •         •         •            who holds one has the bytes of its shard alone
//! ```
//! As many vectors behind as many locks would be small pieces of the heap, which keeps them long after they are given
//! back. The block is asked of the system and given back to it, and its pages are large where there is much.

use crate::bytes::Zeroed;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

const LINE_BYTES: usize = 64;

/// A lock in a cache line of its own: who takes a neighbour's does not disturb its holder.
#[derive(Default)]
#[repr(align(64))]
struct Lock(Mutex<()>);

/// Zeroed bytes in shards that threads write side by side.
pub struct Shards {
    block: Zeroed,
    /// From one shard to the next.
    stride: usize,
    shard_bytes: usize,
    locks: Vec<Lock>,
}

// SAFETY: the bytes are reached through `lock` alone, which gives out disjoint parts, each to the one
// holder of its lock.
unsafe impl Sync for Shards {}

impl Shards {
    /// So many shards of so many bytes.
    pub fn new(shards: usize, shard_bytes: usize) -> Self {
        let stride = shard_bytes.next_multiple_of(LINE_BYTES);
        Self {
            block: Zeroed::new(shards * stride),
            stride,
            shard_bytes,
            locks: (0..shards).map(|_| Lock::default()).collect(),
        }
    }

    /// Waits for a shard. One whose holder panicked is given out as that left it.
    ///
    /// # Panics
    /// Where there is no such shard.
    pub fn lock(&self, shard: usize) -> Shard<'_> {
        let lock = &self.locks[shard].0;
        let held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: there is this shard, so `shard · stride + shard_bytes ≤ shards · stride` lies within the block;
        // parts of different shards are disjoint, and the lock that the result keeps makes this the only reference to
        // its part.
        let bytes = unsafe {
            let start = self.block.start().add(shard * self.stride);
            NonNull::slice_from_raw_parts(start, self.shard_bytes).as_mut()
        };
        Shard { bytes, _held: held }
    }

    /// Where a byte of a shard is: to ask for it, not to read it.
    pub fn address(&self, shard: usize, at: usize) -> usize {
        self.block.start().addr().get() + shard * self.stride + at
    }
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shards, bytes) = (self.locks.len(), self.shard_bytes);
        write!(f, "Shards({shards} of {bytes} bytes)")
    }
}

/// The bytes of a shard while its lock is held.
pub struct Shard<'a> {
    bytes: &'a mut [u8],
    _held: MutexGuard<'a, ()>,
}

impl Deref for Shard<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl DerefMut for Shard<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Exec;

    #[test]
    fn threads_count_in_shards_of_any_length_and_lose_nothing() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(4)
            .build()
            .unwrap();
        for (count, bytes) in [(1, 1), (3, 63), (7, 64), (5, 65), (70, 80_000)] {
            let shards = Shards::new(count, bytes);
            let mut turns = vec![(); 40 * count];
            Exec::Pool(&pool).fill(
                &mut turns,
                1,
                || (),
                |(), at, ()| {
                    let mut shard = shards.lock(at % count);
                    assert_eq!(shard.len(), bytes);
                    assert!(shard.as_ptr().addr().is_multiple_of(LINE_BYTES));
                    shard.iter_mut().for_each(|byte| *byte += 1);
                },
            );
            for at in 0..count {
                let shard = shards.lock(at);
                assert_eq!(*shard, vec![40; bytes], "shard {at} of {count}");
                let last = shard[bytes - 1..].as_ptr().addr();
                assert_eq!(shards.address(at, bytes - 1), last);
            }
        }
    }

    #[test]
    fn a_shard_outlives_a_panic_of_its_holder() {
        let shards = Shards::new(2, 10);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            shards.lock(1)[3] = 7;
            let _held = shards.lock(1);
            panic!("while a lock is held");
        }));
        assert!(panicked.is_err());
        assert_eq!(shards.lock(1)[3], 7);
        assert!(shards.lock(0).iter().all(|&byte| byte == 0));
    }
}
