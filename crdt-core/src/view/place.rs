//! One place: a few entries of which no write has seen the others.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::marker::PhantomData;

use super::{At, Crdt, Ids, LocalDot, Look, Reset, Tx};
use crate::clock::Stamp;
use crate::few::Few;

/// Which of two concurrent entries of a [`Place`] comes first.
///
/// It must be a total order, the same on every replica: a function of the entries and their dots. One of
/// your own has bytes by `codec::WireOrder`.
pub trait Order<E>: 'static {
    /// Whether `new` comes before `old`.
    fn precedes(ids: &Ids, new: (LocalDot, &E), old: (LocalDot, &E)) -> bool;

    /// The stamp that an entry carries.
    fn stamp(entry: &E) -> Option<Stamp> {
        let _ = entry;
        None
    }
}

/// The live entries of a place without a key: what registers and flags are views of.
///
/// A write supersedes all entries that it saw. So there is one, or one for each of the writes that
/// happened at the same time.
pub struct Place<E, O> {
    /// In the order of `O`, backwards: what was written last mostly comes first, and is added at the end.
    siblings: Few<(LocalDot, E)>,
    order: PhantomData<fn() -> O>,
}

impl<E: Clone, O> Clone for Place<E, O> {
    fn clone(&self) -> Self {
        Self { siblings: self.siblings.clone(), order: PhantomData }
    }
}

impl<E, O> Default for Place<E, O> {
    fn default() -> Self {
        Self { siblings: Few::default(), order: PhantomData }
    }
}

impl<E: fmt::Debug, O> fmt::Debug for Place<E, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<E, O> Place<E, O> {
    /// The entry that comes first.
    #[must_use]
    pub fn first(&self) -> Option<&E> {
        self.siblings.last().map(|(_, entry)| entry)
    }

    /// The entries in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &E> + ExactSizeIterator + '_ {
        self.siblings.iter().rev().map(|(_, entry)| entry)
    }

    /// The dots of the entries, in their order.
    pub fn dots(&self) -> impl ExactSizeIterator<Item = LocalDot> + '_ {
        self.siblings.iter().rev().map(|(dot, _)| *dot)
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.siblings.is_empty()
    }
}

impl<E: Clone + 'static, O: Order<E>> Crdt for Place<E, O> {
    type Entry = E;
    type Slot = ();
    type Scratch = RefCell<Option<(LocalDot, E)>>;
    type Editor<'a> = PlaceEditor<'a, E, O>;

    fn take_in(&mut self, at: &mut At<'_>, dot: LocalDot, entry: E) {
        let precedes = |(old, sibling): &(LocalDot, E)| O::precedes(at.ids(), (dot, &entry), (*old, sibling));
        let rank = self.siblings.partition_point(precedes);
        self.siblings.insert(rank, (dot, entry));
    }

    fn take_out(&mut self, _at: &mut At<'_>, dot: LocalDot, (): ()) {
        if let Some(at) = self.siblings.iter().rposition(|(sibling, _)| *sibling == dot) {
            self.siblings.remove(at);
        }
    }

    fn entry_at(&self, at: Look<'_>, dot: LocalDot, (): ()) -> E {
        let found = at.ids().find(&self.siblings, |(sibling, _)| *sibling, dot);
        self.siblings[found.expect("a live slot has its entry")].1.clone()
    }

    fn siblings(&self, _dot: LocalDot, (): (), each: &mut dyn FnMut(LocalDot)) {
        self.siblings.iter().for_each(|(dot, _)| each(*dot));
    }

    fn is_bottom(&self) -> bool {
        self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.siblings.is_empty()
    }

    fn stamp(entry: &E) -> Option<Stamp> {
        O::stamp(entry)
    }

    fn edit<'a>(base: Option<&'a Self>, scratch: &'a Self::Scratch, tx: &'a Tx<'a>) -> Self::Editor<'a> {
        PlaceEditor { base, scratch, tx }
    }

    fn reads_empty(editor: &Self::Editor<'_>) -> bool {
        editor.is_empty()
    }

    fn heap_bytes(&self) -> usize {
        self.siblings.heap_bytes()
    }

    fn contest(&self, _dot: LocalDot, (): ()) -> Option<LocalDot> {
        if let [.., _, (first, _)] = &*self.siblings { Some(*first) } else { None }
    }

    fn drain(scratch: Self::Scratch, out: &mut dyn FnMut(u64, E)) {
        if let Some((dot, entry)) = scratch.into_inner() {
            out(dot.seq(), entry);
        }
    }
}

impl<E: Clone + 'static, O: Order<E>> Reset for Place<E, O> {
    fn reset(editor: &Self::Editor<'_>) {
        editor.clear();
    }
}

/// Changes a [`Place`] within one update.
pub struct PlaceEditor<'a, E, O> {
    base: Option<&'a Place<E, O>>,
    scratch: &'a RefCell<Option<(LocalDot, E)>>,
    tx: &'a Tx<'a>,
}

impl<E, O> PlaceEditor<'_, E, O> {
    /// Writes an entry over all that this replica has seen.
    pub fn write(&self, entry: E) {
        self.clear();
        self.scratch.replace(Some((self.tx.mint(), entry)));
    }

    /// Takes away what this replica has seen; a concurrent write stays.
    pub fn clear(&self) {
        self.seen().for_each(|(dot, _)| self.tx.supersede(*dot));
        if let Some((dot, _)) = self.scratch.take() {
            self.tx.supersede(dot);
        }
    }

    /// Reads the entries, with the changes so far: the edit's own first, then the others in their order.
    pub fn read<R>(&self, read: impl FnOnce(&[&E]) -> R) -> R {
        let own = self.scratch.borrow();
        let entries = own.iter().chain(self.seen()).map(|(_, entry)| entry);
        read(&entries.collect::<Vec<_>>())
    }

    /// A copy of the first entry, with the changes so far.
    #[must_use]
    pub fn first(&self) -> Option<E>
    where
        E: Clone,
    {
        let written = self.scratch.borrow().as_ref().map(|(_, entry)| entry.clone());
        written.or_else(|| self.seen().next().map(|(_, entry)| entry.clone()))
    }

    /// Whether there is no entry, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scratch.borrow().is_none() && self.seen().next().is_none()
    }

    /// What the base holds and the edit has not superseded, in its order.
    fn seen(&self) -> impl Iterator<Item = &(LocalDot, E)> + '_ {
        let siblings = self.base.into_iter().flat_map(|base| base.siblings.iter().rev());
        siblings.filter(|(dot, _)| !self.tx.is_superseded(*dot))
    }
}

impl<E, O: Order<E>> PlaceEditor<'_, E, O> {
    /// A stamp for a write here, larger than that of every entry.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let stamps = self.base.into_iter().flat_map(Place::iter).filter_map(O::stamp);
        self.tx.stamp(stamps.max())
    }
}

impl<E: fmt::Debug, O> fmt::Debug for PlaceEditor<'_, E, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read(|entries| f.debug_list().entries(entries).finish())
    }
}
