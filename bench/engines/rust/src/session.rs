//! One conversation: the vectors that `start` read, the engine, and what each request makes of them.

use crate::clock;
use crate::engine::{self, Engine};
use crate::memory;
use crate::protocol::{Answer, Graph, Request, Result, Search, Start, failed};
use crate::vectors::Vectors;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::path::Path;
use std::time::Instant;

pub struct Session {
    name: String,
    started: Option<Started>,
}

struct Started {
    engine: Box<dyn Engine>,
    base: Vectors,
    queries: Vectors,
}

impl Session {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            started: None,
        }
    }

    pub fn answer(&mut self, request: Request) -> Result<Answer> {
        match request {
            Request::Start(start) => self.start(&start),
            Request::Memory => memory::measure(),
            request => {
                let started = self.started.as_mut();
                started
                    .ok_or_else(|| failed("expected a start first"))?
                    .answer(request)
            }
        }
    }

    fn start(&mut self, start: &Start) -> Result<Answer> {
        let engine = engine::of(&self.name, start.metric)?;
        let base = Vectors::read(&start.base, start.dim)?;
        if base.len() != start.rows {
            let (expected, received) = (start.rows, base.len());
            return Err(failed(format!(
                "base: expected {expected} rows; received {received}"
            )));
        }
        let queries = Vectors::read(&start.queries, start.dim)?;
        let answer = Answer::Started {
            version: engine.version().to_owned(),
            isa: engine.isa(),
        };
        self.started = Some(Started {
            engine,
            base,
            queries,
        });
        Ok(answer)
    }
}

impl Started {
    fn answer(&mut self, request: Request) -> Result<Answer> {
        match request {
            Request::Start(_) | Request::Memory => unreachable!("the session answers these"),
            Request::Build { threads, graph } => self.build(threads, graph, None),
            Request::Insert {
                batch,
                threads,
                graph,
            } => self.build(threads, graph, Some(batch)),
            Request::Search { seconds, search } => {
                self.engine.tune(search.effort)?;
                clock::each(&*self.engine, &self.queries, search, seconds)
            }
            Request::SearchBatch {
                seconds,
                threads,
                search,
            } => {
                self.engine.tune(search.effort)?;
                let (engine, queries) = (&*self.engine, &self.queries);
                pool(threads)?.install(|| clock::batch(engine, queries, search, seconds))
            }
            Request::Latency { seconds, search } => {
                self.engine.tune(search.effort)?;
                clock::latency(&*self.engine, &self.queries, search, seconds)
            }
            Request::Save { path } => Ok(Answer::Saved {
                bytes: self.engine.save(&path)?,
            }),
            Request::Load { path, search } => self.load(&path, search),
        }
    }

    fn build(&mut self, threads: usize, graph: Graph, batch: Option<usize>) -> Result<Answer> {
        let pool = pool(threads)?;
        let started = Instant::now();
        pool.install(|| self.engine.build(&self.base, graph, batch))?;
        Ok(Answer::Took {
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    fn load(&mut self, path: &Path, search: Search) -> Result<Answer> {
        let started = Instant::now();
        self.engine.load(path, search.effort)?;
        self.engine.searcher(search)?.find(self.queries.row(0));
        Ok(Answer::Took {
            seconds: started.elapsed().as_secs_f64(),
        })
    }
}

fn pool(threads: usize) -> Result<ThreadPool> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| failed(format!("{threads} threads: {error}")))
}
