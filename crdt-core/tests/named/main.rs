//! What went wrong elsewhere, one test each: designs that looked right, and bugs that other libraries
//! had.
//!
//! Expected values are written out, or come from a small model in the test. Where a nearby design is
//! wrong, it runs beside the real one, and the test fails unless it is seen to go wrong.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod collection;
mod contexts;
mod counters;
mod deltas;
mod document;
mod edits;
mod model;
mod registers;
mod screens;
mod sets;
mod sites;
mod timing;
mod walks;
