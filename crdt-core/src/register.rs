//! Registers.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use crate::clock::Stamp;
use crate::view::{At, Crdt, Ids, LocalDot, Look, Tx};

/// A stamped value: what a last-write-wins entry carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped<V> {
    /// When it was written, by the hybrid logical clock of its writer.
    pub stamp: Stamp,
    /// What was written.
    pub value: V,
}

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
    /// The winner first.
    siblings: Vec<(LocalDot, Stamped<V>)>,
}

impl<V> Default for LwwRegister<V> {
    fn default() -> Self {
        Self { siblings: Vec::new() }
    }
}

impl<V> LwwRegister<V> {
    /// The value, if there is one.
    #[must_use]
    pub fn get(&self) -> Option<&V> {
        self.siblings.first().map(|(_, winner)| &winner.value)
    }

    /// When the value was written.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        self.siblings.first().map(|(_, winner)| winner.stamp)
    }

    /// The winner, then the values that lost to it by concurrent writes.
    pub fn siblings(&self) -> impl ExactSizeIterator<Item = &V> + '_ {
        self.siblings.iter().map(|(_, stamped)| &stamped.value)
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.siblings.is_empty()
    }
}

impl<V: fmt::Debug> fmt::Debug for LwwRegister<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LwwRegister").field(&self.get()).finish()
    }
}

/// Whether an entry with this stamp and dot wins over another: (stamp, replica id, number).
pub(crate) fn outranks(ids: &Ids, new: (Stamp, LocalDot), old: (Stamp, LocalDot)) -> bool {
    new.0.cmp(&old.0).then_with(|| ids.dot(new.1).cmp(&ids.dot(old.1))).is_gt()
}

impl<V: Clone + 'static> Crdt for LwwRegister<V> {
    type Entry = Stamped<V>;
    type Slot = ();
    type Scratch = RefCell<Option<(LocalDot, Stamped<V>)>>;
    type Editor<'a> = LwwRegisterEditor<'a, V>;

    fn insert(&mut self, at: &mut At<'_>, dot: LocalDot, entry: Stamped<V>) {
        let loses = |(old, sibling): &(LocalDot, Stamped<V>)| {
            !outranks(at.ids(), (entry.stamp, dot), (sibling.stamp, *old))
        };
        let rank = self.siblings.partition_point(loses);
        self.siblings.insert(rank, (dot, entry));
    }

    fn remove(&mut self, _at: &mut At<'_>, dot: LocalDot, (): ()) {
        self.siblings.retain(|(sibling, _)| *sibling != dot);
    }

    fn entry(&self, _at: Look<'_>, dot: LocalDot, (): ()) -> Stamped<V> {
        let found = self.siblings.iter().find(|(sibling, _)| *sibling == dot);
        found.map(|(_, entry)| entry.clone()).expect("a live slot has its entry")
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

    fn stamp(entry: &Stamped<V>) -> Option<Stamp> {
        Some(entry.stamp)
    }

    fn edit<'a>(base: Option<&'a Self>, scratch: &'a Self::Scratch, tx: &'a Tx<'a>) -> Self::Editor<'a> {
        LwwRegisterEditor { base, scratch, tx }
    }

    fn reset(editor: &Self::Editor<'_>) {
        editor.clear();
    }

    fn reads_empty(editor: &Self::Editor<'_>) -> bool {
        editor.is_empty()
    }

    fn drain(scratch: Self::Scratch, out: &mut dyn FnMut(u64, Stamped<V>)) {
        if let Some((dot, entry)) = scratch.into_inner() {
            out(dot.seq(), entry);
        }
    }
}

/// Changes an [`LwwRegister`] within one update.
pub struct LwwRegisterEditor<'a, V> {
    base: Option<&'a LwwRegister<V>>,
    scratch: &'a RefCell<Option<(LocalDot, Stamped<V>)>>,
    tx: &'a Tx<'a>,
}

impl<V> LwwRegisterEditor<'_, V> {
    /// Writes a value over all that this replica has seen.
    pub fn set(&self, value: V) {
        let above = self.base.and_then(LwwRegister::stamp);
        self.clear();
        let (dot, stamp) = (self.tx.mint(), self.tx.stamp(above));
        self.scratch.replace(Some((dot, Stamped { stamp, value })));
    }

    /// Takes away what this replica has seen; a concurrent write stays.
    pub fn clear(&self) {
        self.seen().for_each(|(dot, _)| self.tx.supersede(*dot));
        if let Some((dot, _)) = self.scratch.take() {
            self.tx.supersede(dot);
        }
    }

    /// A copy of the value, with the changes so far.
    #[must_use]
    pub fn get(&self) -> Option<V>
    where
        V: Clone,
    {
        let written = self.scratch.borrow().as_ref().map(|(_, entry)| entry.value.clone());
        written.or_else(|| self.seen().next().map(|(_, entry)| entry.value.clone()))
    }

    /// Whether there is no value, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scratch.borrow().is_none() && self.seen().next().is_none()
    }

    /// What the base holds and the edit has not superseded.
    fn seen(&self) -> impl Iterator<Item = &(LocalDot, Stamped<V>)> + '_ {
        let siblings = self.base.into_iter().flat_map(|base| &base.siblings);
        siblings.filter(|(dot, _)| !self.tx.is_superseded(*dot))
    }
}
