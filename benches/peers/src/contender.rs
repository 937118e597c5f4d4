//! What a contender has to do, and the work that all of them are given.

use std::collections::BTreeMap;

/// One way to hold a replicated set or map.
///
/// Another crate becomes another column by implementing this and being listed in `main`. Whatever
/// its natural way is to write, ship and merge stands behind these methods; what it cannot do, it
/// does as its users would have to.
pub trait Contender: Sized {
    /// What one write ships.
    type Delta: Clone;

    /// An empty state that writes as this replica.
    fn new(replica: u32) -> Self;

    /// The same state in the hands of another replica.
    fn fork(&self, replica: u32) -> Self;

    /// Applies a write and makes what is shipped of it.
    fn put(&mut self, item: Item) -> Self::Delta;

    /// Whether the key is in, as a reader finds out who wants its value if it has one.
    #[expect(clippy::ptr_arg, reason = "crdts looks up by &String only")]
    fn has(&self, key: &String) -> bool;

    /// Joins the state of another replica, which keeps it.
    fn merge(&mut self, other: &Self);

    /// Joins what another replica shipped.
    fn merge_delta(&mut self, delta: Self::Delta);

    /// The state as bytes.
    fn encode(&self) -> Vec<u8>;

    /// The state that these bytes are, in the hands of a replica.
    fn decode(bytes: &[u8], replica: u32) -> Self;

    /// What one write ships, as bytes.
    fn encode_delta(delta: &Self::Delta) -> Vec<u8>;

    /// What one write shipped.
    fn decode_delta(bytes: &[u8]) -> Self::Delta;

    /// All that is in, for the comparison with what should be.
    fn contents(&self) -> BTreeMap<String, String>;
}

/// A write: an element of a set, or a key and its value.
#[derive(Clone, Debug)]
pub struct Item {
    /// The element or key.
    pub key: String,
    /// The value; empty for a set.
    pub value: String,
}

/// Elements like `user:000123`, each once, in an order without any.
#[derive(Clone, Debug)]
pub struct Items(Vec<Item>);

impl Items {
    /// The items with the numbers from `first` on, shuffled; with values if `valued`.
    pub fn numbered(first: usize, count: usize, valued: bool) -> Self {
        let item = |number| Item {
            key: format!("user:{number:06}"),
            value: if valued { format!("name {number:06}") } else { String::new() },
        };
        let mut items: Vec<_> = (first..first + count).map(item).collect();
        shuffle(&mut items, first as u64);
        Self(items)
    }

    /// A copy to be handed over, so that no contender pays for it.
    pub fn take(&self) -> Vec<Item> {
        self.0.clone()
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Item> + '_ {
        self.0.iter()
    }

    /// The keys, in another order than they were inserted.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.0.iter().map(|item| item.key.clone()).collect();
        shuffle(&mut keys, 1 << 40);
        keys
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What a state holds after these were written: the oracle.
    pub fn contents(parts: &[&Self]) -> BTreeMap<String, String> {
        let items = parts.iter().flat_map(|part| &part.0);
        items.map(|item| (item.key.clone(), item.value.clone())).collect()
    }
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

/// The stamp of a replica's write with this number: ten writes a millisecond since November 2023,
/// laid out as a hybrid logical clock's.
pub fn stamp(number: u64) -> u64 {
    (millis(number) << 16) | (number % 10)
}

/// The wall clock at a replica's write with this number.
pub fn millis(number: u64) -> u64 {
    1_700_000_000_000 + number / 10
}
