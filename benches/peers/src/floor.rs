//! The floor: standard collections, with the least that a replica must remember.
//!
//! A set is a `HashMap` from element to dot, a map one from key to stamp, value and dot, a map of sets
//! one from key to a vector of elements and dots, all with the hasher that users get, and a version
//! vector. It ships a write as (key, dot) in MessagePack. It is honest about adding: nothing is
//! skipped that a receiver needs in order to add once. It is less than a CRDT: replicas are small
//! numbers that somebody assigned, a receiver that gets writes out of order loses some, and it could
//! ship no removal.

mod carts;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::{Deserialize, Serialize};

pub use carts::FloorCarts;

use crate::contender::Contender;
use crate::items::{Contents, Item, stamp};

/// Replica and number.
type Dot = (u32, u64);

/// How far each replica's writes have been seen, by replica.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Seen(Vec<u64>);

impl Seen {
    fn covers(&self, (replica, number): Dot) -> bool {
        self.0.get(replica as usize).is_some_and(|last| *last >= number)
    }

    /// Moves up to the dot; returns whether it was new.
    fn see(&mut self, dot: Dot) -> bool {
        let new = !self.covers(dot);
        if new {
            *self.of(dot.0) = dot.1;
        }
        new
    }

    fn next(&mut self, replica: u32) -> Dot {
        let last = self.of(replica);
        *last += 1;
        (replica, *last)
    }

    fn of(&mut self, replica: u32) -> &mut u64 {
        let place = replica as usize;
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        &mut self.0[place]
    }

    fn join(&mut self, other: &Self) {
        for (replica, last) in (0..).zip(&other.0) {
            self.see((replica, *last));
        }
    }
}

/// `HashMap<String, (u32, u64)>`.
pub struct FloorSet {
    me: u32,
    dots: HashMap<String, Dot>,
    seen: Seen,
}

impl Contender for FloorSet {
    type Delta = (String, Dot);

    fn new(me: u32) -> Self {
        Self { me, dots: HashMap::new(), seen: Seen::default() }
    }

    fn fork(&self, me: u32) -> Self {
        Self { me, dots: self.dots.clone(), seen: self.seen.clone() }
    }

    fn put(&mut self, item: Item) -> Self::Delta {
        let dot = self.seen.next(self.me);
        self.dots.insert(item.key.clone(), dot);
        (item.key, dot)
    }

    fn remove(&mut self, keys: &[String]) {
        for key in keys {
            self.dots.remove(key);
        }
    }

    fn has(&self, key: &String) -> bool {
        self.dots.contains_key(key)
    }

    /// Keeps what both have or one has not seen.
    fn merge(&mut self, other: &Self) {
        self.dots.retain(|key, dot| other.dots.contains_key(key) || !other.seen.covers(*dot));
        for (key, dot) in &other.dots {
            if !self.seen.covers(*dot) {
                self.dots.insert(key.clone(), *dot);
            }
        }
        self.seen.join(&other.seen);
    }

    fn merge_delta(&mut self, (key, dot): Self::Delta) {
        if self.seen.see(dot) {
            self.dots.insert(key, dot);
        }
    }

    fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(&(&self.dots, &self.seen)).expect("strings and numbers can be serialised")
    }

    fn decode(bytes: &[u8], me: u32) -> Self {
        let (dots, seen) = rmp_serde::from_slice(bytes).expect("the bytes are our own");
        Self { me, dots, seen }
    }

    fn encode_delta(delta: Self::Delta) -> Vec<u8> {
        rmp_serde::to_vec(&delta).expect("strings and numbers can be serialised")
    }

    fn decode_delta(bytes: &[u8]) -> Self::Delta {
        rmp_serde::from_slice(bytes).expect("the bytes are our own")
    }

    fn contents(&self) -> Contents {
        self.dots.keys().map(|key| (key.clone(), String::new())).collect()
    }
}

/// `HashMap<String, (u64, String, (u32, u64))>`: stamp, value and dot.
pub struct FloorMap {
    me: u32,
    written: HashMap<String, Written>,
    seen: Seen,
}

type Written = (u64, String, Dot);

impl FloorMap {
    fn write(&mut self, key: String, written: Written) {
        match self.written.entry(key) {
            Entry::Vacant(place) => {
                place.insert(written);
            }
            Entry::Occupied(mut place) => {
                let (stamp, _, (replica, _)) = place.get();
                if (*stamp, *replica) < (written.0, written.2.0) {
                    place.insert(written);
                }
            }
        }
    }
}

impl Contender for FloorMap {
    type Delta = (String, Written);

    fn new(me: u32) -> Self {
        Self { me, written: HashMap::new(), seen: Seen::default() }
    }

    fn fork(&self, me: u32) -> Self {
        Self { me, written: self.written.clone(), seen: self.seen.clone() }
    }

    fn put(&mut self, item: Item) -> Self::Delta {
        let dot = self.seen.next(self.me);
        let written = (stamp(dot.1), item.value, dot);
        self.write(item.key.clone(), written.clone());
        (item.key, written)
    }

    fn remove(&mut self, keys: &[String]) {
        keys.iter().for_each(|key| drop(self.written.remove(key)));
    }

    fn has(&self, key: &String) -> bool {
        self.written.contains_key(key)
    }

    fn merge(&mut self, other: &Self) {
        for (key, written) in &other.written {
            if !self.seen.covers(written.2) {
                self.write(key.clone(), written.clone());
            }
        }
        self.seen.join(&other.seen);
    }

    fn merge_delta(&mut self, (key, written): Self::Delta) {
        if self.seen.see(written.2) {
            self.write(key, written);
        }
    }

    fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(&(&self.written, &self.seen)).expect("strings and numbers can be serialised")
    }

    fn decode(bytes: &[u8], me: u32) -> Self {
        let (written, seen) = rmp_serde::from_slice(bytes).expect("the bytes are our own");
        Self { me, written, seen }
    }

    fn encode_delta(delta: Self::Delta) -> Vec<u8> {
        rmp_serde::to_vec(&delta).expect("strings and numbers can be serialised")
    }

    fn decode_delta(bytes: &[u8]) -> Self::Delta {
        rmp_serde::from_slice(bytes).expect("the bytes are our own")
    }

    fn contents(&self) -> Contents {
        self.written.iter().map(|(key, (_, value, _))| (key.clone(), value.clone())).collect()
    }
}
