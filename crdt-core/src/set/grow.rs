//! The set that only grows.

use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::hash::Hash;

use super::{OrSet, OrSetEditor};
use crate::view::view_through;

/// A set whose elements nobody takes out.
///
/// | at the same time | result |
/// |---|---|
/// | `insert(x)` and `insert(y)` | both |
/// | `insert(x)` twice | `x`, once |
///
/// An insertion of what is in changes nothing and ships nothing. Inside an [`OrMap`](crate::OrMap)
/// the removal of its key takes away what it saw, and with it an element that others insert once more
/// at the same time: an [`OrSet`] keeps that one. (Shapiro et al. 2011, spec 11.)
///
/// ```
/// use crdt_core::{Doc, GSet, Replica};
///
/// let mut me = Replica::random();
/// let mut paid = Doc::<GSet<u64>>::default();
/// let delta = paid.update(&mut me, |paid| paid.insert(4711));
/// assert!(paid.contains(&4711));
/// assert_eq!(delta.entries().len(), 1);
/// assert!(paid.update(&mut me, |paid| paid.insert(4711)).is_empty());
/// ```
#[doc(alias = "grow-only set")]
#[derive(Clone)]
pub struct GSet<K> {
    inner: OrSet<K>,
}

impl<K> Default for GSet<K> {
    fn default() -> Self {
        Self { inner: OrSet::default() }
    }
}

impl<K> GSet<K> {
    /// How many different elements are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// Whether the set has no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// The elements, each once, in an order that depends on the history of this replica.
    pub fn iter(&self) -> impl Iterator<Item = &K> + '_ {
        self.inner.iter()
    }
}

impl<K: Hash + Eq> GSet<K> {
    /// Whether the element is in the set.
    #[must_use]
    pub fn contains<Q: Hash + Eq + ?Sized>(&self, element: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.inner.contains(element)
    }
}

impl<K: Ord> GSet<K> {
    /// The elements in their order.
    #[must_use]
    pub fn sorted(&self) -> Vec<&K> {
        self.inner.sorted()
    }
}

impl<K: fmt::Debug> fmt::Debug for GSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

view_through!([K: Hash + Eq + Clone + 'static] GSet<K>, GSetEditor<K>, OrSet<K>);

/// Changes a [`GSet`] within one update.
pub struct GSetEditor<'a, K> {
    inner: OrSetEditor<'a, K>,
}

impl<K: Hash + Eq> GSetEditor<'_, K> {
    /// Puts the element in; returns whether it was not in yet.
    pub fn insert(&self, element: K) -> bool {
        let is_new = !self.inner.contains(&element);
        if is_new {
            self.inner.insert(element);
        }
        is_new
    }

    /// Puts all these elements in.
    pub fn extend(&self, elements: impl IntoIterator<Item = K>) {
        elements.into_iter().for_each(|element| {
            self.insert(element);
        });
    }

    /// The elements, with the changes so far: a copy.
    #[must_use]
    pub fn to_vec(&self) -> Vec<K>
    where
        K: Clone,
    {
        self.inner.to_vec()
    }

    /// Whether the element is in, with the changes so far.
    #[must_use]
    pub fn contains<Q: Hash + Eq + ?Sized>(&self, element: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.inner.contains(element)
    }

    /// How many elements are in, with the changes so far. It looks at every one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// Whether no element is in, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }
}

/// For code that takes any collection; where the type is known it is the method of the same name.
impl<K: Hash + Eq> Extend<K> for GSetEditor<'_, K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, elements: I) {
        GSetEditor::extend(self, elements);
    }
}
