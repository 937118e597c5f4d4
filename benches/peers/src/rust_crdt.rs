//! The crate `crdts`: its add-wins set, and its map of last-write-wins registers.
//!
//! Actors are 128-bit ids, since actors must differ without coordination there as here.

use std::collections::BTreeMap;
use std::convert::Infallible;

use crdts::{CmRDT, CvRDT, Dot, LWWReg, Map, Orswot, ResetRemove, VClock, map, orswot};
use serde::{Deserialize, Serialize};

use crate::contender::{Contender, Item, stamp};
use crate::ours::id;

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

    fn encode_delta(delta: &Self::Delta) -> Vec<u8> {
        rmp_serde::to_vec(delta).expect("strings and numbers can be serialised")
    }

    fn decode_delta(bytes: &[u8]) -> Self::Delta {
        rmp_serde::from_slice(bytes).expect("the bytes are our own")
    }

    fn contents(&self) -> BTreeMap<String, String> {
        self.set.iter().map(|element| (element.val.clone(), String::new())).collect()
    }
}

/// A register that the crate's map accepts as a value.
///
/// `Map` wants to reset what a removal saw, which `LWWReg` does not offer; nothing is removed here.
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

    fn encode_delta(delta: &Self::Delta) -> Vec<u8> {
        rmp_serde::to_vec(delta).expect("strings and numbers can be serialised")
    }

    fn decode_delta(bytes: &[u8]) -> Self::Delta {
        rmp_serde::from_slice(bytes).expect("the bytes are our own")
    }

    fn contents(&self) -> BTreeMap<String, String> {
        let pairs = self.map.iter().map(|pair| (pair.val.0.clone(), pair.val.1.0.val.clone()));
        pairs.collect()
    }
}
