//! Why there is no connection to a peer.

use std::fmt;

use super::link::Close;
use crate::proto::{Fault, PeerError};

/// Characters of what a peer says that are kept.
const WORDS: usize = 200;

/// Why a connection to a peer did not come about, or ended. Other connections are not affected, and
/// nothing that was applied is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// The host name of the peer leads to no address. Dialling goes on.
    Unresolved,
    /// No handshake was completed: nobody answers there, or one side does not accept the other's
    /// certificate, cluster or protocol. Dialling goes on.
    Handshake {
        /// What the transport says.
        reason: String,
    },
    /// The handshake took longer than [`NetConfig::handshake_timeout`](crate::NetConfig). Dialling
    /// goes on.
    Timeout,
    /// The certificate of who answers names another node than the one that is expected at this
    /// address. Nothing was sent to it; dialling goes on.
    WrongName {
        /// Whom [`Builder::peer`](crate::Builder::peer) named.
        expected: String,
        /// Whom the certificate names.
        found: String,
    },
    /// Two live processes have this name, and the connection of the second is refused. Both do so
    /// until one is stopped: give it a name of its own.
    DuplicateName {
        /// The name that both have: the peer's, or this node's own if the peer knows another.
        name: String,
    },
    /// The peer was accepted, and would not be any more: its name was revoked, its certificate
    /// expired, or its authority is not trusted since [`Node::reload`](crate::Node::reload).
    Untrusted {
        /// What is wrong with its certificate.
        reason: String,
    },
    /// The peer announced a frame that is longer than allowed. Nothing of it was read.
    FrameTooLong {
        /// Its length in bytes, as far as it was read.
        len: u64,
        /// [`Config::max_frame`](crate::proto::Config::max_frame).
        allowed: u64,
    },
    /// The peer ended its stream, which it never does while it is well, perhaps inside a frame.
    StreamEnded,
    /// The peer broke a rule of the protocol, or does not agree on what nodes must agree on.
    Protocol(PeerError),
    /// The peer refuses this node.
    RefusedByPeer {
        /// What it says.
        reason: String,
    },
    /// The link is cut for a drill, here or there.
    Cut,
    /// The peer was stopped, and said so.
    Stopped,
    /// The connection was lost.
    Lost {
        /// What the transport says.
        reason: String,
    },
}

impl LinkError {
    /// Who has to change something.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unresolved | Self::WrongName { .. } | Self::DuplicateName { .. } => Fault::Configuration,
            Self::Handshake { .. } | Self::RefusedByPeer { .. } => Fault::Configuration,
            Self::Untrusted { .. } => Fault::Configuration,
            Self::FrameTooLong { .. } | Self::StreamEnded => Fault::Peer,
            Self::Protocol(error) => error.fault(),
            Self::Timeout | Self::Cut | Self::Stopped | Self::Lost { .. } => Fault::Circumstance,
        }
    }

    /// Whether a member is refused: somebody should look. The rest passes by itself, or comes from
    /// who is no member and might do it often.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::WrongName { .. } | Self::DuplicateName { .. } | Self::Protocol(_) => true,
            Self::Untrusted { .. } => true,
            Self::FrameTooLong { .. } | Self::StreamEnded | Self::RefusedByPeer { .. } => true,
            Self::Unresolved | Self::Handshake { .. } | Self::Timeout => false,
            Self::Cut | Self::Stopped | Self::Lost { .. } => false,
        }
    }

    pub(super) fn handshake(reason: &impl ToString) -> Self {
        let mut reason = reason.to_string();
        // Mostly each of the two made an authority of its own. The transport has but words for it.
        if ["BadSignature", "UnknownIssuer"].iter().any(|words| reason.contains(words)) {
            reason.push_str(" (another authority has signed it than this node trusts)");
        }
        Self::Handshake { reason }
    }

    /// Why the transport closed a connection that was up, unless this node itself did or there is
    /// another one; `own` is this node's name.
    pub(super) fn of(error: &quinn::ConnectionError, own: &str) -> Option<Self> {
        let quinn::ConnectionError::ApplicationClosed(close) = error else {
            let ours = matches!(error, quinn::ConnectionError::LocallyClosed);
            return (!ours).then(|| Self::Lost { reason: error.to_string() });
        };
        match Close::of(error) {
            Some(Close::Redundant | Close::Own) => None,
            Some(Close::Bye) => Some(Self::Stopped),
            Some(Close::Cut) => Some(Self::Cut),
            Some(Close::DuplicateName) => Some(Self::DuplicateName { name: own.to_owned() }),
            _ => Some(Self::RefusedByPeer { reason: readable(&close.reason) }),
        }
    }
}

/// A peer's words, without what could forge a line of a log.
fn readable(words: &[u8]) -> String {
    String::from_utf8_lossy(words).escape_debug().take(WORDS).collect()
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved => f.write_str("the peer's host:port leads to no address"),
            Self::Handshake { reason } => write!(f, "no handshake was completed: {reason}"),
            Self::Timeout => f.write_str("the handshake took too long"),
            Self::WrongName { expected, found } => {
                write!(f, "{expected:?} is expected at this address, and {found:?} answers")
            }
            Self::DuplicateName { name } => {
                write!(f, "two live nodes are called {name:?}; the first stays")
            }
            Self::Untrusted { reason } => {
                write!(f, "the peer's certificate is not accepted any more: {reason}")
            }
            Self::FrameTooLong { len, allowed } => {
                write!(f, "the peer announced a frame of {len} bytes where {allowed} are allowed")
            }
            Self::StreamEnded => f.write_str("the peer ended its stream"),
            Self::Protocol(error) => error.fmt(f),
            Self::RefusedByPeer { reason } => write!(f, "the peer refuses this node: {reason}"),
            Self::Cut => f.write_str("the link is cut for a drill"),
            Self::Stopped => f.write_str("the peer was stopped"),
            Self::Lost { reason } => write!(f, "the connection was lost: {reason}"),
        }
    }
}

impl std::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Protocol(error) = self { Some(error) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_cannot_forge_a_line_nor_fill_a_log() {
        let words = [b"no\n2026 ERROR forged \x1b[31m".as_slice(), &[b'x'; 1_000]].concat();
        let close = quinn::ApplicationClose { error_code: Close::Refused.code(), reason: words.into() };
        let error = quinn::ConnectionError::ApplicationClosed(close);
        let Some(LinkError::RefusedByPeer { reason }) = LinkError::of(&error, "a") else { panic!("{error}") };
        assert!(reason.starts_with(r"no\n2026 ERROR forged \u{1b}[31m"), "{reason}");
        assert_eq!(reason.chars().count(), WORDS);
    }

    #[test]
    fn a_certificate_of_another_authority_is_called_that() {
        use rustls::{CertificateError, Error};

        for unsigned in [CertificateError::BadSignature, CertificateError::UnknownIssuer] {
            let error = LinkError::handshake(&Error::InvalidCertificate(unsigned)).to_string();
            assert!(error.contains("another authority"), "{error}");
        }
        let error = LinkError::handshake(&Error::InvalidCertificate(CertificateError::Revoked)).to_string();
        assert!(!error.contains("another authority"), "{error}");
    }

    #[test]
    fn a_peer_that_knows_another_node_of_this_name_tells_of_this_name() {
        let close = quinn::ApplicationClose {
            error_code: Close::DuplicateName.code(),
            reason: b"not kept".to_vec().into(),
        };
        let error = LinkError::of(&quinn::ConnectionError::ApplicationClosed(close), "a");
        assert_eq!(error, Some(LinkError::DuplicateName { name: "a".to_owned() }));
        assert_eq!(LinkError::of(&quinn::ConnectionError::LocallyClosed, "a"), None);
    }
}
