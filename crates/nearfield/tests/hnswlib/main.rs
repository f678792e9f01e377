//! hnswlib's files: read, refused where they are not sound, and written.

mod fixture;
mod forged;
mod golden;
mod written;
