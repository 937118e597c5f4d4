//! A file that keeps a node, on disks that do not deserve it.
#![cfg(feature = "redb")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod disk;
mod file;
mod full;
mod kill;
#[cfg(unix)]
mod making;
mod torn;
