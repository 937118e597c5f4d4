//! What to send.

use crdt_core::clock::CausalContext;

use super::Machine;
use crate::proto::config::Config;
use crate::proto::event::Event;
use crate::proto::frame::{Digest, Frame, Hello, UpdatesWriter, group, is_told_by_short};
use crate::proto::id::PeerId;
use crate::proto::peer::{Peer, Phase};
use crate::proto::rights::Want;
use crate::proto::time::Now;
use crate::proto::vector::Run;

impl Machine {
    pub(crate) fn poll_transmit(&mut self, peer: PeerId, budget: usize, now: Now) -> Option<Vec<u8>> {
        self.now = now.mono;
        let frame = self.next_frame(peer, budget, now)?;
        self.counters.frames_out += 1;
        Some(frame)
    }

    pub(crate) fn ready(&mut self, now: Now) -> Vec<PeerId> {
        self.now = now.mono;
        let (log, claims, state) = (self.state.log(), self.state.claims(), &self.state);
        let ready = |(id, peer): (&PeerId, &mut Peer)| {
            (peer.is_ready(log, claims, now.mono) || state.donation(*id).is_some()).then_some(*id)
        };
        self.peers.iter_mut().filter_map(ready).collect()
    }

    fn next_frame(&mut self, id: PeerId, budget: usize, now: Now) -> Option<Vec<u8>> {
        let peer = self.peers.get_mut(&id)?;
        match peer.phase {
            Phase::Failed => return None,
            _ if std::mem::take(&mut peer.waiting.hello) => return self.hello(id),
            Phase::Greeting { .. } => return None,
            Phase::Live => {}
        }
        self.control(id).or_else(|| self.updates(id, budget)).or_else(|| self.next_piece(id, budget, now))
    }

    fn hello(&mut self, id: PeerId) -> Option<Vec<u8>> {
        let hello = Hello {
            features: self.features(),
            nonce: self.nonce,
            volatile: self.durable().is_none(),
            partial: self.state.is_partial(),
            fingerprint: self.state.doc().fingerprint(),
            updates: self.state.applied().as_ref().clone(),
        };
        let frame = hello.encode(&self.config);
        let peer = self.peers.get_mut(&id)?;
        // The fingerprint belongs to what is applied; what is held is told next.
        peer.waiting.applied = self.state.is_frozen();
        peer.told = hello.updates;
        Some(frame)
    }

    /// The small frames, in the order of how long others wait for them.
    fn control(&mut self, id: PeerId) -> Option<Vec<u8>> {
        let peer = self.peers.get_mut(&id)?;
        let waiting = &mut peer.waiting;
        let frame = if let Some(id) = waiting.answer.take() {
            peer.told = self.state.held().as_ref().clone();
            waiting.applied = false;
            Frame::Vector { id, updates: peer.told.clone() }
        } else if let Some((id, reason)) = waiting.abort.take() {
            Frame::Abort { id, reason }
        } else if std::mem::take(&mut waiting.writer)
            && let Some(id) = self.state.replica()
        {
            Frame::Writer { id, leaving: self.rights.leaving }
        } else if !waiting.wants.is_empty() {
            return Some(want_frame(&mut waiting.wants, &self.config));
        } else if let Some(id) = waiting.request.take() {
            let context = self.state.doc().context();
            self.receiver.requested(id, &context);
            Frame::Request { id, context }
        } else if let Some((id, index, spans)) = waiting.compared.take() {
            Frame::Compared { id, index, spans }
        } else if std::mem::take(&mut waiting.ask) {
            Frame::Ask { id: peer.holdings.ask() }
        } else if !waiting.spare.is_empty() {
            Frame::Spare(std::mem::take(&mut waiting.spare))
        } else if std::mem::take(&mut waiting.offer) {
            Frame::Offer(self.state.walked(peer.takes_groups).difference(peer.holdings.known()))
        } else {
            return self.report(id);
        };
        Some(frame.encode())
    }

    /// What this node has since the peer last heard of it.
    fn report(&mut self, id: PeerId) -> Option<Vec<u8>> {
        let peer = self.peers.get_mut(&id)?;
        let news = match std::mem::take(&mut peer.waiting.applied) {
            true => self.state.held().difference(&peer.told),
            false => CausalContext::default(),
        };
        if news.is_empty() {
            return self.report_durable(id);
        }
        peer.told.union_with(&news);
        Some(Frame::Applied(news).encode())
    }

    /// What came into the store since the peer last heard of it.
    fn report_durable(&mut self, id: PeerId) -> Option<Vec<u8>> {
        let peer = self.peers.get_mut(&id)?;
        if !std::mem::take(&mut peer.waiting.durable) {
            return None;
        }
        let durable = self.disk.as_ref()?.durable()?;
        let news = durable.difference(&peer.told_durable);
        if news.is_empty() {
            return None;
        }
        peer.told_durable.union_with(&news);
        Some(Frame::Durable(news).encode())
    }

    /// What the peer lacks, in the order in which it was applied here but for what waits because
    /// the peer may have it from elsewhere, as many as fit.
    ///
    /// Nothing is sent that is newer than what the log has lost and the peer lacks: a walk goes
    /// first.
    fn updates(&mut self, id: PeerId, budget: usize) -> Option<Vec<u8>> {
        let peer = self.peers.get_mut(&id)?;
        let (log, ids) = (self.state.log(), self.state.held());
        peer.refresh_gap(log, self.state.lost(), self.state.claims());
        if peer.gap {
            self.offer(id);
            return self.control(id);
        }
        let budget = budget.min(self.config.batch_bytes).min(self.config.max_frame);
        let mut frame = UpdatesWriter::new();
        let mut run = None;
        while let Some((place, update)) = peer.next(log, self.now) {
            if let Some(numbers) = update.group {
                // It goes by itself, after those that are on their way.
                if frame.count() > 0 {
                    break;
                }
                peer.pass((place, &update));
                peer.sent_group(numbers);
                peer.walks.caught_up(peer.cursor);
                self.counters.sent += numbers.len();
                return Some(group::encode(numbers, update.bytes));
            }
            if !frame.push(&update, budget, |id| is_told_by_short(id, peer.holdings.applied(), ids)) {
                break;
            }
            peer.pass((place, &update));
            Run::extend(&mut run, update.number).into_iter().for_each(|run| peer.sent(run));
        }
        run.into_iter().for_each(|run| peer.sent(run));
        peer.walks.caught_up(peer.cursor);
        self.counters.sent += frame.count();
        (frame.count() > 0).then(|| frame.finish())
    }

    pub(crate) fn poll_datagram(&mut self, peer: PeerId, now: Now) -> Option<Vec<u8>> {
        self.now = now.mono;
        let answer = self.peers.get_mut(&peer).filter(|peer| peer.is_live())?.waiting.digest.take()?;
        let digest = Digest {
            answer,
            partial: self.state.is_partial(),
            durable: self.durable() == Some(self.state.applied()),
            vector: self.state.hash(),
            fingerprint: self.state.doc().fingerprint(),
        };
        self.counters.datagrams_out += 1;
        Some(digest.encode())
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }
}

/// A request for as many of these rights as fit, for one place at least.
fn want_frame(wants: &mut Vec<Want>, config: &Config) -> Vec<u8> {
    // Two levels and a length take 25 bytes at most.
    let mut left = config.batch_bytes.min(config.max_frame);
    let fits = |want: &&Want| {
        left = left.saturating_sub(want.place.len() + 32);
        left > 0
    };
    let rest = wants.split_off(wants.iter().take_while(fits).count().max(1));
    let asked = std::mem::replace(wants, rest);
    Frame::Want(asked.iter().map(|want| (want.levels, &want.place[..])).collect()).encode()
}
