//! Vector search that runs where the data is.
//!
//! One core for every host: exact (`flat`) and graph (`hnsw`) indexes over `f32` vectors, saved in
//! one little-endian file that is checked once when it is opened and can be mapped. The crate knows
//! no file system, clock, environment or thread pool; the caller brings those.
//!
//! ```
//! use nearfield::{Builder, Exec, Phase, SearchParams};
//!
//! let vectors = [0.0, 0.0, 3.0, 4.0, 6.0, 8.0]; // three rows of two numbers
//! let mut builder = Builder::new(&vectors, r#"{ "dim": 2, "metric": "l2" }"#, None)?;
//! while builder.step(Exec::Serial)?.phase != Phase::Done {}
//! let index = builder.finish()?;
//!
//! let (mut slots, mut distances) = ([0; 2], [0.0; 2]);
//! let params = SearchParams { k: 2, effort: 0, exact: false, rerank: true };
//! let found = index.search_into(&[3.0, 3.0], params, &mut slots, &mut distances)?;
//! assert_eq!((found, slots, distances), (2, [1, 0], [1.0, 18.0]));
//! # Ok::<(), nearfield::Error>(())
//! ```
//!
//! | to | see |
//! |---|---|
//! | build, open, search, save | [`boundary`], whose names stand at the top as well |
//! | know an option and its default | [`boundary::options`] |
//! | handle an error | [`Error`] and its [`Code`] |
//! | use threads | [`Exec`]: the calling thread, a pool of yours, or rayon's own |
//! | read the file without this crate | `FORMAT.md` in the repository |
//!
//! The other modules are the parts: each opens with what it is and what it promises.

#![cfg_attr(
    all(target_arch = "wasm32", feature = "relaxed-simd"),
    feature(simd_ffi)
)]

pub mod error;
pub mod ids;

pub mod exec;
pub mod rng;

pub mod bytes;
pub mod kernels;
pub mod matrix;
pub mod metric;
pub(crate) mod shards;

pub mod codec;
pub mod kmeans;
pub mod search;

pub mod datagen;
pub mod hnsw;
pub mod zones;

pub mod index;

pub mod boundary;

pub use boundary::{Added, Adder, Builder, Index, Loader, Phase, Progress, SearchParams};
pub use error::{Code, Error, Result};
pub use exec::Exec;
pub use ids::KeyColumn;

#[cfg(target_endian = "big")]
compile_error!("nearfield's file is its memory image and both are little-endian");
