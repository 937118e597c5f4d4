//! Counters.

mod grow;
mod pn;
mod runs;

pub use grow::{GCounter, GCounterEditor};
pub use pn::{PnCounter, PnCounterEditor};
pub use runs::{CounterScratch, RunEntry, Tally};
