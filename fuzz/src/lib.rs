//! What the fuzz targets do: each module takes an input, runs it, and panics when the code under test
//! breaks a promise. The targets themselves are one line each.
//!
//! Every oracle here is a naive model of its own. None of them uses a merge, a context or a codec of
//! the crates that it judges.
#![forbid(unsafe_code)]

pub mod bytes;
pub mod contexts;
pub mod decode;
pub mod envelope;
pub mod frames;
pub mod history;
pub mod operations;
pub mod schedules;
pub mod shapes;
