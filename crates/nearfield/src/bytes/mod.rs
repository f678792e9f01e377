//! Bytes of a file and of memory: aligned, checked, and ignorant of any algorithm.

pub mod layout;
