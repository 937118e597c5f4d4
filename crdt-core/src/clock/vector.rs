//! Version vectors: how far each replica has been seen without a gap.

use alloc::collections::BTreeMap;
use core::fmt;

use super::CausalContext;
use crate::dot::ReplicaId;

/// How two histories relate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Causality {
    /// Both have seen the same.
    Equal,
    /// The left one has seen less.
    Before,
    /// The left one has seen more.
    After,
    /// Each has seen something that the other has not.
    Concurrent,
}

/// One counter per replica: everything up to it has been seen. (Parker et al. 1983.)
///
/// The short summary of a [`CausalContext`]: what lies beyond a gap does not show in it. Absent
/// replicas count as 0.
///
/// ```
/// use crdt_core::{ReplicaId, clock::{Causality, VersionVector}};
///
/// let vector = |counts: [u64; 3]| -> VersionVector {
///     (1..).map(ReplicaId::from_u128).zip(counts).collect()
/// };
/// // Each of the first two has seen something that the other lacks.
/// assert_eq!(vector([6, 5, 3]).compare(&vector([5, 6, 3])), Causality::Concurrent);
/// assert_eq!(vector([5, 4, 0]).compare(&vector([4, 5, 0])), Causality::Concurrent);
/// // A successor is at least as large in every entry.
/// assert_eq!(vector([6, 5, 3]).compare(&vector([5, 5, 3])), Causality::After);
/// assert_eq!(vector([5, 5, 3]).compare(&vector([6, 5, 3])), Causality::Before);
/// assert_eq!(vector([5, 5, 0]).compare(&vector([5, 5, 0])), Causality::Equal);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct VersionVector(BTreeMap<ReplicaId, u64>);

impl VersionVector {
    /// The counter of one replica, or 0.
    #[must_use]
    pub fn get(&self, replica: ReplicaId) -> u64 {
        self.0.get(&replica).copied().unwrap_or(0)
    }

    /// Raises the counter of one replica to at least `count`.
    pub fn raise(&mut self, replica: ReplicaId, count: u64) {
        if count > self.get(replica) {
            self.0.insert(replica, count);
        }
    }

    /// The counters that are not 0, ascending by id.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        self.0.iter().map(|(&id, &count)| (id, count))
    }

    /// How the two histories relate.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Causality {
        match (self.covers(other), other.covers(self)) {
            (true, true) => Causality::Equal,
            (false, true) => Causality::Before,
            (true, false) => Causality::After,
            (false, false) => Causality::Concurrent,
        }
    }

    /// Whether every counter is at least that of `other`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(id, count)| self.get(id) >= count)
    }
}

impl FromIterator<(ReplicaId, u64)> for VersionVector {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, u64)>>(counts: I) -> Self {
        let mut vector = Self::default();
        for (id, count) in counts {
            vector.raise(id, count);
        }
        vector
    }
}

impl From<&CausalContext> for VersionVector {
    fn from(context: &CausalContext) -> Self {
        context.iter().map(|(id, seen)| (id, seen.prefix())).collect()
    }
}

impl fmt::Debug for VersionVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
