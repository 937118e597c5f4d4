//! Rights to subtract, for whoever moves them between replicas.

use alloc::vec::Vec;

use crate::dot::ReplicaId;

/// The rights of one counter, as an edit sees them.
///
/// What a [`BoundedCounter`](crate::BoundedCounter) shows to an engine, which knows the type of the
/// document but not where in it the counters are: see [`Crdt::rights`](super::Crdt::rights).
pub trait Rights {
    /// The replicas that hold rights, ascending, and how many, with the changes so far.
    fn holders(&self) -> Vec<(ReplicaId, u128)>;

    /// Hands over to `to` what the writer holds, `most` at most, and returns how many that were.
    ///
    /// They are usable there once this update has arrived.
    fn give(&self, to: ReplicaId, most: u128) -> u128;
}
