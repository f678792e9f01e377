//! Vector search that runs where the data is.
//!
//! One core for every host: exact (`flat`) and graph (`hnsw`) indexes over `f32` vectors, saved in
//! one little-endian file that is checked once when it is opened and can be mapped. The crate knows
//! no file system, clock, environment or thread pool; the caller brings those.

pub mod error;
pub mod ids;

pub mod exec;
pub mod rng;

pub mod bytes;
pub mod kernels;
pub mod matrix;
pub mod metric;

pub mod codec;
pub mod search;

pub mod hnsw;

pub mod index;

pub mod boundary;

#[cfg(target_endian = "big")]
compile_error!("nearfield's file is its memory image and both are little-endian");
