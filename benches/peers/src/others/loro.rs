//! The crate `loro`: a map in a document, with one commit a write, or one for many.
//!
//! What a commit ships comes from its subscription to local updates, which encodes it.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use loro::{Container, ExportMode, LoroDoc, LoroMap, LoroValue, Subscription, ValueOrContainer};

use crate::contender::Contender;
use crate::items::{Contents, Item, id};

/// A document with one map.
struct Document {
    doc: LoroDoc,
    map: LoroMap,
    sent: Arc<Mutex<Vec<u8>>>,
    _subscription: Subscription,
}

impl Document {
    /// Its ids have 64 bits.
    fn of(doc: LoroDoc, replica: u32) -> Self {
        doc.set_peer_id(id(replica) as u64).expect("nothing is written by it yet");
        let sent = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&sent);
        let subscription = doc.subscribe_local_update(Box::new(move |bytes| {
            sink.lock().unwrap_or_else(PoisonError::into_inner).clone_from(bytes);
            true
        }));
        Self { map: doc.get_map("map"), doc, sent, _subscription: subscription }
    }

    fn commit(&self) -> Vec<u8> {
        self.doc.commit();
        mem::take(&mut self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A copy from updates: one from a snapshot would have yet to read it, and do so in the time of
    /// whatever comes next.
    fn fork(&self, replica: u32) -> Self {
        let fork = Self::of(LoroDoc::new(), replica);
        fork.merge(self);
        fork
    }

    fn remove(&self, keys: &[String]) {
        for key in keys {
            self.map.delete(key).expect("the map is attached");
        }
        self.commit();
    }

    fn merge(&self, other: &Self) {
        let missing = other.doc.export(ExportMode::updates(&self.doc.oplog_vv()));
        self.import(&missing.expect("there is enough memory"));
    }

    fn import(&self, bytes: &[u8]) {
        self.doc.import(bytes).expect("the bytes are its own");
    }

    fn encode(&self) -> Vec<u8> {
        self.doc.export(ExportMode::Snapshot).expect("there is enough memory")
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        Self::of(LoroDoc::from_snapshot(bytes).expect("the bytes are its own"), replica)
    }

    fn pairs(&self) -> Vec<(String, LoroValue)> {
        match self.map.get_deep_value() {
            LoroValue::Map(map) => map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            _ => Vec::new(),
        }
    }
}

/// A map of strings, or of `true` for the elements of a set.
pub struct LoroFlat<const VALUED: bool>(Document);

impl<const VALUED: bool> LoroFlat<VALUED> {
    fn write(&self, item: Item) {
        let value = if VALUED { LoroValue::from(item.value) } else { LoroValue::Bool(true) };
        self.0.map.insert(&item.key, value).expect("the map is attached");
    }
}

impl<const VALUED: bool> Contender for LoroFlat<VALUED> {
    /// An update as bytes, which is the only form that it hands out.
    type Delta = Vec<u8>;

    const REPETITIONS: usize = 1;

    fn new(replica: u32) -> Self {
        Self(Document::of(LoroDoc::new(), replica))
    }

    fn fork(&self, replica: u32) -> Self {
        Self(self.0.fork(replica))
    }

    fn put(&mut self, item: Item) -> Vec<u8> {
        self.write(item);
        self.0.commit()
    }

    fn fill(&mut self, items: Vec<Item>) {
        items.into_iter().for_each(|item| self.write(item));
        self.0.commit();
    }

    fn remove(&mut self, keys: &[String]) {
        self.0.remove(keys);
    }

    fn has(&self, key: &String) -> bool {
        self.0.map.get(key).is_some()
    }

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    fn merge_delta(&mut self, delta: Vec<u8>) {
        self.0.import(&delta);
    }

    fn encode(&self) -> Vec<u8> {
        self.0.encode()
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        Self(Document::decode(bytes, replica))
    }

    fn encode_delta(delta: Vec<u8>) -> Vec<u8> {
        delta
    }

    /// Decoding is part of [`Contender::merge_delta`].
    fn decode_delta(bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }

    fn contents(&self) -> Contents {
        let value = |value| match value {
            LoroValue::String(value) => value.as_str().to_owned(),
            _ => String::new(),
        };
        self.0.pairs().into_iter().map(|(key, held)| (key, value(held))).collect()
    }
}

/// A map of maps of `true`, of the kind that merges when two replicas make it for one key.
pub struct LoroCarts(Document);

impl LoroCarts {
    fn write(&self, item: Item) {
        let cart = self.0.map.ensure_mergeable_map(&item.key).expect("only maps are in the map");
        cart.insert(&item.value, true).expect("the map is attached");
    }
}

impl Contender for LoroCarts {
    /// An update as bytes, which is the only form that it hands out.
    type Delta = Vec<u8>;

    const REPETITIONS: usize = 1;

    fn new(replica: u32) -> Self {
        Self(Document::of(LoroDoc::new(), replica))
    }

    fn fork(&self, replica: u32) -> Self {
        Self(self.0.fork(replica))
    }

    fn put(&mut self, item: Item) -> Vec<u8> {
        self.write(item);
        self.0.commit()
    }

    fn fill(&mut self, items: Vec<Item>) {
        items.into_iter().for_each(|item| self.write(item));
        self.0.commit();
    }

    fn remove(&mut self, keys: &[String]) {
        self.0.remove(keys);
    }

    fn has(&self, key: &String) -> bool {
        match self.0.map.get(key) {
            Some(ValueOrContainer::Container(Container::Map(cart))) => !cart.is_empty(),
            _ => false,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    fn merge_delta(&mut self, delta: Vec<u8>) {
        self.0.import(&delta);
    }

    fn encode(&self) -> Vec<u8> {
        self.0.encode()
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        Self(Document::decode(bytes, replica))
    }

    fn encode_delta(delta: Vec<u8>) -> Vec<u8> {
        delta
    }

    /// Decoding is part of [`Contender::merge_delta`].
    fn decode_delta(bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }

    fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        for (key, cart) in self.0.pairs() {
            if let LoroValue::Map(cart) = cart {
                contents.extend(cart.keys().map(|element| (key.clone(), element.clone())));
            }
        }
        contents
    }
}
