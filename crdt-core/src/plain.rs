//! What a type shows, as serde sees it: for screens, logs and web pages, and never to be read back.
//!
//! Equal states are written alike, so sets and maps go out in the order of their keys. There is no
//! `Deserialize` beside it: a value without its dots could not be merged with any other. Bytes that can
//! are those of the document.

use serde::{Serialize, Serializer};

use crate::counter::{BoundedCounter, GCounter, PnCounter};
use crate::flag::{DwFlag, EwFlag};
use crate::map::{LwwMap, OrMap};
use crate::register::{LwwRegister, Max, Min, MvRegister, RankedRegister, Resolve, ResolvedRegister};
use crate::set::{GSet, OrSet, RwSet};
use crate::view::Crdt;

/// As a type that serde knows, made from a borrowed value.
macro_rules! plain {
    ($([$($params:tt)*] $crdt:ty: $(#[$doc:meta])* |$value:ident| $plain:expr;)+) => {$(
        $(#[$doc])*
        impl<$($params)*> Serialize for $crdt {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let $value = self;
                $plain.serialize(to)
            }
        }
    )+};
}

plain! {
    [] EwFlag: /// As whether it is enabled.
        |flag| flag.is_enabled();
    [] DwFlag: /// As whether it is enabled.
        |flag| flag.is_enabled();
    [V: Serialize] LwwRegister<V>: /// As the value that shows, if there is one.
        |register| register.get();
    [V: Serialize] RankedRegister<V>: /// As the value that shows, if there is one.
        |register| register.get();
    [V: Serialize + Clone, R: Resolve<V>] ResolvedRegister<V, R>: /// As the value that shows, if there is one.
        |register| register.get();
    [V: Serialize + PartialEq] MvRegister<V>: /// As the list of its values.
        |register| register.values();
    [V: Serialize + Ord] Max<V>: /// As the value, if there is one.
        |register| register.get();
    [V: Serialize + Ord] Min<V>: /// As the value, if there is one.
        |register| register.get();
    [K: Serialize + Ord] GSet<K>: /// As a list, ascending.
        |set| set.sorted();
    [K: Serialize + Ord] RwSet<K>: /// As a list, ascending.
        |set| set.sorted();
    [K: Serialize + Ord] OrSet<K>: /// As a list, ascending.
        |set| set.sorted();
}

/// As a map, ascending by key.
impl<K: Serialize + Ord, V: Serialize> Serialize for LwwMap<K, V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.sorted())
    }
}

/// As a map, ascending by key.
impl<K: Serialize + Ord, V: Crdt + Serialize> Serialize for OrMap<K, V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.sorted())
    }
}

/// A number of 64 bits if it is one: many formats know no larger ones.
macro_rules! sums {
    ($($counter:ty, $small:ty, $serialize:ident;)+) => {$(
        /// As its value.
        impl Serialize for $counter {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                match <$small>::try_from(self.value()) {
                    Ok(small) => small.serialize(to),
                    Err(_) => to.$serialize(self.value()),
                }
            }
        }
    )+};
}

sums! {
    GCounter, u64, serialize_u128;
    PnCounter, i64, serialize_i128;
    BoundedCounter, u64, serialize_u128;
}
