//! The entries of one place in their order, however many they are.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::{self, Vec};
use core::iter::Rev;
use core::{mem, slice};

use super::{Keyed, LocalDot};
use crate::few::{Few, MANY};

/// Entries in an order that the caller gives: a list, or a crowd where bytes from anywhere put many.
#[derive(Clone)]
pub(super) enum Siblings<E> {
    /// Backwards: what was written last mostly comes first, and is added at the end.
    Few(Few<(LocalDot, E)>),
    Crowd(Box<Crowd<E>>),
}

/// Entries of which each is found, put in its place and taken out in a logarithm of their number.
#[derive(Clone)]
pub(super) struct Crowd<E> {
    /// One key, under which they keep their order.
    entries: Keyed<(), (LocalDot, E)>,
    slots: BTreeMap<LocalDot, u32>,
}

impl<E> Default for Siblings<E> {
    fn default() -> Self {
        Self::Few(Few::default())
    }
}

impl<E> Siblings<E> {
    /// Adds an entry, whose dot is not in. `precedes` says of the new one and another whether it comes first.
    pub(super) fn insert(
        &mut self,
        new: (LocalDot, E),
        precedes: impl Fn(&(LocalDot, E), &(LocalDot, E)) -> bool,
    ) {
        match self {
            Self::Few(list) if list.len() < MANY => {
                let rank = list.partition_point(|old| precedes(&new, old));
                list.insert(rank, new);
            }
            _ => self.insert_many(new, precedes),
        }
    }

    /// Adds an entry to a crowd, made of the list if it is none yet.
    #[cold]
    fn insert_many(&mut self, new: (LocalDot, E), precedes: impl Fn(&(LocalDot, E), &(LocalDot, E)) -> bool) {
        if let Self::Few(list) = self {
            let mut crowd = Box::new(Crowd { entries: Keyed::default(), slots: BTreeMap::new() });
            mem::take(list).into_iter().for_each(|entry| crowd.insert(entry, &precedes));
            *self = Self::Crowd(crowd);
        }
        if let Self::Crowd(crowd) = self {
            crowd.insert(new, precedes);
        }
    }

    /// Takes out the entry of a dot, if it is in.
    pub(super) fn remove(&mut self, dot: LocalDot) {
        match self {
            Self::Few(list) => {
                if let Some(at) = list.iter().rposition(|(other, _)| *other == dot) {
                    list.remove(at);
                }
            }
            Self::Crowd(_) => self.remove_one_of_many(dot),
        }
    }

    #[cold]
    fn remove_one_of_many(&mut self, dot: LocalDot) {
        let Self::Crowd(crowd) = self else { return };
        if let Some(slot) = crowd.slots.remove(&dot) {
            crowd.entries.take(slot);
        }
        // Far enough from many that the next few change nothing.
        if crowd.slots.len() <= MANY / 2 {
            *self = Self::Few(crowd.take_list());
        }
    }

    /// The entry of a dot.
    pub(super) fn get(&self, dot: LocalDot) -> Option<&E> {
        match self {
            Self::Few(list) => list.iter().find(|(other, _)| *other == dot).map(|(_, entry)| entry),
            Self::Crowd(crowd) => crowd.get(dot),
        }
    }

    /// The entry that comes first.
    pub(super) fn first(&self) -> Option<&(LocalDot, E)> {
        match self {
            Self::Few(list) => list.last(),
            Self::Crowd(crowd) => crowd.first(),
        }
    }

    /// Folds the entries in their order, as an iterator does. Those of a list pay nothing for the other form.
    pub(super) fn fold<'a, B>(&'a self, start: B, each: impl FnMut(B, &'a (LocalDot, E)) -> B) -> B {
        match self {
            Self::Few(list) => list.iter().rev().fold(start, each),
            Self::Crowd(crowd) => crowd.fold(start, each),
        }
    }

    /// The entries in their order.
    pub(super) fn iter(&self) -> Iter<'_, E> {
        match self {
            Self::Few(list) => Iter::Few(list.iter().rev()),
            Self::Crowd(crowd) => Iter::Crowd(crowd.list().into_iter()),
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(list) => list.len(),
            Self::Crowd(crowd) => crowd.slots.len(),
        }
    }

    /// How many bytes of memory they have on the heap; the nodes of the tree are taken to be half full.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Few(list) => list.heap_bytes(),
            Self::Crowd(crowd) => {
                let slots = 2 * crowd.slots.len() * size_of::<(LocalDot, u32)>();
                size_of::<Crowd<E>>() + crowd.entries.heap_bytes() + slots
            }
        }
    }
}

impl<E> Crowd<E> {
    fn insert(&mut self, new: (LocalDot, E), precedes: impl Fn(&(LocalDot, E), &(LocalDot, E)) -> bool) {
        self.slots.insert(new.0, self.entries.add_by((), new, precedes));
    }

    #[cold]
    fn first(&self) -> Option<&(LocalDot, E)> {
        self.entries.find(&()).map(|(_, first)| first)
    }

    #[cold]
    fn get(&self, dot: LocalDot) -> Option<&E> {
        let (_, (_, entry)) = self.entries.get(*self.slots.get(&dot)?);
        Some(entry)
    }

    #[cold]
    fn fold<'a, B>(&'a self, start: B, mut each: impl FnMut(B, &'a (LocalDot, E)) -> B) -> B {
        self.entries.chain_of(&()).fold(start, |folded, (_, entry)| each(folded, entry))
    }

    #[cold]
    fn list(&self) -> Vec<&(LocalDot, E)> {
        self.entries.chain_of(&()).map(|(_, entry)| entry).collect()
    }

    /// Takes out all, as a list.
    fn take_list(&mut self) -> Few<(LocalDot, E)> {
        let slots: Vec<u32> = self.entries.chain_of(&()).map(|(slot, _)| slot).collect();
        let backwards = slots.into_iter().rev().map(|slot| self.entries.take(slot).1);
        backwards.collect::<Vec<_>>().into()
    }
}

/// The entries of a place. Those of a list are not to pay for those of a crowd.
pub(super) enum Iter<'a, E> {
    Few(Rev<slice::Iter<'a, (LocalDot, E)>>),
    Crowd(vec::IntoIter<&'a (LocalDot, E)>),
}

impl<'a, E> Iterator for Iter<'a, E> {
    type Item = &'a (LocalDot, E);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Few(entries) => entries.next(),
            Self::Crowd(entries) => entries.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Few(entries) => entries.size_hint(),
            Self::Crowd(entries) => entries.size_hint(),
        }
    }
}

impl<E> DoubleEndedIterator for Iter<'_, E> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::Few(entries) => entries.next_back(),
            Self::Crowd(entries) => entries.next_back(),
        }
    }
}

impl<E> ExactSizeIterator for Iter<'_, E> {}
