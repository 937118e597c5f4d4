//! The register in which the last write wins.

use super::stamped::stamped_register;
use super::{Latest, Stamped};
use crate::view::{Place, PlaceEditor, view_through};

/// One value; of concurrent writes the one with the larger (stamp, dot) shows.
///
/// | at the same time | result |
/// |---|---|
/// | `set(v)` and `set(w)` | the later by clock, on a tie the larger replica id; the other is in [`siblings`](LwwRegister::siblings) |
/// | `set(v)` and `clear()` | `v`: the clearing takes only what it saw |
///
/// A loser stays readable until the next write, at most one for each replica. A write is visible to
/// its writer whatever the clocks say, since it supersedes what it saw. (Shapiro et al. 2011, spec 8.)
///
/// ```
/// use crdt_core::{Doc, LwwRegister, Replica, ReplicaId};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// let (mut here, mut there) = (Doc::<LwwRegister<&str>>::default(), Doc::<LwwRegister<&str>>::default());
/// let ours = here.update(&mut a, |email| email.set("a@example.org"));
/// let theirs = there.update(&mut b, |email| email.set("b@example.org"));
/// here.merge(theirs);
/// there.merge(ours);
///
/// // The stamps tie; both replicas show the same value, and neither has lost the other.
/// assert_eq!(here.get(), Some(&"b@example.org"));
/// assert_eq!(there.get(), here.get());
/// assert_eq!(here.siblings().count(), 2);
/// ```
#[doc(alias("last-write-wins register", "LWWReg"))]
#[derive(Clone)]
pub struct LwwRegister<V> {
    inner: Place<Stamped<V>, Latest>,
}

stamped_register!([V: Clone + 'static] LwwRegister, LwwRegisterEditor, Latest);
