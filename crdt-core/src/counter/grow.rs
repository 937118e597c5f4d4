//! The counter that only grows.

use core::fmt;

use super::runs::{CounterScratch, RunEntry, Runs, RunsEditor, counter_of_runs};
use crate::clock::Stamp;
use crate::view::{At, Crdt, LocalDot, Look, Reset, Tx};

/// A counter that only grows: the sum of what every replica added.
///
/// | at the same time | result |
/// |---|---|
/// | `add(10)` and `add(5)` | 15 more |
/// | `add(5)` and the removal of the counter from a map, or `reset()` | what the removal had not seen: 5 |
///
/// An increment costs a dot, and a replica one live entry. (Shapiro et al. 2011, spec 6, with dots in
/// place of a vector, so that a counter can be removed from a map exactly.)
///
/// ```
/// use crdt_core::{Doc, GCounter, Replica, ReplicaId};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// let (mut tokyo, mut london) = (Doc::<GCounter>::default(), Doc::<GCounter>::default());
/// let ten = tokyo.update(&mut a, |likes| likes.add(10));
/// let five = london.update(&mut b, |likes| likes.add(5));
/// tokyo.merge(five.clone());
/// tokyo.merge(five); // once more changes nothing
/// london.merge(ten);
/// assert_eq!((tokyo.value(), london.value()), (15, 15));
/// ```
#[doc(alias = "grow-only counter")]
#[derive(Clone, Default)]
pub struct GCounter {
    runs: Runs,
}

impl GCounter {
    /// The sum.
    #[must_use]
    pub fn value(&self) -> u128 {
        self.runs.totals().0
    }

    /// Whether no increment shows: none was made, or all were taken away.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl fmt::Debug for GCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GCounter").field(&self.value()).finish()
    }
}

counter_of_runs!(GCounter, GCounterEditor);

/// Changes a [`GCounter`] within one update.
#[derive(Clone, Copy)]
pub struct GCounterEditor<'a> {
    runs: RunsEditor<'a>,
}

impl GCounterEditor<'_> {
    /// Adds `amount`; zero changes nothing and ships nothing.
    pub fn add(&self, amount: u64) {
        self.runs.step(amount, 0);
    }

    /// The sum, with the changes so far.
    #[must_use]
    pub fn value(&self) -> u128 {
        self.runs.seen().totals().0
    }

    /// Takes away the increments that this replica has seen; concurrent ones stay, in full.
    pub fn reset(&self) {
        self.runs.reset();
    }
}
