//! A cluster in virtual time, for tests: seeded, repeatable, and as unkind as wanted.
//!
//! [`Cluster`] runs any number of engines over a simulated network: latency, loss, duplicates,
//! reordering, cut connections, partitions, crashes that lose all memory, disks that fail, old
//! backups, clocks that jump. Nothing sleeps and nothing reads a clock: an hour passes in
//! milliseconds, and the same seed gives the same run, byte for byte.
//!
//! [`explore`] plays a plan of random writes and faults over many seeds and checks an invariant of
//! yours after every change of every node. Where it breaks, the run is played again and again with
//! acts and nodes left out, until no more can be: what is left is the story of the mistake. Here is a
//! stock that is kept twice, once in a counter, and once in a register that the last writer wins:
//!
//! ```
//! use crdt_core::{Crdt, LwwRegister, PnCounter};
//! use crdt_sync::sim::{Plan, SimConfig, SimRng, explore, play};
//!
//! #[derive(Crdt)]
//! struct Stock {
//!     sold: PnCounter,
//!     left: LwwRegister<u64>,
//! }
//!
//! /// What a write returns is told in the story.
//! fn sell(stock: StockEditor<'_>, _: &mut SimRng) -> String {
//!     let left = stock.left.get().unwrap_or(100) - 1;
//!     stock.sold.add(1);
//!     stock.left.set(left);
//!     format!("one sold, {left} left")
//! }
//!
//! fn adds_up(stock: &Stock) -> Result<(), String> {
//!     let (sold, left) = (stock.sold.value(), stock.left.get().copied().unwrap_or(100));
//!     if sold + i128::from(left) == 100 { Ok(()) } else { Err(format!("{sold} sold of 100, {left} left")) }
//! }
//!
//! let (config, plan) = (SimConfig::hostile(3), Plan::default());
//! let failure = explore::<Stock, _>(&config, &plan, 0..100, sell, adds_up).expect_err("two sell at once");
//! println!("{failure}");
//!
//! // All it takes is two writes that do not know of each other, and what keeps them apart.
//! assert!(failure.acts.0 > 30 && failure.acts.1 < 5, "{failure}");
//! assert!(failure.reason.ends_with("2 sold of 100, 99 left"), "{failure}");
//! // The story can be played by itself, as long as the mistake is there.
//! assert!(play::<Stock, _>(&config, failure.seed, &failure.story, sell, adds_up).is_err());
//! # Ok::<(), crdt_sync::sim::Failure>(())
//! ```
//!
//! It prints the same whenever it runs, like this:
//!
//! ```text
//! seed 0: at 2.958 s, b: 2 sold of 100, 99 left
//! 2 of 42 acts are enough:
//!   at 2.772 s  c writes: "one sold, 99 left"
//!   at 2.880 s  b writes: "one sold, 99 left"
//!   at 2.958 s  b gets what c wrote at 2.772 s
//! ```

mod chance;
mod cluster;
mod config;
mod error;
mod explore;
mod network;
mod plan;
mod report;
mod run;
mod shrink;
mod story;
mod trace;

/// What writes draw from a [`SimRng`] by: take it from here, so that there is one version of it.
pub use rand;
pub use rand::rngs::ChaCha12Rng as SimRng;

pub use self::cluster::{Cluster, Step};
pub use self::config::SimConfig;
pub use self::error::{Failure, NotConverged, SimError};
pub use self::explore::{explore, play};
pub use self::network::Traffic;
pub use self::plan::{Act, Plan};
pub use self::report::Report;
