//! A slab of keyed payloads with a hash index: the storage of sets and maps.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::hash::Hash;
use core::iter::successors;

use super::crowds::Crowds;
use super::slab::{FEW, NONE, Slab};
use super::table::{Place, Table};
use crate::few::MANY;

/// Set in the link of a cell that is not the first of its key.
const FOLLOWER: u32 = 1 << 31;

/// Payloads by key, several to a key, each in a slot with a number that stays.
///
/// Payloads of one key form a chain, in an order that the caller gives; the table knows the first. Where a
/// long one is to be walked through, a tree of its slots is made instead and kept: so to add a payload or
/// to take one out costs a logarithm of how many its key has. Keys are hashed with a key of the table's
/// own, since they come from peers. Iteration goes in the order of slots, never of hashes.
#[derive(Clone)]
pub struct Keyed<K, P> {
    slab: Slab<Cell<K, P>>,
    /// The first slot of each key. None while there are few cells: then a scan is as fast, and takes no
    /// memory.
    table: Option<Box<Table>>,
}

#[derive(Clone)]
struct Cell<K, P> {
    key: K,
    payload: P,
    /// The next slot of this key, and the mark of a follower.
    link: u32,
}

impl<K, P> Cell<K, P> {
    /// The only one of its key.
    fn single(key: K, payload: P) -> Self {
        Self { key, payload, link: NONE }
    }
}

/// Where a key is, or is to be put.
enum Found<'a, K, P> {
    Head(u32),
    /// Nowhere; its place in the table, if there is one.
    Lacking(&'a mut Slab<Cell<K, P>>, Option<Place<'a>>),
}

/// Puts the cell of a key that is not in where it belongs.
#[inline]
fn put_into<T>(slab: &mut Slab<T>, place: Option<Place<'_>>, make: impl FnOnce() -> T) -> u32 {
    let slot = slab.put_with(make);
    if let Some(place) = place {
        place.insert(slot);
    }
    slot
}

impl<K, P> Default for Keyed<K, P> {
    fn default() -> Self {
        Self { slab: Slab::default(), table: None }
    }
}

/// Every key with its payloads, in their order.
impl<K: fmt::Debug, P: fmt::Debug> fmt::Debug for Keyed<K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payloads = |slot| self.chain(slot).map(|(_, payload)| payload).collect::<Vec<_>>();
        f.debug_map().entries(self.heads().map(|(slot, key, _)| (key, payloads(slot)))).finish()
    }
}

impl<K, P> Keyed<K, P> {
    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.as_ref().map_or_else(|| self.heads().count(), |table| table.len())
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// How many bytes of memory it has on the heap, without what keys and payloads have there.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let table = self.table.as_ref();
        self.slab.heap_bytes() + table.map_or(0, |table| size_of::<Table>() + table.heap_bytes())
    }

    /// The key and payload in `slot`.
    ///
    /// # Panics
    /// When the slot is free.
    #[must_use]
    pub fn get(&self, slot: u32) -> (&K, &P) {
        let cell = self.slab.get(slot);
        (&cell.key, &cell.payload)
    }

    /// The payload in `slot`, to be changed.
    ///
    /// # Panics
    /// When the slot is free.
    pub fn payload_mut(&mut self, slot: u32) -> &mut P {
        &mut self.slab.get_mut(slot).payload
    }

    /// The first slot of every key, in the order of slots.
    pub fn heads(&self) -> impl Iterator<Item = (u32, &K, &P)> + '_ {
        let heads = self.slab.iter().filter(|(_, cell)| cell.link & FOLLOWER == 0);
        heads.map(|(slot, cell)| (slot, &cell.key, &cell.payload))
    }

    /// The payloads that share the key of the head `slot`, in their order.
    pub fn chain(&self, slot: u32) -> impl Iterator<Item = (u32, &P)> + '_ {
        self.chain_from(slot)
    }

    /// The payloads from `slot` on in the chain of its key, or none from `NONE` on.
    fn chain_from(&self, mut slot: u32) -> impl Iterator<Item = (u32, &P)> + '_ {
        core::iter::from_fn(move || {
            let at = slot;
            let cell = (at != NONE).then(|| self.slab.get(at))?;
            slot = cell.link & !FOLLOWER;
            Some((at, &cell.payload))
        })
    }

    /// The first slot of the key of `slot` is `slot` itself.
    ///
    /// # Panics
    /// When the slot is free.
    #[must_use]
    pub fn is_head(&self, slot: u32) -> bool {
        self.slab.get(slot).link & FOLLOWER == 0
    }

    /// Calls `each` with every key and payload, in the order of slots, and keeps none.
    #[inline]
    pub fn drain(&mut self, mut each: impl FnMut(K, P)) {
        self.slab.drain(|cell| each(cell.key, cell.payload));
        self.table = None;
    }

    /// The slot behind `slot` in the chain of its key, or `NONE`.
    fn next(&self, slot: u32) -> u32 {
        self.slab.get(slot).link & !FOLLOWER
    }
}

impl<K: Hash + Eq, P> Keyed<K, P> {
    /// The first slot of `key`.
    #[must_use]
    pub fn head<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
    {
        let Some(table) = &self.table else {
            return self.slab.position(|cell| cell.link & FOLLOWER == 0 && cell.key.borrow() == key);
        };
        table.find(table.hash(key), |slot| self.slab.get(slot).key.borrow() == key)
    }

    /// The first payload of `key`, and its slot.
    pub fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<(u32, &P)>
    where
        K: Borrow<Q>,
    {
        let Some(table) = &self.table else {
            let slot = self.head(key)?;
            return Some((slot, &self.slab.get(slot).payload));
        };
        let mut payload = None;
        let slot = table.find(table.hash(key), |slot| {
            let cell = self.slab.get(slot);
            let is_it = cell.key.borrow() == key;
            if is_it {
                payload = Some(&cell.payload);
            }
            is_it
        })?;
        Some((slot, payload?))
    }

    /// The payloads of `key`, in their order.
    pub fn chain_of<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> impl Iterator<Item = (u32, &P)> + '_
    where
        K: Borrow<Q>,
    {
        self.chain_from(self.head(key).unwrap_or(NONE))
    }

    /// The payloads that share the key of `slot`, in their order. Only where it is not the first of them is
    /// the key looked up.
    ///
    /// # Panics
    /// When the slot is free.
    pub fn chain_around(&self, slot: u32) -> impl Iterator<Item = (u32, &P)> + '_ {
        let head = if self.is_head(slot) { Some(slot) } else { self.head(&self.slab.get(slot).key) };
        self.chain_from(head.unwrap_or(NONE))
    }

    /// Adds a payload under `key`: before the first one of that key for which `before` holds, as it then does
    /// for those behind it.
    #[inline]
    pub fn add(&mut self, key: K, payload: P, before: impl Fn(&P) -> bool) -> u32 {
        self.add_by(key, payload, |_, old| before(old))
    }

    /// The same, where `before` is told the payload that is added, and the other one.
    #[inline]
    pub(super) fn add_by(&mut self, key: K, payload: P, before: impl Fn(&P, &P) -> bool) -> u32 {
        let head = match self.look_for(&key) {
            Found::Lacking(slab, place) => return put_into(slab, place, || Cell::single(key, payload)),
            Found::Head(head) => head,
        };
        let cell = Cell::single(key, payload);
        if before(&cell.payload, &self.slab.get(head).payload) {
            self.push_front(head, cell)
        } else {
            self.add_follower(head, cell, before)
        }
    }

    /// Adds a payload under `key`, wherever among those of that key it is found soonest.
    #[inline]
    pub fn add_anywhere(&mut self, key: K, payload: P) -> u32 {
        match self.look_for(&key) {
            Found::Lacking(slab, place) => put_into(slab, place, || Cell::single(key, payload)),
            Found::Head(head) => self.put_behind(head, Cell::single(key, payload)),
        }
    }

    /// The same for a key that is copied.
    #[inline]
    pub fn add_anywhere_copy(&mut self, key: &K, payload: P) -> u32
    where
        K: Clone,
    {
        match self.look_for(key) {
            Found::Lacking(slab, place) => put_into(slab, place, || Cell::single(key.clone(), payload)),
            Found::Head(head) => self.put_behind(head, Cell::single(key.clone(), payload)),
        }
    }

    /// Adds the only payload of a key that is not in.
    #[inline]
    pub fn add_lacking(&mut self, key: K, payload: P) -> u32 {
        self.make_room();
        let hash = self.table.as_ref().map(|table| table.hash(&key));
        let slot = self.slab.put_with(|| Cell::single(key, payload));
        if let Some((table, hash)) = self.table.as_mut().zip(hash) {
            table.insert(hash, slot);
        }
        slot
    }

    /// The first slot of `key`; where the key is not in, it is added with a payload of its own.
    #[inline]
    pub fn head_or_default(&mut self, key: K) -> u32
    where
        P: Default,
    {
        match self.look_for(&key) {
            Found::Lacking(slab, place) => put_into(slab, place, || Cell::single(key, P::default())),
            Found::Head(head) => head,
        }
    }

    /// The same for a key that is copied where it is added.
    #[inline]
    pub fn head_or_default_copy(&mut self, key: &K) -> u32
    where
        K: Clone,
        P: Default,
    {
        match self.look_for(key) {
            Found::Lacking(slab, place) => put_into(slab, place, || Cell::single(key.clone(), P::default())),
            Found::Head(head) => head,
        }
    }

    /// Looks for a key that is to be in: one probe finds it or the place for it.
    #[inline]
    fn look_for(&mut self, key: &K) -> Found<'_, K, P> {
        self.make_room();
        let Self { slab, table } = self;
        let Some(table) = table else {
            let head = slab.position(|cell| cell.link & FOLLOWER == 0 && cell.key == *key);
            return head.map_or(Found::Lacking(slab, None), Found::Head);
        };
        match table.find_or_place(table.hash(key), |slot| slab.get(slot).key == *key) {
            Ok(head) => Found::Head(head),
            Err(place) => Found::Lacking(slab, Some(place)),
        }
    }

    /// Sees to it that one more key has room in the table, or needs none.
    #[inline]
    fn make_room(&mut self) {
        let is_short = match &self.table {
            Some(table) => table.is_short(self.slab.next_end()),
            None => self.slab.is_full(),
        };
        if is_short {
            self.build_table();
        }
    }

    /// Adds a payload behind the first of its key.
    fn add_follower(&mut self, head: u32, cell: Cell<K, P>, before: impl Fn(&P, &P) -> bool) -> u32 {
        let is_before = |old: &Cell<K, P>| before(&cell.payload, &old.payload);
        let near = self.near(head, |next| next == NONE || is_before(self.slab.get(next)));
        let last = near.unwrap_or_else(|| {
            let (crowds, slab) = self.crowd(head);
            crowds.last_before(head, |slot| !is_before(slab.get(slot)))
        });
        self.put_behind(last, cell)
    }

    /// Adds a payload right behind the one in slot `after`, of the same key.
    fn put_behind(&mut self, after: u32, mut cell: Cell<K, P>) -> u32 {
        let link = self.slab.get(after).link;
        cell.link = link | FOLLOWER;
        let slot = self.slab.put(cell);
        self.slab.get_mut(after).link = slot | (link & FOLLOWER);
        self.change_crowd(after, |crowds| crowds.add_behind(after, slot, link & !FOLLOWER));
        slot
    }

    /// Adds a payload before the first of its key.
    fn push_front(&mut self, head: u32, mut cell: Cell<K, P>) -> u32 {
        cell.link = head;
        let slot = self.slab.put(cell);
        self.repoint(head, slot);
        self.slab.get_mut(head).link |= FOLLOWER;
        self.change_crowd(head, |crowds| crowds.add_before(head, slot));
        slot
    }

    /// Takes the payload in `slot` out, and its key.
    ///
    /// # Panics
    /// When the slot is free.
    pub fn take(&mut self, slot: u32) -> (K, P) {
        let link = self.slab.get(slot).link;
        let next = link & !FOLLOWER;
        if link & FOLLOWER != 0 {
            self.unlink(slot, next);
        } else if next == NONE {
            self.unindex(slot);
        } else {
            self.repoint(slot, next);
            self.slab.get_mut(next).link &= !FOLLOWER;
            self.change_crowd(slot, |crowds| crowds.remove(slot));
        }
        let cell = self.slab.take(slot);
        // Far enough from full, and from empty, that the next few keys change nothing. A new table costs a
        // look at every cell, so these are what counts, also where most of them follow a few.
        let cells = self.slab.len();
        let is_roomy = |table: &Table| table.capacity() > 2 * FEW.max(cells * 4 / 3);
        if self.is_empty() {
            self.table = None;
        } else if self.table.as_deref().is_some_and(is_roomy) {
            self.build_table();
        }
        (cell.key, cell.payload)
    }

    /// Takes a follower out of its chain.
    fn unlink(&mut self, slot: u32, next: u32) {
        let head = self.head(&self.slab.get(slot).key).expect("a follower has a head");
        let near = self.near(head, |next| next == slot);
        let before = near.or_else(|| self.crowd(head).0.previous(slot));
        let before = before.expect("a follower is in the chain of its head");
        let before = self.slab.get_mut(before);
        before.link = next | (before.link & FOLLOWER);
        self.change_crowd(slot, |crowds| crowds.remove(slot));
    }

    /// The first slot of a chain for whose next one `is_next` holds, unless a tree finds it sooner.
    fn near(&self, head: u32, is_next: impl Fn(u32) -> bool) -> Option<u32> {
        let crowds = self.table.as_ref().and_then(|table| table.crowds.as_ref());
        if crowds.is_some_and(|crowds| crowds.holds(head)) {
            return None;
        }
        let mut near = self.chain(head).take(MANY).map(|(slot, _)| slot);
        near.find(|&slot| is_next(self.next(slot)))
    }

    /// The trees, with that of a chain, and the payloads.
    #[cold]
    fn crowd(&mut self, head: u32) -> (&Crowds, &Slab<Cell<K, P>>) {
        let Self { slab, table } = self;
        let table = table.as_mut().expect("who has more than a few cells has a table");
        let crowds = table.crowds.get_or_insert_default();
        if !crowds.holds(head) {
            let link = |&slot: &u32| Some(slab.get(slot).link & !FOLLOWER);
            crowds.add_chain(successors(Some(head), |slot| link(slot).filter(|&next| next != NONE)));
        }
        (crowds, slab)
    }

    /// Tells the tree of the chain of `slot` of a change, if there is one.
    fn change_crowd(&mut self, slot: u32, change: impl FnOnce(&mut Crowds)) {
        if let Some(table) = &mut self.table
            && let Some(crowds) = &mut table.crowds
            && crowds.holds(slot)
        {
            change(crowds);
            if crowds.is_empty() {
                table.crowds = None;
            }
        }
    }

    /// Makes the table of the keys that are in, with room for more.
    ///
    /// It reads them in the order of slots, in which they lie in memory. A table that grows by itself
    /// goes by hashes, and waits for memory at every key.
    fn build_table(&mut self) {
        let mut table = Table::new(self.table.as_deref(), self.len(), self.slab.next_end());
        // Not with `for`, which would ask each page anew for every cell.
        self.heads().for_each(|(slot, key, _)| table.insert(table.hash(key), slot));
        table.crowds = self.table.take().and_then(|before| before.crowds);
        self.table = Some(Box::new(table));
    }

    fn unindex(&mut self, slot: u32) {
        if let Some(table) = &mut self.table {
            table.remove(table.hash(&self.slab.get(slot).key), slot);
        }
    }

    /// Makes the table point to `new` where it pointed to `old`, a slot of the same key.
    fn repoint(&mut self, old: u32, new: u32) {
        if let Some(table) = &mut self.table {
            table.replace(table.hash(&self.slab.get(old).key), old, new);
        }
    }
}
