//! Delta-state CRDTs with one merge.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod clock;
#[cfg(feature = "codec")]
pub mod codec;
mod counter;
mod doc;
mod dot;
mod map;
mod register;
mod replica;
mod set;
pub mod view;

pub use counter::{CounterScratch, GCounter, GCounterEditor, PnCounter, PnCounterEditor, RunEntry, Tally};
pub use doc::{Delta, Digest, Doc, Walk, WalkOverflow};
pub use dot::{Dot, ReplicaId};
pub use map::{LwwMap, LwwMapEditor, OrMap, OrMapEditor};
pub use register::{LwwRegister, LwwRegisterEditor, Stamped};
pub use replica::Replica;
pub use set::{OrSet, OrSetEditor};
