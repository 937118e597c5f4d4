//! The first frame in both directions.
//!
//! Fields: oldest version spoken, kind 1, newest version spoken, features, name of the cluster, nonce
//! of the start (16 bytes), name of the node, the agreed limits in the order of [`limits`], flags
//! (1 volatile, 2 partial), fingerprint (16 bytes), vector. The first three bytes stay where they
//! are in every version to come.
//!
//! Features are what a node can do beyond its version, a bit each: 1 it moves rights (the frames
//! *writer* and *want*), 2 it takes groups. A bit that this node does not know is no error: what both
//! have said may be used, everything else not.

use crdt_core::clock::CausalContext;

use super::{FrameError, Kind, VERSIONS};
use crate::proto::config::Config;
use crate::proto::error::PeerError;
use crate::proto::vector;
use crate::proto::wire::{Reader, Writer};

/// The node moves rights of bounded counters.
pub(crate) const MOVES_RIGHTS: u64 = 1;
/// The node takes several updates joined to one.
pub(crate) const TAKES_GROUPS: u64 = 2;

/// All features that have a meaning here.
const KNOWN: u64 = MOVES_RIGHTS | TAKES_GROUPS;

/// What a peer says of itself once it agrees on everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    /// What it can do beyond its version, as far as that is known here.
    pub(crate) features: u64,
    /// Drawn anew at every start.
    pub(crate) nonce: [u8; 16],
    /// Whether what it has applied is all that it has: it keeps nothing over a restart.
    pub(crate) volatile: bool,
    /// Whether its state may hold parts of updates that are not in its vector.
    pub(crate) partial: bool,
    /// Fingerprint of its state.
    pub(crate) fingerprint: u128,
    /// What it has applied.
    pub(crate) updates: CausalContext,
}

impl Hello {
    pub(crate) fn encode(&self, config: &Config) -> Vec<u8> {
        let mut to = Writer::default();
        to.u8(VERSIONS.0);
        to.u8(Kind::Hello as u8);
        to.u8(VERSIONS.1);
        to.number(self.features);
        to.bytes(config.cluster.as_bytes());
        to.raw(&self.nonce);
        to.bytes(config.name.as_bytes());
        for (_, limit) in limits(config) {
            to.number(limit);
        }
        to.u8(u8::from(self.volatile) | u8::from(self.partial) << 1);
        to.raw(&self.fingerprint.to_le_bytes());
        vector::encode(&self.updates, &mut to);
        to.finish()
    }

    /// Reads a hello from a peer that the link authenticated as `name`, and stops at the first
    /// disagreement: nothing behind it is looked at.
    pub(crate) fn decode(bytes: &[u8], name: &str, config: &Config) -> Result<Self, PeerError> {
        let mut from = Reader::new(bytes);
        agree_on_version(&mut from)?;
        let features = from.number()? & KNOWN;
        agree_on_cluster(&mut from, config)?;
        let nonce = from.array()?;
        agree_on_name(&mut from, name)?;
        agree_on_limits(&mut from, config)?;
        let flags = from.u8()?;
        if flags > 3 {
            return Err(FrameError::Value.into());
        }
        let fingerprint = u128::from_le_bytes(from.array()?);
        let updates = vector::decode(&mut from, config)?;
        from.finish()?;
        let (volatile, partial) = (flags & 1 != 0, flags & 2 != 0);
        Ok(Self { features, nonce, volatile, partial, fingerprint, updates })
    }
}

fn agree_on_version(from: &mut Reader<'_>) -> Result<(), PeerError> {
    let (oldest, _kind, newest) = (from.u8()?, from.u8()?, from.u8()?);
    if oldest > newest {
        return Err(FrameError::Value.into());
    }
    if oldest > VERSIONS.1 || newest < VERSIONS.0 {
        return Err(PeerError::Version { ours: VERSIONS, theirs: (oldest, newest) });
    }
    Ok(())
}

fn agree_on_cluster(from: &mut Reader<'_>, config: &Config) -> Result<(), PeerError> {
    let theirs = short_name(from, "cluster")?;
    if theirs == config.cluster { Ok(()) } else { Err(PeerError::Cluster { theirs: theirs.to_owned() }) }
}

fn agree_on_name(from: &mut Reader<'_>, authenticated: &str) -> Result<(), PeerError> {
    let announced = short_name(from, "name")?;
    if announced.is_empty() || announced == authenticated {
        return Ok(());
    }
    let (authenticated, announced) = (authenticated.to_owned(), announced.to_owned());
    Err(PeerError::Name { authenticated, announced })
}

fn short_name<'a>(from: &mut Reader<'a>, limit: &'static str) -> Result<&'a str, PeerError> {
    let name = from.str()?;
    if name.len() > 255 {
        return Err(PeerError::LimitExceeded { limit, found: name.len() as u64, allowed: 255 });
    }
    Ok(name)
}

fn agree_on_limits(from: &mut Reader<'_>, config: &Config) -> Result<(), PeerError> {
    for (limit, ours) in limits(config) {
        let theirs = from.number()?;
        if theirs != ours {
            return Err(PeerError::LimitMismatch { limit, ours, theirs });
        }
    }
    Ok(())
}

/// What all nodes must agree on, since what one may send every other must be able to take.
fn limits(config: &Config) -> [(&'static str, u64); 4] {
    [
        ("max_update_bytes", config.max_update_bytes as u64),
        ("max_chunk_bytes", config.max_chunk_bytes as u64),
        ("max_replicas", config.max_replicas as u64),
        ("max_runs", config.max_runs as u64),
    ]
}
