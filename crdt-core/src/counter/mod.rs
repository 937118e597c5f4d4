//! Counters.

mod bounded;
mod crowd;
mod grow;
mod pn;
mod runs;

pub use bounded::{BoundedCounter, BoundedCounterEditor, InsufficientRights, RightsEntry, RightsScratch};
pub use grow::{GCounter, GCounterEditor};
pub use pn::{PnCounter, PnCounterEditor};
pub use runs::{CounterScratch, RunEntry, Tally};
