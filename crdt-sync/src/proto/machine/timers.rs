//! What happens although nothing arrives.

use std::time::Duration;

use rand::RngExt;

use super::Machine;
use crate::proto::error::PeerError;
use crate::proto::event::WalkOutcome;
use crate::proto::frame::AbortReason;
use crate::proto::id::PeerId;
use crate::proto::peer::{Peer, Phase};
use crate::proto::time::Now;

impl Machine {
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        let peers = self.peers.iter().filter_map(|(id, peer)| self.peer_due(*id, peer));
        let live = self.peers.values().any(Peer::is_live);
        let rights = self.rights.due().filter(|_| live);
        let report = self.report_at.filter(|_| live);
        let own = [live.then(|| self.exchange.due()), report, rights, self.walk_due()];
        let donations = self.state.donations().iter().map(|(_, donation)| donation.deadline);
        peers.chain(own.into_iter().flatten()).chain(donations).min()
    }

    fn walk_due(&self) -> Option<Duration> {
        let applied = self.state.applied();
        let frozen = self.state.is_frozen();
        self.receiver.due(|| !frozen && self.peers.values().any(|peer| peer.wants_walk(applied)))
    }

    fn peer_due(&self, id: PeerId, peer: &Peer) -> Option<Duration> {
        match peer.phase {
            Phase::Greeting { deadline } => Some(deadline),
            Phase::Live => {
                let offer = self.may_offer(id, peer).then_some(peer.walks.offer_at);
                offer.into_iter().chain(peer.relay_due(self.state.log())).min()
            }
            Phase::Failed => None,
        }
    }

    /// Whether the peer needs a walk and has not taken one up.
    fn may_offer(&self, id: PeerId, peer: &Peer) -> bool {
        peer.gap && !peer.waiting.offer && self.state.donation(id).is_none()
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.now = now.mono;
        self.refuse_silent_peers(now);
        self.drop_standing_walks(now);
        if self.report_at.is_some_and(|at| at <= now.mono) {
            self.report_at = None;
            self.peers.values_mut().for_each(|peer| peer.waiting.applied = true);
        }
        let log = self.state.log();
        for peer in self.peers.values_mut().filter(|peer| peer.is_live()) {
            peer.relay.woken |= peer.relay_due(log).is_some_and(|due| due <= now.mono);
        }
        if self.exchange.due() <= now.mono {
            self.exchange.restart(now.mono, &mut self.rng);
            self.choose_partner();
        }
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        ids.into_iter().for_each(|id| self.offer(id));
        self.ask_for_rights(now);
        self.give_rights(now);
        self.seek_walk(now);
    }

    fn refuse_silent_peers(&mut self, now: Now) {
        let silent = |peer: &Peer| matches!(peer.phase, Phase::Greeting { deadline } if deadline <= now.mono);
        let silent = self.peers.iter().filter(|(_, peer)| silent(peer));
        let silent: Vec<PeerId> = silent.map(|(id, _)| *id).collect();
        for id in silent {
            self.fail(id, now);
            self.refused.push_back((id, PeerError::HelloTimeout));
        }
    }

    /// Walks in either direction that no longer move.
    fn drop_standing_walks(&mut self, now: Now) {
        if self.receiver.deadline().is_some_and(|deadline| deadline <= now.mono) {
            self.stop_receiving(WalkOutcome::Cut, now);
        }
        let standing = self.state.donations().iter().filter(|(_, donation)| donation.deadline <= now.mono);
        let standing: Vec<PeerId> = standing.map(|(id, _)| *id).collect();
        for id in standing {
            self.abort(id, AbortReason::Standstill);
        }
        self.trim();
    }

    /// Compares with one peer at random.
    fn choose_partner(&mut self) {
        let live = self.peers.values().filter(|peer| peer.is_live()).count() as u64;
        if live == 0 {
            return;
        }
        let chosen = self.rng.random_range(0..live) as usize;
        if let Some(peer) = self.peers.values_mut().filter(|peer| peer.is_live()).nth(chosen) {
            peer.waiting.digest.get_or_insert(false);
        }
    }

    /// Offers a walk to a peer that needs one, now and then, until it takes it up or needs it no
    /// more.
    pub(super) fn offer(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(&id).filter(|peer| peer.is_live()) else { return };
        if !self.may_offer(id, peer) || peer.walks.offer_at > self.now {
            return;
        }
        let again = self.now.saturating_add(self.config.walk_retry);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.walks.offer_at = again;
            peer.waiting.offer = true;
        }
    }
}
