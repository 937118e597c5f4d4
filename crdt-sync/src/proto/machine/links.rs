//! Connections: their beginning, their end, and the greeting.

use super::Machine;
use crate::proto::error::PeerError;
use crate::proto::event::Event;
use crate::proto::frame::{Hello, TAKES_GROUPS};
use crate::proto::id::PeerId;
use crate::proto::peer::{Peer, Phase};
use crate::proto::relay::Relay;
use crate::proto::time::Now;

impl Machine {
    pub(crate) fn connected(&mut self, peer: PeerId, name: &str, now: Now) {
        self.now = now.mono;
        let allowed = self.config.max_peers;
        if self.peers.len() >= allowed {
            self.refused.push_back((peer, PeerError::TooManyPeers { allowed }));
            return;
        }
        let deadline = now.mono.saturating_add(self.config.hello_timeout);
        let relay = Relay::new(now.mono, &self.config);
        self.peers.insert(peer, Peer::new(name, deadline, self.state.log().start(), relay));
    }

    pub(crate) fn disconnected(&mut self, peer: PeerId, now: Now) {
        self.now = now.mono;
        self.cut_walks(peer, now);
        self.rights.forget(peer);
        if let Some(gone) = self.peers.remove(&peer)
            && gone.greeted
        {
            self.tell(Event::PeerDown { peer, name: gone.name });
        }
        self.trim();
        self.seek_walk(now);
    }

    pub(crate) fn poll_refused(&mut self) -> Option<(PeerId, PeerError)> {
        self.refused.pop_front()
    }

    /// Nothing is taken from the peer or sent to it any more.
    pub(super) fn fail(&mut self, peer: PeerId, now: Now) {
        self.cut_walks(peer, now);
        self.rights.forget(peer);
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.phase = Phase::Failed;
        }
        self.trim();
    }

    pub(super) fn take_hello(&mut self, id: PeerId, frame: &[u8], now: Now) -> Result<(), PeerError> {
        let Some(peer) = self.peers.get_mut(&id) else { return Err(PeerError::UnknownPeer { peer: id }) };
        if peer.is_live() {
            return Err(PeerError::Unexpected { frame: "hello" });
        }
        let hello = Hello::decode(frame, &peer.name, &self.config)?;
        if hello.nonce == self.nonce {
            return Err(PeerError::OwnReflection);
        }
        peer.phase = Phase::Live;
        peer.greeted = true;
        peer.partial = hello.partial;
        peer.takes_groups = hello.features & TAKES_GROUPS != 0;
        peer.holdings.set_volatile(hello.volatile);
        peer.holdings.reported(&hello.updates);
        peer.waiting.durable = true;
        peer.rewind(self.state.log().start());
        peer.advance_reported(self.state.log());
        let name = peer.name.clone();
        self.tell(Event::PeerUp { peer: id, name });
        self.agree_on_rights(id, hello.features, now);
        if hello.updates == **self.state.applied() {
            self.compare_states(id, hello.fingerprint, hello.partial);
        }
        self.exchange.changed(&self.config, now.mono, &mut self.rng);
        Ok(())
    }
}
