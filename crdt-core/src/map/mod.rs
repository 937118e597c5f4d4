//! Maps.

mod lww;
mod or;

pub use lww::{LwwMap, LwwMapEditor};
pub use or::{OrMap, OrMapEditor};

use alloc::boxed::Box;

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
