//! What the engine knows of one connection.

use std::time::Duration;

use crdt_core::clock::CausalContext;

use super::holdings::Holdings;
use super::log::Position;

/// One live connection, named by the driver and never used again within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// One connection. A slow peer costs a cursor, not a queue: everything that waits to be sent is a
/// flag or a place in the log, and becomes bytes when the stream can take them.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) phase: Phase,
    /// What the peer has.
    pub(super) holdings: Holdings,
    /// What the peer can know that this node has: it was told, or sent the update itself.
    pub(super) told: CausalContext,
    /// Everything in the log before this is known to the peer.
    pub(super) cursor: Position,
    /// How often numbers were claimed without the log when `gap` was last worked out.
    pub(super) claims_seen: Option<u64>,
    /// Whether the peer lacks a number that the log does not hold.
    pub(super) gap: bool,
    /// Since when the peer has not reported everything that this node has.
    pub(super) behind_since: Option<Duration>,
    /// Whether the peer's last digest said that it holds updates in part.
    pub(super) partial: bool,
    pub(super) waiting: Waiting,
    pub(super) walks: Walks,
}

/// How far the greeting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The peer has until then to say hello.
    Greeting {
        deadline: Duration,
    },
    Live,
    /// Something of it was refused: nothing is taken from it or sent to it any more.
    Failed,
}

/// Small things to say, at most one of each kind.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) hello: bool,
    pub(super) ask: bool,
    /// Id of the question to answer.
    pub(super) answer: Option<u64>,
    pub(super) applied: bool,
    /// A digest is to be sent, as an answer or not.
    pub(super) digest: Option<bool>,
    /// Id of the walk to ask for.
    pub(super) request: Option<u64>,
}

/// The walks between this node and the peer.
#[derive(Debug, Default)]
pub(super) struct Walks {
    /// When to offer one again while the gap stays.
    pub(super) offer_at: Duration,
    /// What the peer's log lost and this node lacks, by the peer's last offer.
    pub(super) offered: Option<CausalContext>,
    /// The peer has applied the same updates and holds another state.
    pub(super) diverged: bool,
    /// The last walk that the peer asked for: ids only grow.
    pub(super) last_request: u64,
    /// After a walk: the log is kept for the peer from its cursor on, until it gets there.
    pub(super) catching_up: Option<Position>,
}

impl Peer {
    pub(super) fn new(name: &str, deadline: Duration, cursor: Position) -> Self {
        Self {
            name: name.to_owned(),
            phase: Phase::Greeting { deadline },
            holdings: Holdings::default(),
            told: CausalContext::default(),
            cursor,
            claims_seen: None,
            gap: false,
            behind_since: None,
            partial: false,
            waiting: Waiting { hello: true, ..Waiting::default() },
            walks: Walks::default(),
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Whether this node wants a walk from the peer, given what it has applied.
    pub(super) fn wants_walk(&self, applied: &CausalContext) -> bool {
        let lacks = |offered: &CausalContext| !applied.is_superset(offered);
        self.is_live() && (self.walks.diverged || self.walks.offered.as_ref().is_some_and(lacks))
    }

    /// Everything is to be compared with the log again: something sent was lost.
    pub(super) fn rewind(&mut self, start: Position) {
        self.cursor = start;
        self.claims_seen = None;
    }
}
