//! Unique ids without coordination.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::{Hlc, Stamp};
use crate::dot::ReplicaId;
use crate::replica::Replica;

/// An id that no other generator makes; ids sort by the time at which they were made.
///
/// 24 bytes: a [`Stamp`], then the [`ReplicaId`] of the generator. It displays as 48 hexadecimal
/// digits, which sort like it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct UniqueId {
    stamp: Stamp,
    by: ReplicaId,
}

impl UniqueId {
    /// When it was made, by the clock of its generator.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The replica id under which it was made.
    #[must_use]
    pub const fn replica(&self) -> ReplicaId {
        self.by
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:032x}", self.stamp.to_bits(), self.by.as_u128())
    }
}

/// Makes ids that no other generator makes, offline and partitioned too: in place of the
/// auto-increment of a single primary.
///
/// It takes a [`Replica`] of its own, with an id of its own, since whoever else made ids under that
/// one would make the same. Ids grow within one generator; between generators they follow the clocks.
/// It never ends.
///
/// ```
/// use crdt_core::{IdGen, Replica};
///
/// let mut tokyo = IdGen::new(Replica::random());
/// let mut london = IdGen::new(Replica::random());
/// let (first, second) = (tokyo.id(), tokyo.id());
/// assert!(first < second && first.to_string() < second.to_string());
/// assert_ne!(first, london.id());
/// ```
#[derive(Debug)]
pub struct IdGen {
    replica: Replica,
    hlc: Hlc,
}

/// The year 6429. A clock that says it is later is taken to say this, so that a broken one leaves
/// 2⁶³ ids to be made.
const LATEST_MILLIS: u64 = 1 << 47;

impl IdGen {
    /// A generator that makes ids under the id of `replica`, by its clock.
    #[must_use]
    pub fn new(replica: Replica) -> Self {
        Self { replica, hlc: Hlc::default() }
    }

    /// The next id.
    pub fn id(&mut self) -> UniqueId {
        let (_, now_millis) = self.replica.time();
        UniqueId { stamp: self.hlc.tick(now_millis.min(LATEST_MILLIS)), by: self.replica.id() }
    }
}

impl Iterator for IdGen {
    type Item = UniqueId;

    fn next(&mut self) -> Option<UniqueId> {
        Some(self.id())
    }
}
