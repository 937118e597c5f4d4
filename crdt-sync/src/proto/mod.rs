//! The protocol without I/O: no sockets, no tasks, no clock, no randomness of its own.
//!
//! [`Engine`] is the machine; how to drive it stands there, with two of them wired by hand.
//!
//! # Numbers
//! Each committed update gets a number, (replica id of this start, 1, 2, …), also if it only removes,
//! and is encoded once. A numbered update is immutable bytes: it is sent, relayed and kept as it is,
//! never cut to what is new to somebody, since that leaves nodes with numbers whose content they
//! lack. What several consecutive updates of a log say can be joined to one, a *group*, which stands for
//! exactly their numbers. It travels like an update: who lacks any of the numbers gets all of it, and
//! takes all of it. A node's *vector* is the set of numbers that it has applied, as runs.
//!
//! # Three ways for an update to travel
//! 1. *Push.* A peer is sent what its vector lacks, in the order in which it was applied here, as
//!    soon as its stream takes it, and never back to who sent it. What others wrote waits for a
//!    moment ([`Config::relay_delay`]), since in a mesh the peer has it from its writer; where the
//!    peer turns out to need it, later updates of that writer go at once. All peers share one log,
//!    bounded in bytes; a slow peer costs a place in it. What a peer is believed to have ends with
//!    the connection.
//! 2. *Catch-up.* Now and then a node compares a hash of its vector and a fingerprint of its state
//!    with one random peer. If the vectors differ they are exchanged, and what is missing is sent
//!    from the log. If they are equal and the fingerprints are not, that is a fault; it is reported
//!    ([`Event::Diverged`]) and repaired by walks.
//! 3. *Walks.* Where the log does not reach back, the donor sends its state as it was when the walk
//!    began: first what is live, each entry with its own dot only, then the dots that are dead. Where
//!    these are many, the two first find out by hashes of ranges which blocks of dots differ, and the
//!    rest is not sent ([`Past`](crdt_core::Past)). Only a walk that came whole lets its receiver claim
//!    anything, namely the donor's vector at the start.
//!    One that is cut begins again with any donor; its parts stay, and while they do, the node says
//!    that it is partial.
//!
//! Pushing is an optimisation. Whatever is lost, doubled or late, the exchange repairs, with no new
//! write.
//!
//! # Rights of bounded counters
//! What a node subtracts from a [`BoundedCounter`](crdt_core::BoundedCounter) takes rights that it holds.
//! Where it lacks rights, or runs low, it asks the connected peers that hold most, and they answer with
//! ordinary updates that transfer some of theirs; [`Engine::leave`] hands over the rest before an
//! orderly stop. A node that is connected to none that holds any gets none; what was held by a start
//! that crashed, or was the last to stop, is of no use to any other. Only nodes that both move rights
//! ([`Config::move_rights`]) talk of them.
//!
//! # What is promised, and what is not
//! - Nodes that have applied the same updates, and hold no parts of others, show the same.
//! - A well-formed update is never refused; what no node could take is refused where it is written.
//! - An update that any connected node has applied reaches all that stay connected to it.
//! - Causal order between origins is not promised. A [`Token`] gives it to who asks.
//! - An engine without a store keeps nothing over a restart: an update that no other node had is lost
//!   with it. One with a store ([`Engine::recover`]) starts again with everything that was durable.
//! - An update that was only ever seen in part, by a walk that was cut, stays in part if all who had
//!   it are lost.

mod compaction;
mod config;
mod document;
mod donation;
mod engine;
mod error;
mod event;
mod exchange;
mod frame;
mod holdings;
mod id;
mod log;
mod machine;
mod meter;
mod peer;
mod persist;
mod receiver;
mod relay;
mod rights;
mod saving;
mod state;
mod status;
mod time;
mod token;
mod vector;
mod wire;

pub use config::Config;
#[cfg(feature = "quic")]
pub(crate) use document::{Document, Typed};
pub use engine::Engine;
pub use error::{ConfigError, Fault, FrameError, PeerError, RecoverError, TryUpdateError, UpdateError};
pub use event::{Event, WalkOutcome, WalkRole};
pub use id::PeerId;
#[cfg(feature = "quic")]
pub(crate) use machine::Machine;
pub use persist::{Batch, Record, Snapshot, Stored};
pub use status::{Counters, PeerState, PeerStatus, Status};
pub use time::Now;
pub use token::{Token, Written};
