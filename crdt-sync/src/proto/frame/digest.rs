//! The datagram of the periodic exchange.

use super::{FrameError, Kind, open, start};
use crate::proto::config::Config;
use crate::proto::error::PeerError;

/// What a node has applied and what came of it, in 27 bytes.
///
/// Losing, repeating or reordering digests does no harm: equal vectors mean equal states whenever
/// the two were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    /// Whether this answers a digest; answers are not answered.
    pub(crate) answer: bool,
    /// Whether the state may hold parts of updates that are not in the vector.
    pub(crate) partial: bool,
    /// Whether everything in the vector is durable.
    pub(crate) durable: bool,
    /// Hash of the vector.
    pub(crate) vector: u64,
    /// Fingerprint of the state.
    pub(crate) fingerprint: u128,
}

impl Digest {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut to = start(Kind::Digest);
        to.u8(u8::from(self.answer) | u8::from(self.partial) << 1 | u8::from(self.durable) << 2);
        to.raw(&self.vector.to_le_bytes());
        to.raw(&self.fingerprint.to_le_bytes());
        to.finish()
    }

    pub(crate) fn decode(bytes: &[u8], config: &Config) -> Result<Self, PeerError> {
        let (kind, mut from) = open(bytes, config)?;
        if kind != Kind::Digest {
            return Err(PeerError::Unexpected { frame: kind.name() });
        }
        let flags = from.u8()?;
        if flags > 7 {
            return Err(FrameError::Value.into());
        }
        let (vector, fingerprint) = (from.array()?, from.array()?);
        from.finish()?;
        Ok(Self {
            answer: flags & 1 != 0,
            partial: flags & 2 != 0,
            durable: flags & 4 != 0,
            vector: u64::from_le_bytes(vector),
            fingerprint: u128::from_le_bytes(fingerprint),
        })
    }
}
