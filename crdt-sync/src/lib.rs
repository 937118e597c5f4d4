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
//! # Watching a node
//! [`Node::status`] is a picture of one node: how far behind each peer is in updates, bytes and
//! seconds, how its connections came about, whether its store works. [`Node::subscribe`] tells of
//! what happens.
//!
//! To `tracing` go the following. Each has the name of the node, as the field `node` or in a span `node` or
//! `link`. What concerns a link has the name of the `peer`, or the number `link` that `peer up` told. Who
//! wants it shorter reads warnings and errors. What else there is, is for those who look for a mistake.
//!
//! | level | event | what happened |
//! |---|---|---|
//! | error | `equal vectors, unequal states` | memory or code is faulty; it is being repaired |
//! | error | `the store fails` | nothing is durable until `the store works again`; once for each reason |
//! | error, warn | `refused` | a member: two live nodes have one name (error), or it broke a rule, is not trusted any more, or refuses this node |
//! | warn | `turned away` | somebody who is no member; once a second at most, the others at `debug` |
//! | warn | `cannot be reached; dialling goes on` | a peer; once for each reason, again at `debug` |
//! | warn | `a stamp runs ahead of this clock` | somebody's clock is wrong |
//! | info | `started`, `stopped` | this node |
//! | info | `peer up`, `peer down` | a link |
//! | info | `this is the node itself` | of an address that it was given |
//! | info | `walk started`, `walk finished` | with the side that this node has, and how it ended |
//! | info | `the store works again` | what waited is in it, or on its way |
//! | info | `frozen`, `thawed`, `identity replaced`, `revoked`, `reinstated`, `cut for a drill`, `healed` | an operator did this |
//!
//! With the feature `metrics` a node hands these to the program's recorder every second, with its name
//! as the label `node`:
//!
//! | counters, since the start | of |
//! |---|---|
//! | `crdt_sync_updates_written_total`, `…_applied_total`, `…_sent_total`, `…_received_twice_total`, `…_trimmed_total`, `…_compacted_total` | updates; trimmed are those that left the log, compacted those that were joined with others there |
//! | `crdt_sync_updates_not_held_total` | updates for which a frozen node had no room; peers bring them again |
//! | `crdt_sync_differences_total`, `crdt_sync_divergences_total` | exchanges that found unequal vectors; equal vectors with unequal states, which is a fault |
//! | `crdt_sync_walks_received_total`, `crdt_sync_walks_given_total`, `crdt_sync_walk_overflows_total` | walks |
//! | `crdt_sync_rights_asked_total`, `crdt_sync_rights_given_total` | counters for which rights were asked, updates that gave some |
//! | `crdt_sync_conflicts_total` | entries of peers that contradict others |
//! | `crdt_sync_drifts_total`, `crdt_sync_events_lost_total` | stamps that run ahead, events that nobody took |
//! | `crdt_sync_sent_bytes_total`, `crdt_sync_received_bytes_total`, `crdt_sync_sent_frames_total`, `crdt_sync_received_frames_total` | UDP payload, and frames |
//! | `crdt_sync_connections_made_total`, `crdt_sync_dials_failed_total`, `crdt_sync_connections_refused_total`, `crdt_sync_duplicate_names_total` | connections |
//! | `crdt_sync_handshakes_failed_total`, `crdt_sync_handshakes_turned_away_total` | handshakes that others began, mostly strangers: those that came to nothing, and attempts for which there was no place |
//!
//! | gauges | of |
//! |---|---|
//! | `crdt_sync_updates`, `crdt_sync_updates_not_durable`, `crdt_sync_replicas` | updates applied, those of them that the store lacks, replica ids |
//! | `crdt_sync_log_updates`, `crdt_sync_log_bytes` | the log |
//! | `crdt_sync_held_updates`, `crdt_sync_held_bytes` | what a frozen node keeps and has not applied; compare with [`Config::held_bytes`](proto::Config::held_bytes) |
//! | `crdt_sync_partial`, `crdt_sync_frozen`, `crdt_sync_store_healthy` | 1 for yes |
//! | `crdt_sync_connections`, `crdt_sync_peers_reconciling`, `crdt_sync_walks_being_given` | peers |
//! | `crdt_sync_peer_lag_updates_max`, `crdt_sync_peer_lag_bytes_max`, `crdt_sync_peer_lag_seconds_max` | how far the slowest peer is behind |
//!
//! # Features
//! | feature | default | what it adds |
//! |---|---|---|
//! | `quic` | yes | the driver on tokio and quinn: [`Node`], [`certs`] |
//! | `metrics` | no | figures of a node through the [`metrics`](https://docs.rs/metrics) facade |
//! | `redb` | yes | [`store::RedbStore`](crate::store): a node in one file, over restarts |
//! | `sim` | no | the simulator |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

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
// What the methods of `Node` take and give, so that whoever drives no engine needs no other module.
#[cfg(feature = "quic")]
pub use proto::{Config, Event, PeerState, PeerStatus, Status, Token, UpdateError, Written};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
