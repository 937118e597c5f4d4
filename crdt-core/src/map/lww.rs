//! The map of last-write-wins registers.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::cell::RefCell;
use core::fmt;
use core::hash::Hash;

use crate::clock::Stamp;
use crate::register::{Stamped, outranks};
use crate::view::{At, Crdt, Ids, Keyed, LocalDot, Look, Reset, Tx};

/// A map in which the write with the larger (stamp, dot) wins, for each key; removals are writes.
///
/// | at the same time | result |
/// |---|---|
/// | `insert(k, v)` and `insert(k, w)` | the later by clock, on a tie the larger replica id; the other is in [`siblings`](LwwMap::siblings) |
/// | `insert(k, v)` and `remove(k)` | likewise: a later removal wins over an earlier insertion that it has not seen |
/// | different keys | both |
///
/// A removal leaves a stamped tombstone. Where a removal should take only what it saw, use
/// `OrMap<K, LwwRegister<V>>`, which leaves none. A loser stays readable until the next write of
/// its key, at most one for each replica.
///
/// ```
/// use crdt_core::{Doc, LwwMap, Replica, ReplicaId};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// type Profile = LwwMap<&'static str, &'static str>;
/// let (mut here, mut there) = (Doc::<Profile>::default(), Doc::<Profile>::default());
/// let ours = here.update(&mut a, |profile| profile.insert("email", "a@example.org"));
/// let theirs = there.update(&mut b, |profile| profile.insert("phone", "555-9999"));
/// here.merge(theirs);
/// there.merge(ours);
/// assert_eq!(here.get("email"), Some(&"a@example.org"));
/// assert_eq!(there.get("phone"), Some(&"555-9999"));
/// assert_eq!(here.len(), 2);
/// ```
#[doc(alias("last-write-wins map", "dictionary"))]
#[derive(Clone)]
pub struct LwwMap<K, V> {
    /// Of each key the winner first. No value is a tombstone.
    cells: Keyed<K, Cell<V>>,
    /// How many keys have a value.
    len: usize,
}

#[derive(Clone)]
struct Cell<V> {
    dot: LocalDot,
    written: Stamped<Option<V>>,
}

impl<K, V> Default for LwwMap<K, V> {
    fn default() -> Self {
        Self { cells: Keyed::default(), len: 0 }
    }
}

impl<K, V> LwwMap<K, V> {
    /// How many keys have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no key has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The keys and their values, in an order that depends on the history of this replica.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> + '_ {
        self.cells.heads().filter_map(|(_, key, cell)| Some((key, cell.written.value.as_ref()?)))
    }

    /// The keys that have a value.
    pub fn keys(&self) -> impl Iterator<Item = &K> + '_ {
        self.iter().map(|(key, _)| key)
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &V> + '_ {
        self.iter().map(|(_, value)| value)
    }

    /// The keys with more than one live write, and how many these are.
    pub fn conflicts(&self) -> impl Iterator<Item = (&K, usize)> + '_ {
        let counted = self.cells.heads().map(|(slot, key, _)| (key, self.cells.chain(slot).count()));
        counted.filter(|(_, count)| *count > 1)
    }
}

impl<K: Hash + Eq, V> LwwMap<K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.winner(key)?.written.value.as_ref()
    }

    /// Whether the key has a value.
    #[must_use]
    pub fn contains_key<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// The winner of a key, then the writes that lost to it; `None` is a removal.
    pub fn siblings<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> impl Iterator<Item = Option<&V>> + '_
    where
        K: Borrow<Q>,
    {
        self.chain(key).map(|cell| cell.written.value.as_ref())
    }

    /// When the key was last written or removed.
    #[must_use]
    pub fn stamp<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Stamp>
    where
        K: Borrow<Q>,
    {
        Some(self.winner(key)?.written.stamp)
    }

    fn winner<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&Cell<V>>
    where
        K: Borrow<Q>,
    {
        Some(self.cells.find(key)?.1)
    }

    fn chain<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> impl Iterator<Item = &Cell<V>> + '_
    where
        K: Borrow<Q>,
    {
        self.cells.chain_of(key).map(|(_, cell)| cell)
    }

    fn add(&mut self, ids: &Ids, key: K, cell: Cell<V>) -> u32 {
        let rank = (cell.written.stamp, cell.dot);
        let slot = self.cells.add(key, cell, |old| outranks(ids, rank, (old.written.stamp, old.dot)));
        if self.cells.is_head(slot) {
            self.len = self.len + self.counts(slot) - self.counts_behind(slot);
        }
        slot
    }

    /// Adds the only write of a key.
    #[inline]
    fn add_lacking(&mut self, key: K, cell: Cell<V>) {
        self.len += usize::from(cell.written.value.is_some());
        self.cells.add_lacking(key, cell);
    }

    fn take(&mut self, slot: u32) -> Cell<V> {
        if self.cells.is_head(slot) {
            self.len = self.len + self.counts_behind(slot) - self.counts(slot);
        }
        self.cells.take(slot).1
    }
}

impl<K, V> LwwMap<K, V> {
    /// The write in `slot`, with its key.
    pub(crate) fn write(&self, slot: u32) -> (&K, &Stamped<Option<V>>) {
        let (key, cell) = self.cells.get(slot);
        (key, &cell.written)
    }

    /// 1 if the write in `slot` is a value, or 0.
    fn counts(&self, slot: u32) -> usize {
        usize::from(self.cells.get(slot).1.written.value.is_some())
    }

    /// The same for the write that comes next to it: the winner without it.
    fn counts_behind(&self, head: u32) -> usize {
        self.cells.chain(head).nth(1).map_or(0, |(next, _)| self.counts(next))
    }
}

impl<K: Ord, V> LwwMap<K, V> {
    /// The keys and their values, in the order of the keys.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&K, &V)> {
        let mut pairs: Vec<_> = self.iter().collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        pairs
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for LwwMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Hash + Eq + Clone + 'static, V: Clone + 'static> Crdt for LwwMap<K, V> {
    type Entry = (K, Stamped<Option<V>>);
    type Slot = u32;
    type Scratch = RefCell<Self>;
    type Editor<'a> = LwwMapEditor<'a, K, V>;

    fn take_in(&mut self, at: &mut At<'_>, dot: LocalDot, (key, written): Self::Entry) -> u32 {
        self.add(at.ids(), key, Cell { dot, written })
    }

    fn take_out(&mut self, _at: &mut At<'_>, _dot: LocalDot, slot: u32) {
        self.take(slot);
    }

    fn entry_at(&self, _at: Look<'_>, _dot: LocalDot, slot: u32) -> Self::Entry {
        let (key, written) = self.write(slot);
        (key.clone(), written.clone())
    }

    fn siblings(&self, _dot: LocalDot, slot: u32, each: &mut dyn FnMut(LocalDot)) {
        self.cells.chain_around(slot).for_each(|(_, cell)| each(cell.dot));
    }

    fn is_bottom(&self) -> bool {
        self.cells.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn heap_bytes(&self) -> usize {
        self.cells.heap_bytes()
    }

    fn stamp((_, written): &Self::Entry) -> Option<Stamp> {
        Some(written.stamp)
    }

    fn edit<'a>(base: Option<&'a Self>, scratch: &'a Self::Scratch, tx: &'a Tx<'a>) -> Self::Editor<'a> {
        LwwMapEditor { base, scratch, tx }
    }

    fn reads_empty(editor: &Self::Editor<'_>) -> bool {
        editor.is_empty()
    }

    fn contest(&self, _dot: LocalDot, slot: u32) -> Option<LocalDot> {
        // Nearly every write is alone at its key, and then the key need not be looked for.
        if self.cells.is_head(slot) && self.cells.chain(slot).nth(1).is_none() {
            return None;
        }
        self.cells.chain_around(slot).next().map(|(_, winner)| winner.dot)
    }

    fn tombstones(&self, each: &mut dyn FnMut(&[LocalDot])) {
        let mut dots = Vec::new();
        for (slot, ..) in self.cells.heads().filter(|(_, _, winner)| winner.written.value.is_none()) {
            dots.clear();
            dots.extend(self.cells.chain(slot).map(|(_, cell)| cell.dot));
            each(&dots);
        }
    }

    fn drain(scratch: &mut Self::Scratch, mut out: impl FnMut(u64, Self::Entry)) {
        scratch.get_mut().cells.drain(|key, cell| out(cell.dot.seq(), (key, cell.written)));
    }
}

impl<K: Hash + Eq + Clone + 'static, V: Clone + 'static> Reset for LwwMap<K, V> {
    fn reset(editor: &Self::Editor<'_>) {
        editor.forget_all();
    }
}

/// Changes an [`LwwMap`] within one update.
pub struct LwwMapEditor<'a, K, V> {
    base: Option<&'a LwwMap<K, V>>,
    scratch: &'a RefCell<LwwMap<K, V>>,
    tx: &'a Tx<'a>,
}

impl<K: Hash + Eq, V> LwwMapEditor<'_, K, V> {
    /// Writes the value of a key.
    #[inline]
    pub fn insert(&self, key: K, value: V) {
        self.write(key, Some(value));
    }

    /// Removes a key by a stamped write; returns whether it had a value.
    ///
    /// The removal wins over a concurrent insertion with a smaller stamp. An absent key changes
    /// nothing and ships nothing.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let present = self.contains_key(key);
        if present {
            self.write(key.to_owned(), None);
        }
        present
    }

    /// Gives all these keys these values.
    pub fn extend(&self, pairs: impl IntoIterator<Item = (K, V)>) {
        pairs.into_iter().for_each(|(key, value)| self.insert(key, value));
    }

    /// Removes the keys for which `keep` is false, each by a stamped write.
    pub fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool)
    where
        K: Clone,
        V: Clone,
    {
        for key in self.keys() {
            // A copy, so that `keep` may ask and change what it likes.
            if self.get(&key).is_some_and(|value| !keep(&key, &value)) {
                self.write(key, None);
            }
        }
    }

    /// Removes every key that has a value.
    pub fn clear(&self)
    where
        K: Clone,
    {
        self.keys().into_iter().for_each(|key| self.write(key, None));
    }

    /// A copy of the value of a key, with the changes so far.
    #[must_use]
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        V: Clone,
    {
        self.read(key, |value| value.clone())
    }

    /// Whether the key has a value, with the changes so far.
    #[must_use]
    pub fn contains_key<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.read(key, |_| ()).is_some()
    }

    /// How many keys have a value, with the changes so far. It looks at every one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.base_keys().count() + self.scratch.borrow().len()
    }

    /// Whether no key has a value, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scratch.borrow().is_empty() && self.base_keys().next().is_none()
    }

    /// The keys that have a value, with the changes so far: a copy, to be edited by.
    #[must_use]
    pub fn keys(&self) -> Vec<K>
    where
        K: Clone,
    {
        let scratch = self.scratch.borrow();
        self.base_keys().chain(scratch.keys()).cloned().collect()
    }

    /// The keys of which the first write of the base that the edit sees is a value: it sees none where it
    /// has written one itself.
    fn base_keys(&self) -> impl Iterator<Item = &K> + '_ {
        let heads = self.base.into_iter().flat_map(|base| base.cells.heads().map(move |head| (base, head)));
        let seen = heads.filter(|(base, (head, ..))| {
            let mut cells = base.cells.chain(*head).map(|(_, cell)| cell);
            cells
                .find(|cell| !self.tx.is_superseded(cell.dot))
                .is_some_and(|cell| cell.written.value.is_some())
        });
        seen.map(|(_, (_, key, _))| key)
    }

    fn read<Q: Hash + Eq + ?Sized, R>(&self, key: &Q, read: impl Fn(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
    {
        let scratch = self.scratch.borrow();
        let written = scratch.winner(key);
        let winner = written.or_else(|| {
            let mut seen = self.base.into_iter().flat_map(|base| base.chain(key));
            seen.find(|cell| !self.tx.is_superseded(cell.dot))
        });
        winner?.written.value.as_ref().map(read)
    }

    /// Writes over all that this replica has seen of the key.
    #[inline]
    fn write(&self, key: K, value: Option<V>) {
        let above = self.forget(&key);
        let (dot, stamp) = (self.tx.mint(), self.tx.stamp(above));
        let cell = Cell { dot, written: Stamped { stamp, value } };
        self.scratch.borrow_mut().add_lacking(key, cell);
    }

    /// Supersedes all that this replica has seen of the key; returns the stamp of the base's winner.
    fn forget(&self, key: &K) -> Option<Stamp> {
        let mut winner = None;
        for cell in self.base.into_iter().flat_map(|base| base.chain(key)) {
            winner = winner.or(Some(cell.written.stamp));
            self.tx.supersede(cell.dot);
        }
        let mut scratch = self.scratch.borrow_mut();
        if let Some(slot) = scratch.cells.head(key) {
            self.tx.supersede(scratch.take(slot).dot);
        }
        winner
    }

    fn forget_all(&self) {
        if let Some(base) = self.base {
            for (head, ..) in base.cells.heads() {
                base.cells.chain(head).for_each(|(_, cell)| self.tx.supersede(cell.dot));
            }
        }
        let mut scratch = self.scratch.take();
        scratch.cells.drain(|_, cell| self.tx.supersede(cell.dot));
    }
}

/// For code that takes any collection; where the type is known it is the method of the same name.
impl<K: Hash + Eq, V> Extend<(K, V)> for LwwMapEditor<'_, K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        LwwMapEditor::extend(self, pairs);
    }
}
