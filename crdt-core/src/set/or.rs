//! The set in which an addition wins.

use alloc::vec::Vec;
use core::borrow::Borrow;
use core::cell::RefCell;
use core::fmt;
use core::hash::Hash;

use crate::clock::Stamp;
use crate::view::{At, Crdt, Keyed, LocalDot, Look, Reset, Tx};

/// A set in which an addition wins over a concurrent removal.
///
/// | at the same time | result |
/// |---|---|
/// | `insert(x)` and `remove(x)` | `x` is in: the removal takes only what it saw |
/// | `insert(x)` twice | `x` is in, once; a removal that saw both takes it out |
/// | `remove(x)` twice | `x` is out |
///
/// A removal leaves no tombstone. Many elements at once go in by [`extend`](OrSetEditor::extend); why
/// there is no `collect` is said [at the document](crate::Doc#from-a-collection). (Bieniusa et al. 2012,
/// optimised OR-set; Almeida, Shoker, Baquero 2018, figure "AWSet".)
///
/// ```
/// use crdt_core::{Doc, OrSet, Replica, ReplicaId};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// let mut here = Doc::<OrSet<String>>::default();
/// let mut there = Doc::<OrSet<String>>::default();
/// there.merge(here.update(&mut a, |cart| cart.insert("apple".to_owned())));
///
/// // One removes what it sees, the other adds it anew.
/// let removal = here.update(&mut a, |cart| cart.remove("apple"));
/// let addition = there.update(&mut b, |cart| cart.insert("apple".to_owned()));
/// here.merge(addition);
/// there.merge(removal);
/// assert!(here.contains("apple") && there.contains("apple"));
/// ```
#[doc(alias("add-wins set", "observed-remove set", "AWSet"))]
#[derive(Clone)]
pub struct OrSet<K> {
    elements: Keyed<K, LocalDot>,
}

impl<K> Default for OrSet<K> {
    fn default() -> Self {
        Self { elements: Keyed::default() }
    }
}

impl<K> OrSet<K> {
    /// How many different elements are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether the set has no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The elements, each once, in an order that depends on the history of this replica.
    pub fn iter(&self) -> impl Iterator<Item = &K> + '_ {
        self.elements.heads().map(|(_, key, _)| key)
    }

    /// The element in `slot`.
    pub(crate) fn element(&self, slot: u32) -> &K {
        self.elements.get(slot).0
    }
}

impl<K: Hash + Eq> OrSet<K> {
    /// Whether the element is in the set.
    #[must_use]
    #[inline]
    pub fn contains<Q: Hash + Eq + ?Sized>(&self, element: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.elements.head(element).is_some()
    }

    /// The dots of one element.
    fn dots<Q: Hash + Eq + ?Sized>(&self, element: &Q) -> impl Iterator<Item = LocalDot> + '_
    where
        K: Borrow<Q>,
    {
        self.elements.chain_of(element).map(|(_, dot)| *dot)
    }
}

impl<K: Ord> OrSet<K> {
    /// The elements in their order.
    #[must_use]
    pub fn sorted(&self) -> Vec<&K> {
        let mut elements: Vec<_> = self.iter().collect();
        elements.sort_unstable();
        elements
    }
}

impl<K: fmt::Debug> fmt::Debug for OrSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<K: Hash + Eq + Clone + 'static> Crdt for OrSet<K> {
    type Entry = K;
    type Slot = u32;
    type Scratch = RefCell<Self>;
    type Editor<'a> = OrSetEditor<'a, K>;

    const HAS_STAMPS: bool = false;

    #[inline]
    fn take_in(&mut self, _at: &mut At<'_>, dot: LocalDot, element: K) -> u32 {
        self.elements.add_anywhere(element, dot)
    }

    #[inline]
    fn take_in_copy(&mut self, _at: &mut At<'_>, dot: LocalDot, element: &K) -> u32 {
        self.elements.add_anywhere_copy(element, dot)
    }

    fn look_ahead(&self, other: &Self, slot: u32) -> u32 {
        self.elements.head(other.element(slot)).unwrap_or_default()
    }

    fn take_out(&mut self, _at: &mut At<'_>, _dot: LocalDot, slot: u32) {
        self.elements.take(slot);
    }

    fn entry_at(&self, _at: Look<'_>, _dot: LocalDot, slot: u32) -> K {
        self.element(slot).clone()
    }

    fn siblings(&self, _dot: LocalDot, slot: u32, each: &mut dyn FnMut(LocalDot)) {
        self.elements.chain_around(slot).for_each(|(_, dot)| each(*dot));
    }

    fn is_bottom(&self) -> bool {
        self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    fn heap_bytes(&self) -> usize {
        self.elements.heap_bytes()
    }

    fn stamp(_entry: &K) -> Option<Stamp> {
        None
    }

    fn edit<'a>(base: Option<&'a Self>, scratch: &'a Self::Scratch, tx: &'a Tx<'a>) -> Self::Editor<'a> {
        OrSetEditor { base, scratch, tx }
    }

    fn reads_empty(editor: &Self::Editor<'_>) -> bool {
        editor.is_empty()
    }

    #[inline]
    fn drain(scratch: &mut Self::Scratch, mut out: impl FnMut(u64, K)) {
        scratch.get_mut().elements.drain(|element, dot| out(dot.seq(), element));
    }
}

impl<K: Hash + Eq + Clone + 'static> Reset for OrSet<K> {
    fn reset(editor: &Self::Editor<'_>) {
        editor.clear();
    }
}

/// Changes an [`OrSet`] within one update.
#[derive(Clone, Copy)]
pub struct OrSetEditor<'a, K> {
    base: Option<&'a OrSet<K>>,
    scratch: &'a RefCell<OrSet<K>>,
    tx: &'a Tx<'a>,
}

impl<K: Hash + Eq> OrSetEditor<'_, K> {
    /// Puts the element in.
    ///
    /// Also when it is in already: the new addition then survives removals that are concurrent.
    #[inline]
    pub fn insert(&self, element: K) {
        self.take(&element);
        let dot = self.tx.mint();
        self.scratch.borrow_mut().elements.add_lacking(element, dot);
    }

    /// Puts all these elements in, each as [`insert`](OrSetEditor::insert) does.
    pub fn extend(&self, elements: impl IntoIterator<Item = K>) {
        elements.into_iter().for_each(|element| self.insert(element));
    }

    /// Takes out what this replica has seen of the element; returns whether it was in.
    ///
    /// An absent element changes nothing and ships nothing.
    pub fn remove<Q: Hash + Eq + ?Sized>(&self, element: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.take(element)
    }

    /// Whether the element is in, with the changes so far.
    #[must_use]
    pub fn contains<Q: Hash + Eq + ?Sized>(&self, element: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        let seen = self.base.is_some_and(|base| base.dots(element).any(|dot| !self.tx.is_superseded(dot)));
        seen || self.scratch.borrow().contains(element)
    }

    /// How many elements are in, with the changes so far. It looks at every one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.base_elements().count() + self.scratch.borrow().len()
    }

    /// Whether no element is in, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scratch.borrow().is_empty() && self.base_elements().next().is_none()
    }

    /// The elements, with the changes so far: a copy, so that it can be edited on the way.
    #[must_use]
    pub fn to_vec(&self) -> Vec<K>
    where
        K: Clone,
    {
        let scratch = self.scratch.borrow();
        let base = self.base_elements().filter(|element| !scratch.contains(*element));
        base.chain(scratch.iter()).cloned().collect()
    }

    /// Takes out every element that this replica has seen.
    pub fn clear(&self) {
        if let Some(base) = self.base {
            for (head, ..) in base.elements.heads() {
                base.elements.chain(head).for_each(|(_, dot)| self.tx.supersede(*dot));
            }
        }
        self.scratch.borrow_mut().elements.drain(|_, dot| self.tx.supersede(dot));
    }

    /// Takes out the elements for which `keep` is false.
    pub fn retain(&self, mut keep: impl FnMut(&K) -> bool)
    where
        K: Clone,
    {
        for element in self.to_vec() {
            if !keep(&element) {
                self.take(&element);
            }
        }
    }

    /// The elements of the base that the edit has not taken out.
    fn base_elements(&self) -> impl Iterator<Item = &K> + '_ {
        let heads =
            self.base.into_iter().flat_map(|base| base.elements.heads().map(move |head| (base, head)));
        let seen = heads.filter(|(base, (head, ..))| {
            base.elements.chain(*head).any(|(_, dot)| !self.tx.is_superseded(*dot))
        });
        seen.map(|(_, (_, element, _))| element)
    }

    #[inline]
    fn take<Q: Hash + Eq + ?Sized>(&self, element: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        let mut was_in = false;
        if let Some(base) = self.base {
            for dot in base.dots(element).filter(|&dot| !self.tx.is_superseded(dot)) {
                self.tx.supersede(dot);
                was_in = true;
            }
        }
        let mut scratch = self.scratch.borrow_mut();
        if let Some(slot) = scratch.elements.head(element) {
            self.tx.supersede(scratch.elements.take(slot).1);
            was_in = true;
        }
        was_in
    }
}

/// For code that takes any collection; where the type is known it is the method of the same name.
impl<K: Hash + Eq> Extend<K> for OrSetEditor<'_, K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, elements: I) {
        OrSetEditor::extend(self, elements);
    }
}
