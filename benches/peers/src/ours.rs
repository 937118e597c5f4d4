//! This repository's types.

use crdt_core::clock::Clock;
use crdt_core::codec::Limits;
use crdt_core::{Delta, Doc, LwwMap, OrMap, OrSet, Replica, ReplicaId};

use crate::contender::Contender;
use crate::items::{Contents, Item, id, millis};

/// `Doc<OrSet<String>>`.
pub struct OurSet {
    doc: Doc<OrSet<String>>,
    me: Replica,
}

/// `Doc<LwwMap<String, String>>`.
pub struct OurMap {
    doc: Doc<LwwMap<String, String>>,
    me: Replica,
}

/// `Doc<OrMap<String, OrSet<String>>>`.
pub struct OurCarts {
    doc: Doc<OrMap<String, OrSet<String>>>,
    me: Replica,
}

/// The wall clock of the bench: the n-th reading is the n-th write's.
struct Ticks(u64);

impl Clock for Ticks {
    fn now_millis(&mut self) -> u64 {
        self.0 += 1;
        millis(self.0)
    }
}

/// A writer with an id of 128 bits, as everybody's is.
fn writer(replica: u32) -> Replica {
    Replica::with_clock(ReplicaId::from_u128(id(replica)), Ticks(0))
}

impl Contender for OurSet {
    type Delta = Delta<OrSet<String>>;

    fn new(replica: u32) -> Self {
        Self { doc: Doc::default(), me: writer(replica) }
    }

    fn fork(&self, replica: u32) -> Self {
        Self { doc: self.doc.clone(), me: writer(replica) }
    }

    fn put(&mut self, item: Item) -> Self::Delta {
        self.doc.update(&mut self.me, |set| set.insert(item.key))
    }

    fn remove(&mut self, keys: &[String]) {
        for key in keys {
            let _ = self.doc.update(&mut self.me, |set| set.remove(key));
        }
    }

    fn has(&self, key: &String) -> bool {
        self.doc.contains(key.as_str())
    }

    fn merge(&mut self, other: &Self) {
        self.doc.merge_from(&other.doc);
    }

    fn merge_delta(&mut self, delta: Self::Delta) {
        self.doc.merge(delta);
    }

    fn encode(&self) -> Vec<u8> {
        self.doc.encode().expect("strings can be serialised")
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        let doc = Doc::decode(bytes, &Limits::default()).expect("the bytes are our own");
        Self { doc, me: writer(replica) }
    }

    fn encode_delta(delta: Self::Delta) -> Vec<u8> {
        delta.encode().expect("strings can be serialised")
    }

    fn decode_delta(bytes: &[u8]) -> Self::Delta {
        Delta::decode(bytes, &Limits::default()).expect("the bytes are our own")
    }

    fn contents(&self) -> Contents {
        self.doc.iter().map(|key| (key.clone(), String::new())).collect()
    }
}

impl Contender for OurMap {
    type Delta = Delta<LwwMap<String, String>>;

    fn new(replica: u32) -> Self {
        Self { doc: Doc::default(), me: writer(replica) }
    }

    fn fork(&self, replica: u32) -> Self {
        Self { doc: self.doc.clone(), me: writer(replica) }
    }

    fn put(&mut self, item: Item) -> Self::Delta {
        self.doc.update(&mut self.me, |map| map.insert(item.key, item.value))
    }

    fn remove(&mut self, keys: &[String]) {
        for key in keys {
            let _ = self.doc.update(&mut self.me, |map| map.remove(key));
        }
    }

    fn has(&self, key: &String) -> bool {
        self.doc.get(key.as_str()).is_some()
    }

    fn merge(&mut self, other: &Self) {
        self.doc.merge_from(&other.doc);
    }

    fn merge_delta(&mut self, delta: Self::Delta) {
        self.doc.merge(delta);
    }

    fn encode(&self) -> Vec<u8> {
        self.doc.encode().expect("strings can be serialised")
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        let doc = Doc::decode(bytes, &Limits::default()).expect("the bytes are our own");
        Self { doc, me: writer(replica) }
    }

    fn encode_delta(delta: Self::Delta) -> Vec<u8> {
        delta.encode().expect("strings can be serialised")
    }

    fn decode_delta(bytes: &[u8]) -> Self::Delta {
        Delta::decode(bytes, &Limits::default()).expect("the bytes are our own")
    }

    fn contents(&self) -> Contents {
        self.doc.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl Contender for OurCarts {
    type Delta = Delta<OrMap<String, OrSet<String>>>;

    fn new(replica: u32) -> Self {
        Self { doc: Doc::default(), me: writer(replica) }
    }

    fn fork(&self, replica: u32) -> Self {
        Self { doc: self.doc.clone(), me: writer(replica) }
    }

    fn put(&mut self, item: Item) -> Self::Delta {
        self.doc.update(&mut self.me, |carts| carts.entry(&item.key).insert(item.value))
    }

    fn remove(&mut self, keys: &[String]) {
        for key in keys {
            let _ = self.doc.update(&mut self.me, |carts| carts.remove(key));
        }
    }

    fn has(&self, key: &String) -> bool {
        self.doc.get(key.as_str()).is_some_and(|cart| !cart.is_empty())
    }

    fn merge(&mut self, other: &Self) {
        self.doc.merge_from(&other.doc);
    }

    fn merge_delta(&mut self, delta: Self::Delta) {
        self.doc.merge(delta);
    }

    fn encode(&self) -> Vec<u8> {
        self.doc.encode().expect("strings can be serialised")
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        let doc = Doc::decode(bytes, &Limits::default()).expect("the bytes are our own");
        Self { doc, me: writer(replica) }
    }

    fn encode_delta(delta: Self::Delta) -> Vec<u8> {
        delta.encode().expect("strings can be serialised")
    }

    fn decode_delta(bytes: &[u8]) -> Self::Delta {
        Delta::decode(bytes, &Limits::default()).expect("the bytes are our own")
    }

    fn contents(&self) -> Contents {
        let pairs = self.doc.iter().flat_map(|(key, cart)| cart.iter().map(move |item| (key, item)));
        pairs.map(|(key, item)| (key.clone(), item.clone())).collect()
    }
}
