//! What happened, as one number.

use std::hash::Hasher;
use std::time::Duration;

use siphasher::sip::SipHasher13;

/// A running hash of everything that happened in a simulation.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace(SipHasher13);

impl Trace {
    /// Something happened to a node: `what` tells kinds apart, `bytes` are the details.
    pub(super) fn note(&mut self, at: Duration, node: usize, what: u8, bytes: &[u8]) {
        self.0.write_u64(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
        self.0.write_u64(node as u64);
        self.0.write_u8(what);
        self.0.write_u64(bytes.len() as u64);
        self.0.write(bytes);
    }

    pub(super) fn hash(&self) -> u64 {
        self.0.finish()
    }
}
