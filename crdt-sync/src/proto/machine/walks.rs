//! Walks in both directions: who asks whom, and what has to give way.

use crdt_core::Span;
use crdt_core::clock::CausalContext;
use rand::RngExt;

use super::Machine;
use crate::proto::error::PeerError;
use crate::proto::event::{Event, WalkOutcome, WalkRole};
use crate::proto::exchange::jittered;
use crate::proto::frame::{AbortReason, max_spans};
use crate::proto::id::PeerId;
use crate::proto::log::Position;
use crate::proto::persist::Disk;
use crate::proto::receiver::Step;
use crate::proto::time::Now;

/// The receiving side.
impl Machine {
    /// Asks one of those from whom a walk is wanted, chosen at random, if none is under way.
    pub(super) fn seek_walk(&mut self, now: Now) {
        if self.state.is_frozen() || !self.receiver.is_free(now.mono) {
            return;
        }
        let applied = self.state.applied();
        let wanted = self.peers.iter().filter(|(_, peer)| peer.wants_walk(applied));
        let donors: Vec<PeerId> = wanted.map(|(id, _)| *id).collect();
        if donors.is_empty() {
            return;
        }
        let donor = donors[self.rng.random_range(0..donors.len() as u64) as usize];
        let id = self.receiver.ask(donor, now.mono, &self.config);
        if let Some(peer) = self.peers.get_mut(&donor) {
            peer.waiting.request = Some(id);
        }
    }

    pub(super) fn take_begin(
        &mut self,
        walk: (PeerId, u64),
        (updates, unseen): (CausalContext, &CausalContext),
        parts: &CausalContext,
        now: Now,
    ) -> Result<(), PeerError> {
        let mut expected = updates.clone();
        expected.union_with(parts);
        if self.receiver.begin(walk, (updates, unseen), now.mono, &self.config) {
            self.counters.walks_in += 1;
            self.tell(Event::WalkStarted { peer: walk.0, role: WalkRole::Receiver });
            self.state.expect_parts(&expected, &self.config)?;
        }
        Ok(())
    }

    /// Returns whether the piece brought something.
    pub(super) fn take_chunk(
        &mut self,
        walk: (PeerId, u64),
        piece: (u64, bool, &[u8]),
        now: Now,
    ) -> Result<bool, PeerError> {
        match self.receiver.chunk(walk, piece, now.mono, &self.config)? {
            Step::Chunk(bytes) => return self.merge_chunk(walk.0, &bytes, now),
            Step::Cut => self.stop_receiving(WalkOutcome::Cut, now),
            Step::Part => return Ok(true),
            Step::Nothing | Step::Complete(_) => {}
        }
        Ok(false)
    }

    fn merge_chunk(&mut self, peer: PeerId, bytes: &[u8], now: Now) -> Result<bool, PeerError> {
        let staged = self.state.stage(bytes, &self.config.chunk_limits());
        staged.map_err(|error| PeerError::undecodable(None, &error))?;
        self.observe(None, now);
        let brought = self.state.merge_part();
        if brought {
            self.tell(Event::WalkMerged { peer });
        }
        Ok(brought)
    }

    /// The donor asks where the document differs from its own.
    pub(super) fn take_question(&mut self, walk: (PeerId, u64), index: u64, spans: &[Span], now: Now) {
        let (pieces, most) = (self.config.walk_pieces(), max_spans(&self.config));
        match self.receiver.question(walk, index, now.mono, &self.config) {
            Ok(past) => {
                let answers = self.state.doc().answer(past, spans, pieces, most);
                self.counters.walk_questions_in += 1;
                if let Some(peer) = self.peers.get_mut(&walk.0) {
                    peer.waiting.compared = Some((walk.1, index, answers));
                }
            }
            Err(Step::Cut) => self.stop_receiving(WalkOutcome::Cut, now),
            Err(_) => {}
        }
    }

    pub(super) fn take_end(&mut self, walk: (PeerId, u64), chunks: u64, now: Now) {
        match self.receiver.end(walk, chunks) {
            Step::Complete(updates) => self.complete(walk.0, &updates, now),
            Step::Cut => self.stop_receiving(WalkOutcome::Cut, now),
            Step::Nothing | Step::Part | Step::Chunk(_) => {}
        }
    }

    /// Everything came: what the donor had at the start is here.
    fn complete(&mut self, donor: PeerId, updates: &CausalContext, now: Now) {
        self.state.claim(updates);
        self.counters.walks_in_complete += 1;
        if let Some(peer) = self.peers.get_mut(&donor) {
            peer.holdings.reported(updates);
            peer.advance_reported(self.state.log());
            peer.walks.diverged = false;
        }
        self.receiver.stop(now.mono, std::time::Duration::ZERO);
        self.finish_walk(donor, WalkRole::Receiver, WalkOutcome::Complete);
        self.grown(now);
    }

    pub(super) fn take_abort(&mut self, walk: (PeerId, u64), reason: AbortReason, now: Now) {
        if self.receiver.is_current(walk) {
            self.stop_receiving(reason.into(), now);
        }
    }

    /// The walk under way is over, and another may be asked for after a pause.
    pub(super) fn stop_receiving(&mut self, outcome: WalkOutcome, now: Now) {
        let (donor, begun) = (self.receiver.donor(), self.receiver.running().is_some());
        // Of many that were refused by one donor, some find a place at any time.
        let pause = jittered(self.config.walk_retry, &mut self.rng);
        self.receiver.stop(now.mono, pause);
        if let Some(donor) = donor.filter(|_| begun || outcome == WalkOutcome::Busy) {
            self.finish_walk(donor, WalkRole::Receiver, outcome);
        }
    }

    fn finish_walk(&mut self, peer: PeerId, role: WalkRole, outcome: WalkOutcome) {
        self.tell(Event::WalkFinished { peer, role, outcome });
    }
}

/// The giving side.
impl Machine {
    /// A peer asks for a walk. Beginning one costs a look at the whole document, so a peer gets one
    /// now and then only; asking again ends the one before.
    pub(super) fn take_request(&mut self, id: PeerId, walk: u64, context: &CausalContext, now: Now) {
        // An old request, come again, must not end the walk of a newer one.
        if self.peers.get(&id).is_none_or(|peer| walk <= peer.walks.last_request) {
            return;
        }
        if self.state.stop_giving(id).is_some() {
            self.finish_walk(id, WalkRole::Donor, WalkOutcome::Cut);
        }
        let full = self.state.donations().len() >= self.config.max_donor_walks;
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.walks.last_request = walk;
        peer.walks.catching_up = None;
        peer.waiting.abort = None;
        if full || now.mono < peer.walks.next_start {
            peer.waiting.abort = Some((walk, AbortReason::Busy));
            return;
        }
        peer.walks.next_start = now.mono.saturating_add(self.config.walk_retry / 2);
        self.state.give(id, walk, context, now, &self.config);
        self.counters.walks_out += 1;
        self.tell(Event::WalkStarted { peer: id, role: WalkRole::Donor });
    }

    /// A frame of the walk to this peer, if one is being given.
    pub(super) fn next_piece(&mut self, id: PeerId, budget: usize, now: Now) -> Option<Vec<u8>> {
        let piece = self.state.next_piece(id, budget, now, &self.config);
        let donation = self.state.donation(id)?;
        if donation.is_overflown(self.state.doc()) {
            self.abort(id, AbortReason::Overflow);
        } else if donation.is_ended() {
            self.hand_over(id);
        }
        piece
    }

    /// The whole walk is out: what was applied since goes after it, from the log, which is kept for
    /// the peer until it got there.
    fn hand_over(&mut self, id: PeerId) {
        let Some(donation) = self.state.stop_giving(id) else { return };
        let (log, lost, claims) = (self.state.log(), self.state.lost(), self.state.claims());
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.holdings.sent_all(&donation.updates);
            peer.cursor = peer.cursor.max(donation.pin);
            peer.refresh_gap(log, lost, claims);
            peer.walks.catching_up = Some(log.end());
        }
        self.finish_walk(id, WalkRole::Donor, WalkOutcome::Complete);
        self.trim();
    }

    /// Gives up the walk to this peer, and tells it.
    pub(super) fn abort(&mut self, id: PeerId, reason: AbortReason) {
        let Some(donation) = self.state.stop_giving(id) else { return };
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.waiting.abort = Some((donation.id, reason));
        }
        if reason == AbortReason::Overflow {
            self.counters.walk_overflows += 1;
        }
        self.finish_walk(id, WalkRole::Donor, reason.into());
    }

    /// The connection carries no walk any more, in either direction.
    pub(super) fn cut_walks(&mut self, id: PeerId, now: Now) {
        if self.state.stop_giving(id).is_some() {
            self.finish_walk(id, WalkRole::Donor, WalkOutcome::Cut);
        }
        if self.receiver.donor() == Some(id) {
            self.stop_receiving(WalkOutcome::Cut, now);
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.walks.catching_up = None;
        }
    }

    /// Holds the log to its limits. It is kept beyond the first for walks and for those who just got
    /// one; beyond the second they give way.
    pub(super) fn trim(&mut self) {
        let limit = self.config.log_bytes;
        if self.state.wants_compaction(&self.config) {
            self.compact();
        }
        while self.state.may_trim(limit) {
            if self.pins_at_start() {
                if self.state.log().bytes() <= limit.saturating_add(self.config.pinned_bytes) {
                    return;
                }
                self.release_pins();
            }
            let Some(dropped) = self.state.trim(limit) else { return };
            self.counters.trimmed += dropped;
        }
    }

    /// Compacts the log, unless a peer takes no groups: it would need walks.
    ///
    /// What the store lacks stays as it is: it is given each update under the place that it has.
    fn compact(&mut self) {
        if self.peers.values().any(|peer| peer.is_live() && !peer.takes_groups) {
            return;
        }
        let before = self.disk.as_ref().map_or(Position::MAX, Disk::cursor);
        self.counters.compacted += self.state.compact(before, &self.config);
    }

    fn pins_at_start(&self) -> bool {
        let start = self.state.log().start();
        let walk = self.state.donations().iter().any(|(_, donation)| donation.pin <= start);
        walk || self.peers.values().any(|peer| peer.walks.is_catching_up(peer.cursor) && peer.cursor <= start)
    }

    fn release_pins(&mut self) {
        let start = self.state.log().start();
        let pinned = self.state.donations().iter().filter(|(_, donation)| donation.pin <= start);
        let pinned: Vec<PeerId> = pinned.map(|(id, _)| *id).collect();
        for id in pinned {
            self.abort(id, AbortReason::Overflow);
        }
        for peer in self.peers.values_mut().filter(|peer| peer.cursor <= start) {
            peer.walks.catching_up = None;
        }
    }
}

impl From<AbortReason> for WalkOutcome {
    fn from(reason: AbortReason) -> Self {
        match reason {
            AbortReason::Busy => Self::Busy,
            AbortReason::Overflow => Self::Overflow,
            AbortReason::Standstill => Self::Cut,
        }
    }
}
