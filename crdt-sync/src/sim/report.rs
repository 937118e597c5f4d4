//! What runs went through.

use std::time::Duration;

use crdt_core::codec::Wire;

use super::cluster::Cluster;
use super::plan::Act;

/// What the runs of [`explore`](super::explore) went through, in sums. A test that looks for faults
/// asserts that they occurred: only what took effect is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Runs, one for each seed.
    pub runs: u64,
    /// Writes made.
    pub writes: u64,
    /// Partitions.
    pub partitions: u64,
    /// Single connections cut.
    pub cuts: u64,
    /// Crashes.
    pub crashes: u64,
    /// Nodes that got an older copy of their disks.
    pub restores: u64,
    /// Disks that failed.
    pub disk_faults: u64,
    /// Clocks that jumped.
    pub clock_jumps: u64,
    /// Nodes that were frozen.
    pub freezes: u64,
    /// Updates held by frozen nodes.
    pub held: u64,
    /// Walks completed.
    pub walks: u64,
    /// Frames lost.
    pub frames_lost: u64,
    /// Frames that arrived twice.
    pub frames_doubled: u64,
    /// Frames that were let out of order.
    pub frames_reordered: u64,
    /// Updates that arrived a second time.
    pub duplicates: u64,
    /// The longest time to convergence after all faults had ended.
    pub slowest: Duration,
}

impl Report {
    /// Counts a fault that is about to take effect.
    pub(super) fn count<T: Wire>(&mut self, act: &Act, cluster: &Cluster<T>) {
        let up = |node: &usize| cluster.engine(*node).is_some();
        let disk = |node: &usize| cluster.disk(*node).is_some();
        match act {
            Act::Partition { .. } => self.partitions += 1,
            Act::Cut { a, b } => self.cuts += u64::from(cluster.is_linked(*a, *b)),
            Act::Crash { node } | Act::Gone { node } => self.crashes += u64::from(up(node)),
            Act::Restore { node, .. } => self.restores += u64::from(!up(node) && disk(node)),
            Act::Disk { node, fault } => self.disk_faults += u64::from(fault.is_some() && disk(node)),
            Act::Clock { .. } => self.clock_jumps += 1,
            Act::Freeze { node } => self.freezes += u64::from(up(node)),
            Act::Write { .. } | Act::Heal | Act::Restart { .. } | Act::Thaw { .. } | Act::Repair => {}
        }
    }

    /// A run is over, so long after all faults had ended.
    pub(super) fn ended<T: Wire>(&mut self, cluster: &Cluster<T>, took: Duration) {
        let traffic = cluster.traffic();
        self.runs += 1;
        self.slowest = self.slowest.max(took);
        self.frames_lost += traffic.frames_lost;
        self.frames_doubled += traffic.frames_doubled;
        self.frames_reordered += traffic.frames_reordered;
        for (_, engine) in cluster.engines() {
            let counters = engine.status().counters;
            self.held += counters.held;
            self.walks += counters.walks_in_complete;
            self.duplicates += counters.duplicates;
        }
    }
}
