//! Delta-state CRDTs with one merge.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod clock;
mod dot;
mod replica;

pub use dot::{Dot, ReplicaId};
pub use replica::Replica;
