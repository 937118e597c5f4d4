//! Sets.

mod grow;
mod or;
mod rw;

pub use grow::{GSet, GSetEditor};
pub use or::{OrSet, OrSetEditor};
pub use rw::{RwSet, RwSetEditor};

use alloc::boxed::Box;

/// `for element in &set`.
macro_rules! into_iterator {
    ($($set:ident),+) => {$(
        impl<'a, K> IntoIterator for &'a $set<K> {
            type Item = &'a K;
            type IntoIter = Box<dyn Iterator<Item = &'a K> + 'a>;

            fn into_iter(self) -> Self::IntoIter {
                Box::new(self.iter())
            }
        }
    )+};
}

into_iterator!(GSet, OrSet, RwSet);
