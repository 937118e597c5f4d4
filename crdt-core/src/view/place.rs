//! One place: a few entries of which no write has seen the others.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::marker::PhantomData;

use super::siblings::Siblings;
use super::{At, Crdt, Ids, LocalDot, Look, Reset, Tx};
use crate::clock::Stamp;

/// Which of two concurrent entries of a [`Place`] comes first.
///
/// It must be a total order, the same on every replica: a function of the entries and their dots. One of
/// your own has bytes by `codec::WireOrder`.
pub trait Order<E>: 'static {
    /// Whether entries carry [stamps](PlaceEditor::stamp): see [`Crdt::HAS_STAMPS`].
    const HAS_STAMPS: bool = true;

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
    /// In the order of `O`.
    siblings: Siblings<E>,
    order: PhantomData<fn() -> O>,
}

impl<E: Clone, O> Clone for Place<E, O> {
    fn clone(&self) -> Self {
        Self { siblings: self.siblings.clone(), order: PhantomData }
    }
}

impl<E, O> Default for Place<E, O> {
    fn default() -> Self {
        Self { siblings: Siblings::default(), order: PhantomData }
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
        self.siblings.first().map(|(_, entry)| entry)
    }

    /// The entries in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &E> + ExactSizeIterator + '_ {
        self.siblings.iter().map(|(_, entry)| entry)
    }

    /// The dots of the entries, in their order.
    pub fn dots(&self) -> impl ExactSizeIterator<Item = LocalDot> + '_ {
        self.siblings.iter().map(|(dot, _)| *dot)
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.siblings.len() == 0
    }
}

impl<E: Clone + 'static, O: Order<E>> Crdt for Place<E, O> {
    type Entry = E;
    type Slot = ();
    type Scratch = RefCell<Option<(LocalDot, E)>>;
    type Editor<'a> = PlaceEditor<'a, E, O>;

    const HAS_STAMPS: bool = O::HAS_STAMPS;

    fn take_in(&mut self, at: &mut At<'_>, dot: LocalDot, entry: E) {
        let ids = at.ids();
        self.siblings.insert((dot, entry), |(new, entry), (old, sibling)| {
            O::precedes(ids, (*new, entry), (*old, sibling))
        });
    }

    fn take_out(&mut self, _at: &mut At<'_>, dot: LocalDot, (): ()) {
        self.siblings.remove(dot);
    }

    fn entry_at(&self, _at: Look<'_>, dot: LocalDot, (): ()) -> E {
        self.siblings.get(dot).expect("a live slot has its entry").clone()
    }

    fn siblings(&self, _dot: LocalDot, (): (), each: &mut dyn FnMut(LocalDot)) {
        self.siblings.fold((), |(), (dot, _)| each(*dot));
    }

    fn is_bottom(&self) -> bool {
        self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.siblings.len() == 0
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
        if self.siblings.len() > 1 { self.siblings.first().map(|(first, _)| *first) } else { None }
    }

    fn drain(scratch: &mut Self::Scratch, mut out: impl FnMut(u64, E)) {
        if let Some((dot, entry)) = scratch.take() {
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
        self.fold_seen((), |(), (dot, _)| self.tx.supersede(*dot));
        if let Some((dot, _)) = self.scratch.take() {
            self.tx.supersede(dot);
        }
    }

    /// Reads the entries, with the changes so far: the edit's own first, then the others in their order.
    pub fn read<R>(&self, read: impl FnOnce(&[&E]) -> R) -> R {
        let own = self.scratch.borrow();
        let mut entries: Vec<&E> = own.iter().map(|(_, entry)| entry).collect();
        self.fold_seen((), |(), (_, entry)| entries.push(entry));
        read(&entries)
    }

    /// A copy of the first entry, with the changes so far.
    #[must_use]
    pub fn first(&self) -> Option<E>
    where
        E: Clone,
    {
        let own = self.scratch.borrow();
        let written = own.as_ref().map(|(_, entry)| entry);
        self.fold_seen(written, |first, (_, entry)| first.or(Some(entry))).cloned()
    }

    /// Whether there is no entry, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fold_seen(self.scratch.borrow().is_none(), |_, _| false)
    }

    /// Folds what the base holds and the edit has not superseded, in its order.
    fn fold_seen<'a, B>(&'a self, start: B, mut each: impl FnMut(B, &'a (LocalDot, E)) -> B) -> B {
        let (Some(base), tx) = (self.base, self.tx) else { return start };
        base.siblings.fold(
            start,
            |folded, entry| {
                if tx.is_superseded(entry.0) { folded } else { each(folded, entry) }
            },
        )
    }
}

impl<E, O: Order<E>> PlaceEditor<'_, E, O> {
    /// A stamp for a write here, larger than that of every entry.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let latest =
            |base: &Place<E, O>| base.siblings.fold(None, |last, (_, entry)| O::stamp(entry).max(last));
        self.tx.stamp(self.base.and_then(latest))
    }
}

impl<E: fmt::Debug, O> fmt::Debug for PlaceEditor<'_, E, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read(|entries| f.debug_list().entries(entries).finish())
    }
}
