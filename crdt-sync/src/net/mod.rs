//! The driver: sockets, TLS, time, and the node that users hold. It decides nothing about the
//! protocol.
//!
//! What it guarantees to the engine, and to whoever runs it:
//! - The engine learns of a peer only when both sides' certificates are verified: chain, time, and a
//!   name in the cluster that is not revoked. There is no resumption and no early data.
//! - A peer that would not be accepted any more, since its name was revoked or its authority is not
//!   trusted now, is disconnected at once, and one whose certificate expires soon after.
//! - Frames of one connection arrive whole, in order and once, or the connection is gone. Time does
//!   not go back from one call of the engine to the next.
//! - A frame is refused by its length before anything is allocated for it, and memory for it grows
//!   with what arrives; what the engine refuses closes that one connection.
//! - There is one connection to each peer, and the lower name decides which. It stays as long as the
//!   peer answers on it. A peer that came back replaces its dead one; a second live process of a name
//!   is refused, both sides report it as an error, and the first one stays.
//! - What is sent is worked out when the stream takes it: a slow peer costs a cursor and a send
//!   window, not a queue.
//! - A link keeps the engine for tens of microseconds at a time, but for one frame, and hands it to
//!   whoever waits. What it sends or takes in bulk pauses between batches while the user comes now and
//!   then: neither a new node that is given everything nor a fast peer starves reads and writes.
//! - Handshakes under way are bounded for each address and for all together, and forged addresses do
//!   not use up the bound of who has them.
//! - The store blocks threads of its own; nobody else waits for it. While it fails, it is tried again
//!   with pauses, and everything but `durable` goes on.
//! - No lock is held across an await, and a panic in a user's closure leaves the node whole.

use crdt_core::codec::Wire;

mod admission;
mod book;
mod builder;
pub mod certs;
mod config;
mod error;
mod fault;
mod health;
mod hub;
mod keeper;
mod link;
#[cfg(feature = "metrics")]
mod metrics;
mod node;
mod operate;
mod settle;
mod status;
mod stream;
mod subscribe;
mod tasks;
mod tls;
mod transport;
mod trust;
mod user;
mod world;

pub use builder::Builder;
pub use certs::Identity;
pub use config::NetConfig;
pub use error::{NodeError, ReloadError, StartError, TryError, WaitError};
pub use fault::LinkError;
pub use health::Health;
pub use node::Node;
pub use status::{Connections, KnownPeer, LinkState, LinkStatus, NodeStatus, Traffic};
pub use subscribe::{Notice, Subscription};

/// What a node can hold: any type with bytes that may be shared between threads.
///
/// Implemented for all of them; a bound with one name for what is asked of four types.
pub trait Replicated: Wire<Entry: Send + Sync, Slot: Send + Sync> + Send + Sync {}

impl<T: Wire<Entry: Send + Sync, Slot: Send + Sync> + Send + Sync> Replicated for T {}
