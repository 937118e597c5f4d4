//! The register that keeps every concurrent value.

use alloc::vec::Vec;
use core::fmt;

use super::Listed;
use crate::view::{Place, PlaceEditor, view_through};

/// A value, or all values that were written at the same time, for somebody to choose from.
///
/// | at the same time | result |
/// |---|---|
/// | `set(v)` and `set(w)` | both, until a write that has seen both |
/// | `set(v)` twice | `v`, once |
/// | `set(v)` and `clear()` | `v`: the clearing takes only what it saw |
///
/// No clock takes part. (Shapiro et al. 2011, spec 10; Almeida, Shoker, Baquero 2018, figure
/// "MVRegister".)
///
/// ```
/// use crdt_core::{Doc, MvRegister, Replica, ReplicaId};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// let (mut here, mut there) = (Doc::<MvRegister<&str>>::default(), Doc::<MvRegister<&str>>::default());
/// let ours = here.update(&mut a, |email| email.set("a@example.org"));
/// let theirs = there.update(&mut b, |email| email.set("b@example.org"));
/// here.merge(theirs);
/// there.merge(ours);
/// assert_eq!(here.values(), [&"a@example.org", &"b@example.org"]);
///
/// // A clerk chooses, and the choice settles it everywhere.
/// let choice = here.update(&mut a, |email| email.resolve(|values| values[1]));
/// there.merge(choice);
/// assert_eq!(there.values(), [&"b@example.org"]);
/// ```
#[doc(alias("multi-value register", "MVReg"))]
#[derive(Clone)]
pub struct MvRegister<V> {
    pub(crate) inner: Place<V, Listed>,
}

impl<V> Default for MvRegister<V> {
    fn default() -> Self {
        Self { inner: Place::default() }
    }
}

impl<V> MvRegister<V> {
    /// Every live write in the order of their dots, equal values too.
    pub fn siblings(&self) -> impl ExactSizeIterator<Item = &V> + '_ {
        self.inner.iter().rev()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }
}

impl<V: PartialEq> MvRegister<V> {
    /// The values, each once, in an order that is the same on every replica.
    ///
    /// Each write is compared with the values before it: that costs the number of writes times that of
    /// different values. Where bytes from strangers may have put many writes in one place, ask
    /// [`siblings`](MvRegister::siblings) how many there are, or [`get`](MvRegister::get), which compares
    /// each write once.
    #[must_use]
    pub fn values(&self) -> Vec<&V> {
        distinct(self.siblings())
    }

    /// The value, when there is exactly one.
    #[must_use]
    pub fn get(&self) -> Option<&V> {
        // The first is not compared with itself: a number that is none equals nothing.
        let mut siblings = self.siblings();
        let first = siblings.next()?;
        siblings.all(|sibling| sibling == first).then_some(first)
    }

    /// Whether different values were written at the same time, and nobody has chosen yet.
    #[must_use]
    pub fn is_conflicting(&self) -> bool {
        !self.is_empty() && self.get().is_none()
    }
}

fn distinct<'a, V: PartialEq>(values: impl Iterator<Item = &'a V>) -> Vec<&'a V> {
    values.fold(Vec::new(), |mut known, value| {
        if !known.contains(&value) {
            known.push(value);
        }
        known
    })
}

impl<V: fmt::Debug> fmt::Debug for MvRegister<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MvRegister")?;
        f.debug_list().entries(self.siblings()).finish()
    }
}

view_through!([V: Clone + 'static] MvRegister<V>, MvRegisterEditor<V>, Place<V, Listed>);

/// Changes an [`MvRegister`] within one update.
pub struct MvRegisterEditor<'a, V> {
    pub(crate) inner: PlaceEditor<'a, V, Listed>,
}

impl<V> MvRegisterEditor<'_, V> {
    /// Writes a value over all that this replica has seen.
    pub fn set(&self, value: V) {
        self.inner.write(value);
    }

    /// Replaces the values by what `choose` makes of them, if there is more than one; returns
    /// whether there was.
    ///
    /// It sees each once, in the order of [`values`](MvRegister::values), at the same cost.
    pub fn resolve(&self, choose: impl FnOnce(&[&V]) -> V) -> bool
    where
        V: PartialEq,
    {
        let choice = self.inner.read(|siblings| {
            let values = distinct(siblings.iter().rev().copied());
            (values.len() > 1).then(|| choose(&values))
        });
        choice.map(|value| self.set(value)).is_some()
    }

    /// Takes away what this replica has seen; a concurrent write stays.
    pub fn clear(&self) {
        self.inner.clear();
    }

    /// Copies of the live values, with the changes so far.
    #[must_use]
    pub fn to_vec(&self) -> Vec<V>
    where
        V: Clone,
    {
        self.inner.read(|siblings| siblings.iter().rev().copied().cloned().collect())
    }

    /// Whether there is no value, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }
}
