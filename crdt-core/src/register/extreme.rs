//! The largest and the smallest value.

use core::fmt;

use super::{MvRegister, MvRegisterEditor};
use crate::view::view_through;

/// The largest of all values that were given, whoever gave them.
///
/// | at the same time | result |
/// |---|---|
/// | `raise(v)` and `raise(w)` | the larger of the two |
/// | `raise(v)` and the removal from a map, or `reset()` | what the removal had not seen |
///
/// A value that is not larger than the one that shows changes nothing and ships nothing. It is not kept
/// in case the larger one is taken away, not even at the same time.
///
/// ```
/// use crdt_core::{Doc, Max, Replica, ReplicaId};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// let (mut here, mut there) = (Doc::<Max<u32>>::default(), Doc::<Max<u32>>::default());
/// let ours = here.update(&mut a, |login| login.raise(7));
/// there.update(&mut b, |login| login.raise(5));
/// there.merge(ours);
/// assert_eq!(there.get(), Some(&7));
/// ```
#[derive(Clone)]
pub struct Max<V> {
    inner: MvRegister<V>,
}

/// The smallest of all values that were given, whoever gave them.
///
/// | at the same time | result |
/// |---|---|
/// | `lower(v)` and `lower(w)` | the smaller of the two |
/// | `lower(v)` and the removal from a map, or `reset()` | what the removal had not seen |
///
/// A value that is not smaller than the one that shows changes nothing and ships nothing. It is not kept
/// in case the smaller one is taken away, not even at the same time. With a time in front, as a
/// `Min<(u64, String)>`, the first value that was written stays.
///
/// ```
/// use crdt_core::{Doc, Min, Replica, ReplicaId};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// let (mut here, mut there) = (Doc::<Min<u32>>::default(), Doc::<Min<u32>>::default());
/// let ours = here.update(&mut a, |seen| seen.lower(7));
/// there.update(&mut b, |seen| seen.lower(5));
/// there.merge(ours);
/// assert_eq!(there.get(), Some(&5));
/// ```
#[derive(Clone)]
pub struct Min<V> {
    inner: MvRegister<V>,
}

/// Both ends read and write alike, but for the direction.
macro_rules! extreme {
    ($name:ident, $editor:ident, $write:ident, $pick:ident, $beats:ident, $write_doc:literal) => {
        impl<V> Default for $name<V> {
            fn default() -> Self {
                Self { inner: MvRegister::default() }
            }
        }

        impl<V> $name<V> {
            /// Whether no value was given, or all were taken away.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.inner.is_empty()
            }
        }

        impl<V: Ord> $name<V> {
            /// The value, if there is one.
            #[must_use]
            pub fn get(&self) -> Option<&V> {
                self.inner.siblings().$pick()
            }
        }

        impl<V: Ord + fmt::Debug> fmt::Debug for $name<V> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.get()).finish()
            }
        }

        view_through!([V: Clone + 'static] $name<V>, $editor<V>, MvRegister<V>; {});

        #[doc = concat!("Changes a [`", stringify!($name), "`] within one update.")]
        pub struct $editor<'a, V> {
            inner: MvRegisterEditor<'a, V>,
        }

        impl<V: Ord> $editor<'_, V> {
            #[doc = $write_doc]
            pub fn $write(&self, value: V) -> bool {
                let beats = self.inner.inner.read(|seen| seen.iter().all(|old| value.$beats(old)));
                if beats {
                    self.inner.set(value);
                }
                beats
            }

            /// A copy of the value, with the changes so far.
            #[must_use]
            pub fn get(&self) -> Option<V>
            where
                V: Clone,
            {
                self.inner.inner.read(|seen| seen.iter().copied().$pick().cloned())
            }
        }

        impl<V> $editor<'_, V> {
            /// Takes away what this replica has seen; a concurrent value stays.
            pub fn reset(&self) {
                self.inner.clear();
            }

            /// Whether there is no value, with the changes so far.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.inner.is_empty()
            }
        }
    };
}

extreme!(Max, MaxEditor, raise, max, gt, "Gives a value; returns whether it is larger than all before.");
extreme!(Min, MinEditor, lower, min, lt, "Gives a value; returns whether it is smaller than all before.");
