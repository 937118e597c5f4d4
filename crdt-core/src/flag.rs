//! Flags.

use alloc::vec::Vec;
use core::fmt;

use crate::register::{MvRegister, MvRegisterEditor};
use crate::view::{Ids, LocalDot, Order, Place, PlaceEditor, view_through};

/// A flag in which enabling wins over a concurrent disabling. It begins disabled.
///
/// | at the same time | result |
/// |---|---|
/// | `enable()` and `disable()` | enabled: the disabling takes only what it saw |
/// | `enable()` twice | enabled; a disabling that saw both disables |
///
/// For what begins enabled keep the opposite, `hidden` for `shown`: in an `EwFlag` hiding wins then, in a
/// [`DwFlag`] showing. (Almeida, Shoker, Baquero 2018, figure "EWFlag".)
///
/// ```
/// use crdt_core::{Doc, EwFlag, Replica, ReplicaId};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// let (mut here, mut there) = (Doc::<EwFlag>::default(), Doc::<EwFlag>::default());
/// there.merge(here.update(&mut a, |sale| sale.enable()));
/// let off = here.update(&mut a, |sale| sale.disable());
/// let on = there.update(&mut b, |sale| sale.enable());
/// here.merge(on);
/// there.merge(off);
/// assert!(here.is_enabled() && there.is_enabled());
/// ```
#[doc(alias("enable-wins flag", "boolean"))]
#[derive(Clone, Default)]
pub struct EwFlag {
    inner: MvRegister<()>,
}

impl EwFlag {
    /// Whether the flag is enabled.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        !self.inner.is_empty()
    }

    /// Whether the flag is disabled, as in the beginning.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.is_enabled()
    }
}

impl fmt::Debug for EwFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EwFlag").field(&self.is_enabled()).finish()
    }
}

view_through!([] EwFlag, EwFlagEditor<>, MvRegister<()>; {});

/// Changes an [`EwFlag`] within one update.
pub struct EwFlagEditor<'a> {
    inner: MvRegisterEditor<'a, ()>,
}

impl EwFlagEditor<'_> {
    /// Enables; also when it is enabled already, so that it survives disablings that are concurrent.
    pub fn enable(&self) {
        self.inner.set(());
    }

    /// Disables what this replica has seen enabled; ships nothing when it is disabled.
    pub fn disable(&self) {
        self.inner.clear();
    }

    /// Whether the flag is enabled, with the changes so far.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        !self.inner.is_empty()
    }

    /// Whether the flag is disabled, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.is_enabled()
    }
}

/// A flag in which disabling wins over a concurrent enabling. It begins disabled.
///
/// | at the same time | result |
/// |---|---|
/// | `enable()` and `disable()` | disabled, whatever the disabling had seen |
/// | `disable()` twice | disabled; an enabling that saw both enables |
///
/// A disabling is a write and stays until it is enabled again. (Almeida, Shoker, Baquero 2018, the
/// dual of "EWFlag".)
///
/// ```
/// use crdt_core::{Doc, DwFlag, Replica, ReplicaId};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// let (mut here, mut there) = (Doc::<DwFlag>::default(), Doc::<DwFlag>::default());
/// there.merge(here.update(&mut a, |access| access.enable()));
/// let off = here.update(&mut a, |access| access.disable());
/// let on = there.update(&mut b, |access| access.enable());
/// here.merge(on);
/// there.merge(off);
/// assert!(!here.is_enabled() && !there.is_enabled());
/// ```
#[doc(alias("disable-wins flag", "boolean"))]
#[derive(Clone, Default)]
pub struct DwFlag {
    inner: Place<bool, DisabledFirst>,
}

/// Disablings come before enablings, among equals the larger dot: the first mark is what the flag says.
#[derive(Clone, Copy, Debug)]
pub struct DisabledFirst;

impl Order<bool> for DisabledFirst {
    const HAS_STAMPS: bool = false;

    fn precedes(ids: &Ids, new: (LocalDot, &bool), old: (LocalDot, &bool)) -> bool {
        (!new.1, ids.dot(new.0)) > (!old.1, ids.dot(old.0))
    }
}

impl DwFlag {
    /// Whether the flag is enabled: it was enabled, and no live disabling says otherwise.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.inner.first().is_some_and(|enabled| *enabled)
    }

    /// Whether the flag is disabled, as in the beginning.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.is_enabled()
    }
}

impl fmt::Debug for DwFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DwFlag").field(&self.is_enabled()).finish()
    }
}

view_through!([] DwFlag, DwFlagEditor<>, Place<bool, DisabledFirst>; {
    fn tombstones(&self, each: &mut dyn FnMut(&[LocalDot])) {
        if !self.is_enabled() && !self.inner.is_empty() {
            each(&self.inner.dots().collect::<Vec<_>>());
        }
    }
});

/// Changes a [`DwFlag`] within one update.
pub struct DwFlagEditor<'a> {
    inner: PlaceEditor<'a, bool, DisabledFirst>,
}

impl DwFlagEditor<'_> {
    /// Enables over all disablings that this replica has seen.
    pub fn enable(&self) {
        self.inner.write(true);
    }

    /// Disables; also when it is disabled already, so that it wins over enablings that are
    /// concurrent.
    pub fn disable(&self) {
        self.inner.write(false);
    }

    /// Whether the flag is enabled, with the changes so far.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.inner.read(|marks| !marks.is_empty() && marks.iter().all(|enabled| **enabled))
    }

    /// Whether the flag is disabled, with the changes so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.is_enabled()
    }
}
