//! What a node tells of its connections.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use super::book::{Failure, Met, Phase, Seed};
use super::fault::LinkError;
use super::health::Health;
use super::hub::{Hub, Links};
use super::link::Link;
use crate::proto::{PeerId, Status};

/// A picture of one node, from [`Node::status`](crate::Node::status).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeStatus {
    /// The name of the node.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether the store works.
    pub health: Health,
    /// The protocol: updates, log, walks, and how far behind each peer is.
    pub engine: Status,
    /// The connections that are up.
    pub links: Vec<LinkStatus>,
    /// Everybody who is configured, or was met since the start: at most 1,024 of those that are
    /// neither configured nor linked.
    pub peers: Vec<KnownPeer>,
    /// Names that are refused, see [`Node::revoke`](crate::Node::revoke).
    pub revoked: Vec<String>,
    /// How connections came about.
    pub connections: Connections,
    /// Everything sent and received since the start, connections that are gone included.
    pub traffic: Traffic,
}

/// One connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LinkStatus {
    /// The name of the peer, from its certificate.
    pub name: String,
    /// Where it is.
    pub address: SocketAddr,
    /// Whether this node dialled.
    pub dialled: bool,
    /// The round-trip time that QUIC estimates.
    pub round_trip: Duration,
    /// How long nothing has come from the peer, keep-alives included; to a second.
    pub since_heard: Duration,
    /// Bytes of frames that were worked out for the peer and that its stream does not take yet. At
    /// most a batch of 64 KiB, or one frame. What is not worked out is `lag_bytes` of
    /// [`PeerStatus`](crate::proto::PeerStatus).
    pub waiting_bytes: usize,
    /// Bytes of datagrams that wait to be sent. At most 64 KiB; what does not fit is lost.
    pub waiting_datagram_bytes: usize,
    /// What went over this connection.
    pub traffic: Traffic,
}

/// A peer that is configured, or was met since the start.
///
/// A peer that is configured at two addresses has two lines.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KnownPeer {
    /// Its name, from the configuration or from its certificate; nothing until it is known.
    pub name: Option<String>,
    /// Where it is dialled, as it was configured; nothing if it dials this node.
    pub configured: Option<String>,
    /// Where it was last.
    pub address: Option<SocketAddr>,
    /// Whether there is a connection, and what is done about it if not.
    pub state: LinkState,
    /// How many connections were kept after the first one.
    pub reconnects: u64,
    /// What went wrong last with this peer, though all may be well since.
    pub last_error: Option<LinkError>,
    /// How long ago that was.
    pub since_error: Option<Duration>,
    /// How long nothing has come from it; nothing if nothing ever has.
    pub since_heard: Option<Duration>,
    /// Updates that this node has and that the peer has not reported; nothing while it is unknown.
    pub lag_updates: Option<u64>,
}

/// Whether there is a connection to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkState {
    /// There is; how far it is, is [`PeerStatus::state`](crate::proto::PeerStatus).
    Up,
    /// There is none, and one is being made.
    Dialling,
    /// There is none, and the next attempt is due after a pause.
    Pausing,
    /// There is none, and it is for the peer to dial.
    Down,
    /// It is cut for a drill, here.
    Cut,
    /// Its name is revoked, here: there is none, or it is being closed.
    Revoked,
    /// Nobody but this node itself answered at the configured address. It is dialled again after the
    /// longest pause: addresses change hands.
    Own,
}

/// How connections came about, since the start of the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// Up now.
    pub open: usize,
    /// Kept: made known to the protocol.
    pub made: u64,
    /// Attempts to dial.
    pub dialled: u64,
    /// Attempts to dial that are under way.
    pub dialling: usize,
    /// Attempts to dial that came to no handshake between members.
    pub dials_failed: u64,
    /// Handshakes that others began.
    pub incoming: u64,
    /// Of these, how many came to no handshake between members.
    pub incoming_failed: u64,
    /// Senders that had to prove their address before their handshake began.
    pub asked_for_proof: u64,
    /// Attempts that did not come to a handshake, since too many were under way or had just failed.
    pub turned_away: u64,
    /// Members with which there was no connection, or no longer, because one side refused the other.
    pub refused: u64,
    /// Of these, those refused because another live process has the name.
    pub duplicate_names: u64,
}

/// Sums of what went over the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes sent as UDP payload, acknowledgements and handshakes included.
    pub bytes_sent: u64,
    /// Bytes received as UDP payload.
    pub bytes_received: u64,
    /// Frames of the protocol sent.
    pub frames_sent: u64,
    /// Frames of the protocol received.
    pub frames_received: u64,
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.frames_sent += other.frames_sent;
        self.frames_received += other.frames_received;
    }
}

impl Hub {
    /// Where the node listens.
    pub(super) fn address(&self) -> SocketAddr {
        let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
        self.endpoint.local_addr().unwrap_or(unspecified)
    }

    /// A picture of the node, given that of its engine.
    pub(super) fn picture(&self, engine: Status) -> NodeStatus {
        let revoked = self.trust.revoked();
        let links = self.links();
        let lag = |peer: PeerId| engine.peers.iter().find(|line| line.peer == peer)?.lag_updates;
        let peers = links.peers(&revoked, lag);
        let mut traffic = links.past;
        links.live.values().for_each(|link| traffic += link.traffic());
        NodeStatus {
            name: self.name.clone(),
            health: self.store.health(),
            address: self.address(),
            links: links.live.values().map(|link| link.status()).collect(),
            peers,
            revoked: revoked.into_iter().collect(),
            connections: Connections { open: links.live.len(), ..links.counts },
            traffic,
            engine,
        }
    }
}

impl Links {
    /// One line for each seed, and for each peer that is no seed.
    fn peers(&self, revoked: &BTreeSet<String>, lag: impl Fn(PeerId) -> Option<u64>) -> Vec<KnownPeer> {
        let named = |name: &str| self.book.seeds().any(|seed| seed.name.as_deref() == Some(name));
        let seeds = self.book.seeds().map(|seed| {
            let met = seed.name.as_ref().and_then(|name| Some((name.as_str(), self.book.met().get(name)?)));
            self.known(Some(seed), met, &lag)
        });
        let others = self.book.met().iter().filter(|(name, _)| !named(name));
        let others = others.map(|(name, met)| self.known(None, Some((name, met)), &lag));
        let mut peers: Vec<KnownPeer> = seeds.chain(others).collect();
        let is_revoked =
            |peer: &&mut KnownPeer| peer.name.as_ref().is_some_and(|name| revoked.contains(name));
        peers.iter_mut().filter(is_revoked).for_each(|peer| peer.state = LinkState::Revoked);
        peers
    }

    fn known(
        &self,
        seed: Option<&Seed>,
        met: Option<(&str, &Met)>,
        lag: impl Fn(PeerId) -> Option<u64>,
    ) -> KnownPeer {
        let name = seed.and_then(|seed| seed.name.as_deref()).or(met.map(|(name, _)| name));
        let link = name.and_then(|name| self.live.get(name));
        let met = met.map(|(_, met)| met);
        let failures =
            [seed.and_then(|seed| seed.failure.as_ref()), met.and_then(|met| met.failure.as_ref())];
        let failure: Option<&Failure> = failures.into_iter().flatten().max_by_key(|failure| failure.at);
        let heard = link.map(|link| link.heard()).or(met.and_then(|met| met.heard));
        KnownPeer {
            name: name.map(str::to_owned),
            configured: seed.map(|seed| seed.host.clone()),
            address: met.map(|met| met.address),
            state: self.state(name, link, seed.map(|seed| seed.phase).unwrap_or_default()),
            reconnects: met.map_or(0, |met| met.made.saturating_sub(1)),
            last_error: failure.map(|failure| failure.error.clone()),
            since_error: failure.map(|failure| failure.at.elapsed()),
            since_heard: heard.map(|heard| heard.elapsed()),
            lag_updates: link.and_then(|link| lag(link.peer)),
        }
    }

    fn state(&self, name: Option<&str>, link: Option<&Arc<Link>>, dialling: Phase) -> LinkState {
        if link.is_some() {
            return LinkState::Up;
        }
        if self.all_cut || name.is_some_and(|name| self.cut.contains(name)) {
            return LinkState::Cut;
        }
        match dialling {
            Phase::Idle => LinkState::Down,
            Phase::Dialling => LinkState::Dialling,
            Phase::Pausing => LinkState::Pausing,
            Phase::Own => LinkState::Own,
        }
    }
}
