//! What peers send.

use crdt_core::clock::{CausalContext, Intervals};
use crdt_core::{Dot, ReplicaId};

use super::Machine;
use crate::proto::error::PeerError;
use crate::proto::event::Event;
use crate::proto::frame::{self, Digest, Frame, Kind, Packed, Updates, group};
use crate::proto::id::PeerId;
use crate::proto::log::Update;
use crate::proto::peer::Phase;
use crate::proto::time::Now;
use crate::proto::vector::Run;
use crate::proto::wire::Reader;

/// Dots for which room is kept from one update to the next.
const KEPT_DOTS: usize = 1024;

impl Machine {
    pub(crate) fn handle_frame(&mut self, peer: PeerId, frame: &[u8], now: Now) -> Result<(), PeerError> {
        self.now = now.mono;
        self.counters.frames_in += 1;
        let taken = self.take_frame(peer, frame, now);
        let taken = taken.and_then(|brought| self.count(peer, brought, frame.len()));
        if taken.is_err() {
            self.fail(peer, now);
        }
        self.hand_on_rights(now);
        self.seek_walk(now);
        taken
    }

    /// Counts a frame or a datagram against its sender, unless it brought something.
    fn count(&mut self, id: PeerId, brought: bool, bytes: usize) -> Result<(), PeerError> {
        let Some(peer) = self.peers.get_mut(&id).filter(|_| !brought) else { return Ok(()) };
        self.counters.chatter_in += 1;
        if peer.meter.count(bytes, self.now, &self.config) {
            let (allowed, patience) = (self.config.max_chatter, self.config.chatter_patience);
            return Err(PeerError::Flood { allowed, patience });
        }
        Ok(())
    }

    /// Returns whether the frame brought something that was not here.
    fn take_frame(&mut self, id: PeerId, bytes: &[u8], now: Now) -> Result<bool, PeerError> {
        let phase = self.peers.get(&id).map(|peer| peer.phase);
        let (kind, body) = match phase {
            None | Some(Phase::Failed) => return Err(PeerError::UnknownPeer { peer: id }),
            Some(_) => frame::open(bytes, &self.config)?,
        };
        match (kind, phase) {
            (Kind::Hello, _) => self.take_hello(id, bytes, now).map(|()| true),
            (_, Some(Phase::Greeting { .. })) => Err(PeerError::Unexpected { frame: kind.name() }),
            (Kind::Updates | Kind::Group, _) => self.take_in(id, (kind, body), now),
            _ => self.take_other(id, Frame::decode(kind, body, &self.config)?, now),
        }
    }

    /// Takes updates, and returns whether any was not here.
    fn take_in(&mut self, id: PeerId, (kind, body): (Kind, Reader<'_>), now: Now) -> Result<bool, PeerError> {
        let before = (self.came(), self.counters.not_held);
        let taken = match kind {
            Kind::Group => self.take_group(id, body, now),
            _ => self.take_updates(id, body, now),
        };
        // What cannot be held is no fault of its sender.
        let brought = (self.came(), self.counters.not_held) != before;
        if self.came() > before.0 {
            self.grown(now);
        }
        taken.map(|()| brought)
    }

    fn take_updates(&mut self, id: PeerId, body: Reader<'_>, now: Now) -> Result<(), PeerError> {
        let mut updates = Updates::new(body, &self.config);
        let mut unpacked = std::mem::take(&mut self.unpacked);
        let taken = self.take_each(id, &mut updates, &mut unpacked, now);
        if updates.is_unresolved() {
            self.miss(id);
        }
        // What one large update needed is not kept for ever.
        unpacked.shrink_to(self.config.batch_bytes);
        self.unpacked = unpacked;
        taken
    }

    /// Several updates joined to one: all of it is taken, whatever part is here, or nothing if all is.
    fn take_group(&mut self, id: PeerId, body: Reader<'_>, now: Now) -> Result<(), PeerError> {
        let (numbers, bytes) = group::decode(body, &self.config)?;
        let news = numbers.difference(self.state.held()).len();
        if news > 0 {
            self.apply_or_hold(Update::group(&numbers, bytes, now.mono, false), id, now)?;
        }
        self.counters.in_groups += news;
        self.counters.duplicates += numbers.len() - news;
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        peer.holdings.reported(&numbers);
        peer.holdings.check(&self.config)
    }

    fn take_each(
        &mut self,
        id: PeerId,
        updates: &mut Updates<'_>,
        unpacked: &mut Vec<u8>,
        now: Now,
    ) -> Result<(), PeerError> {
        let (mut run, mut taken) = (None, Ok(()));
        while taken.is_ok()
            && let Some(update) = updates.next(self.state.held())
        {
            taken = update.and_then(|update| {
                self.take_update(id, update, unpacked, now)?;
                self.received(id, Run::extend(&mut run, update.0));
                Ok(())
            });
        }
        self.received(id, run);
        taken
    }

    /// An id was named by what tells it only from those that the peer knows. An exchange makes up for
    /// what is lost by that, and the peer hears of all ids that are here.
    fn miss(&mut self, from: PeerId) {
        self.counters.unresolved += 1;
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.waiting.digest.get_or_insert(false);
        }
    }

    /// How many updates of others came, to stay.
    fn came(&self) -> u64 {
        self.counters.applied + self.counters.held
    }

    fn take_update(
        &mut self,
        from: PeerId,
        (number, packed): (Dot, Packed<'_>),
        bytes: &mut Vec<u8>,
        now: Now,
    ) -> Result<(), PeerError> {
        if self.state.held().contains(number) {
            self.counters.duplicates += 1;
            self.spare(from, number.replica);
            return Ok(());
        }
        packed.unpack(bytes);
        self.apply_or_hold(Update { number, group: None, bytes, at: now.mono, own: false }, from, now)
    }

    /// Takes an update that is not here.
    fn apply_or_hold(&mut self, update: Update<'_>, from: PeerId, now: Now) -> Result<(), PeerError> {
        let staged = self.state.stage(update.bytes, &self.config.update_limits());
        staged.map_err(|error| PeerError::undecodable(Some(update.number), &error))?;
        if self.state.is_frozen() {
            self.hold(update, from);
            return Ok(());
        }
        let news = self.will_apply(update.number, update.group, now);
        self.state.apply(update);
        self.has_applied(update.number, news.as_ref(), from);
        Ok(())
    }

    /// What an update of another node brings, which is staged, is about to be applied. Returns which
    /// numbers of a group are new.
    pub(super) fn will_apply(
        &mut self,
        number: Dot,
        group: Option<&CausalContext>,
        now: Now,
    ) -> Option<CausalContext> {
        self.observe(group.is_none().then_some(number), now);
        self.brought.clear();
        let doc = self.state.doc();
        doc.staged_dots(&mut self.brought);
        let numbers = group?;
        self.brought.retain(|dot| !doc.is_live(*dot));
        Some(numbers.difference(self.state.applied()))
    }

    /// It is.
    pub(super) fn has_applied(&mut self, number: Dot, news: Option<&CausalContext>, from: PeerId) {
        match news {
            None => self.tell_applied(number, from),
            Some(news) => {
                let runs = news.iter().flat_map(|(id, seqs)| seqs.iter().map(move |run| (id, run)));
                for (id, (first, last)) in runs {
                    (first..=last).for_each(|seq| self.tell_applied(Dot::new(id, seq), from));
                }
            }
        }
        self.tell_conflicts(number, news);
        self.brought.shrink_to(KEPT_DOTS);
    }

    fn tell_applied(&mut self, update: Dot, from: PeerId) {
        self.counters.applied += 1;
        self.tell(Event::Applied { update, from: Some(from) });
    }

    /// Tells which entries of an update, just applied, contradict what was there. Of a group the last
    /// number of the writer stands for all.
    fn tell_conflicts(&mut self, number: Dot, news: Option<&CausalContext>) {
        let doc = self.state.doc();
        self.brought.retain(|dot| doc.is_contested(*dot));
        while let Some(dot) = self.brought.pop() {
            let last = news.and_then(|news| news.get(dot.replica)).map(Intervals::max);
            let update = last.map_or(number, |seq| Dot::new(dot.replica, seq));
            self.counters.conflicts += 1;
            self.tell(Event::Conflict { update, dot });
        }
    }

    /// The peer has these: it sent them.
    fn received(&mut self, from: PeerId, run: Option<Run>) {
        if let (Some(peer), Some(run)) = (self.peers.get_mut(&from), run) {
            peer.holdings.received(run);
        }
    }

    /// The peer passes on what comes from elsewhere first.
    fn spare(&mut self, from: PeerId, origin: ReplicaId) {
        let holds = !self.config.relay_delay.is_zero();
        if let Some(peer) = self.peers.get_mut(&from).filter(|_| holds) {
            peer.waiting.spare.insert(origin);
        }
    }

    /// Lets the clock follow what was received and is staged, within bounds.
    pub(super) fn observe(&mut self, update: Option<Dot>, now: Now) {
        if let Some(ahead) = self.state.observe(now, &self.config) {
            self.counters.drifts += 1;
            self.tell(Event::Drift { update, ahead });
        }
    }

    fn take_other(&mut self, id: PeerId, frame: Frame<'_>, now: Now) -> Result<bool, PeerError> {
        let Some(peer) = self.peers.get_mut(&id) else { return Err(PeerError::UnknownPeer { peer: id }) };
        match frame {
            Frame::Applied(updates) => {
                peer.holdings.reported(&updates);
                peer.holdings.check(&self.config)?;
                peer.advance_reported(self.state.log());
            }
            Frame::Durable(updates) => {
                peer.holdings.stored(&updates);
                peer.holdings.check(&self.config)?;
            }
            Frame::Spare(origins) => peer.relay.spare(&origins, &self.config),
            Frame::Writer { id: writer, leaving } => self.take_writer(id, (writer, leaving))?,
            Frame::Want(wants) => self.take_wants(id, wants, now)?,
            // To tell what a full node lacks would bring it again and again, for nothing.
            Frame::Ask { id } => peer.waiting.answer = Some(id).filter(|_| !self.state.is_full()),
            Frame::Vector { id, updates } => {
                if peer.holdings.answered(id, updates) {
                    peer.rewind(self.state.log().start());
                }
                peer.advance_reported(self.state.log());
            }
            Frame::Offer(updates) => peer.walks.offered = Some(updates),
            Frame::Request { id: walk, context } => self.take_request(id, walk, &context, now),
            Frame::Begin { id: walk, updates, parts, unseen } => {
                self.take_begin((id, walk), (updates, &unseen), &parts, now)?;
            }
            Frame::Compare { id: walk, index, spans } => self.take_question((id, walk), index, &spans, now),
            Frame::Compared { id: walk, index, spans } => {
                self.state.answered((id, walk), (index, &spans), now, &self.config);
            }
            Frame::Chunk { id: walk, index, last, bytes } => {
                return self.take_chunk((id, walk), (index, last, bytes), now);
            }
            Frame::End { id: walk, chunks } => self.take_end((id, walk), chunks, now),
            Frame::Abort { id: walk, reason } => self.take_abort((id, walk), reason, now),
        }
        Ok(false)
    }

    pub(crate) fn handle_datagram(
        &mut self,
        peer: PeerId,
        datagram: &[u8],
        now: Now,
    ) -> Result<(), PeerError> {
        self.now = now.mono;
        self.counters.datagrams_in += 1;
        let taken = self.take_datagram(peer, datagram, now);
        let taken = taken.and_then(|()| self.count(peer, false, datagram.len()));
        if taken.is_err() {
            self.fail(peer, now);
        }
        self.seek_walk(now);
        taken
    }

    fn take_datagram(&mut self, id: PeerId, bytes: &[u8], now: Now) -> Result<(), PeerError> {
        let digest = match self.peers.get(&id).map(|peer| peer.phase) {
            None | Some(Phase::Failed) => return Err(PeerError::UnknownPeer { peer: id }),
            // It overtook the hello.
            Some(Phase::Greeting { .. }) => return Ok(()),
            Some(Phase::Live) => Digest::decode(bytes, &self.config)?,
        };
        self.take_digest(id, digest, now);
        Ok(())
    }

    /// Compares what the peer has with what is here.
    fn take_digest(&mut self, id: PeerId, digest: Digest, now: Now) {
        let equal = digest.vector == self.state.hash();
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.partial = digest.partial;
        if !digest.answer {
            peer.waiting.digest = Some(true);
        }
        if equal {
            peer.holdings.reported(self.state.applied());
            peer.advance_reported(self.state.log());
            if digest.durable {
                peer.holdings.stored(self.state.applied());
            }
            self.compare_states(id, digest.fingerprint, digest.partial);
        } else {
            peer.waiting.ask = true;
            peer.walks.diverged_reported = false;
            self.counters.differences += 1;
            self.exchange.changed(&self.config, now.mono, &mut self.rng);
        }
    }

    /// The peer has applied the same updates: its state has to be the same.
    pub(super) fn compare_states(&mut self, id: PeerId, theirs: u128, their_parts: bool) {
        let (ours, partial) = (self.state.doc().fingerprint(), self.state.is_partial() || their_parts);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if ours == theirs {
            (peer.walks.diverged, peer.walks.diverged_reported) = (false, false);
            self.exchange.found_equal(&self.config);
            return;
        }
        peer.walks.diverged = true;
        if !partial && !std::mem::replace(&mut peer.walks.diverged_reported, true) {
            self.counters.diverged += 1;
            self.tell(Event::Diverged { peer: id, ours, theirs });
        }
    }
}
