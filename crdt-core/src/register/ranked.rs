//! The register in which the higher rank wins.

use core::cmp::Ordering;
use core::fmt;

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

impl<V> Default for RankedRegister<V> {
    fn default() -> Self {
        Self { inner: Place::default() }
    }
}

impl<V> RankedRegister<V> {
    /// The value, if there is one.
    #[must_use]
    pub fn get(&self) -> Option<&V> {
        self.inner.first().map(|winner| &winner.value)
    }

    /// The winner, then the values that lost to it by concurrent writes, by rank.
    pub fn siblings(&self) -> impl ExactSizeIterator<Item = &V> + '_ {
        self.inner.iter().map(|stamped| &stamped.value)
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }
}

impl<V: fmt::Debug> fmt::Debug for RankedRegister<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RankedRegister").field(&self.get()).finish()
    }
}

view_through!(
    [V: Ranked + Clone + 'static] RankedRegister<V>, RankedRegisterEditor<V>, Place<Stamped<V>, Highest>
);

/// Changes a [`RankedRegister`] within one update.
pub struct RankedRegisterEditor<'a, V> {
    inner: PlaceEditor<'a, Stamped<V>, Highest>,
}

impl<V: Ranked> RankedRegisterEditor<'_, V> {
    /// Writes a value over all that this replica has seen, whatever their ranks.
    pub fn set(&self, value: V) {
        let stamp = self.inner.stamp();
        self.inner.write(Stamped { stamp, value });
    }

    /// Takes away what this replica has seen; a concurrent write stays.
    pub fn clear(&self) {
        self.inner.clear();
    }

    /// A copy of the value, with the changes so far.
    #[must_use]
    pub fn get(&self) -> Option<V>
    where
        V: Clone,
    {
        self.inner.first().map(|winner| winner.value)
    }

    /// Whether there is no value, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }
}
