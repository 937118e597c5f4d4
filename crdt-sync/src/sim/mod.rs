//! A cluster in virtual time, for tests: seeded, repeatable, and as unkind as wanted.
//!
//! [`Cluster`] runs any number of engines over a simulated network: latency, loss, duplicates,
//! reordering, cut connections, partitions, crashes that lose all memory, disks that fail and old
//! backups. Nothing sleeps and nothing
//! reads a clock: an hour passes in milliseconds, and the same seed gives the same run, byte for
//! byte.
//!
//! [`explore`] plays a plan of random writes and faults over many seeds and checks an invariant of
//! yours after every change of every node:
//!
//! ```
//! use crdt_core::OrSet;
//! use crdt_sync::sim::{Plan, SimConfig, explore};
//! use rand::RngExt;
//!
//! let write = |set: crdt_core::OrSetEditor<'_, u8>, rng: &mut crdt_sync::sim::SimRng| {
//!     let element = rng.random_range(0..10);
//!     if rng.random_bool(0.7) {
//!         set.insert(element);
//!     } else {
//!         set.remove(&element);
//!     }
//! };
//! let small = |set: &OrSet<u8>| if set.len() <= 10 { Ok(()) } else { Err("too many".to_owned()) };
//! let report = explore::<OrSet<u8>>(&SimConfig::hostile(3), &Plan::default(), 0..3, write, small)?;
//! assert_eq!(report.runs, 3);
//! # Ok::<(), crdt_sync::sim::Failure>(())
//! ```

mod cluster;
mod config;
mod error;
mod explore;
mod network;
mod plan;
mod trace;

pub use rand::rngs::ChaCha12Rng as SimRng;

pub use self::cluster::{Cluster, Step};
pub use self::config::SimConfig;
pub use self::error::{Failure, NotConverged, SimError};
pub use self::explore::{Report, explore};
pub use self::network::Traffic;
pub use self::plan::{Act, Plan};
