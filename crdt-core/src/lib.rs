//! Delta-state CRDTs with one merge: data that every replica may write at any time, offline and
//! partitioned too, and that reads the same wherever the same deltas have arrived.
//!
//! ```
//! use crdt_core::{Doc, OrSet, Replica};
//!
//! let mut me = Replica::random();
//! let mut cart = Doc::<OrSet<String>>::default();
//! let delta = cart.update(&mut me, |set| set.insert("apple".to_owned()));
//!
//! let mut other_cart = Doc::<OrSet<String>>::default();
//! other_cart.merge(delta);
//! assert!(other_cart.contains("apple"));
//! ```
//!
//! # The parts
//! - A [`Doc`] holds one value of a replicated type and merges; it is the only lattice here. A
//!   [`Delta`] is what one [`update`](Doc::update) changed: it may be lost, duplicated, reordered and
//!   grouped on its way.
//! - A [`Replica`] is the right to write under one [`ReplicaId`]. Loading a state gives data and not
//!   that right: take a new one, [`Replica::random`], at every start.
//! - The types are views of the document's live entries, and nest in each other. Each states in a
//!   table what it does under concurrency:
//!
//! | type | holds | concurrent writes |
//! |---|---|---|
//! | [`GCounter`] | a sum that grows | add up |
//! | [`PnCounter`] | a sum | add up |
//! | [`BoundedCounter`] | a sum, never below zero | add up; subtracting takes rights that the writer holds |
//! | [`EwFlag`], [`DwFlag`] | on or off | enabling wins, disabling wins |
//! | [`LwwRegister`] | one value | the later stamp shows, the others stay readable |
//! | [`MvRegister`] | values | all show, until a write that has seen them |
//! | [`RankedRegister`] | one value | the higher rank shows, the others stay readable |
//! | [`ResolvedRegister`] | one value | what your function makes of them shows, all stay readable |
//! | [`Max`], [`Min`] | one value | the largest, the smallest |
//! | [`OrSet`] | elements | an addition wins over a removal that has not seen it |
//! | [`RwSet`] | elements | a removal wins over an addition that has not seen it |
//! | [`GSet`] | elements | all are in; nothing is taken out |
//! | [`LwwMap`] | values by key | the later stamp shows, key by key; removals are writes |
//! | [`OrMap`] | any of these by key | merge below the key; a removal takes what it has seen |
//! | [`#[derive(Crdt)]`](derive@Crdt) struct | any of these by field | field by field |
//!
//! Beside them [`IdGen`] makes unique ids without coordination, and an [`Observed`] token lets a stale
//! screen take away only what it showed. What no struct of these gives is written by hand: [`view`] says
//! how, the example `leaderboard` of the repository is one, and `laws` checks it.
//!
//! # How to show it
//! Every type serialises as what it shows, in one order everywhere: for a screen or a web page. A
//! document itself goes out as its bytes, with everything that it takes to merge it.
//!
//! ```
//! use crdt_core::{Crdt, Doc, EwFlag, LwwRegister, OrMap, OrSet, PnCounter, Replica};
//!
//! #[derive(Crdt, serde::Serialize)]
//! struct Todo {
//!     title: LwwRegister<String>,
//!     done: EwFlag,
//!     tags: OrSet<String>,
//!     votes: PnCounter,
//! }
//!
//! let (mut me, mut todos) = (Replica::random(), Doc::<OrMap<u32, Todo>>::default());
//! let _ = todos.update(&mut me, |todos| {
//!     let milk = todos.entry(&1);
//!     milk.title.set("milk".to_owned());
//!     milk.tags.extend(["shop".to_owned(), "food".to_owned()]);
//!     milk.votes.sub(1);
//! });
//! // `*todos` is what the document shows.
//! let json = serde_json::to_string(&*todos)?;
//! assert_eq!(json, r#"{"1":{"title":"milk","done":false,"tags":["food","shop"],"votes":-1}}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # How it merges
//! An entry lives under the [`Dot`] that minted it and never changes: any change is a new dot that
//! supersedes the dots it saw. A document keeps the live entries and a
//! [causal context](clock::CausalContext), the set of all dots it has seen, and merging is set
//! algebra between the two:
//!
//! > live = (L₁ ∩ L₂) ∪ (L₁ \ C₂) ∪ (L₂ \ C₁), context = C₁ ∪ C₂
//!
//! It looks at no payload and runs no code of the value's, so it is commutative, associative and
//! idempotent for every type at once, and costs the delta and what that removes, not the document.
//! What that costs in turn: a concurrent loser stays until the next write at its place, at most one
//! for each replica, and an increment of a counter takes a dot.
//!
//! # What it is not
//! There is no sequence type, so this is no text editor's CRDT: see yrs, automerge or loro. Replicas
//! are trusted: whoever can hand you a delta can remove anything. And the crate moves no bytes: see
//! `crdt-sync`, which gossips deltas between nodes until all have them.
//!
//! # Features
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | random ids and the system clock |
//! | `codec` | yes | [canonical bytes](codec) and serde for documents and deltas; needs `std` |
//! | `derive` | yes | `#[derive(Crdt)]` |
//! | `laws` | no | the property kit that checks the laws of a type over generated histories |
//!
//! Without its default features the crate is `no_std` and needs an allocator. It contains no unsafe
//! code, performs no input or output, and reads no clock but that which a `Replica` was given.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

extern crate alloc;

pub mod clock;
#[cfg(feature = "codec")]
pub mod codec;
mod counter;
mod doc;
mod dot;
mod few;
mod flag;
mod id;
#[cfg(feature = "laws")]
pub mod laws;
mod map;
mod plain;
mod register;
mod replica;
mod set;
mod shown;
pub mod view;

#[cfg(feature = "derive")]
pub use crdt_core_derive::Crdt;

pub use counter::{
    BoundedCounter, BoundedCounterEditor, CounterScratch, GCounter, GCounterEditor, InsufficientRights,
    PnCounter, PnCounterEditor, RightsEntry, RightsScratch, RunEntry, Tally,
};
pub use doc::{
    Conflict, Delta, Digest, Disagreement, Doc, Holder, Observed, Past, Span, Stats, Walk, WalkOverflow,
};
pub use dot::{Dot, ReplicaId};
pub use flag::{DisabledFirst, DwFlag, DwFlagEditor, EwFlag, EwFlagEditor};
pub use id::{IdGen, ParseIdError, UniqueId};
pub use map::{LwwMap, LwwMapEditor, OrMap, OrMapEditor};
pub use register::{
    Highest, Latest, Listed, LwwRegister, LwwRegisterEditor, Max, MaxEditor, Min, MinEditor, MvRegister,
    MvRegisterEditor, Ranked, RankedRegister, RankedRegisterEditor, Resolve, ResolvedRegister,
    ResolvedRegisterEditor, Stamped,
};
pub use replica::Replica;
pub use set::{GSet, GSetEditor, OrSet, OrSetEditor, RwSet, RwSetEditor};
pub use view::Crdt;
