//! The crate `dson`: a map of registers, or of maps of them, written through its functions on deltas.
//!
//! It recommends these for single writes, since its transactions copy the whole state. To join a
//! delta goes through the whole state all the same, so single writes are measured a few at a time,
//! and a state is filled by one delta.

use std::collections::BTreeMap;

use dson::crdts::mvreg::MvRegValue;
use dson::crdts::snapshot::ToValue;
use dson::crdts::{NoExtensionTypes, TypeVariantValue};
use dson::sentinel::DummySentinel;
use dson::{CausalContext, CausalDotStore, Dot, Identifier, MvReg, OrMap};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contender::Contender;
use crate::items::{Contents, Item};

type Value = TypeVariantValue<NoExtensionTypes>;
type Store = CausalDotStore<OrMap<String>>;

/// What its maps have in common.
struct Document {
    me: Identifier,
    state: Store,
}

impl Document {
    fn new(replica: u32) -> Self {
        Self { me: identifier(replica), state: Store::default() }
    }

    fn fork(&self, replica: u32) -> Self {
        Self { me: identifier(replica), state: self.state.clone() }
    }

    fn join(&mut self, delta: Store) {
        let Ok(()) = self.state.consume(delta, &mut DummySentinel);
    }

    fn remove(&mut self, keys: &[String]) {
        let mut dots = Vec::new();
        for key in keys {
            dots.extend(self.state.store.remove(key, &self.state.context, self.me).context.dots());
        }
        self.join(Store { store: OrMap::default(), context: dots.into_iter().collect() });
    }

    fn merge(&mut self, other: &Self) {
        let CausalDotStore { store, context } = &other.state;
        let Ok(()) = self.state.join_with(store.clone(), context, &mut DummySentinel);
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        Self { me: identifier(replica), state: unpack(bytes) }
    }
}

/// One delta of many writes.
struct Batch {
    me: Identifier,
    /// What is known after the writes so far.
    seen: CausalContext,
    /// The dots of the writes, and those that they supersede.
    dots: Vec<Dot>,
}

impl Batch {
    fn on(document: &Document) -> Self {
        Self { me: document.me, seen: document.state.context.clone(), dots: Vec::new() }
    }

    /// A register written over what a map holds under its key.
    fn write(&mut self, held: Option<&Value>, value: MvRegValue) -> Value {
        let blank = MvReg::default();
        let written = held.map_or(&blank, |held| &held.reg).write(value, &self.seen, self.me);
        self.seen.union(&written.context);
        self.dots.extend(written.context.dots());
        Value { reg: written.store, ..Value::default() }
    }

    fn finish(self, values: Vec<(String, Value)>) -> Store {
        Store { store: values.into_iter().collect(), context: self.dots.into_iter().collect() }
    }
}

/// Its ids have 20 bits, which somebody has to assign.
fn identifier(replica: u32) -> Identifier {
    Identifier::new(replica as u8, 0)
}

fn pack(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("strings and numbers can be serialised")
}

fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> T {
    rmp_serde::from_slice(bytes).expect("the bytes are its own")
}

/// A map of strings, or of `true` for the elements of a set.
pub struct DsonMap<const VALUED: bool>(Document);

impl<const VALUED: bool> DsonMap<VALUED> {
    fn value(value: String) -> MvRegValue {
        if VALUED { MvRegValue::String(value) } else { MvRegValue::Bool(true) }
    }
}

impl<const VALUED: bool> Contender for DsonMap<VALUED> {
    type Delta = Store;

    const WRITES: usize = 10;
    const REPETITIONS: usize = 1;

    fn new(replica: u32) -> Self {
        Self(Document::new(replica))
    }

    fn fork(&self, replica: u32) -> Self {
        Self(self.0.fork(replica))
    }

    fn put(&mut self, item: Item) -> Store {
        let Store { store, context } = &self.0.state;
        let write =
            |register: &MvReg, seen: &CausalContext, me| register.write(Self::value(item.value), seen, me);
        let delta = store.apply_to_register(write, item.key, context, self.0.me);
        self.0.join(delta.clone());
        delta
    }

    fn fill(&mut self, items: Vec<Item>) {
        let mut batch = Batch::on(&self.0);
        let held = &self.0.state.store;
        let write = |item: Item| {
            let value = batch.write(held.get(&item.key), Self::value(item.value));
            (item.key, value)
        };
        let written = items.into_iter().map(write).collect();
        self.0.join(batch.finish(written));
    }

    fn remove(&mut self, keys: &[String]) {
        self.0.remove(keys);
    }

    fn has(&self, key: &String) -> bool {
        self.0.state.store.get(key).is_some()
    }

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    fn merge_delta(&mut self, delta: Store) {
        self.0.join(delta);
    }

    fn encode(&self) -> Vec<u8> {
        pack(&self.0.state)
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        Self(Document::decode(bytes, replica))
    }

    fn encode_delta(delta: Store) -> Vec<u8> {
        pack(&delta)
    }

    fn decode_delta(bytes: &[u8]) -> Store {
        unpack(bytes)
    }

    fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        for (key, held) in self.0.state.store.inner().iter() {
            for value in held.reg.values() {
                let value = if let MvRegValue::String(value) = value { value.clone() } else { String::new() };
                contents.insert((key.clone(), value));
            }
        }
        contents
    }
}

/// A map of maps of `true`.
pub struct DsonCarts(Document);

impl Contender for DsonCarts {
    type Delta = Store;

    const WRITES: usize = 10;
    const REPETITIONS: usize = 1;

    fn new(replica: u32) -> Self {
        Self(Document::new(replica))
    }

    fn fork(&self, replica: u32) -> Self {
        Self(self.0.fork(replica))
    }

    fn put(&mut self, item: Item) -> Store {
        let Store { store, context } = &self.0.state;
        let write =
            |register: &MvReg, seen: &CausalContext, me| register.write(MvRegValue::Bool(true), seen, me);
        let add = |cart: &OrMap<String>, seen: &CausalContext, me| {
            cart.apply_to_register(write, item.value, seen, me)
        };
        let delta = store.apply_to_map(add, item.key, context, self.0.me);
        self.0.join(delta.clone());
        delta
    }

    fn fill(&mut self, items: Vec<Item>) {
        let mut carts = BTreeMap::<String, Vec<String>>::new();
        for item in items {
            carts.entry(item.key).or_default().push(item.value);
        }
        let mut batch = Batch::on(&self.0);
        let write = |(key, elements): (String, Vec<String>)| {
            let held = self.0.state.store.get(&key).map(|value| &value.map);
            let add = |element: String| {
                let value = batch.write(held.and_then(|cart| cart.get(&element)), MvRegValue::Bool(true));
                (element, value)
            };
            let map = elements.into_iter().map(add).collect();
            (key, Value { map, ..Value::default() })
        };
        let written = carts.into_iter().map(write).collect();
        self.0.join(batch.finish(written));
    }

    fn remove(&mut self, keys: &[String]) {
        self.0.remove(keys);
    }

    fn has(&self, key: &String) -> bool {
        self.0.state.store.get(key).is_some_and(|held| !held.map.is_empty())
    }

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    fn merge_delta(&mut self, delta: Store) {
        self.0.join(delta);
    }

    fn encode(&self) -> Vec<u8> {
        pack(&self.0.state)
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        Self(Document::decode(bytes, replica))
    }

    fn encode_delta(delta: Store) -> Vec<u8> {
        pack(&delta)
    }

    fn decode_delta(bytes: &[u8]) -> Store {
        unpack(bytes)
    }

    fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        for (key, held) in self.0.state.store.inner().iter() {
            contents.extend(held.map.inner().iter().map(|(element, _)| (key.clone(), element.clone())));
        }
        contents
    }
}
