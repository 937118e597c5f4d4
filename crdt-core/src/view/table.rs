//! A hash table of slots.

use alloc::boxed::Box;
use core::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::{Entry, VacantEntry};

use super::crowds::Crowds;

/// Slots by the hash of their key, which lies elsewhere.
///
/// It has room for what it is made for: who puts more in makes a new one, since only they can hash the
/// keys again. Keys are hashed with a key of the table's own, as they come from peers.
#[derive(Clone)]
pub(super) struct Table {
    /// A slot, and in the bits that no slot has a mark: part of the hash. So a probe that meets another key
    /// hardly ever reads it, for which it would wait for memory three times.
    cells: HashTable<u32>,
    hasher: RandomState,
    /// The bits that a slot has.
    slots: u32,
    /// The order within the keys that have more slots than are walked through.
    pub(super) crowds: Option<Box<Crowds>>,
}

/// Where in a table a slot belongs.
pub(super) struct Place<'a> {
    cell: VacantEntry<'a, u32>,
    mark: u32,
}

impl Table {
    /// A table for so many keys in slots below `end`, and for some that come later. It hashes as the one
    /// before it did.
    pub(super) fn new(before: Option<&Self>, keys: usize, end: u32) -> Self {
        let hasher = before.map_or_else(RandomState::default, |before| before.hasher.clone());
        let cells = HashTable::with_capacity(keys + keys / 8 + 1);
        let end = end.max(u32::try_from(cells.capacity()).unwrap_or(end));
        Self { cells, hasher, slots: end.next_power_of_two() - 1, crowds: None }
    }

    /// Whether there is no room for a key more, or none for one in a slot below `end`.
    pub(super) fn is_short(&self, end: u32) -> bool {
        self.cells.len() == self.cells.capacity() || end - 1 > self.slots
    }

    /// How many keys it could hold.
    pub(super) fn capacity(&self) -> usize {
        self.cells.capacity()
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// How many bytes of memory it has on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let crowds = self.crowds.as_ref();
        let crowds = crowds.map_or(0, |crowds| size_of::<Crowds>() + crowds.heap_bytes());
        self.cells.allocation_size() + crowds
    }

    pub(super) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The slot with this hash for which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let (mark, slots) = (self.mark(hash), self.slots);
        let cell = self.cells.find(hash, |cell| cell ^ mark <= slots && is_it(cell ^ mark))?;
        Some(cell ^ mark)
    }

    /// The slot with this hash for which `is_it` holds, or the place for one. There is room for it.
    #[inline]
    pub(super) fn find_or_place(&mut self, hash: u64, is_it: impl Fn(u32) -> bool) -> Result<u32, Place<'_>> {
        let (mark, slots) = (self.mark(hash), self.slots);
        let is_cell = |cell: &u32| cell ^ mark <= slots && is_it(cell ^ mark);
        match self.cells.entry(hash, is_cell, no_room) {
            Entry::Occupied(cell) => Ok(cell.get() ^ mark),
            Entry::Vacant(cell) => Err(Place { cell, mark }),
        }
    }

    /// Puts a slot in whose key is not in. There is room for it.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, slot: u32) {
        self.cells.insert_unique(hash, slot | self.mark(hash), no_room);
    }

    /// Takes out a slot that is in.
    pub(super) fn remove(&mut self, hash: u64, slot: u32) {
        let cell = slot | self.mark(hash);
        if let Ok(found) = self.cells.find_entry(hash, |&at| at == cell) {
            found.remove();
        }
    }

    /// Puts another slot of the same key in place of one that is in.
    pub(super) fn replace(&mut self, hash: u64, old: u32, new: u32) {
        let mark = self.mark(hash);
        if let Some(cell) = self.cells.find_mut(hash, |&at| at == old | mark) {
            *cell = new | mark;
        }
    }

    /// What of a hash goes into a cell: bits by which the table itself does not go.
    #[inline]
    fn mark(&self, hash: u64) -> u32 {
        (hash >> 25) as u32 & !self.slots
    }
}

impl Place<'_> {
    #[inline]
    pub(super) fn insert(self, slot: u32) {
        self.cell.insert(slot | self.mark);
    }
}

/// What would hash a key again if the table grew.
fn no_room(_: &u32) -> u64 {
    unreachable!("room is made before a key comes")
}
