//! Maps.

mod lww;
mod or;

pub use lww::{LwwMap, LwwMapEditor};
pub use or::{OrMap, OrMapEditor};

use alloc::boxed::Box;
use core::borrow::Borrow;
use core::hash::Hash;
use core::ops::Index;

use crate::view::Crdt;

/// `for (key, value) in &map`.
macro_rules! into_iterator {
    ($([$($params:tt)*] $map:ident);+) => {$(
        impl<'a, $($params)*> IntoIterator for &'a $map<K, V> {
            type Item = (&'a K, &'a V);
            type IntoIter = Box<dyn Iterator<Item = (&'a K, &'a V)> + 'a>;

            fn into_iter(self) -> Self::IntoIter {
                Box::new(self.iter())
            }
        }
    )+};
}

into_iterator!([K, V] LwwMap; [K, V: Crdt] OrMap);

/// `map[key]`.
macro_rules! index {
    ($([$($params:tt)*] $map:ident);+) => {$(
        impl<$($params)*, Q: Hash + Eq + ?Sized> Index<&Q> for $map<K, V>
        where
            K: Hash + Eq + Borrow<Q>,
        {
            type Output = V;

            /// The value of a key.
            ///
            /// # Panics
            /// When the key is not in the map; [`get`](Self::get) says so.
            fn index(&self, key: &Q) -> &V {
                self.get(key).expect("an indexed key is in the map")
            }
        }
    )+};
}

index!([K, V] LwwMap; [K, V: Crdt] OrMap);
