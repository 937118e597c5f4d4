//! The set in which a removal wins.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::hash::Hash;

use crate::flag::DwFlag;
use crate::map::{OrMap, OrMapEditor};
use crate::view::view_through;

/// A set in which a removal wins over a concurrent addition.
///
/// | at the same time | result |
/// |---|---|
/// | `insert(x)` and `remove(x)` | `x` is out, whatever the removal had seen |
/// | `remove(x)` twice | `x` is out; an insertion that saw both puts it in |
///
/// A removal is a write, also of an element that is not in: it stays until the element is inserted
/// by somebody who has seen it. Where the set is under a key of a map, the removal of that key takes
/// the elements that are in, and lifts no ban. For bans and revocations; where in doubt take the
/// [`OrSet`](crate::OrSet), whose removals leave nothing. (Almeida, Shoker, Baquero 2018, figure
/// "RWSet".)
///
/// ```
/// use crdt_core::{Doc, Replica, ReplicaId, RwSet};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// let (mut here, mut there) = (Doc::<RwSet<String>>::default(), Doc::<RwSet<String>>::default());
/// let admitted = here.update(&mut a, |members| members.insert("mallory".to_owned()));
/// let banned = there.update(&mut b, |members| members.remove("mallory"));
/// here.merge(banned);
/// there.merge(admitted);
/// assert!(!here.contains("mallory") && !there.contains("mallory"));
/// ```
#[doc(alias = "remove-wins set")]
#[derive(Clone)]
pub struct RwSet<K> {
    /// Whether each element is in: a set in which removals win is a map of flags in which they do.
    inner: OrMap<K, DwFlag>,
}

impl<K> Default for RwSet<K> {
    fn default() -> Self {
        Self { inner: OrMap::default() }
    }
}

impl<K> RwSet<K> {
    /// How many elements are in the set.
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
        self.inner.keys()
    }
}

impl<K: Hash + Eq> RwSet<K> {
    /// Whether the element is in the set.
    #[must_use]
    pub fn contains<Q: Hash + Eq + ?Sized>(&self, element: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.inner.contains_key(element)
    }
}

impl<K: Ord> RwSet<K> {
    /// The elements in their order.
    #[must_use]
    pub fn sorted(&self) -> Vec<&K> {
        let mut elements: Vec<_> = self.iter().collect();
        elements.sort_unstable();
        elements
    }
}

impl<K: fmt::Debug> fmt::Debug for RwSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

view_through!([K: Hash + Eq + Clone + 'static] RwSet<K>, RwSetEditor<K>, OrMap<K, DwFlag>);

/// Changes an [`RwSet`] within one update.
pub struct RwSetEditor<'a, K> {
    inner: OrMapEditor<'a, K, DwFlag>,
}

impl<K: Hash + Eq + Clone + 'static> RwSetEditor<'_, K> {
    /// Puts the element in, over all removals that this replica has seen.
    pub fn insert(&self, element: K) {
        self.inner.entry(&element).enable();
    }

    /// Puts all these elements in.
    pub fn extend(&self, elements: impl IntoIterator<Item = K>) {
        elements.into_iter().for_each(|element| self.insert(element));
    }

    /// Takes the element out, and wins over additions that are concurrent; returns whether it was in.
    pub fn remove<Q>(&self, element: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let was_in = self.contains(element);
        self.inner.entry(element).disable();
        was_in
    }

    /// Whether the element is in, with the changes so far.
    #[must_use]
    pub fn contains<Q: Hash + Eq + ?Sized>(&self, element: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.inner.contains_key(element)
    }

    /// The elements, with the changes so far: a copy, so that it can be edited on the way.
    #[must_use]
    pub fn to_vec(&self) -> Vec<K> {
        self.inner.keys()
    }

    /// Takes out every element that is in, and wins over additions of these that are concurrent.
    pub fn clear(&self) {
        self.retain(|_| false);
    }

    /// Takes out the elements for which `keep` is false, as [`remove`](RwSetEditor::remove) does.
    pub fn retain(&self, mut keep: impl FnMut(&K) -> bool) {
        for element in self.to_vec() {
            if !keep(&element) {
                self.inner.entry(&element).disable();
            }
        }
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
impl<K: Hash + Eq + Clone + 'static> Extend<K> for RwSetEditor<'_, K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, elements: I) {
        RwSetEditor::extend(self, elements);
    }
}
