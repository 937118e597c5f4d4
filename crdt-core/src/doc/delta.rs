//! A part of a state on its way.

use alloc::vec::Vec;
use core::{fmt, mem};

use crate::clock::{CausalContext, Stamp};
use crate::dot::Dot;
use crate::few::Few;
use crate::view::Crdt;

/// A state in a lean form: entries in the order of their dots, and the dots that are gone.
///
/// A delta is of the same lattice as a document. It may be lost, as long as something repairs that;
/// it may be duplicated, reordered and grouped with others, and the result is the same. Its context
/// is exactly the dots of its entries and the dots that it supersedes: never more, so that nothing
/// that it does not speak of is deleted. (Almeida, Shoker, Baquero 2018, section 4.)
///
/// ```
/// use crdt_core::{Doc, OrSet, Replica, ReplicaId};
///
/// let mut me = Replica::new(ReplicaId::from_u128(1));
/// let mut here = Doc::<OrSet<&str>>::default();
/// let mut group = here.update(&mut me, |set| set.insert("x"));
/// group.merge(here.update(&mut me, |set| set.remove("x")));
///
/// // As a group they say: dot 1 was there and is gone.
/// assert!(group.entries().is_empty());
/// assert_eq!(group.dead().len(), 1);
/// ```
#[must_use = "a delta that reaches nobody leaves the other replicas behind"]
pub struct Delta<T: Crdt> {
    /// Ascending by dot, none twice.
    pub(crate) entries: Few<(Dot, T::Entry)>,
    /// Seen and not live; no dot of an entry.
    pub(crate) dead: CausalContext,
}

impl<T: Crdt> Delta<T> {
    /// Whether merging it changes nothing, whatever the state.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.dead.is_empty()
    }

    /// The live entries, in the order of their dots.
    #[must_use]
    pub fn entries(&self) -> &[(Dot, T::Entry)] {
        &self.entries
    }

    /// The dots that it reports as gone.
    #[must_use]
    pub fn dead(&self) -> &CausalContext {
        &self.dead
    }

    /// Every dot that it speaks of, live or gone.
    #[must_use]
    pub fn context(&self) -> CausalContext {
        let mut context: CausalContext = self.entries().iter().map(|(dot, _)| *dot).collect();
        context.union_with(&self.dead);
        context
    }

    /// The stamps that its entries carry.
    pub fn stamps(&self) -> impl Iterator<Item = Stamp> + '_ {
        self.entries.iter().filter_map(|(_, entry)| T::stamp(entry))
    }

    /// Joins another delta into this one: the group says what both say.
    ///
    /// It costs the smaller of the two and what lies behind its first dot in the larger: a group that
    /// grows in the order of dots is not copied each time.
    pub fn merge(&mut self, mut other: Self) {
        if other.size() > self.size() {
            mem::swap(self, &mut other);
        }
        let first_touched = self.first_touched_by(&other);
        let mut entries = mem::take(&mut self.entries).into_vec();
        let mut tail = entries.split_off(first_touched);
        let theirs = other.entries.into_iter().filter(|(dot, _)| !self.dead.contains(*dot));
        if tail.is_empty() {
            entries.extend(theirs);
        } else {
            tail.retain(|(dot, _)| !other.dead.contains(*dot));
            tail.extend(theirs);
            sort(&mut tail);
            tail.dedup_by_key(|(dot, _)| *dot);
            entries.append(&mut tail);
        }
        self.entries = entries.into();
        self.dead.union_with(&other.dead);
    }

    fn size(&self) -> usize {
        self.entries.len() + self.dead.runs()
    }

    /// The place of the first entry that merging `other` removes, meets or comes before.
    fn first_touched_by(&self, other: &Self) -> usize {
        let place = |dot| self.entries.partition_point(|(mine, _)| *mine < dot);
        let first_added = other.entries.first().map(|(dot, _)| place(*dot));
        let runs = other.dead.iter().flat_map(|(id, dead)| dead.iter().map(move |run| (id, run)));
        let mut removed = runs.filter_map(|(id, (first, last))| {
            let at = place(Dot::new(id, first));
            self.entries.get(at).filter(|(dot, _)| *dot <= Dot::new(id, last)).map(|_| at)
        });
        // Runs ascend, and so do the places that they meet.
        [first_added, removed.next()].into_iter().flatten().min().unwrap_or(self.entries.len())
    }
}

/// Puts entries in the order of their dots. Sorting is much code for a compiler: here it is once for a
/// type. It is stable since that takes to lists that are in order for the most part.
pub(super) fn sort<E>(entries: &mut [(Dot, E)]) {
    entries.sort_by_key(|(dot, _)| *dot);
}

impl<T: Crdt> Default for Delta<T> {
    fn default() -> Self {
        Self { entries: Few::default(), dead: CausalContext::default() }
    }
}

impl<T: Crdt> Clone for Delta<T> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), dead: self.dead.clone() }
    }
}

/// Equal when they speak of the same dots in the same way: a dot never has two meanings.
impl<T: Crdt> PartialEq for Delta<T> {
    fn eq(&self, other: &Self) -> bool {
        let dots = |delta: &Self| delta.entries.iter().map(|(dot, _)| *dot).collect::<Vec<_>>();
        self.dead == other.dead && dots(self) == dots(other)
    }
}

impl<T: Crdt> Eq for Delta<T> {}

impl<T: Crdt> fmt::Debug for Delta<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live: Vec<_> = self.entries.iter().map(|(dot, _)| dot).collect();
        f.debug_struct("Delta").field("live", &live).field("dead", &self.dead).finish()
    }
}
