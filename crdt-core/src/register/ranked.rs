//! The register in which the higher rank wins.

use core::cmp::Ordering;

use super::stamped::stamped_register;
use super::{Stamped, outranks};
use crate::clock::Stamp;
use crate::view::{Ids, LocalDot, Order, Place, PlaceEditor, view_through};

/// A value with a rank: what decides between values that were written at the same time.
///
/// A pair is ranked by its first half.
pub trait Ranked {
    /// How values compare.
    type Rank: Ord;

    /// The rank of this value: a function of it alone.
    fn rank(&self) -> Self::Rank;
}

impl<R: Ord + Clone, V> Ranked for (R, V) {
    type Rank = R;

    fn rank(&self) -> R {
        self.0.clone()
    }
}

/// One value; of concurrent writes the one with the higher rank shows, among equals the later.
///
/// | at the same time | result |
/// |---|---|
/// | `set(v)` and `set(w)` | the one with the higher rank, else the later by clock, else by replica id; the other is in [`siblings`](RankedRegister::siblings) |
/// | `set(v)` and `clear()` | `v`: the clearing takes only what it saw |
///
/// The rank decides between concurrent writes only: whoever has seen a value may write a lower one
/// over it. What a person typed beats what a program filled in, the head office beats a branch.
///
/// ```
/// use crdt_core::{Doc, RankedRegister, Replica, ReplicaId};
///
/// #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
/// enum By { Import, Person }
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// type City = RankedRegister<(By, &'static str)>;
/// let (mut here, mut there) = (Doc::<City>::default(), Doc::<City>::default());
/// let typed = here.update(&mut a, |city| city.set((By::Person, "Kyoto")));
/// let imported = there.update(&mut b, |city| city.set((By::Import, "Tokyo")));
/// here.merge(imported);
/// there.merge(typed);
/// assert_eq!(here.get(), Some(&(By::Person, "Kyoto")));
/// assert_eq!(there.get(), here.get());
/// ```
#[derive(Clone)]
pub struct RankedRegister<V> {
    inner: Place<Stamped<V>, Highest>,
}

/// The larger (rank, stamp, dot) first.
#[derive(Clone, Copy, Debug)]
pub struct Highest;

impl<V: Ranked> Order<Stamped<V>> for Highest {
    fn precedes(ids: &Ids, new: (LocalDot, &Stamped<V>), old: (LocalDot, &Stamped<V>)) -> bool {
        match new.1.value.rank().cmp(&old.1.value.rank()) {
            Ordering::Equal => outranks(ids, (new.1.stamp, new.0), (old.1.stamp, old.0)),
            order => order.is_gt(),
        }
    }

    fn stamp(entry: &Stamped<V>) -> Option<Stamp> {
        Some(entry.stamp)
    }
}

stamped_register!([V: Ranked + Clone + 'static] RankedRegister, RankedRegisterEditor, Highest);
