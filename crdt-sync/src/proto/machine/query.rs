//! What can be asked.

use std::collections::BTreeSet;
use std::time::Duration;

use crdt_core::clock::CausalContext;

use super::Machine;
use crate::proto::config::Config;
use crate::proto::id::PeerId;
use crate::proto::peer::{Peer, Phase};
use crate::proto::status::{PeerState, PeerStatus, Status};
use crate::proto::time::Now;
use crate::proto::token::Token;

impl Machine {
    pub(crate) fn vector(&self) -> &CausalContext {
        self.state.applied()
    }

    pub(crate) fn held(&self) -> &CausalContext {
        self.state.held()
    }

    pub(crate) fn fingerprint(&self) -> u128 {
        self.state.doc().fingerprint()
    }

    pub(crate) fn is_partial(&self) -> bool {
        self.state.is_partial()
    }

    pub(crate) fn pause(&self, peer: PeerId, now: Now) -> Option<Duration> {
        self.peers.get(&peer)?.meter.pause(now.mono)
    }

    pub(crate) fn token(&self) -> Token {
        Token::new(self.state.applied().clone())
    }

    pub(crate) fn covers(&self, token: &Token) -> bool {
        self.state.applied().is_superset(token.updates())
    }

    pub(crate) fn durable(&self) -> Option<&CausalContext> {
        self.disk.as_ref()?.durable().map(AsRef::as_ref)
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.disk.as_ref().is_none_or(|disk| disk.holds(self.state.held()))
    }

    pub(crate) fn covers_durably(&self, token: &Token) -> bool {
        self.durable().is_some_and(|durable| durable.is_superset(token.updates()))
    }

    pub(crate) fn replicas_covering(&self, token: &Token) -> usize {
        let live = self.peers.values().filter(|peer| peer.is_live());
        let covering = live.filter(|peer| peer.holdings.kept().is_superset(token.updates()));
        covering.map(|peer| peer.name.as_str()).collect::<BTreeSet<_>>().len()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn status(&self) -> Status {
        let (held, held_bytes) = self.state.waiting();
        Status {
            replica: self.state.replica(),
            updates: self.state.applied().len(),
            durable: self.durable().map(CausalContext::len),
            replicas: self.state.applied().replicas(),
            log_len: self.state.log().len(),
            log_bytes: self.state.log().bytes(),
            partial: self.state.is_partial(),
            frozen: self.state.is_frozen(),
            held,
            held_bytes,
            receiving_walk: self.receiver.running(),
            donor_walks: self.state.donations().len(),
            peers: self.peers.iter().map(|(id, peer)| self.peer_status(*id, peer)).collect(),
            counters: self.counters,
        }
    }

    fn peer_status(&self, id: PeerId, peer: &Peer) -> PeerStatus {
        let state = match peer.phase {
            Phase::Greeting { .. } => PeerState::Greeting,
            Phase::Live if peer.gap => PeerState::Reconciling,
            Phase::Live => PeerState::Live,
            Phase::Failed => PeerState::Failed,
        };
        let (live, applied) = (peer.is_live(), peer.holdings.applied());
        let lag_updates = live.then(|| self.state.held().difference(applied).len());
        let unreported = self.state.log().since(peer.reported).filter(|_| live);
        let missing = unreported.filter(|update| !update.is_in(applied));
        let (mut bytes, mut oldest) = (0, None);
        for update in missing {
            bytes += update.bytes.len() as u64;
            oldest.get_or_insert(update.at);
        }
        PeerStatus {
            peer: id,
            name: peer.name.clone(),
            state,
            lag_updates,
            lag_bytes: (state == PeerState::Live).then_some(bytes),
            lag: oldest.map(|at| self.now.saturating_sub(at)),
            partial: peer.partial,
        }
    }
}
