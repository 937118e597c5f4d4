//! The register in which the last write wins.

use core::fmt;

use super::{Latest, Stamped};
use crate::clock::Stamp;
use crate::view::{Place, PlaceEditor, view_through};

/// One value; of concurrent writes the one with the larger (stamp, dot) shows.
///
/// | at the same time | result |
/// |---|---|
/// | `set(v)` and `set(w)` | the later by clock, on a tie the larger replica id; the other is in [`siblings`](LwwRegister::siblings) |
/// | `set(v)` and `clear()` | `v`: the clearing takes only what it saw |
///
/// A loser stays readable until the next write, at most one for each replica. A write is visible to
/// its writer whatever the clocks say, since it supersedes what it saw. (Shapiro et al. 2011, spec 8.)
///
/// ```
/// use crdt_core::{Doc, LwwRegister, Replica, ReplicaId};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// let (mut here, mut there) = (Doc::<LwwRegister<&str>>::default(), Doc::<LwwRegister<&str>>::default());
/// let ours = here.update(&mut a, |email| email.set("a@example.org"));
/// let theirs = there.update(&mut b, |email| email.set("b@example.org"));
/// here.merge(theirs);
/// there.merge(ours);
///
/// // The stamps tie; both replicas show the same value, and neither has lost the other.
/// assert_eq!(here.get(), Some(&"b@example.org"));
/// assert_eq!(there.get(), here.get());
/// assert_eq!(here.siblings().count(), 2);
/// ```
#[derive(Clone)]
pub struct LwwRegister<V> {
    inner: Place<Stamped<V>, Latest>,
}

impl<V> Default for LwwRegister<V> {
    fn default() -> Self {
        Self { inner: Place::default() }
    }
}

impl<V> LwwRegister<V> {
    /// The value, if there is one.
    #[must_use]
    pub fn get(&self) -> Option<&V> {
        self.inner.first().map(|winner| &winner.value)
    }

    /// When the value was written.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        self.inner.first().map(|winner| winner.stamp)
    }

    /// The winner, then the values that lost to it by concurrent writes.
    pub fn siblings(&self) -> impl ExactSizeIterator<Item = &V> + '_ {
        self.inner.iter().map(|stamped| &stamped.value)
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }
}

impl<V: fmt::Debug> fmt::Debug for LwwRegister<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LwwRegister").field(&self.get()).finish()
    }
}

view_through!([V: Clone + 'static] LwwRegister<V>, LwwRegisterEditor<V>, Place<Stamped<V>, Latest>);

/// Changes an [`LwwRegister`] within one update.
pub struct LwwRegisterEditor<'a, V> {
    inner: PlaceEditor<'a, Stamped<V>, Latest>,
}

impl<V: 'static> LwwRegisterEditor<'_, V> {
    /// Writes a value over all that this replica has seen.
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
