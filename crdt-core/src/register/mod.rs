//! Registers: one value, and what becomes of values that are written at the same time.

mod extreme;
mod lww;
mod mv;
mod ranked;
mod resolved;
mod stamped;

pub use extreme::{Max, MaxEditor, Min, MinEditor};
pub use lww::{LwwRegister, LwwRegisterEditor};
pub use mv::{MvRegister, MvRegisterEditor};
pub use ranked::{Highest, Ranked, RankedRegister, RankedRegisterEditor};
pub use resolved::{Resolve, ResolvedRegister, ResolvedRegisterEditor};

use crate::clock::Stamp;
use crate::view::{Ids, LocalDot, Order};

/// A stamped value: what a last-write-wins entry carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped<V> {
    /// When it was written, by the hybrid logical clock of its writer.
    pub stamp: Stamp,
    /// What was written.
    pub value: V,
}

/// The larger (stamp, dot) first.
#[derive(Clone, Copy, Debug)]
pub struct Latest;

/// The larger dot first: no value is preferred, all replicas list them alike.
#[derive(Clone, Copy, Debug)]
pub struct Listed;

/// Whether an entry with this stamp and dot wins over another: (stamp, replica id, number).
pub(crate) fn outranks(ids: &Ids, new: (Stamp, LocalDot), old: (Stamp, LocalDot)) -> bool {
    new.0.cmp(&old.0).then_with(|| ids.dot(new.1).cmp(&ids.dot(old.1))).is_gt()
}

impl<V> Order<Stamped<V>> for Latest {
    fn precedes(ids: &Ids, new: (LocalDot, &Stamped<V>), old: (LocalDot, &Stamped<V>)) -> bool {
        outranks(ids, (new.1.stamp, new.0), (old.1.stamp, old.0))
    }

    fn stamp(entry: &Stamped<V>) -> Option<Stamp> {
        Some(entry.stamp)
    }
}

impl<V> Order<V> for Listed {
    const HAS_STAMPS: bool = false;

    fn precedes(ids: &Ids, new: (LocalDot, &V), old: (LocalDot, &V)) -> bool {
        ids.dot(new.0) > ids.dot(old.0)
    }
}
