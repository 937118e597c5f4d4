//! Gossip deltas between nodes until every node holds the same CRDTs.
//!
//! [`proto`] is the protocol without any I/O: a state machine that takes frames, datagrams and the
//! time as arguments and gives back what to send.

pub mod proto;
#[cfg(feature = "sim")]
pub mod sim;

#[cfg(feature = "quic")]
mod net;

#[cfg(feature = "quic")]
pub use net::{
    Builder, Identity, LinkStatus, NetConfig, Node, NodeError, NodeStatus, Notice, Replicated, StartError,
    Subscription, Traffic, TryError, WaitError, certs,
};
