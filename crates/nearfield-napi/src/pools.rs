//! Thread pools of one JavaScript environment, one per thread count, made when first asked for.
//!
//! Invariants: the environment's clean-up hook ends and joins every idle pool; a pool that a queued
//! job still holds ends with that job. Nothing is joined in a destructor: thread-local destructors
//! may run under the loader's lock, which an ending thread needs too.

use napi::{Env, Error, Result};
use nearfield::exec::Exec;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::{JoinHandle, available_parallelism};

thread_local! {
    /// An environment lives on one thread and every call of it comes from there.
    static POOLS: RefCell<Option<HashMap<usize, Threads>>> = const { RefCell::new(None) };
}

struct Pool {
    rayon: ThreadPool,
    joins: Vec<JoinHandle<()>>,
}

/// A share of the environment's threads; `None` is the calling thread alone.
#[derive(Clone)]
pub struct Threads(Option<Arc<Pool>>);

impl Threads {
    /// How the core sees them.
    pub fn exec(&self) -> Exec<'_> {
        self.0
            .as_ref()
            .map_or(Exec::Serial, |pool| Exec::Pool(&pool.rayon))
    }
}

/// All cores there are.
pub fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// This environment's pool of `threads` (0: one a core).
pub fn threads(env: Env, threads: u32) -> Result<Threads> {
    let count = if threads == 0 {
        cores()
    } else {
        threads as usize
    };
    if count == 1 {
        return Ok(Threads(None));
    }
    POOLS.with_borrow_mut(|slot| {
        if slot.is_none() {
            env.add_env_cleanup_hook((), |()| join_all())?;
        }
        let pools = slot.get_or_insert_default();
        if let Some(pool) = pools.get(&count) {
            return Ok(pool.clone());
        }
        let pool = Threads(Some(Arc::new(Pool::start(count)?)));
        pools.insert(count, pool.clone());
        Ok(pool)
    })
}

impl Pool {
    fn start(count: usize) -> Result<Self> {
        let mut joins = Vec::with_capacity(count);
        let rayon = ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|at| format!("nearfield-{at}"))
            // Rayon never joins its threads; spawning them here keeps their handles.
            .spawn_handler(|thread| {
                let name = thread.name().unwrap_or("nearfield").to_owned();
                joins.push(
                    std::thread::Builder::new()
                        .name(name)
                        .spawn(|| thread.run())?,
                );
                Ok(())
            })
            .build()
            .map_err(|e| {
                Error::from_reason(format!("BACKEND: cannot start {count} threads: {e}"))
            })?;
        Ok(Self { rayon, joins })
    }
}

fn join_all() {
    let pools = POOLS.with_borrow_mut(Option::take).unwrap_or_default();
    let idle = pools
        .into_values()
        .filter_map(|Threads(pool)| Arc::into_inner(pool?));
    for Pool { rayon, joins } in idle {
        drop(rayon);
        for thread in joins {
            let _ = thread.join(); // a thread that panicked has already told its caller
        }
    }
}
