//! What is left to chance.

use std::hash::Hasher;
use std::time::Duration;

use rand::SeedableRng;
use siphasher::sip::SipHasher13;

use super::SimRng;

/// What is decided by chance.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Chance {
    /// By how much the clock of a node is ahead.
    Skew,
    /// What a node that starts draws by itself.
    Start,
    /// When two nodes connect.
    Reconnect,
    /// How messages between two nodes fare.
    Link,
    /// When two nodes notice that their connection is gone.
    Notice,
    /// How long a disk takes to write.
    Disk,
    /// Whether what a node was writing when it crashed is on its disk.
    Crash,
}

/// Draws for one purpose, between two nodes or for one of them, at a time.
///
/// They depend on nothing else, in particular not on what was drawn before: a run without one of its
/// acts is the same run, but for what that act touched.
pub(super) fn draws(seed: u64, what: Chance, who: (usize, usize), at: Duration) -> SimRng {
    let mut hash = SipHasher13::default();
    let at = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    for number in [seed, what as u64, who.0 as u64, who.1 as u64, at] {
        hash.write_u64(number);
    }
    SimRng::seed_from_u64(hash.finish())
}
