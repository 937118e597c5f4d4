//! The crate `crdts`: its add-wins set, and its map of last-write-wins registers or of sets.
//!
//! Actors are 128-bit ids, since actors must differ without coordination there as here.

use std::convert::Infallible;
use std::fmt::Debug;

use crdts::{CmRDT, CvRDT, Dot, LWWReg, Map, Orswot, ResetRemove, VClock, map, orswot};
use serde::{Deserialize, Serialize};

use crate::contender::Contender;
use crate::items::{Contents, Item, id, stamp};

/// `Orswot<String, u128>`.
pub struct RustCrdtSet {
    me: u128,
    set: Orswot<String, u128>,
}

impl Contender for RustCrdtSet {
    type Delta = orswot::Op<String, u128>;

    fn new(replica: u32) -> Self {
        Self { me: id(replica), set: Orswot::new() }
    }

    fn fork(&self, replica: u32) -> Self {
        Self { me: id(replica), set: self.set.clone() }
    }

    fn put(&mut self, item: Item) -> Self::Delta {
        let context = self.set.read_ctx().derive_add_ctx(self.me);
        let op = self.set.add(item.key, context);
        self.set.apply(op.clone());
        op
    }

    fn remove(&mut self, keys: &[String]) {
        for key in keys {
            let context = self.set.contains(key).derive_rm_ctx();
            self.set.apply(self.set.rm(key.clone(), context));
        }
    }

    fn has(&self, key: &String) -> bool {
        self.set.contains(key).val
    }

    fn merge(&mut self, other: &Self) {
        self.set.merge(other.set.clone());
    }

    fn merge_delta(&mut self, delta: Self::Delta) {
        self.set.apply(delta);
    }

    fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(&self.set).expect("strings and numbers can be serialised")
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        Self { me: id(replica), set: rmp_serde::from_slice(bytes).expect("the bytes are our own") }
    }

    fn encode_delta(delta: Self::Delta) -> Vec<u8> {
        rmp_serde::to_vec(&delta).expect("strings and numbers can be serialised")
    }

    fn decode_delta(bytes: &[u8]) -> Self::Delta {
        rmp_serde::from_slice(bytes).expect("the bytes are our own")
    }

    fn contents(&self) -> Contents {
        self.set.iter().map(|element| (element.val.clone(), String::new())).collect()
    }
}

/// A register that the crate's map accepts as a value.
///
/// `Map` wants to reset what a removal saw, which `LWWReg` does not offer. Nobody here writes a key
/// that another removes at the same time, and then the map drops the whole entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Register(LWWReg<String, (u64, u128)>);

impl ResetRemove<u128> for Register {
    fn reset_remove(&mut self, _clock: &VClock<u128>) {}
}

impl CmRDT for Register {
    type Op = Self;
    type Validation = Infallible;

    fn validate_op(&self, _op: &Self) -> Result<(), Infallible> {
        Ok(())
    }

    fn apply(&mut self, op: Self) {
        self.0.merge(op.0);
    }
}

impl CvRDT for Register {
    type Validation = Infallible;

    fn validate_merge(&self, _other: &Self) -> Result<(), Infallible> {
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}

/// `Map<String, LWWReg<String, (stamp, actor)>, u128>`.
pub struct RustCrdtMap {
    me: u128,
    map: Map<String, Register, u128>,
}

impl Contender for RustCrdtMap {
    type Delta = map::Op<String, Register, u128>;

    fn new(replica: u32) -> Self {
        Self { me: id(replica), map: Map::new() }
    }

    fn fork(&self, replica: u32) -> Self {
        Self { me: id(replica), map: self.map.clone() }
    }

    fn put(&mut self, item: Item) -> Self::Delta {
        let context = self.map.read_ctx().derive_add_ctx(self.me);
        let Dot { counter, .. } = context.dot;
        let marker = (stamp(counter), self.me);
        let register = LWWReg { val: item.value, marker };
        let op = self.map.update(item.key, context, |_, _| Register(register));
        self.map.apply(op.clone());
        op
    }

    fn remove(&mut self, keys: &[String]) {
        remove(&mut self.map, keys);
    }

    fn has(&self, key: &String) -> bool {
        self.map.get(key).val.is_some()
    }

    fn merge(&mut self, other: &Self) {
        self.map.merge(other.map.clone());
    }

    fn merge_delta(&mut self, delta: Self::Delta) {
        self.map.apply(delta);
    }

    fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(&self.map).expect("strings and numbers can be serialised")
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        Self { me: id(replica), map: rmp_serde::from_slice(bytes).expect("the bytes are our own") }
    }

    fn encode_delta(delta: Self::Delta) -> Vec<u8> {
        rmp_serde::to_vec(&delta).expect("strings and numbers can be serialised")
    }

    fn decode_delta(bytes: &[u8]) -> Self::Delta {
        rmp_serde::from_slice(bytes).expect("the bytes are our own")
    }

    fn contents(&self) -> Contents {
        let pairs = self.map.iter().map(|pair| (pair.val.0.clone(), pair.val.1.0.val.clone()));
        pairs.collect()
    }
}

/// `Map<String, Orswot<String, u128>, u128>`.
pub struct RustCrdtCarts {
    me: u128,
    map: Carts,
}

type Carts = Map<String, Orswot<String, u128>, u128>;

impl Contender for RustCrdtCarts {
    type Delta = map::Op<String, Orswot<String, u128>, u128>;

    fn new(replica: u32) -> Self {
        Self { me: id(replica), map: Map::new() }
    }

    fn fork(&self, replica: u32) -> Self {
        Self { me: id(replica), map: self.map.clone() }
    }

    fn put(&mut self, item: Item) -> Self::Delta {
        let context = self.map.read_ctx().derive_add_ctx(self.me);
        let op = self.map.update(item.key, context, |set, context| set.add(item.value, context));
        self.map.apply(op.clone());
        op
    }

    fn remove(&mut self, keys: &[String]) {
        remove(&mut self.map, keys);
    }

    fn has(&self, key: &String) -> bool {
        self.map.get(key).val.is_some_and(|set| !set.read().val.is_empty())
    }

    fn merge(&mut self, other: &Self) {
        self.map.merge(other.map.clone());
    }

    fn merge_delta(&mut self, delta: Self::Delta) {
        self.map.apply(delta);
    }

    fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(&self.map).expect("strings and numbers can be serialised")
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        Self { me: id(replica), map: rmp_serde::from_slice(bytes).expect("the bytes are our own") }
    }

    fn encode_delta(delta: Self::Delta) -> Vec<u8> {
        rmp_serde::to_vec(&delta).expect("strings and numbers can be serialised")
    }

    fn decode_delta(bytes: &[u8]) -> Self::Delta {
        rmp_serde::from_slice(bytes).expect("the bytes are our own")
    }

    fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        for pair in self.map.iter() {
            let (key, set) = pair.val;
            contents.extend(set.iter().map(|element| (key.clone(), element.val.clone())));
        }
        contents
    }
}

fn remove<V: map::Val<u128> + Debug>(map: &mut Map<String, V, u128>, keys: &[String]) {
    for key in keys {
        let context = map.get(key).derive_rm_ctx();
        map.apply(map.rm(key.clone(), context));
    }
}
