//! What can go wrong, whose fault it is, and what state is left.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use crdt_core::Dot;
use crdt_core::codec::DecodeError;

use super::id::PeerId;

/// A field of [`Config`](super::Config) that cannot work. Nothing was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The name of the field.
    pub field: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl ConfigError {
    pub(crate) fn new(field: &'static str, rule: &'static str) -> Self {
        Self { field, rule }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {} {}", self.field, self.rule)
    }
}

impl Error for ConfigError {}

/// Why an engine cannot go on from what a store holds. The store was not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoverError {
    /// The configuration cannot work.
    Config(ConfigError),
    /// The store belongs to another cluster.
    OtherCluster {
        /// The name of that cluster.
        found: String,
    },
    /// The store was written by a version that this one does not read.
    Version {
        /// The version of the form.
        found: u8,
    },
    /// What the store holds was never written so, or it is a document of another type.
    Corrupt {
        /// What is wrong.
        reason: String,
    },
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::OtherCluster { found } => write!(f, "it belongs to another cluster, {found:?}"),
            Self::Version { found } => write!(f, "its form, version {found}, is not read by this program"),
            Self::Corrupt { reason } => {
                write!(f, "its content is damaged, or a document of another type: {reason}")
            }
        }
    }
}

impl Error for RecoverError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ConfigError> for RecoverError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// Who has to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The peer broke the protocol: its code is faulty or hostile.
    Peer,
    /// Both sides follow the protocol and cannot work together: somebody configured one of them
    /// differently, or runs another version.
    Configuration,
    /// The link is too slow or dead, or more peers came than are allowed.
    Circumstance,
    /// The driver called the engine in a way that its contract excludes.
    Driver,
}

/// Why a connection has to be closed. No other connection is affected.
///
/// The document keeps every update that was applied before the error; a frame that is refused
/// may have been applied up to the update that is named. Nothing that was refused is claimed, so a
/// later connection, to this or any peer, brings it again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerError {
    /// The bytes are not a frame, or not a datagram, of this protocol.
    Malformed {
        /// What is wrong with them.
        reason: FrameError,
    },
    /// The frame is well formed, and the update in it is not.
    Undecodable {
        /// Its number.
        update: Option<Dot>,
        /// What the codec says.
        reason: String,
    },
    /// A frame or something in it exceeds what this node's configuration allows.
    LimitExceeded {
        /// The field of `Config`.
        limit: &'static str,
        /// What the peer sent, as far as it was counted.
        found: u64,
        /// What is allowed.
        allowed: u64,
    },
    /// A frame that must not come now: anything before the hello, a second hello, or what the hellos did
    /// not agree on.
    Unexpected {
        /// The kind of the frame.
        frame: &'static str,
    },
    /// No common version of the protocol.
    Version {
        /// The oldest and newest version spoken here.
        ours: (u8, u8),
        /// The oldest and newest version that the peer speaks.
        theirs: (u8, u8),
    },
    /// The peer belongs to another cluster.
    Cluster {
        /// The name of the peer's cluster.
        theirs: String,
    },
    /// The peer calls itself something else than what the link authenticated.
    Name {
        /// What the link authenticated.
        authenticated: String,
        /// What the peer says.
        announced: String,
    },
    /// The two nodes are configured with different values where they must agree.
    LimitMismatch {
        /// The field of `Config`.
        limit: &'static str,
        /// This node's value.
        ours: u64,
        /// The peer's.
        theirs: u64,
    },
    /// The peer is this very engine.
    OwnReflection,
    /// The peer did not say hello in time.
    HelloTimeout,
    /// There are as many connections as allowed.
    TooManyPeers {
        /// `Config::max_peers`.
        allowed: usize,
    },
    /// The peer kept on sending what brings nothing, though it was read more slowly.
    Flood {
        /// `Config::max_chatter`.
        allowed: u32,
        /// `Config::chatter_patience`.
        patience: Duration,
    },
    /// The driver named a connection that it had not announced, or one that was refused.
    UnknownPeer {
        /// The connection.
        peer: PeerId,
    },
}

impl PeerError {
    pub(super) fn undecodable(update: Option<Dot>, error: &DecodeError) -> Self {
        Self::Undecodable { update, reason: error.to_string() }
    }

    /// Who has to change something.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Malformed { .. } | Self::Undecodable { .. } | Self::LimitExceeded { .. } => Fault::Peer,
            Self::Unexpected { .. } | Self::Name { .. } | Self::Flood { .. } => Fault::Peer,
            Self::Version { .. } | Self::Cluster { .. } | Self::LimitMismatch { .. } => Fault::Configuration,
            Self::OwnReflection => Fault::Configuration,
            Self::HelloTimeout | Self::TooManyPeers { .. } => Fault::Circumstance,
            Self::UnknownPeer { .. } => Fault::Driver,
        }
    }
}

/// What is looked into last: the handshake compares clusters and limits, and knows no types.
const TYPES: &str = " (do both nodes hold documents of one type?)";

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { reason } => write!(f, "the peer sent bytes that are no frame: {reason}"),
            Self::Undecodable { update: Some(update), reason } => {
                write!(f, "the peer sent update {update:?}, which cannot be decoded: {reason}{TYPES}")
            }
            Self::Undecodable { update: None, reason } => {
                write!(f, "the peer sent part of its state, which cannot be decoded: {reason}{TYPES}")
            }
            Self::LimitExceeded { limit, found, allowed } => {
                write!(f, "the peer exceeded {limit}: {found} where {allowed} are allowed")
            }
            Self::Unexpected { frame } => write!(f, "the peer sent a {frame} frame that must not come now"),
            Self::Version { ours, theirs } => {
                let ((a, b), (c, d)) = (ours, theirs);
                write!(f, "no common protocol version: {a} to {b} here, {c} to {d} there")
            }
            Self::Cluster { theirs } => write!(f, "the peer belongs to another cluster, {theirs:?}"),
            Self::Name { authenticated, announced } => {
                write!(f, "the peer authenticated as {authenticated:?} calls itself {announced:?}")
            }
            Self::LimitMismatch { limit, ours, theirs } => {
                write!(f, "{limit} must be equal on all nodes: {ours} here, {theirs} there")
            }
            Self::OwnReflection => f.write_str("the connection leads back to this node"),
            Self::HelloTimeout => f.write_str("the peer said no hello in time"),
            Self::TooManyPeers { allowed } => write!(f, "all {allowed} allowed connections are in use"),
            Self::Flood { allowed, patience } => {
                write!(f, "the peer sent {allowed} frames a second that brought nothing, for {patience:?}")
            }
            Self::UnknownPeer { peer } => write!(f, "connection {} is not known here", peer.0),
        }
    }
}

impl Error for PeerError {}

/// What is wrong with the bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameError {
    /// The bytes end inside a field.
    Truncated,
    /// Bytes follow after the last field.
    Trailing,
    /// The first byte is not a version spoken here.
    Version(u8),
    /// The kind of the frame is unknown.
    Kind(u8),
    /// A number is longer than it has to be, or than it may be.
    Number,
    /// A vector is not in canonical order, or holds an empty or overflowing run.
    Order,
    /// A name is not UTF-8, or a flag neither zero nor one.
    Value,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("it ends inside a field"),
            Self::Trailing => f.write_str("bytes follow after its last field"),
            Self::Version(version) => write!(f, "its version {version} is not spoken here"),
            Self::Kind(kind) => write!(f, "its kind {kind} is unknown"),
            Self::Number => f.write_str("a number in it is not written in the shortest form"),
            Self::Order => f.write_str("a vector in it is not in canonical order"),
            Self::Value => f.write_str("a name in it is not UTF-8, or a flag neither zero nor one"),
        }
    }
}

impl Error for FrameError {}

impl From<FrameError> for PeerError {
    fn from(reason: FrameError) -> Self {
        Self::Malformed { reason }
    }
}

/// Why a write was not made. The document is as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateError {
    /// A key or value refuses to be serialised, or cannot be read back from its own bytes. No other
    /// node could take it.
    Unencodable {
        /// What the codec says.
        reason: String,
    },
    /// The encoded update is larger than all nodes agreed to take. Write less at once.
    TooLarge {
        /// Bytes of the encoded update.
        size: usize,
        /// `Config::max_update_bytes`.
        allowed: usize,
    },
    /// The node is frozen, see [`Engine::freeze`](super::Engine::freeze). Write again when it has thawed.
    Frozen,
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unencodable { reason } => {
                write!(f, "the update has no bytes; nothing was written: {reason}")
            }
            Self::TooLarge { size, allowed } => {
                write!(f, "the update takes {size} bytes where {allowed} are allowed; nothing was written")
            }
            Self::Frozen => f.write_str("the node is frozen; nothing was written"),
        }
    }
}

impl Error for UpdateError {}

/// Why a fallible write was not made. The document is as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryUpdateError<E> {
    /// The closure returned this.
    Closure(E),
    /// The engine refused what the closure wrote.
    Update(UpdateError),
}

impl<E> From<UpdateError> for TryUpdateError<E> {
    fn from(error: UpdateError) -> Self {
        Self::Update(error)
    }
}

impl<E: fmt::Display> fmt::Display for TryUpdateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closure(error) => write!(f, "{error}"),
            Self::Update(error) => write!(f, "{error}"),
        }
    }
}

impl<E: Error + 'static> Error for TryUpdateError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Closure(error) => Some(error),
            Self::Update(error) => Some(error),
        }
    }
}
