//! The floor of a map of sets.

use std::collections::HashMap;

use super::{Dot, Seen};
use crate::contender::Contender;
use crate::items::{Contents, Item};

/// `HashMap<String, Vec<(String, (u32, u64))>>`: the few elements of a key side by side.
pub struct FloorCarts {
    me: u32,
    carts: HashMap<String, Cart>,
    seen: Seen,
}

type Cart = Vec<(String, Dot)>;

impl FloorCarts {
    fn write(&mut self, key: String, element: String, dot: Dot) {
        let cart = self.carts.entry(key).or_default();
        match cart.iter_mut().find(|(held, _)| *held == element) {
            Some((_, held)) => *held = dot,
            None => cart.push((element, dot)),
        }
    }
}

impl Contender for FloorCarts {
    type Delta = (String, String, Dot);

    fn new(me: u32) -> Self {
        Self { me, carts: HashMap::new(), seen: Seen::default() }
    }

    fn fork(&self, me: u32) -> Self {
        Self { me, carts: self.carts.clone(), seen: self.seen.clone() }
    }

    fn put(&mut self, item: Item) -> Self::Delta {
        let dot = self.seen.next(self.me);
        self.write(item.key.clone(), item.value.clone(), dot);
        (item.key, item.value, dot)
    }

    fn remove(&mut self, keys: &[String]) {
        keys.iter().for_each(|key| drop(self.carts.remove(key)));
    }

    fn has(&self, key: &String) -> bool {
        self.carts.get(key).is_some_and(|cart| !cart.is_empty())
    }

    /// Keeps what both have or one has not seen.
    fn merge(&mut self, other: &Self) {
        self.carts.retain(|key, cart| {
            let theirs = other.carts.get(key).map_or(&[][..], Vec::as_slice);
            let has = |element: &str| theirs.iter().any(|(held, _)| held == element);
            cart.retain(|(element, dot)| has(element) || !other.seen.covers(*dot));
            !cart.is_empty()
        });
        for (key, cart) in &other.carts {
            for (element, dot) in cart {
                if !self.seen.covers(*dot) {
                    self.write(key.clone(), element.clone(), *dot);
                }
            }
        }
        self.seen.join(&other.seen);
    }

    fn merge_delta(&mut self, (key, element, dot): Self::Delta) {
        if self.seen.see(dot) {
            self.write(key, element, dot);
        }
    }

    fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(&(&self.carts, &self.seen)).expect("strings and numbers can be serialised")
    }

    fn decode(bytes: &[u8], me: u32) -> Self {
        let (carts, seen) = rmp_serde::from_slice(bytes).expect("the bytes are our own");
        Self { me, carts, seen }
    }

    fn encode_delta(delta: Self::Delta) -> Vec<u8> {
        rmp_serde::to_vec(&delta).expect("strings and numbers can be serialised")
    }

    fn decode_delta(bytes: &[u8]) -> Self::Delta {
        rmp_serde::from_slice(bytes).expect("the bytes are our own")
    }

    fn contents(&self) -> Contents {
        let pairs = self.carts.iter().flat_map(|(key, cart)| cart.iter().map(move |(held, _)| (key, held)));
        pairs.map(|(key, held)| (key.clone(), held.clone())).collect()
    }
}
