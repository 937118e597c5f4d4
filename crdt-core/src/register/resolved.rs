//! The register with a resolver of the user's.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use super::{MvRegister, MvRegisterEditor};
use crate::view::view_through;

/// Makes one value of several that were written at the same time.
///
/// Replicas agree whatever it does, as long as it is a function of its argument: it runs when
/// somebody reads, over a set of writes that every replica holds alike, and its result is stored
/// nowhere. It needs to be neither commutative nor associative. It must not read a clock, a random
/// number or anything else that differs between two replicas.
pub trait Resolve<V>: 'static {
    /// The value to show for these, which are two or more, in an order that every replica shares.
    fn resolve(siblings: &[&V]) -> V;
}

/// One value; of concurrent writes, what the resolver makes of them.
///
/// | at the same time | result |
/// |---|---|
/// | `set(v)` and `set(w)` | `R::resolve(&[v, w])`; both stay in [`siblings`](ResolvedRegister::siblings) |
/// | `set(v)` and `clear()` | `v`: the clearing takes only what it saw |
///
/// ```
/// use crdt_core::{Doc, Replica, ReplicaId, Resolve, ResolvedRegister};
///
/// /// Between two prices the customer's is the right one.
/// struct Lowest;
///
/// impl Resolve<u32> for Lowest {
///     fn resolve(siblings: &[&u32]) -> u32 {
///         siblings.iter().copied().copied().min().unwrap_or_default()
///     }
/// }
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// type Price = ResolvedRegister<u32, Lowest>;
/// let (mut here, mut there) = (Doc::<Price>::default(), Doc::<Price>::default());
/// let ours = here.update(&mut a, |price| price.set(300));
/// let theirs = there.update(&mut b, |price| price.set(250));
/// here.merge(theirs);
/// there.merge(ours);
/// assert_eq!(here.get().as_deref(), Some(&250));
/// assert_eq!(there.get().as_deref(), Some(&250));
/// ```
#[doc(alias("conflict resolver", "custom merge"))]
pub struct ResolvedRegister<V, R> {
    inner: MvRegister<V>,
    resolver: PhantomData<fn() -> R>,
}

impl<V: Clone, R> Clone for ResolvedRegister<V, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), resolver: PhantomData }
    }
}

impl<V, R> Default for ResolvedRegister<V, R> {
    fn default() -> Self {
        Self { inner: MvRegister::default(), resolver: PhantomData }
    }
}

impl<V, R> ResolvedRegister<V, R> {
    /// Every live write in the order of their dots, equal values too.
    pub fn siblings(&self) -> impl ExactSizeIterator<Item = &V> + '_ {
        self.inner.siblings()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }
}

impl<V: Clone, R: Resolve<V>> ResolvedRegister<V, R> {
    /// The value, if there is one: the only write, or what the resolver makes of them all.
    #[must_use]
    pub fn get(&self) -> Option<Cow<'_, V>> {
        let siblings: Vec<&V> = self.siblings().collect();
        match siblings.as_slice() {
            [] => None,
            [only] => Some(Cow::Borrowed(*only)),
            several => Some(Cow::Owned(R::resolve(several))),
        }
    }
}

impl<V: Clone + fmt::Debug, R: Resolve<V>> fmt::Debug for ResolvedRegister<V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResolvedRegister").field(&self.get()).finish()
    }
}

/// Changes a [`ResolvedRegister`] within one update.
pub struct ResolvedRegisterEditor<'a, V> {
    inner: MvRegisterEditor<'a, V>,
}

view_through!(
    [V: Clone + 'static, R: Resolve<V>] ResolvedRegister<V, R>, ResolvedRegisterEditor<V>, MvRegister<V>
);

impl<V> ResolvedRegisterEditor<'_, V> {
    /// Writes a value over all that this replica has seen.
    pub fn set(&self, value: V) {
        self.inner.set(value);
    }

    /// Takes away what this replica has seen; a concurrent write stays.
    pub fn clear(&self) {
        self.inner.clear();
    }

    /// Copies of the live values, with the changes so far.
    #[must_use]
    pub fn to_vec(&self) -> Vec<V>
    where
        V: Clone,
    {
        self.inner.to_vec()
    }

    /// Whether there is no value, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }
}
