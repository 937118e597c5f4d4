//! A slab of keyed payloads with a hash index: the storage of sets and maps.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};
use core::mem;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// No slot.
const NONE: u32 = FOLLOWER - 1;
/// Set in the link of a cell that is not the first of its key.
const FOLLOWER: u32 = 1 << 31;
/// Up to this many cells a scan is as fast as a table and takes no memory.
const SCAN: usize = 8;

/// Payloads by key, several to a key, each in a slot with a number that stays.
///
/// Payloads of one key form a chain, in an order that the caller gives; the table knows the first.
/// Keys are hashed with a key of the table's own, since they come from peers. Iteration goes in
/// the order of slots, never of hashes.
#[derive(Clone)]
pub struct Keyed<K, P> {
    cells: Vec<Cell<K, P>>,
    /// The first of the chain of free slots.
    free: u32,
    /// How many slots are full.
    full: u32,
    /// How many keys there are.
    keys: u32,
    index: Option<Box<Index>>,
}

#[derive(Clone)]
enum Cell<K, P> {
    Full(Full<K, P>),
    Free { next: u32 },
}

#[derive(Clone)]
struct Full<K, P> {
    key: K,
    payload: P,
    /// The next slot of this key, and the mark of a follower.
    link: u32,
}

#[derive(Clone, Default)]
struct Index {
    /// The first slot of each key.
    table: HashTable<u32>,
    hasher: RandomState,
}

impl<K, P> Default for Keyed<K, P> {
    fn default() -> Self {
        Self { cells: Vec::new(), free: NONE, full: 0, keys: 0, index: None }
    }
}

impl<K, P> Keyed<K, P> {
    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys as usize
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys == 0
    }

    /// The key and payload in `slot`.
    ///
    /// # Panics
    /// When the slot is free.
    #[must_use]
    pub fn get(&self, slot: u32) -> (&K, &P) {
        let cell = self.cell(slot);
        (&cell.key, &cell.payload)
    }

    /// The payload in `slot`, to be changed.
    ///
    /// # Panics
    /// When the slot is free.
    pub fn payload_mut(&mut self, slot: u32) -> &mut P {
        &mut self.cell_mut(slot).payload
    }

    /// The first slot of every key, in the order of slots.
    pub fn heads(&self) -> impl Iterator<Item = (u32, &K, &P)> + '_ {
        (0u32..).zip(&self.cells).filter_map(|(slot, cell)| match cell {
            Cell::Full(full) if full.link & FOLLOWER == 0 => Some((slot, &full.key, &full.payload)),
            _ => None,
        })
    }

    /// The payloads that share the key of the head `slot`, in their order.
    pub fn chain(&self, slot: u32) -> impl Iterator<Item = (u32, &P)> + '_ {
        let mut next = slot;
        core::iter::from_fn(move || {
            let slot = (next != NONE).then_some(next)?;
            let cell = self.cell(slot);
            next = cell.link & !FOLLOWER;
            Some((slot, &cell.payload))
        })
    }

    /// The first slot of the key of `slot` is `slot` itself.
    ///
    /// # Panics
    /// When the slot is free.
    #[must_use]
    pub fn is_head(&self, slot: u32) -> bool {
        self.cell(slot).link & FOLLOWER == 0
    }

    /// Every key and payload, in the order of slots.
    pub fn into_payloads(self) -> impl Iterator<Item = (K, P)> {
        self.cells.into_iter().filter_map(|cell| match cell {
            Cell::Full(full) => Some((full.key, full.payload)),
            Cell::Free { .. } => None,
        })
    }

    fn cell(&self, slot: u32) -> &Full<K, P> {
        match &self.cells[slot as usize] {
            Cell::Full(full) => full,
            Cell::Free { .. } => unreachable!("a slot is used only while it is full"),
        }
    }

    fn cell_mut(&mut self, slot: u32) -> &mut Full<K, P> {
        match &mut self.cells[slot as usize] {
            Cell::Full(full) => full,
            Cell::Free { .. } => unreachable!("a slot is used only while it is full"),
        }
    }

    /// Puts a cell into a free slot.
    fn place(&mut self, full: Full<K, P>) -> u32 {
        self.full += 1;
        let cell = Cell::Full(full);
        if self.free == NONE {
            let slot = u32::try_from(self.cells.len()).ok().filter(|&slot| slot < NONE);
            let slot = slot.expect("two billion cells do not fit into memory");
            self.cells.push(cell);
            return slot;
        }
        let slot = self.free;
        if let Cell::Free { next } = mem::replace(&mut self.cells[slot as usize], cell) {
            self.free = next;
        }
        slot
    }

    /// Empties a slot.
    fn vacate(&mut self, slot: u32) -> (K, P) {
        self.full -= 1;
        let free = Cell::Free { next: mem::replace(&mut self.free, slot) };
        let cell = mem::replace(&mut self.cells[slot as usize], free);
        if self.full == 0 {
            (self.cells, self.free, self.index) = (Vec::new(), NONE, None);
        }
        match cell {
            Cell::Full(full) => (full.key, full.payload),
            Cell::Free { .. } => unreachable!("a slot is vacated once"),
        }
    }
}

impl<K: Hash + Eq, P> Keyed<K, P> {
    /// The first slot of `key`.
    #[must_use]
    pub fn head<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
    {
        let Some(index) = &self.index else {
            return self.heads().find(|(_, known, _)| (*known).borrow() == key).map(|(slot, ..)| slot);
        };
        let hash = index.hasher.hash_one(key);
        index.table.find(hash, |&slot| self.cell(slot).key.borrow() == key).copied()
    }

    /// Adds a payload under `key`: before the first one of that key for which `before` holds.
    pub fn add(&mut self, key: K, payload: P, before: impl Fn(&P) -> bool) -> u32 {
        self.add_to(self.head(&key), key, payload, before)
    }

    /// The same with the [`head`](Keyed::head) of the key looked up before.
    pub fn add_to(&mut self, head: Option<u32>, key: K, payload: P, before: impl Fn(&P) -> bool) -> u32 {
        let slot = match head {
            None => self.add_head(key, payload),
            Some(head) if before(&self.cell(head).payload) => self.push_front(head, key, payload),
            Some(head) => self.add_follower(head, key, payload, before),
        };
        if self.index.is_none() && self.cells.len() > SCAN {
            self.build_index();
        }
        slot
    }

    /// Adds the only payload of a key.
    fn add_head(&mut self, key: K, payload: P) -> u32 {
        self.keys += 1;
        let slot = self.place(Full { key, payload, link: NONE });
        self.index_slot(slot);
        slot
    }

    /// Adds a payload behind the first of its key.
    fn add_follower(&mut self, head: u32, key: K, payload: P, before: impl Fn(&P) -> bool) -> u32 {
        let last = self.chain(head).take_while(|(_, sibling)| !before(sibling)).last();
        let after = last.map_or(head, |(slot, _)| slot);
        let next = self.cell(after).link & !FOLLOWER;
        let slot = self.place(Full { key, payload, link: next | FOLLOWER });
        let mark = self.cell(after).link & FOLLOWER;
        self.cell_mut(after).link = slot | mark;
        slot
    }

    /// Adds a payload before the first of its key.
    fn push_front(&mut self, head: u32, key: K, payload: P) -> u32 {
        let slot = self.place(Full { key, payload, link: head });
        self.repoint(head, slot);
        self.cell_mut(head).link |= FOLLOWER;
        slot
    }

    /// Takes the payload in `slot` out, and its key.
    ///
    /// # Panics
    /// When the slot is free.
    pub fn take(&mut self, slot: u32) -> (K, P) {
        let link = self.cell(slot).link;
        let next = link & !FOLLOWER;
        if link & FOLLOWER != 0 {
            self.unlink(slot, next);
        } else if next == NONE {
            self.keys -= 1;
            self.unindex(slot);
        } else {
            self.repoint(slot, next);
            self.cell_mut(next).link &= !FOLLOWER;
        }
        self.vacate(slot)
    }

    /// Takes a follower out of its chain.
    fn unlink(&mut self, slot: u32, next: u32) {
        let head = self.head(&self.cell(slot).key).expect("a follower has a head");
        let before = self.chain(head).map(|(at, _)| at).find(|&at| self.cell(at).link & !FOLLOWER == slot);
        let before = self.cell_mut(before.expect("a follower is in the chain of its head"));
        before.link = next | (before.link & FOLLOWER);
    }

    fn build_index(&mut self) {
        self.index = Some(Box::default());
        let heads: Vec<u32> = self.heads().map(|(slot, ..)| slot).collect();
        heads.into_iter().for_each(|slot| self.index_slot(slot));
    }

    /// Enters a first slot into the table, when there is one.
    fn index_slot(&mut self, slot: u32) {
        let Self { cells, index: Some(index), .. } = self else { return };
        let Index { table, hasher } = &mut **index;
        let hash = |slot: u32| match &cells[slot as usize] {
            Cell::Full(full) => hasher.hash_one(&full.key),
            Cell::Free { .. } => unreachable!("only full slots are in the table"),
        };
        table.insert_unique(hash(slot), slot, |&other| hash(other));
    }

    fn unindex(&mut self, slot: u32) {
        let Some(hash) = self.hash_of(slot) else { return };
        let index = self.index.as_mut().expect("a hash comes from the index");
        if let Ok(entry) = index.table.find_entry(hash, |&at| at == slot) {
            entry.remove();
        }
    }

    /// Makes the table point to `new` where it pointed to `old`, a slot of the same key.
    fn repoint(&mut self, old: u32, new: u32) {
        let Some(hash) = self.hash_of(old) else { return };
        let index = self.index.as_mut().expect("a hash comes from the index");
        if let Some(slot) = index.table.find_mut(hash, |&at| at == old) {
            *slot = new;
        }
    }

    /// The hash of the key in `slot`, when there is a table.
    fn hash_of(&self, slot: u32) -> Option<u64> {
        let index = self.index.as_ref()?;
        Some(index.hasher.hash_one(&self.cell(slot).key))
    }
}
