//! Thread pools of one JavaScript environment, one per thread count, made when first asked for; and one
//! whose threads are tied to nodes of memory, where there are several and it is asked for.
//!
//! Invariants: the environment's clean-up hook ends and joins every idle pool; a pool that a queued
//! job still holds ends with that job. Nothing is joined in a destructor: thread-local destructors
//! may run under the loader's lock, which an ending thread needs too.

use crate::numa::{self, Nodes};
use napi::{Env, Error, Result};
use nearfield::exec::Exec;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, LazyLock};
use std::thread::{JoinHandle, available_parallelism};

thread_local! {
    /// An environment lives on one thread and every call of it comes from there.
    static POOLS: RefCell<Option<HashMap<(usize, bool), Threads>>> = const { RefCell::new(None) };
}

struct Pool {
    rayon: ThreadPool,
    joins: Vec<JoinHandle<()>>,
    /// Nodes the threads are tied to; 0 where they are not.
    nodes: usize,
}

/// A share of the environment's threads; `None` is the calling thread alone.
#[derive(Clone)]
pub struct Threads(Option<Arc<Pool>>);

impl Threads {
    /// How the core sees them.
    pub fn exec(&self) -> Exec<'_> {
        self.0
            .as_ref()
            .map_or(Exec::Serial, |pool| match pool.nodes {
                0 => Exec::Pool(&pool.rayon),
                _ => Exec::Placed(&pool.rayon),
            })
    }

    /// Whether they are tied to nodes of memory, and why not.
    pub fn placing(&self) -> (bool, String) {
        let there = NODES.count();
        match &self.0 {
            _ if there < 2 => (false, "one node of memory, so near to all threads".into()),
            None => (
                false,
                "one thread, the caller's, which is left where it is".into(),
            ),
            Some(pool) if pool.nodes == 0 => (
                false,
                "the system refused to tie threads to processors".into(),
            ),
            Some(pool) => {
                let threads = pool.rayon.current_num_threads();
                let says = "memory is near to the thread that writes it first";
                (
                    true,
                    format!("{threads} threads on {} nodes; {says}", pool.nodes),
                )
            }
        }
    }
}

/// Looked at once: processors come and go on few machines, and never for speed.
static NODES: LazyLock<Nodes> = LazyLock::new(Nodes::here);

/// All cores there are.
pub fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// This environment's pool of `threads` (0: one a core), `placed` on nodes of memory where there are several.
pub fn threads(env: Env, threads: u32, placed: bool) -> Result<Threads> {
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
        let placed = placed && NODES.count() > 1;
        if let Some(pool) = pools.get(&(count, placed)) {
            return Ok(pool.clone());
        }
        let mut pool = Pool::start(count)?;
        if placed {
            pool.place(&NODES);
        }
        let pool = Threads(Some(Arc::new(pool)));
        pools.insert((count, placed), pool.clone());
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
        Ok(Self {
            rayon,
            joins,
            nodes: 0,
        })
    }

    /// Ties every thread to a node; none is tied in earnest unless all are.
    fn place(&mut self, nodes: &Nodes) {
        let tied = self
            .rayon
            .broadcast(|thread| numa::tie(nodes.of_thread(thread.index(), thread.num_threads())));
        if tied.iter().all(|&tied| tied) {
            self.nodes = nodes.count();
        }
    }
}

fn join_all() {
    let pools = POOLS.with_borrow_mut(Option::take).unwrap_or_default();
    let idle = pools
        .into_values()
        .filter_map(|Threads(pool)| Arc::into_inner(pool?));
    for Pool { rayon, joins, .. } in idle {
        drop(rayon);
        for thread in joins {
            let _ = thread.join(); // a thread that panicked has already told its caller
        }
    }
}
