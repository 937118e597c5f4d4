//! The counter that goes up and down.

use core::fmt;

use super::runs::{CounterScratch, RunEntry, Runs, RunsEditor, counter_of_runs};
use crate::clock::Stamp;
use crate::view::{At, Crdt, LocalDot, Look, Reset, Tx};

/// A counter that goes up and down: the sum of what every replica added, less what it subtracted.
///
/// | at the same time | result |
/// |---|---|
/// | `add(10)` and `sub(5)` | 5 more |
/// | `add(5)` and the removal of the counter from a map, or `reset()` | what the removal had not seen: 5 |
///
/// It has no lower bound that replicas could share without coordination: two of them may each
/// subtract the last unit. An increment costs a dot, and a replica one live entry. (Shapiro et al.
/// 2011, spec 7.)
///
/// ```
/// use crdt_core::{Doc, OrMap, PnCounter, Replica, ReplicaId};
///
/// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
/// type Stock = OrMap<String, PnCounter>;
/// let (mut here, mut there) = (Doc::<Stock>::default(), Doc::<Stock>::default());
/// there.merge(here.update(&mut a, |stock| stock.entry("pens").add(10)));
///
/// // One takes the counter away, the other sells a pen at the same time.
/// let removal = here.update(&mut a, |stock| stock.remove("pens"));
/// let sale = there.update(&mut b, |stock| stock.entry("pens").sub(1));
/// here.merge(sale);
/// there.merge(removal);
/// assert_eq!(here.get("pens").map(PnCounter::value), Some(-1));
/// assert_eq!(there.get("pens").map(PnCounter::value), Some(-1));
/// ```
#[doc(alias = "positive-negative counter")]
#[derive(Clone, Default)]
pub struct PnCounter {
    runs: Runs,
}

impl PnCounter {
    /// The sum. It saturates at the ends of `i128`, which no history reaches.
    #[must_use]
    pub fn value(&self) -> i128 {
        net(self.runs.totals())
    }

    /// Whether no increment shows: none was made, or all were taken away.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl fmt::Debug for PnCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PnCounter").field(&self.value()).finish()
    }
}

counter_of_runs!(PnCounter, PnCounterEditor);

/// Changes a [`PnCounter`] within one update.
#[derive(Clone, Copy)]
pub struct PnCounterEditor<'a> {
    runs: RunsEditor<'a>,
}

impl PnCounterEditor<'_> {
    /// Adds `amount`; zero changes nothing and ships nothing.
    pub fn add(&self, amount: u64) {
        self.runs.step(amount, 0);
    }

    /// Subtracts `amount`; zero changes nothing and ships nothing.
    pub fn sub(&self, amount: u64) {
        self.runs.step(0, amount);
    }

    /// The sum, with the changes so far.
    #[must_use]
    pub fn value(&self) -> i128 {
        net(self.runs.seen().totals())
    }

    /// Takes away the increments that this replica has seen; concurrent ones stay, in full.
    pub fn reset(&self) {
        self.runs.reset();
    }
}

fn net((plus, minus): (u128, u128)) -> i128 {
    let magnitude = |difference: u128| i128::try_from(difference).unwrap_or(i128::MAX);
    if plus >= minus { magnitude(plus - minus) } else { -magnitude(minus - plus) }
}
