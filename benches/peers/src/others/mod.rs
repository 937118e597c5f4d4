//! Crates that are heavy to build: the feature `heavy` brings them in.
//!
//! What is a set here is to most of them a map of keys to `true`. In such a map a removal and an
//! addition at the same time are settled by the last write; the rows below never ask for that.

mod automerge;
mod dson;
mod loro;
mod yrs;

pub use automerge::AutomergeMap;
pub use dson::{DsonCarts, DsonMap};
pub use loro::{LoroCarts, LoroFlat};
pub use yrs::YrsMap;
