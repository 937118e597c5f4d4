//! Gossip deltas between nodes until every node holds the same CRDTs.
//!
//! A [`Node`] holds one document of any replicated type of `crdt-core`. Every node takes writes with
//! no coordination, offline and partitioned too, and every node converges, over mutually
//! authenticated QUIC.
//!
//! ```
//! use crdt_core::OrSet;
//! use crdt_sync::{Node, certs::Ca};
//! use std::time::Duration;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (ca, any) = (Ca::generate("shop")?, "127.0.0.1:0".parse()?);
//! let tokyo = Node::<OrSet<String>>::builder().listen(any).identity(ca.issue("tokyo")?).start().await?;
//! let london = Node::<OrSet<String>>::builder().listen(any).identity(ca.issue("london")?);
//! let london = london.peers([tokyo.local_addr()]).start().await?;
//!
//! let written = tokyo.update(|cart| cart.insert("apple".to_owned()))?;
//! tokyo.replicated(&written.token, 1, Duration::from_secs(10)).await?;
//! assert!(london.read(|cart| cart.contains("apple"))?);
//! # Ok(())
//! # }
//! ```
//!
//! # The parts
//! - [`Node`] is what users hold: reads, writes, tokens to wait for, events, status.
//! - [`proto`] is the protocol without any I/O: a state machine that takes frames, datagrams and the
//!   time as arguments and gives back what to send. The driver behind `Node` decides nothing.
//! - [`store`] is where a node keeps what it must not lose.
//! - `sim`, with the feature of that name, runs clusters of it in virtual time: loss, duplication,
//!   reordering, partitions, crashes, all from one seed.
//! - [`certs`] makes a certificate authority and node certificates.
//!
//! # How updates travel
//! Each update of a node gets a number and is encoded once; from then on it is immutable bytes.
//! *Push*: peers are sent the numbers that they lack, as soon as they are there. *Catch-up*: now and
//! then two nodes compare a hash of their numbers and a fingerprint of their states, and send what
//! is missing from a bounded log. *Reconciliation*: where the log does not reach back, one donor's
//! state is sent in chunks while writes go on. Pushing is an optimisation; the exchange repairs
//! whatever was lost, with no new write.
//!
//! # Features
//! | feature | default | what it adds |
//! |---|---|---|
//! | `quic` | yes | the driver on tokio and quinn: [`Node`], [`certs`] |
//! | `redb` | yes | [`store::RedbStore`](crate::store): a node in one file, over restarts |
//! | `sim` | no | the simulator |

pub mod proto;
#[cfg(feature = "sim")]
pub mod sim;
pub mod store;

#[cfg(feature = "quic")]
mod net;

#[cfg(feature = "quic")]
pub use net::{
    Builder, Connections, Health, Identity, KnownPeer, LinkError, LinkState, LinkStatus, NetConfig, Node,
    NodeError, NodeStatus, Notice, ReloadError, Replicated, StartError, Subscription, Traffic, TryError,
    WaitError, certs,
};

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
