//! What can go wrong with a node, and what state is left.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::certs::CertError;
use super::health::Health;
use crate::proto::{ConfigError, RecoverError, TryUpdateError, UpdateError};
use crate::store::StoreError;

/// Why a node did not start. Nothing is left running.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The builder was not given something that has no default.
    Missing {
        /// The method of the builder.
        what: &'static str,
    },
    /// A setting cannot work.
    Config(ConfigError),
    /// The certificate or key cannot be used, no peer that trusts the same authorities would accept it,
    /// or a peer is expected to have a name that no certificate can have.
    Identity {
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration says otherwise than the certificate, which every peer goes by.
    NotCertified {
        /// The field of [`Config`](crate::proto::Config).
        field: &'static str,
        /// What it says.
        configured: String,
        /// What the certificate says.
        certified: String,
    },
    /// What a peer is to be dialled by is no address with a port.
    PeerAddress {
        /// What it is.
        address: String,
    },
    /// The store cannot be read. It was not changed.
    Store(StoreError),
    /// The node cannot go on from what the store holds. It was not changed.
    Recover {
        /// Which store: the path of its file.
        place: String,
        /// Why not.
        error: RecoverError,
    },
    /// The address cannot be listened on.
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the operating system says.
        error: io::Error,
    },
    /// There is no tokio runtime to run on.
    NoRuntime,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { what } => write!(f, "a node needs {what}"),
            Self::Config(error) => error.fmt(f),
            Self::Identity { reason } => write!(f, "the certificate or key cannot be used: {reason}"),
            Self::NotCertified { field, configured, certified } => {
                write!(f, "the {field} is configured as {configured:?}, and {certified:?} in the certificate")
            }
            Self::PeerAddress { address } => no_peer_address(f, address),
            Self::Store(error) => write!(f, "the store cannot be read: {error}"),
            Self::Recover { place, error } => {
                write!(
                    f,
                    "the node cannot go on from {place}, which is left as it is: {error}; choose another path"
                )
            }
            Self::Listen { address, error } => write!(f, "cannot listen on {address}: {error}"),
            Self::NoRuntime => f.write_str("a node runs on a tokio runtime, and there is none here"),
        }
    }
}

fn no_peer_address(f: &mut fmt::Formatter<'_>, address: &str) -> fmt::Result {
    write!(f, "a peer is dialled as host:port, such as london.example:4433, not {address:?}")
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Listen { error, .. } => Some(error),
            Self::Store(error) => Some(error),
            Self::Recover { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<CertError> for StartError {
    fn from(error: CertError) -> Self {
        Self::Identity { reason: error.to_string() }
    }
}

/// Why a node does not show another certificate. It goes on with the one that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReloadError {
    /// The certificate is another node's: cluster and name stay as long as a node runs.
    OtherNode {
        /// `cluster` or `name`.
        field: &'static str,
        /// The node's.
        current: String,
        /// The certificate's.
        offered: String,
    },
    /// The certificate or key cannot be used, or no peer that trusts the same authorities would
    /// accept it.
    Identity {
        /// What is wrong with it.
        reason: String,
    },
    /// The node was shut down.
    Stopped,
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherNode { field, current, offered } => {
                write!(f, "the {field} of the node is {current:?}, and {offered:?} in the new certificate")
            }
            Self::Identity { reason } => write!(f, "the new certificate or key cannot be used: {reason}"),
            Self::Stopped => f.write_str("the node was shut down"),
        }
    }
}

impl std::error::Error for ReloadError {}

/// Why the node did not do as asked. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeError {
    /// The node was called from within its own `update` or `read`, and would wait for itself.
    Reentrant,
    /// The node was shut down.
    Stopped,
    /// The engine refused what the closure wrote.
    Update(UpdateError),
    /// What a peer is to be dialled by is no address with a port.
    PeerAddress {
        /// What it is.
        address: String,
    },
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reentrant => f.write_str(
                "the node was called from within its own update or read; use what the closure gets",
            ),
            Self::Stopped => f.write_str("the node was shut down"),
            Self::Update(error) => error.fmt(f),
            Self::PeerAddress { address } => no_peer_address(f, address),
        }
    }
}

impl std::error::Error for NodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Update(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a fallible update was not made. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryError<E> {
    /// The closure returned this.
    Closure(E),
    /// The node refused.
    Node(NodeError),
}

impl<E> From<TryUpdateError<E>> for TryError<E> {
    fn from(error: TryUpdateError<E>) -> Self {
        match error {
            TryUpdateError::Closure(error) => Self::Closure(error),
            TryUpdateError::Update(error) => Self::Node(NodeError::Update(error)),
        }
    }
}

impl<E> From<NodeError> for TryError<E> {
    fn from(error: NodeError) -> Self {
        Self::Node(error)
    }
}

impl<E: fmt::Display> fmt::Display for TryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closure(error) => error.fmt(f),
            Self::Node(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for TryError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Closure(error) => Some(error),
            Self::Node(error) => Some(error),
        }
    }
}

/// Why waiting for a token ended without it. The data stays where it is, and goes on spreading.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// It took longer than allowed.
    Timeout {
        /// How long was waited.
        waited: Duration,
        /// Of the token's updates, how many this node has not applied.
        missing: u64,
    },
    /// It took longer than allowed until so many other nodes had everything.
    NotReplicated {
        /// How long was waited.
        waited: Duration,
        /// How many other nodes were to have everything.
        wanted: usize,
        /// How many have reported to have it.
        replicas: usize,
        /// How many are linked to this node.
        linked: usize,
    },
    /// It took longer than allowed until this node's store had everything.
    NotDurable {
        /// How long was waited.
        waited: Duration,
        /// Of the token's updates, how many are not in the store.
        missing: u64,
        /// Whether the store works.
        health: Health,
    },
    /// The node has no store, or one that is gone with the process.
    Volatile,
    /// The node was shut down, or called from within its own `update` or `read`.
    Node(NodeError),
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { waited, missing } => {
                write!(f, "after {waited:?} {missing} of the token's updates are missing here")
            }
            Self::NotReplicated { waited, wanted, replicas, linked } => write!(
                f,
                "after {waited:?} {replicas} of {wanted} other nodes have everything, and {linked} are linked"
            ),
            Self::NotDurable { waited, missing, health } => {
                write!(f, "after {waited:?} {missing} of the token's updates are not in the store: {health}")
            }
            Self::Volatile => f.write_str("the node has no store that outlives its process"),
            Self::Node(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WaitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Node(error) => Some(error),
            Self::NotDurable { health: Health::StoreFailing { error, .. }, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<NodeError> for WaitError {
    fn from(error: NodeError) -> Self {
        Self::Node(error)
    }
}
