//! Requests and answers: the Rust side of `harness/contract.ts`, field for field.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A metric of the contract.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    L2,
    Ip,
    Cosine,
}

/// How a graph is built.
#[derive(Clone, Copy, Deserialize)]
pub struct Graph {
    #[serde(rename = "M")]
    pub links: usize,
    #[serde(rename = "efConstruction")]
    pub effort: usize,
}

/// How queries are searched.
#[derive(Clone, Copy, Deserialize)]
pub struct Search {
    pub effort: usize,
    pub k: usize,
}

#[derive(Deserialize)]
pub struct Start {
    pub base: PathBuf,
    pub queries: PathBuf,
    pub rows: usize,
    pub dim: usize,
    pub metric: Metric,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
pub enum Request {
    Start(Start),
    Build {
        threads: usize,
        #[serde(flatten)]
        graph: Graph,
    },
    Search {
        seconds: f64,
        #[serde(flatten)]
        search: Search,
    },
    SearchBatch {
        seconds: f64,
        threads: usize,
        #[serde(flatten)]
        search: Search,
    },
    Latency {
        seconds: f64,
        #[serde(flatten)]
        search: Search,
    },
    Save {
        path: PathBuf,
    },
    Load {
        path: PathBuf,
        #[serde(flatten)]
        search: Search,
    },
    Memory,
    Insert {
        batch: usize,
        threads: usize,
        #[serde(flatten)]
        graph: Graph,
    },
}

/// Slots of the answers, a row a query.
pub type Slots = Vec<Vec<u32>>;

#[derive(Serialize)]
#[serde(untagged)]
pub enum Answer {
    Started { version: String, isa: String },
    Took { seconds: f64 },
    Found { qps: f64, slots: Slots },
    Latency { p50: f64, p99: f64 },
    Saved { bytes: u64 },
    Memory { resident: u64, peak: u64 },
    Refused(Refused),
}

/// Instead of an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Refused {
    /// It went wrong.
    Error(String),
    /// The engine has no such thing.
    Unsupported(String),
}

pub type Result<T> = std::result::Result<T, Refused>;

pub fn failed(why: impl Into<String>) -> Refused {
    Refused::Error(why.into())
}

pub fn unsupported(why: impl Into<String>) -> Refused {
    Refused::Unsupported(why.into())
}
