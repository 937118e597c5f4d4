//! What the engine is doing, at a glance.

use std::time::Duration;

use crdt_core::ReplicaId;

use super::id::PeerId;

/// A picture of one engine, from [`Engine::status`](super::Engine::status).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The id of this start, once it has written, or may be given rights.
    pub replica: Option<ReplicaId>,
    /// How many numbered updates are applied.
    pub updates: u64,
    /// How many of them are in this node's store; nothing if it has none.
    pub durable: Option<u64>,
    /// Replica ids in the vector of updates; compare with `Config::max_replicas`.
    pub replicas: usize,
    /// Updates in the log, also those that are joined with others there.
    pub log_len: u64,
    /// Their bytes; compare with `Config::log_bytes`.
    pub log_bytes: usize,
    /// Whether this node may show parts of updates that it does not claim: a walk is under way or
    /// was cut.
    pub partial: bool,
    /// Whether nothing is applied, see [`Engine::freeze`](super::Engine::freeze): tokens of what is held
    /// wait.
    pub frozen: bool,
    /// Updates that are held.
    pub held: usize,
    /// Their bytes; compare with `Config::held_bytes`.
    pub held_bytes: usize,
    /// From whom a walk is being received.
    pub receiving_walk: Option<PeerId>,
    /// How many walks are being served.
    pub donor_walks: usize,
    /// One line for each connection.
    pub peers: Vec<PeerStatus>,
    /// Sums since the start.
    pub counters: Counters,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStatus {
    /// The connection.
    pub peer: PeerId,
    /// Who it is.
    pub name: String,
    /// How far the connection is.
    pub state: PeerState,
    /// Updates, applied or held, that the peer has not yet reported, or nothing while it is unknown.
    pub lag_updates: Option<u64>,
    /// Their bytes, or nothing while the peer needs what the log no longer holds: reconciling.
    pub lag_bytes: Option<u64>,
    /// For how long the peer has not reported everything that this node has, or nothing if it has.
    pub lag: Option<Duration>,
    /// Whether its last exchange said that it may show parts of updates that it does not claim.
    pub partial: bool,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerState {
    /// The peer has not said hello yet.
    Greeting,
    /// Updates flow.
    Live,
    /// The peer lacks updates that the log no longer holds; a walk is due.
    Reconciling,
    /// A frame of the peer was refused; the driver is to close the connection.
    Failed,
}

/// Sums since the engine was made. They wrap in no lifetime of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames taken from peers.
    pub frames_in: u64,
    /// Frames given to the driver.
    pub frames_out: u64,
    /// Datagrams taken from peers.
    pub datagrams_in: u64,
    /// Datagrams given to the driver.
    pub datagrams_out: u64,
    /// Of both, those that brought nothing: compare with `Config::max_chatter`, which holds for each
    /// peer and second.
    pub chatter_in: u64,
    /// Updates written here.
    pub writes: u64,
    /// Updates of others applied.
    pub applied: u64,
    /// Updates of others held, to be applied later.
    pub held: u64,
    /// Updates of others that came when no more could be held. Peers bring them again.
    pub not_held: u64,
    /// Updates of others that were new and came joined with others.
    pub in_groups: u64,
    /// Updates received again.
    pub duplicates: u64,
    /// Frames of which the rest was not taken because they name an origin by what begins no id here, or
    /// several. It takes a member that was just heard of, and chance or intent. Peers bring them again.
    pub unresolved: u64,
    /// Updates sent, each once for each peer.
    pub sent: u64,
    /// Updates that left the log because it was full.
    pub trimmed: u64,
    /// Updates that were joined with others in the log because it was full.
    pub compacted: u64,
    /// Exchanges that found a difference of vectors.
    pub differences: u64,
    /// Walks begun as receiver.
    pub walks_in: u64,
    /// Walks completed as receiver.
    pub walks_in_complete: u64,
    /// Questions of donors answered: where does your state differ?
    pub walk_questions_in: u64,
    /// Walks begun as donor.
    pub walks_out: u64,
    /// Walks of this node as donor that had to start again because a bound was exceeded.
    pub walk_overflows: u64,
    /// Equal vectors with unequal states, where neither side was partial.
    pub diverged: u64,
    /// Stamps beyond the drift bound.
    pub drifts: u64,
    /// Entries of peers that contradicted others.
    pub conflicts: u64,
    /// Requests for the rights of a counter, by this node.
    pub rights_asked: u64,
    /// Updates written here that only moved rights.
    pub rights_given: u64,
    /// Events dropped because nobody polled them.
    pub events_lost: u64,
}
