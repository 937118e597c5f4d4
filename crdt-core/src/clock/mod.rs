//! Logical time: sets of numbers, causal contexts, version vectors and hybrid logical clocks.

mod bits;
mod context;
mod hlc;
mod intervals;
mod vector;

pub(crate) use bits::{BLOCK, Bits};
pub use context::CausalContext;
#[cfg(feature = "std")]
pub use hlc::SystemClock;
pub use hlc::{Clock, Hlc, Stamp};
pub use intervals::Intervals;
pub use vector::{Causality, VersionVector};

#[cfg(test)]
mod tests;
