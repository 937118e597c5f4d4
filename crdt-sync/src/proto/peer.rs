//! What the engine knows of one connection.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use crdt_core::clock::CausalContext;
use crdt_core::{ReplicaId, Span};

use super::frame::AbortReason;
use super::holdings::Holdings;
use super::log::{Log, Position, Update};
use super::meter::Meter;
use super::relay::Relay;
use super::rights::Want;
use super::vector::Run;

/// One connection. A slow peer costs a cursor, not a queue: everything that waits to be sent is a
/// flag or a place in the log, and becomes bytes when the stream can take them.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) phase: Phase,
    /// Whether its hello was good.
    pub(super) greeted: bool,
    /// Whether it takes several updates joined to one.
    pub(super) takes_groups: bool,
    /// What the peer has.
    pub(super) holdings: Holdings,
    /// What the peer can know that this node has: it was told, or sent the update itself.
    pub(super) told: CausalContext,
    /// What the peer was told that this node has in its store.
    pub(super) told_durable: CausalContext,
    /// Everything in the log before this is known to the peer.
    pub(super) cursor: Position,
    /// What of the rest waits, since the peer may have it from elsewhere.
    pub(super) relay: Relay,
    /// How often numbers were claimed without the log when `gap` was last worked out.
    pub(super) claims_seen: Option<u64>,
    /// Whether the peer lacks a number that the log does not hold, or not so that the peer takes it.
    pub(super) gap: bool,
    /// Everything in the log before this was reported by the peer.
    pub(super) reported: Position,
    /// Whether the peer's last digest said that it holds updates in part.
    pub(super) partial: bool,
    pub(super) meter: Meter,
    pub(super) waiting: Waiting,
    pub(super) walks: Walks,
    pub(super) share: Share,
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
    pub(super) durable: bool,
    /// Origins whose updates came from this peer after they had come from elsewhere.
    pub(super) spare: BTreeSet<ReplicaId>,
    /// A digest is to be sent, as an answer or not.
    pub(super) digest: Option<bool>,
    /// Id of the walk to ask for.
    pub(super) request: Option<u64>,
    /// The answer to a question of a walk: its id, the index of the question, and the ranges.
    pub(super) compared: Option<(u64, u64, Vec<Span>)>,
    pub(super) offer: bool,
    /// Id of the walk that cannot go on, and why.
    pub(super) abort: Option<(u64, AbortReason)>,
    /// The peer is to be told the id of this start.
    pub(super) writer: bool,
    /// The rights that the peer is to be asked for.
    pub(super) wants: Vec<Want>,
}

/// What the peer is to this node where rights are moved.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// Both move rights.
    pub(super) agreed: bool,
    /// The id under which the peer writes, as it said.
    pub(super) writer: Option<ReplicaId>,
    /// It will stop: it is given none, and has none.
    pub(super) leaving: bool,
}

/// The walks between this node and the peer.
#[derive(Debug, Default)]
pub(super) struct Walks {
    /// When to offer one again while the gap stays.
    pub(super) offer_at: Duration,
    /// What the peer's log lost and this node lacks, by the peer's last offer.
    pub(super) offered: Option<CausalContext>,
    /// The peer has applied the same updates and holds another state: a walk is wanted.
    pub(super) diverged: bool,
    /// That was reported, and the two have not been equal since.
    pub(super) diverged_reported: bool,
    /// The last walk that the peer asked for: ids only grow.
    pub(super) last_request: u64,
    /// When the peer may be given another walk.
    pub(super) next_start: Duration,
    /// After a walk: the log is kept for the peer from its cursor on, until it gets there.
    pub(super) catching_up: Option<Position>,
}

impl Peer {
    pub(super) fn new(name: &str, deadline: Duration, cursor: Position, relay: Relay) -> Self {
        Self {
            name: name.to_owned(),
            phase: Phase::Greeting { deadline },
            greeted: false,
            takes_groups: false,
            holdings: Holdings::default(),
            told: CausalContext::default(),
            told_durable: CausalContext::default(),
            cursor,
            relay,
            claims_seen: None,
            gap: false,
            reported: cursor,
            partial: false,
            meter: Meter::default(),
            waiting: Waiting { hello: true, ..Waiting::default() },
            walks: Walks::default(),
            share: Share::default(),
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
        self.relay.rewind();
        self.claims_seen = None;
    }

    /// Works out again whether the peer lacks what the log does not hold, if that can have changed.
    ///
    /// Everything before the cursor is known to the peer, so what the log drops behind the cursor
    /// opens no gap; nor does anything else but claims, which never were in the log.
    pub(super) fn refresh_gap(&mut self, log: &Log, lost: &CausalContext, claims: u64) {
        let overtaken = self.cursor < log.start();
        if !(self.gap || overtaken || self.claims_seen != Some(claims)) {
            return;
        }
        self.gap = !self.holdings.known().is_superset(lost);
        if !self.gap {
            self.cursor = self.cursor.max(log.start());
            self.claims_seen = Some(claims);
            self.skip_known(log);
        }
    }

    /// Moves the cursor to the first update that the peer lacks. One that it does not take is a gap.
    fn skip_known<'a>(&mut self, log: &'a Log) -> Option<(Range<Position>, Update<'a>)> {
        let known = self.holdings.known();
        while let Some((update, end)) = log.get(self.cursor) {
            if !update.is_in(known) {
                self.gap = update.group.is_some() && !self.takes_groups;
                return (!self.gap).then_some((self.cursor..end, update));
            }
            self.cursor = end;
        }
        None
    }

    /// The next update that is to be sent now, if there is one, and its place.
    ///
    /// What the peer may have from elsewhere waits for a moment, and is overtaken meanwhile.
    pub(super) fn next<'a>(&mut self, log: &'a Log, now: Duration) -> Option<(Range<Position>, Update<'a>)> {
        let first = self.skip_known(log);
        if self.gap {
            return None;
        }
        if let Some((place, first)) = first.filter(|(_, first)| self.relay.is_due(first, now)) {
            return Some((place, first));
        }
        self.relay.ahead = self.relay.ahead.max(self.cursor);
        while let Some((update, end)) = log.get(self.relay.ahead) {
            let takes = update.group.is_none() || self.takes_groups;
            if takes && self.relay.is_due(&update, now) && !update.is_in(self.holdings.known()) {
                return Some((self.relay.ahead..end, update));
            }
            self.relay.ahead = end;
        }
        self.relay.woken = false;
        None
    }

    /// The update that was next is on its way to the peer; [`sent`](Self::sent) is told of it, or
    /// [`sent_group`](Self::sent_group).
    pub(super) fn pass(&mut self, (place, update): (Range<Position>, &Update<'_>)) {
        let passed = if place.start == self.cursor { &mut self.cursor } else { &mut self.relay.ahead };
        *passed = place.end;
        self.relay.sent(update);
    }

    /// These are on their way to the peer.
    pub(super) fn sent(&mut self, run: Run) {
        self.holdings.sent(run);
        run.add_to(&mut self.told);
    }

    /// Updates that are joined to one are on their way to the peer.
    pub(super) fn sent_group(&mut self, numbers: &CausalContext) {
        self.holdings.sent_all(numbers);
        self.told.union_with(numbers);
    }

    /// When an update that waits is to be sent after all.
    pub(super) fn relay_due(&self, log: &Log) -> Option<Duration> {
        if self.relay.woken { None } else { self.relay.due(&log.get(self.cursor)?.0) }
    }

    /// Whether there may be something to send; never no if there is.
    pub(super) fn is_ready(&mut self, log: &Log, claims: u64, now: Duration) -> bool {
        match self.phase {
            Phase::Failed => false,
            Phase::Greeting { .. } => self.waiting.hello,
            Phase::Live => {
                let gap = self.gap || self.cursor < log.start() || self.claims_seen != Some(claims);
                self.waiting.is_something() || gap || self.next(log, now).is_some() || self.gap
            }
        }
    }

    /// The peer said what it has applied: moves the mark of what it reported.
    pub(super) fn advance_reported(&mut self, log: &Log) {
        self.reported = self.reported.max(log.start());
        let applied = self.holdings.applied();
        while let Some((_, end)) = log.get(self.reported).filter(|(update, _)| update.is_in(applied)) {
            self.reported = end;
        }
    }
}

impl Waiting {
    fn is_something(&self) -> bool {
        let Self { hello, ask, answer, applied, durable, spare, digest, .. } = self;
        let Self { request, compared, offer, abort, writer, wants, .. } = self;
        let lists = !spare.is_empty() || !wants.is_empty();
        let flags = *hello || *ask || *applied || *durable || *offer || *writer || lists;
        let waits = answer.is_some() || digest.is_some() || request.is_some() || compared.is_some();
        flags || waits || abort.is_some()
    }
}

impl Walks {
    /// Whether the log is kept for the peer, which is at `cursor`.
    pub(super) fn is_catching_up(&self, cursor: Position) -> bool {
        self.catching_up.is_some_and(|until| cursor < until)
    }

    /// The peer is at `cursor`.
    pub(super) fn caught_up(&mut self, cursor: Position) {
        self.catching_up.take_if(|until| cursor >= *until);
    }
}
