//! The work that all contenders are given.

use std::collections::BTreeSet;

/// What a state holds: keys and values, with empty values in a set. A key of a map of sets stands
/// here once for each element.
pub type Contents = BTreeSet<(String, String)>;

/// What kind of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A set of strings.
    Set,
    /// A map of strings, of which the last written counts.
    Map,
    /// A map of sets of one to three strings.
    Carts,
}

/// A write: an element of a set, a key and its value, or a key and an element of its set.
#[derive(Clone, Debug)]
pub struct Item {
    /// The element or key.
    pub key: String,
    /// The value; empty for a set.
    pub value: String,
}

/// Writes of keys like `user:000123`, in an order without any.
#[derive(Clone, Debug)]
pub struct Items(Vec<Item>);

impl Items {
    /// Those of the keys with the numbers from `first` on, shuffled.
    pub fn numbered(first: usize, keys: usize, shape: Shape) -> Self {
        Self::written(first, keys, shape, "name")
    }

    /// Writes of the same keys in another order, and with other values if they have any.
    pub fn rewritten(first: usize, keys: usize, shape: Shape, word: &str) -> Self {
        let mut again = Self::written(first, keys, shape, word);
        shuffle(&mut again.0, word.bytes().map(u64::from).sum());
        again
    }

    fn written(first: usize, keys: usize, shape: Shape, word: &str) -> Self {
        let mut items: Vec<_> =
            (first..first + keys).flat_map(|number| values(number, shape, word)).collect();
        shuffle(&mut items, first as u64);
        Self(items)
    }

    /// The first so many of them, and the next so many.
    pub fn split(&self, before: usize, count: usize) -> [Self; 2] {
        let (before, rest) = self.0.split_at(before);
        [before.to_vec(), rest[..count].to_vec()].map(Self)
    }

    /// Those of half of the keys, and the other keys.
    pub fn halve(&self) -> (Self, Vec<String>) {
        let mut kept = self.keys();
        let removed = kept.split_off(kept.len() / 2);
        let kept: BTreeSet<_> = kept.into_iter().collect();
        let items = self.0.iter().filter(|item| kept.contains(&item.key));
        (Self(items.cloned().collect()), removed)
    }

    /// A copy to be handed over, so that no contender pays for it.
    pub fn take(&self) -> Vec<Item> {
        self.0.clone()
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Item> + '_ {
        self.0.iter()
    }

    /// The keys, each once, in another order than they were inserted.
    pub fn keys(&self) -> Vec<String> {
        let keys: BTreeSet<_> = self.0.iter().map(|item| item.key.clone()).collect();
        let mut keys: Vec<_> = keys.into_iter().collect();
        shuffle(&mut keys, 1 << 40);
        keys
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What a state holds after these were written: the oracle.
    pub fn contents(parts: &[&Self]) -> Contents {
        let items = parts.iter().flat_map(|part| &part.0);
        items.map(|item| (item.key.clone(), item.value.clone())).collect()
    }
}

/// The writes of one key.
fn values(number: usize, shape: Shape, word: &str) -> Vec<Item> {
    let values = match shape {
        Shape::Set => vec![String::new()],
        Shape::Map => vec![format!("{word} {number:06}")],
        Shape::Carts => (0..=number % 3).map(|place| format!("item {:06}", number + place)).collect(),
    };
    let item = |value| Item { key: format!("user:{number:06}"), value };
    values.into_iter().map(item).collect()
}

/// Fisher and Yates, driven by SplitMix64: the same order in every run.
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for end in (1..items.len()).rev() {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let at = (mixed ^ mixed >> 31) % (end as u64 + 1);
        items.swap(end, at as usize);
    }
}

/// An id like a random one: no short form in any format.
pub fn id(replica: u32) -> u128 {
    0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834_u128.wrapping_mul(2 * u128::from(replica) + 1)
}

/// The stamp of a replica's write with this number: ten writes a millisecond since November 2023,
/// laid out as a hybrid logical clock's.
pub fn stamp(number: u64) -> u64 {
    (millis(number) << 16) | (number % 10)
}

/// The wall clock at a replica's write with this number.
pub fn millis(number: u64) -> u64 {
    1_700_000_000_000 + number / 10
}
