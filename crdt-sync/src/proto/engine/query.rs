//! What can be asked.

use std::collections::BTreeSet;
use std::time::Duration;

use crdt_core::clock::CausalContext;
use crdt_core::codec::Wire;
use crdt_core::{Delta, Doc, Dot};

use super::Engine;
use crate::proto::config::Config;
use crate::proto::id::PeerId;
use crate::proto::peer::{Peer, Phase};
use crate::proto::status::{PeerState, PeerStatus, Status};
use crate::proto::time::Now;
use crate::proto::token::Token;

impl<T: Wire> Engine<T> {
    /// The document. Read it by dereference.
    #[must_use]
    pub fn doc(&self) -> &Doc<T> {
        self.state.doc()
    }

    /// The numbers of all updates applied here.
    #[must_use]
    pub fn vector(&self) -> &CausalContext {
        self.state.applied()
    }

    /// What an update wrote, and the dots of what it took away, while the log holds it by itself: see
    /// [`Node::delta_of`](crate::Node::delta_of).
    #[must_use]
    pub fn delta_of(&self, update: Dot) -> Option<Delta<T>> {
        let update = self.state.log().find(update)?;
        // What is in the log was decoded or checked before.
        Delta::decode(update.bytes, &self.config.update_limits()).ok()
    }

    /// The numbers of all updates that this node has: those applied, and those held while it is
    /// [frozen](Self::freeze).
    #[must_use]
    pub fn held(&self) -> &CausalContext {
        self.state.held()
    }

    /// A hash of the state: equal for equal states of one cluster.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        self.state.doc().fingerprint()
    }

    /// Whether the document may show parts of updates that the vector does not contain: a walk is
    /// under way or was cut. Its fingerprint then says nothing.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.state.is_partial()
    }

    /// How long the driver is to leave this connection unread, because its peer sent more than
    /// [`Config::max_chatter`] that brought nothing. What the peer sends meanwhile waits in its streams.
    /// A driver that reads on does no harm; its peer is refused no later.
    #[must_use]
    pub fn pause(&self, peer: PeerId, now: Now) -> Option<Duration> {
        self.peers.get(&peer)?.meter.pause(now.mono)
    }

    /// Covers everything applied here so far.
    #[must_use]
    pub fn token(&self) -> Token {
        Token::new(self.state.applied().clone())
    }

    /// Whether everything that the token stands for is applied here.
    #[must_use]
    pub fn covers(&self, token: &Token) -> bool {
        self.state.applied().is_superset(token.updates())
    }

    /// The numbers of all updates that are in this node's store; nothing if it has none, or one that is gone
    /// with the process.
    #[must_use]
    pub fn durable(&self) -> Option<&CausalContext> {
        self.disk.as_ref()?.durable().map(AsRef::as_ref)
    }

    /// Whether the store, if there is one, has everything that this node has.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.disk.as_ref().is_none_or(|disk| disk.holds(self.state.held()))
    }

    /// Whether everything that the token stands for is in this node's store. Never, if it has none.
    #[must_use]
    pub fn covers_durably(&self, token: &Token) -> bool {
        self.durable().is_some_and(|durable| durable.is_superset(token.updates()))
    }

    /// How many *other* nodes have reported to have everything that the token stands for: in their
    /// stores, or in memory if they have none, as they said in their hello. A frozen peer counts with what
    /// it holds.
    ///
    /// Only live connections count, each name once: a node that is gone may have lost what it had.
    #[must_use]
    pub fn replicas_covering(&self, token: &Token) -> usize {
        let live = self.peers.values().filter(|peer| peer.is_live());
        let covering = live.filter(|peer| peer.holdings.kept().is_superset(token.updates()));
        covering.map(|peer| peer.name.as_str()).collect::<BTreeSet<_>>().len()
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A picture of the engine. It costs the updates that peers have not reported yet.
    #[must_use]
    pub fn status(&self) -> Status {
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
