//! Oracles and fixtures for nearfield's tests; knows nothing of the code under test.
//!
//! ```text
//! random      a counter-based generator, uniform and normal numbers
//! data        clustered with a decaying spectrum; an integer grid; a line bent through space
//! oracle      exact search in f64 with ties by row
//! ```

pub mod data;
pub mod oracle;
pub mod random;
