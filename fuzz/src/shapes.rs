//! The types that are fuzzed, and what can be asked of all of them.

mod small;

pub use small::Mixed;

use std::fmt::Debug;
use std::hash::Hash;

use crdt_core::codec::Wire;
use crdt_core::view::Reset;
use crdt_core::{Crdt, GCounter, LwwMap, LwwRegister, OrMap, OrSet, PnCounter};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A replicated type as the fuzz targets see it.
pub trait Shape: Wire + Reset + Clone {
    /// Everything that the value shows, in an order that does not depend on its history.
    ///
    /// # Panics
    /// When two ways to read the same disagree.
    fn reading(&self) -> String;

    /// Writes something that depends on `salt`.
    fn scribble(editor: &Self::Editor<'_>, salt: u8);

    /// Whether `after` shows what [`scribble`](Shape::scribble) wrote on top of `before`.
    fn shows(before: Option<&Self>, after: &Self, salt: u8) -> bool;
}

/// A key or value, made from a byte.
pub trait Sample: Clone + Debug + PartialEq + Serialize + DeserializeOwned + 'static {
    /// One of a few values, so that keys meet.
    fn sample(salt: u8) -> Self;
}

/// A sample that can be a key.
pub trait Key: Sample + Eq + Hash + Ord {}

impl<K: Sample + Eq + Hash + Ord> Key for K {}

impl Sample for bool {
    fn sample(salt: u8) -> Self {
        salt & 1 == 1
    }
}

impl Sample for u8 {
    fn sample(salt: u8) -> Self {
        salt % 8
    }
}

impl Sample for f64 {
    fn sample(salt: u8) -> Self {
        f64::from(salt) / 2.0
    }
}

impl Sample for String {
    fn sample(salt: u8) -> Self {
        ["", "a", "b", "apple", "a string of thirty-two bytes or more"][usize::from(salt) % 5].to_owned()
    }
}

/// A value of a user's own type: nested, optional, with a variant of every kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Note {
    /// Without content.
    Nothing,
    /// With one value.
    Text(String),
    /// With several.
    Pair(i64, char),
    /// With named ones, and itself within.
    Thread {
        /// What is in it.
        notes: Vec<Note>,
        /// Perhaps a number.
        rank: Option<u128>,
    },
}

impl Sample for Note {
    fn sample(salt: u8) -> Self {
        match salt % 4 {
            0 => Self::Nothing,
            1 => Self::Text(String::sample(salt / 4)),
            2 => Self::Pair(-i64::from(salt), '€'),
            _ => Self::Thread { notes: vec![Self::sample(salt / 4)], rank: Some(1 << (salt / 2)) },
        }
    }
}

/// A struct with a field of every type.
#[derive(Clone, Crdt, Debug)]
pub struct Shop {
    /// A set.
    #[crdt(tag = 1)]
    pub tags: OrSet<u8>,
    /// A register.
    #[crdt(tag = 2)]
    pub name: LwwRegister<u8>,
    /// A map of registers.
    #[crdt(tag = 3)]
    pub profile: LwwMap<u8, u8>,
    /// A counter.
    #[crdt(tag = 4)]
    pub sold: PnCounter,
    /// A map of sets.
    #[crdt(tag = 5)]
    pub carts: OrMap<u8, OrSet<u8>>,
    /// A map of counters.
    #[crdt(tag = 6)]
    pub stock: OrMap<u8, PnCounter>,
    /// A map of structs.
    #[crdt(tag = 7)]
    pub shelves: OrMap<u8, Shelf>,
}

/// A struct inside a map inside a struct.
#[derive(Clone, Crdt, Debug)]
pub struct Shelf {
    /// A counter that only grows.
    #[crdt(tag = 1)]
    pub visits: GCounter,
    /// A map inside all that.
    #[crdt(tag = 2)]
    pub labels: OrMap<bool, LwwRegister<u8>>,
}

/// [`Shop`] as a build knows it that lacks most of its fields.
#[derive(Clone, Crdt, Debug)]
pub struct OldShop {
    /// A set.
    #[crdt(tag = 1)]
    pub tags: OrSet<u8>,
    /// A map of structs.
    #[crdt(tag = 7)]
    pub shelves: OrMap<u8, OldShelf>,
}

/// [`Shelf`] as such a build knows it.
#[derive(Clone, Crdt, Debug)]
pub struct OldShelf {
    /// A counter that only grows.
    #[crdt(tag = 1)]
    pub visits: GCounter,
}

impl Shape for GCounter {
    fn reading(&self) -> String {
        assert!(!self.is_empty() || self.value() == 0, "an empty counter shows {}", self.value());
        self.value().to_string()
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        editor.add(u64::from(salt) + 1);
    }

    fn shows(before: Option<&Self>, after: &Self, salt: u8) -> bool {
        after.value() == before.map_or(0, Self::value) + u128::from(salt) + 1
    }
}

impl Shape for PnCounter {
    fn reading(&self) -> String {
        assert!(!self.is_empty() || self.value() == 0, "an empty counter shows {}", self.value());
        self.value().to_string()
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        editor.sub(u64::from(salt) + 1);
    }

    fn shows(before: Option<&Self>, after: &Self, salt: u8) -> bool {
        after.value() == before.map_or(0, Self::value) - i128::from(salt) - 1
    }
}

impl<V: Sample> Shape for LwwRegister<V> {
    fn reading(&self) -> String {
        assert_eq!(self.get().is_none(), self.is_empty());
        assert_eq!(self.stamp().is_none(), self.is_empty());
        let siblings: Vec<_> = self.siblings().collect();
        format!("{:?} of {siblings:?} at {:?}", self.get(), self.stamp())
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        editor.set(V::sample(salt));
    }

    fn shows(_before: Option<&Self>, after: &Self, salt: u8) -> bool {
        after.get() == Some(&V::sample(salt)) && after.siblings().len() == 1
    }
}

impl<K: Key> Shape for OrSet<K> {
    fn reading(&self) -> String {
        let sorted = self.sorted();
        assert!(sorted.is_sorted_by(|a, b| a < b), "an element twice in {sorted:?}");
        assert_eq!((sorted.len(), sorted.is_empty()), (self.len(), self.is_empty()));
        assert!(sorted.iter().all(|element| self.contains(*element)));
        format!("{sorted:?}")
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        editor.insert(K::sample(salt));
    }

    fn shows(_before: Option<&Self>, after: &Self, salt: u8) -> bool {
        after.contains(&K::sample(salt))
    }
}

impl<K: Key, V: Sample> Shape for LwwMap<K, V> {
    fn reading(&self) -> String {
        let sorted = self.sorted();
        assert!(sorted.is_sorted_by(|a, b| a.0 < b.0), "a key twice in {sorted:?}");
        assert_eq!((sorted.len(), sorted.is_empty()), (self.len(), self.is_empty()));
        let shown = sorted.iter().map(|(key, value)| {
            // A value is not always equal to itself: NaN.
            assert_eq!(format!("{:?}", self.get(*key)), format!("{:?}", Some(value)));
            format!("{key:?}: {:?} at {:?}", self.siblings(*key).collect::<Vec<_>>(), self.stamp(*key))
        });
        let shown: Vec<String> = shown.collect();
        let mut conflicts: Vec<_> = self.conflicts().collect();
        conflicts.sort_unstable();
        format!("{shown:?} with conflicts {conflicts:?}")
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        editor.insert(K::sample(salt), V::sample(salt));
    }

    fn shows(_before: Option<&Self>, after: &Self, salt: u8) -> bool {
        let key = K::sample(salt);
        after.get(&key) == Some(&V::sample(salt)) && after.siblings(&key).count() == 1
    }
}

impl<K: Key, V: Shape> Shape for OrMap<K, V> {
    fn reading(&self) -> String {
        let sorted = self.sorted();
        assert!(sorted.is_sorted_by(|a, b| a.0 < b.0), "a key twice");
        assert_eq!((sorted.len(), sorted.is_empty()), (self.len(), self.is_empty()));
        assert!(sorted.iter().all(|(key, _)| self.contains_key(*key) && self.get(*key).is_some()));
        let shown: Vec<String> =
            sorted.iter().map(|(key, value)| format!("{key:?}: {}", value.reading())).collect();
        format!("{shown:?}")
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        V::scribble(&editor.entry(&K::sample(salt)), salt);
    }

    fn shows(before: Option<&Self>, after: &Self, salt: u8) -> bool {
        let key = K::sample(salt);
        let before = before.and_then(|before| before.get(&key));
        match after.get(&key) {
            Some(after) => V::shows(before, after, salt),
            // A sum of zero under a key that is gone: a write that adds up with what was there.
            None => false,
        }
    }
}

impl Shape for Shop {
    fn reading(&self) -> String {
        let parts = [
            self.tags.reading(),
            self.name.reading(),
            self.profile.reading(),
            self.sold.reading(),
            self.carts.reading(),
            self.stock.reading(),
            self.shelves.reading(),
        ];
        parts.join("; ")
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        OrSet::scribble(&editor.tags, salt);
        LwwRegister::scribble(&editor.name, salt);
        LwwMap::scribble(&editor.profile, salt);
        PnCounter::scribble(&editor.sold, salt);
        OrMap::scribble(&editor.carts, salt);
        OrMap::scribble(&editor.stock, salt);
        OrMap::scribble(&editor.shelves, salt);
    }

    fn shows(before: Option<&Self>, after: &Self, salt: u8) -> bool {
        OrSet::shows(before.map(|shop| &shop.tags), &after.tags, salt)
            && LwwRegister::shows(before.map(|shop| &shop.name), &after.name, salt)
            && LwwMap::shows(before.map(|shop| &shop.profile), &after.profile, salt)
            && PnCounter::shows(before.map(|shop| &shop.sold), &after.sold, salt)
            && OrMap::shows(before.map(|shop| &shop.carts), &after.carts, salt)
            && OrMap::shows(before.map(|shop| &shop.stock), &after.stock, salt)
            && OrMap::shows(before.map(|shop| &shop.shelves), &after.shelves, salt)
    }
}

impl Shape for Shelf {
    fn reading(&self) -> String {
        format!("{}; {}", self.visits.reading(), self.labels.reading())
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        GCounter::scribble(&editor.visits, salt);
        OrMap::scribble(&editor.labels, salt);
    }

    fn shows(before: Option<&Self>, after: &Self, salt: u8) -> bool {
        GCounter::shows(before.map(|shelf| &shelf.visits), &after.visits, salt)
            && OrMap::shows(before.map(|shelf| &shelf.labels), &after.labels, salt)
    }
}

impl Shape for OldShop {
    fn reading(&self) -> String {
        format!("{}; {}", self.tags.reading(), self.shelves.reading())
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        OrSet::scribble(&editor.tags, salt);
        OrMap::scribble(&editor.shelves, salt);
    }

    fn shows(before: Option<&Self>, after: &Self, salt: u8) -> bool {
        OrSet::shows(before.map(|shop| &shop.tags), &after.tags, salt)
            && OrMap::shows(before.map(|shop| &shop.shelves), &after.shelves, salt)
    }
}

impl Shape for OldShelf {
    fn reading(&self) -> String {
        self.visits.reading()
    }

    fn scribble(editor: &Self::Editor<'_>, salt: u8) {
        GCounter::scribble(&editor.visits, salt);
    }

    fn shows(before: Option<&Self>, after: &Self, salt: u8) -> bool {
        GCounter::shows(before.map(|shelf| &shelf.visits), &after.visits, salt)
    }
}
