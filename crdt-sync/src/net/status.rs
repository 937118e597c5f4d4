//! What a node tells of its connections.

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::time::Duration;

use crate::proto::Status;

/// A picture of one node, from [`Node::status`](crate::Node::status).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeStatus {
    /// The name of the node.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// The protocol: updates, log, walks, and how far behind each peer is.
    pub engine: Status,
    /// The connections that are up.
    pub links: Vec<LinkStatus>,
    /// How many connections were made since the start, those that are gone included.
    pub connections: u64,
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
    /// What went over this connection.
    pub traffic: Traffic,
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
