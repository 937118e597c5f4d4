//! The crate `yrs`: a map in a document, written in one transaction a write.
//!
//! Its nested maps are made by whoever writes first: of two that are made at the same time for one
//! key, one disappears with all that is in it. So it has no map of sets.

use yrs::updates::decoder::Decode;
use yrs::{Any, Doc, Map, MapRef, Out, ReadTxn, StateVector, Transact, Update};

use crate::contender::Contender;
use crate::items::{Contents, Item, id};

/// A map of strings, or of `true` for the elements of a set.
pub struct YrsMap<const VALUED: bool> {
    doc: Doc,
    map: MapRef,
}

impl<const VALUED: bool> YrsMap<VALUED> {
    fn value(value: String) -> Any {
        if VALUED { Any::from(value) } else { Any::Bool(true) }
    }

    fn apply(&self, update: &[u8]) {
        let update = Update::decode_v1(update).expect("the bytes are its own");
        self.doc.transact_mut().apply_update(update).expect("the update is its own");
    }
}

impl<const VALUED: bool> Contender for YrsMap<VALUED> {
    /// An update as bytes, which is the only form that it hands out.
    type Delta = Vec<u8>;

    /// Its ids have 53 bits.
    fn new(replica: u32) -> Self {
        let doc = Doc::with_client_id(id(replica) as u64 >> 11);
        let map = doc.get_or_insert_map("map");
        Self { doc, map }
    }

    fn fork(&self, replica: u32) -> Self {
        Self::decode(&self.encode(), replica)
    }

    fn put(&mut self, item: Item) -> Vec<u8> {
        let mut transaction = self.doc.transact_mut();
        self.map.insert(&mut transaction, item.key, Self::value(item.value));
        transaction.encode_update_v1()
    }

    fn fill(&mut self, items: Vec<Item>) {
        let mut transaction = self.doc.transact_mut();
        for item in items {
            self.map.insert(&mut transaction, item.key, Self::value(item.value));
        }
    }

    fn remove(&mut self, keys: &[String]) {
        let mut transaction = self.doc.transact_mut();
        for key in keys {
            self.map.remove(&mut transaction, key);
        }
    }

    fn has(&self, key: &String) -> bool {
        self.map.get(&self.doc.transact(), key).is_some()
    }

    fn merge(&mut self, other: &Self) {
        let vector = self.doc.transact().state_vector();
        let update = other.doc.transact().encode_diff_v1(&vector);
        self.apply(&update);
    }

    fn merge_delta(&mut self, delta: Vec<u8>) {
        self.apply(&delta);
    }

    fn encode(&self) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        let decoded = Self::new(replica);
        decoded.apply(bytes);
        decoded
    }

    fn encode_delta(delta: Vec<u8>) -> Vec<u8> {
        delta
    }

    /// Decoding is part of [`Contender::merge_delta`].
    fn decode_delta(bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }

    fn contents(&self) -> Contents {
        let transaction = self.doc.transact();
        let value = |value| match value {
            Out::Any(Any::String(value)) => value.as_ref().to_owned(),
            _ => String::new(),
        };
        self.map.iter(&transaction).map(|(key, held)| (key.to_owned(), value(held))).collect()
    }
}
