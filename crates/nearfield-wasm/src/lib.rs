//! wasm-bindgen names for the boundary.
