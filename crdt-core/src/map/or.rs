//! The map of any type, with observed-remove keys.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::hash::Hash;

use crate::clock::Stamp;
use crate::dot::ReplicaId;
use crate::view::{At, Crdt, Frozen, Keyed, LocalDot, Look, Reset, Rights, Tx, Unknown};

/// A map whose values are replicated types: counters, sets, registers, structs, maps.
///
/// | at the same time | result |
/// |---|---|
/// | edits under one key | both, as the value's type merges them |
/// | an edit under `k` and `remove(k)` | `k` is in, with what the edit wrote alone: the removal takes all that it saw |
/// | different keys | both |
///
/// A key is in while its value reads other than empty; there is no way to have a key with nothing
/// under it. So a task that one removes while another tags it stays, with a tag and no title. Where that
/// must not be, do not remove: give the value an [`EwFlag`](crate::EwFlag) that says it is gone, and leave
/// out what has it. A removal leaves no tombstone, but for what a counter needs to take exactly the
/// increments that were seen, until [that is collected](crate::Doc::collect_tombstones). (Almeida, Shoker,
/// Baquero 2018, figure "ORMap".)
///
/// ```
/// use crdt_core::{Doc, OrMap, OrSet, PnCounter, Replica};
///
/// let mut me = Replica::random();
/// let mut carts = Doc::<OrMap<String, OrSet<String>>>::default();
/// let _ = carts.update(&mut me, |carts| {
///     carts.entry("alice").insert("apple".to_owned());
///     carts.entry("bob").insert("pear".to_owned());
///     carts.remove("bob");
/// });
/// assert!(carts.get("alice").is_some_and(|cart| cart.contains("apple")));
/// assert_eq!(carts.len(), 1);
/// ```
#[doc(alias("nested map", "AWMap", "observed-remove map"))]
#[derive(Clone)]
pub struct OrMap<K, V> {
    values: Keyed<K, V>,
    /// Entries of unknown fields, by the slot of their key.
    unknown: Unknown,
    /// How many keys have a value that does not read empty.
    len: usize,
}

impl<K, V> Default for OrMap<K, V> {
    fn default() -> Self {
        Self { values: Keyed::default(), unknown: Unknown::default(), len: 0 }
    }
}

impl<K, V> OrMap<K, V> {
    /// How many keys are in the map.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no key is in the map.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<K, V: Crdt> OrMap<K, V> {
    /// The keys and their values, in an order that depends on the history of this replica.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> + '_ {
        let present = self.values.heads().filter(|(slot, ..)| self.shows(*slot));
        present.map(|(_, key, value)| (key, value))
    }

    /// The keys that are in the map.
    pub fn keys(&self) -> impl Iterator<Item = &K> + '_ {
        self.iter().map(|(key, _)| key)
    }

    /// The values of the keys that are in the map.
    pub fn values(&self) -> impl Iterator<Item = &V> + '_ {
        self.iter().map(|(_, value)| value)
    }

    /// The key in `slot`, its value, and the surroundings of that.
    pub(crate) fn value<'a>(&'a self, at: Look<'a>, slot: u32) -> (&'a K, &'a V, Look<'a>) {
        let (key, value) = self.values.get(slot);
        (key, value, Look { unknown: &self.unknown, holder: slot, ..at })
    }

    /// Whether the key in `slot` is in the map.
    fn shows(&self, slot: u32) -> bool {
        shows(self.values.get(slot).1, &self.unknown, slot)
    }

    /// Changes the value in `slot` and keeps the count of keys.
    #[inline]
    pub(crate) fn change<R>(
        &mut self,
        slot: u32,
        at: &At<'_>,
        change: impl FnOnce(&mut V, &mut At<'_>) -> R,
    ) -> R {
        let Self { values, unknown, len } = self;
        let value = values.payload_mut(slot);
        let before = usize::from(shows(value, unknown, slot));
        let result = change(value, &mut At { ids: at.ids, unknown: &mut *unknown, holder: slot });
        *len = *len + usize::from(shows(value, unknown, slot)) - before;
        result
    }
}

/// Whether a key with this value is in a map, given what the map keeps of fields that are not known.
fn shows<V: Crdt>(value: &V, unknown: &Unknown, slot: u32) -> bool {
    !value.is_empty() || unknown.holds(slot)
}

impl<K: Hash + Eq, V: Crdt> OrMap<K, V> {
    /// The slot of a key, with a value that holds nothing where the key was not in.
    pub(crate) fn slot(&mut self, key: K) -> u32 {
        self.values.head_or_default(key)
    }

    /// The value of a key.
    #[must_use]
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (slot, value) = self.values.find(key)?;
        shows(value, &self.unknown, slot).then_some(value)
    }

    /// Whether the key is in the map.
    #[must_use]
    pub fn contains_key<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }
}

impl<K: Ord, V: Crdt> OrMap<K, V> {
    /// The keys and their values, in the order of the keys.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&K, &V)> {
        let mut pairs: Vec<_> = self.iter().collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        pairs
    }
}

impl<K: fmt::Debug, V: Crdt + fmt::Debug> fmt::Debug for OrMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Hash + Eq + Clone + 'static, V: Crdt> Crdt for OrMap<K, V> {
    type Entry = (K, V::Entry);
    type Slot = (u32, V::Slot);
    type Scratch = Frozen<K, V::Scratch>;
    type Editor<'a> = OrMapEditor<'a, K, V>;

    const HAS_RIGHTS: bool = V::HAS_RIGHTS;
    const HAS_STAMPS: bool = V::HAS_STAMPS;

    fn take_in(&mut self, at: &mut At<'_>, dot: LocalDot, (key, entry): Self::Entry) -> Self::Slot {
        let slot = self.slot(key);
        (slot, self.change(slot, at, |value, at| value.take_in(at, dot, entry)))
    }

    fn take_in_copy(&mut self, at: &mut At<'_>, dot: LocalDot, (key, entry): &Self::Entry) -> Self::Slot {
        let slot = self.values.head_or_default_copy(key);
        (slot, self.change(slot, at, |value, at| value.take_in_copy(at, dot, entry)))
    }

    fn take_in_from(
        &mut self,
        at: &mut At<'_>,
        dot: LocalDot,
        other: &Self,
        look: Look<'_>,
        (there, (slot, inner)): (LocalDot, Self::Slot),
    ) -> Self::Slot {
        let (key, from, look) = other.value(look, slot);
        let slot = self.values.head_or_default_copy(key);
        let insert = |value: &mut V, at: &mut At<'_>| value.take_in_from(at, dot, from, look, (there, inner));
        (slot, self.change(slot, at, insert))
    }

    fn look_ahead(&self, other: &Self, (slot, inner): Self::Slot) -> u32 {
        let (key, from) = other.values.get(slot);
        self.values.find(key).map_or(0, |(slot, value)| slot ^ value.look_ahead(from, inner))
    }

    fn take_out(&mut self, at: &mut At<'_>, dot: LocalDot, (slot, inner): Self::Slot) {
        self.change(slot, at, |value, at| value.take_out(at, dot, inner));
        if self.values.get(slot).1.is_bottom() && !self.unknown.holds(slot) {
            self.values.take(slot);
        }
    }

    fn entry_at(&self, at: Look<'_>, dot: LocalDot, (slot, inner): Self::Slot) -> Self::Entry {
        let (key, value, at) = self.value(at, slot);
        (key.clone(), value.entry_at(at, dot, inner))
    }

    fn siblings(&self, dot: LocalDot, (slot, inner): Self::Slot, each: &mut dyn FnMut(LocalDot)) {
        self.values.get(slot).1.siblings(dot, inner, each);
    }

    fn is_bottom(&self) -> bool {
        self.values.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn heap_bytes(&self) -> usize {
        let values: usize = self.values.heads().map(|(_, _, value)| value.heap_bytes()).sum();
        self.values.heap_bytes() + self.unknown.heap_bytes() + values
    }

    fn stamp((_, entry): &Self::Entry) -> Option<Stamp> {
        V::stamp(entry)
    }

    fn edit<'a>(base: Option<&'a Self>, scratch: &'a Self::Scratch, tx: &'a Tx<'a>) -> Self::Editor<'a> {
        OrMapEditor { base, scratch, tx }
    }

    fn reads_empty(editor: &Self::Editor<'_>) -> bool {
        editor.is_empty()
    }

    fn contest(&self, dot: LocalDot, (slot, inner): Self::Slot) -> Option<LocalDot> {
        self.values.get(slot).1.contest(dot, inner)
    }

    fn tombstones(&self, each: &mut dyn FnMut(&[LocalDot])) {
        self.values.heads().for_each(|(_, _, value)| value.tombstones(each));
    }

    fn drain(scratch: &mut Self::Scratch, mut out: impl FnMut(u64, Self::Entry)) {
        scratch.drain(|key, scratch| {
            // The last entry gets the key itself, so that a single one needs no copy.
            let mut last = None;
            V::drain(scratch, |seq, entry| {
                if let Some((seq, entry)) = last.replace((seq, entry)) {
                    out(seq, (key.clone(), entry));
                }
            });
            if let Some((seq, entry)) = last {
                out(seq, (key, entry));
            }
        });
    }

    fn rights(editor: &Self::Editor<'_>, (key, at): &Self::Entry, with: &mut dyn FnMut(&dyn Rights)) {
        V::rights(&editor.entry(key), at, with);
    }

    fn rights_of(&self, holder: ReplicaId, each: &mut dyn FnMut(Self::Entry)) {
        self.values.heads().for_each(|(_, key, value)| {
            value.rights_of(holder, &mut |at| each((key.clone(), at)));
        });
    }

    fn rights_drawn(scratch: &Self::Scratch, each: &mut dyn FnMut(Self::Entry, u64)) {
        scratch.for_each(|key, scratch| {
            V::rights_drawn(scratch, &mut |at, lacking| each((key.clone(), at), lacking));
        });
    }
}

impl<K: Hash + Eq + Clone + 'static, V: Reset> Reset for OrMap<K, V> {
    fn reset(editor: &Self::Editor<'_>) {
        editor.clear();
    }
}

/// Changes an [`OrMap`] within one update.
pub struct OrMapEditor<'a, K, V: Crdt> {
    base: Option<&'a OrMap<K, V>>,
    scratch: &'a Frozen<K, V::Scratch>,
    tx: &'a Tx<'a>,
}

impl<'a, K: Hash + Eq, V: Crdt> OrMapEditor<'a, K, V> {
    /// The editor of the value of a key, whether the key is in or not.
    ///
    /// Nothing is written until the value is: a key is in while there is something under it.
    pub fn entry<Q>(&self, key: &Q) -> V::Editor<'a>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        V::edit(self.base_value(key), self.scratch.get_or_default(key), self.tx)
    }

    /// Whether the key is in, with the changes so far.
    #[must_use]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        // Reads of an absent key must leave no trace in the scratch.
        let fresh = V::Scratch::default();
        let scratch = self.scratch.get(key).unwrap_or(&fresh);
        let value = !V::reads_empty(&V::edit(self.base_value(key), scratch, self.tx));
        value || self.unknown(key).any(|dot| !self.tx.is_superseded(dot))
    }

    /// How many keys are in, with the changes so far. It looks at every one.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut count = 0;
        self.for_each_key(|_| count += 1);
        count
    }

    /// Whether no key is in, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let mut any = false;
        self.for_each_key(|_| any = true);
        !any
    }

    /// The keys that are in, with the changes so far: a copy, to be edited by.
    #[must_use]
    pub fn keys(&self) -> Vec<K>
    where
        K: Clone,
    {
        let mut keys = Vec::new();
        self.for_each_key(|key| keys.push(key.clone()));
        keys
    }

    fn for_each_key(&self, mut each: impl FnMut(&K)) {
        // Also those that read empty: an edit by an older screen may see something there.
        let stored = self.base.into_iter().flat_map(|base| base.values.heads()).map(|(_, key, _)| key);
        stored.filter(|key| self.contains_key(*key)).for_each(&mut each);
        let is_new = |key: &K| self.base_value(key).is_none();
        self.scratch.for_each(|key, _| {
            if is_new(key) && self.contains_key(key) {
                each(key);
            }
        });
    }

    /// The stored value of a key, also when it reads empty.
    fn base_value<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&'a V>
    where
        K: Borrow<Q>,
    {
        Some(self.base?.values.find(key)?.1)
    }

    /// The dots of what is under the key in unknown fields.
    fn unknown<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> impl Iterator<Item = LocalDot> + 'a
    where
        K: Borrow<Q>,
    {
        let found = self.base.and_then(|base| Some((base, base.values.head(key)?)));
        found.into_iter().flat_map(|(base, slot)| base.unknown.dots(slot))
    }
}

impl<K: Hash + Eq, V: Crdt> OrMapEditor<'_, K, V> {
    /// Takes away all that this replica has seen under the key; returns whether the key was in.
    ///
    /// What others write under the key at the same time stays. An absent key changes nothing and
    /// ships nothing.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        V: Reset,
    {
        let was_in = self.contains_key(key);
        if was_in {
            V::reset(&self.entry(key));
            self.unknown(key).for_each(|dot| self.tx.supersede(dot));
        }
        was_in
    }

    /// Removes every key.
    pub fn clear(&self)
    where
        K: Clone,
        V: Reset,
    {
        self.keys().iter().for_each(|key| _ = self.remove(key));
    }

    /// Removes the keys for which `keep` is false. It gets each with the editor of its value.
    ///
    /// ```
    /// use crdt_core::{Doc, OrMap, PnCounter, Replica, ReplicaId};
    ///
    /// let mut me = Replica::new(ReplicaId::from_u128(1));
    /// let mut stock = Doc::<OrMap<String, PnCounter>>::default();
    /// let _ = stock.update(&mut me, |stock| {
    ///     stock.entry("pens").add(3);
    ///     stock.entry("ink").sub(1);
    ///     stock.retain(|_, count| count.value() > 0);
    /// });
    /// assert!(stock.contains_key("pens") && !stock.contains_key("ink"));
    /// ```
    pub fn retain(&self, mut keep: impl FnMut(&K, V::Editor<'_>) -> bool)
    where
        K: Clone,
        V: Reset,
    {
        for key in self.keys() {
            if !keep(&key, self.entry(&key)) {
                self.remove(&key);
            }
        }
    }
}
