//! The file: written and read back, damaged by accident, forged on purpose.

mod damage;
mod fixture;
mod forged;
mod golden;
mod round_trip;
mod spans;
mod strips;
