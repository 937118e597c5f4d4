//! Replicas that write, and every way in which what they said can arrive.

use crdt_core::codec::{Limits, Wire};
use crdt_core::{Delta, Doc, Replica, ReplicaId};

/// A document, the right to write, and all that was said here.
pub(crate) struct Site<T: Wire> {
    pub(crate) doc: Doc<T>,
    pub(crate) me: Replica,
    pub(crate) said: Vec<Delta<T>>,
}

impl<T: Wire> Site<T> {
    pub(crate) fn new(id: u128) -> Self {
        let me = Replica::new(ReplicaId::from_u128(id));
        Self { doc: Doc::default(), me, said: Vec::new() }
    }

    /// Edits, and keeps what is to be said of it.
    pub(crate) fn edit<R>(&mut self, edit: impl FnOnce(T::Editor<'_>) -> R) -> Delta<T> {
        let delta = self.doc.update(&mut self.me, edit);
        self.said.push(delta.clone());
        delta
    }

    pub(crate) fn hear(&mut self, delta: &Delta<T>) -> bool {
        self.doc.merge(delta.clone())
    }

    /// Hears all that the other holds.
    pub(crate) fn hear_all(&mut self, other: &Self) -> bool {
        self.doc.merge_from(&other.doc)
    }
}

/// Two sites, whose ids are in this order and then in the other: for whoever ties by id.
pub(crate) fn both_orders<T: Wire>(story: impl Fn(Site<T>, Site<T>)) {
    story(Site::new(1), Site::new(2));
    story(Site::new(2), Site::new(1));
}

/// The same for three.
pub(crate) fn every_order<T: Wire>(story: impl Fn(Site<T>, Site<T>, Site<T>)) {
    for [a, b, c] in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        story(Site::new(a), Site::new(b), Site::new(c));
    }
}

/// Where the sites end when all has arrived, after a check that every way there ends in one state:
/// deltas in many orders, twice, grouped, as bytes; states in every order, whole, as differences, in
/// chunks.
pub(crate) fn settled<T: Wire>(sites: &[&Site<T>]) -> Doc<T> {
    let mut said: Vec<Delta<T>> = sites.iter().flat_map(|site| site.said.iter().cloned()).collect();
    let docs: Vec<&Doc<T>> = sites.iter().map(|site| &site.doc).collect();
    let expected = by_states(&docs);
    for round in 0..24 {
        shuffle(&mut said, round);
        same(&by_deltas(&said), &expected, "deltas one by one");
        same(&in_groups(&said), &expected, "deltas in groups");
    }
    for turn in 0..docs.len() {
        let mut order = docs.clone();
        order.rotate_left(turn);
        same(&by_states(&order), &expected, "states");
        order.reverse();
        same(&by_states(&order), &expected, "states, backwards");
        same(&by_differences(&order), &expected, "differences");
        same(&by_walks(&order), &expected, "walks");
    }
    expected
}

/// Equal in dots, in bytes, in fingerprints.
pub(crate) fn same<T: Wire>(left: &Doc<T>, right: &Doc<T>, what: &str) {
    assert!(left == right, "{what}: {:?} and {:?}", left.to_delta(), right.to_delta());
    assert_eq!(left.fingerprint(), right.fingerprint(), "{what}: fingerprints");
    assert_eq!(left.encode().unwrap(), right.encode().unwrap(), "{what}: bytes");
}

/// A delta that was bytes in between.
pub(crate) fn through_bytes<T: Wire>(delta: &Delta<T>) -> Delta<T> {
    Delta::decode(&delta.encode().unwrap(), &Limits::default()).unwrap()
}

fn by_deltas<T: Wire>(said: &[Delta<T>]) -> Doc<T> {
    let mut doc = Doc::<T>::default();
    for delta in said.iter().chain(said.first()) {
        doc.merge(through_bytes(delta));
    }
    doc
}

fn in_groups<T: Wire>(said: &[Delta<T>]) -> Doc<T> {
    let mut doc = Doc::<T>::default();
    for some in said.chunks(3) {
        let mut group = Delta::default();
        some.iter().for_each(|delta| group.merge(delta.clone()));
        doc.merge(group);
    }
    doc
}

fn by_states<T: Wire>(docs: &[&Doc<T>]) -> Doc<T> {
    let mut joined = Doc::<T>::default();
    docs.iter().for_each(|doc| {
        joined.merge_from(doc);
    });
    joined
}

fn by_differences<T: Wire>(docs: &[&Doc<T>]) -> Doc<T> {
    let mut joined = Doc::<T>::default();
    docs.iter().for_each(|doc| {
        let missing = doc.delta_since(&joined.digest());
        joined.merge(through_bytes(&missing));
    });
    joined
}

fn by_walks<T: Wire>(docs: &[&Doc<T>]) -> Doc<T> {
    let mut joined = Doc::<T>::default();
    for doc in docs {
        let mut walk = doc.walk(&joined.context(), usize::MAX);
        while let Some(chunk) = walk.next_chunk(doc, 1, usize::MAX, |_| 0) {
            joined.merge(chunk);
        }
    }
    joined
}

/// An order that depends on `round` alone; the first two are the one given and its reverse.
pub(crate) fn shuffle<X>(items: &mut [X], round: u64) {
    match round {
        0 => {}
        1 => items.reverse(),
        _ => {
            let mut dice = Dice::new(round);
            (1..items.len()).rev().for_each(|end| items.swap(end, dice.below(end + 1)));
        }
    }
}

/// A deterministic source of choices. (Steele, Lea, Flood 2014: `SplitMix`.)
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % limit as u64).unwrap()
    }
}
