//! Generated TypeScript, tidy tests and goldens.
fn main() {}
