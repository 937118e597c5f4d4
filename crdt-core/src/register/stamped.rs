//! What registers of stamped values share.

/// Reads and writes a register whose entries are stamped values: they differ in who comes first.
macro_rules! stamped_register {
    ([$($params:tt)*] $register:ident, $editor:ident, $order:ty) => {
        impl<V> Default for $register<V> {
            fn default() -> Self {
                Self { inner: Place::default() }
            }
        }

        impl<V> $register<V> {
            /// The value, if there is one.
            #[must_use]
            pub fn get(&self) -> Option<&V> {
                self.inner.first().map(|winner| &winner.value)
            }

            /// When the value was written.
            #[must_use]
            pub fn stamp(&self) -> Option<$crate::clock::Stamp> {
                self.inner.first().map(|winner| winner.stamp)
            }

            /// The winner, then the values that lost to it by concurrent writes.
            pub fn siblings(&self) -> impl ExactSizeIterator<Item = &V> + '_ {
                self.inner.iter().map(|stamped| &stamped.value)
            }

            /// Whether there is no value.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.inner.is_empty()
            }
        }

        impl<V: core::fmt::Debug> core::fmt::Debug for $register<V> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_tuple(stringify!($register)).field(&self.get()).finish()
            }
        }

        view_through!([$($params)*] $register<V>, $editor<V>, Place<Stamped<V>, $order>);

        #[doc = concat!("Changes a [`", stringify!($register), "`] within one update.")]
        pub struct $editor<'a, V> {
            inner: PlaceEditor<'a, Stamped<V>, $order>,
        }

        impl<$($params)*> $editor<'_, V> {
            /// Writes a value over all that this replica has seen.
            pub fn set(&self, value: V) {
                let stamp = self.inner.stamp();
                self.inner.write(Stamped { stamp, value });
            }
        }

        impl<V> $editor<'_, V> {
            /// Takes away what this replica has seen; a concurrent write stays.
            pub fn clear(&self) {
                self.inner.clear();
            }

            /// A copy of the value, with the changes so far.
            #[must_use]
            pub fn get(&self) -> Option<V>
            where
                V: Clone,
            {
                self.inner.first().map(|winner| winner.value)
            }

            /// Whether there is no value, with the changes so far.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.inner.is_empty()
            }
        }
    };
}

pub(super) use stamped_register;
