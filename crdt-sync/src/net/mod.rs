//! The driver: sockets, TLS, time, and the node that users hold. It decides nothing about the
//! protocol.
//!
//! What it guarantees to the engine, and to whoever runs it:
//! - The engine learns of a peer only when both sides' certificates are verified: chain, time, and a
//!   name in the cluster. There is no resumption and no early data.
//! - Frames of one connection arrive whole, in order and once, or the connection is gone.
//! - A frame is refused by its length before anything is allocated for it; what the engine refuses
//!   closes that one connection.
//! - There is one connection to each peer. A peer that came back replaces its dead one; two live
//!   processes of one name are reported as an error by both sides, and the first one stays.
//! - What is sent is worked out when the stream takes it: a slow peer costs a cursor and a send
//!   window, not a queue.
//! - No lock is held across an await, and a panic in a user's closure leaves the node whole.

use crdt_core::codec::Wire;

mod builder;
pub mod certs;
mod config;
mod error;
mod hub;
mod link;
mod node;
mod status;
mod subscribe;
mod tasks;
mod tls;
mod transport;
mod world;

pub use builder::Builder;
pub use certs::Identity;
pub use config::NetConfig;
pub use error::{NodeError, StartError, TryError, WaitError};
pub use node::Node;
pub use status::{LinkStatus, NodeStatus, Traffic};
pub use subscribe::{Notice, Subscription};

/// What a node can hold: any type with bytes that may be shared between threads.
///
/// Implemented for all of them; a bound with one name for what is asked of four types.
pub trait Replicated: Wire<Entry: Send + Sync, Slot: Send + Sync> + Send + Sync {}

impl<T: Wire<Entry: Send + Sync, Slot: Send + Sync> + Send + Sync> Replicated for T {}
