//! What is done to a cluster, and when.

use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::SimRng;
use super::network::between;
use crate::store::DiskFault;

/// How much is done to a cluster in one run, at times drawn from the seed.
///
/// ```
/// use crdt_sync::sim::{Act, Plan, SimRng};
/// use rand::SeedableRng;
///
/// let plan = Plan { writes: 5, ..Plan::default() };
/// let acts = plan.draw(3, &mut SimRng::seed_from_u64(1));
/// let writes = acts.iter().filter(|(_, act)| matches!(act, Act::Write { .. }));
/// assert_eq!(writes.count(), 5);
/// assert!(acts.is_sorted_by_key(|(at, _)| *at));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How long writes and faults go on. Then everything is healed and restarted.
    pub duration: Duration,
    /// Writes, each at a node drawn at random.
    pub writes: usize,
    /// Partitions into two groups, each over after up to a third of the duration.
    pub partitions: usize,
    /// Single connections cut.
    pub cuts: usize,
    /// Crashes with loss of memory, each followed by a restart within a third of the duration.
    pub crashes: usize,
    /// Crashes whose nodes start again from an older copy of their disks, if nodes have disks.
    pub restores: usize,
    /// Disks that fail for up to a third of the duration, in a way drawn at random, if nodes have
    /// disks.
    pub disk_faults: usize,
}

impl Default for Plan {
    /// Thirty writes in 20 seconds, with two of each fault, but for those of disks.
    fn default() -> Self {
        let duration = Duration::from_secs(20);
        Self { duration, writes: 30, partitions: 2, cuts: 2, crashes: 2, restores: 0, disk_faults: 0 }
    }
}

/// One thing that is done to a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// A write at a node, if it is up.
    Write {
        /// Where.
        node: usize,
    },
    /// These nodes are cut off from all others.
    Partition {
        /// One of the two groups.
        group: Vec<usize>,
    },
    /// All partitions end.
    Heal,
    /// A connection is cut.
    Cut {
        /// One end.
        a: usize,
        /// The other end.
        b: usize,
    },
    /// A node crashes.
    Crash {
        /// Which.
        node: usize,
    },
    /// A node that is down gets its disk back as it was some writes ago.
    Restore {
        /// Which.
        node: usize,
        /// How many writes to the disk are undone.
        commits: usize,
    },
    /// A disk fails from now on, or works again.
    Disk {
        /// Whose.
        node: usize,
        /// How.
        fault: Option<DiskFault>,
    },
    /// It starts again.
    Restart {
        /// Which.
        node: usize,
    },
}

const FAULTS: [DiskFault; 4] =
    [DiskFault::Full, DiskFault::ReadOnly, DiskFault::FsyncAfterWrite, DiskFault::FsyncBeforeWrite];

impl Plan {
    /// Draws the acts of one run for this many nodes, in the order of time.
    #[must_use]
    pub fn draw(&self, nodes: usize, rng: &mut SimRng) -> Vec<(Duration, Act)> {
        let mut acts = Vec::new();
        let any = |rng: &mut SimRng| rng.random_range(0..nodes.max(1) as u64) as usize;
        for _ in 0..self.writes {
            acts.push((self.moment(rng), Act::Write { node: any(rng) }));
        }
        for _ in 0..self.cuts {
            acts.push((self.moment(rng), Act::Cut { a: any(rng), b: any(rng) }));
        }
        for _ in 0..self.partitions {
            let mut group: Vec<usize> = (0..nodes).collect();
            group.shuffle(rng);
            group.truncate(nodes.div_ceil(2));
            let begin = self.moment(rng);
            acts.push((begin, Act::Partition { group }));
            acts.push((self.later(begin, rng), Act::Heal));
        }
        for _ in 0..self.crashes {
            let (begin, node) = (self.moment(rng), any(rng));
            acts.push((begin, Act::Crash { node }));
            acts.push((self.later(begin, rng), Act::Restart { node }));
        }
        for _ in 0..self.restores {
            let (begin, node, commits) = (self.moment(rng), any(rng), rng.random_range(1..8u64) as usize);
            acts.push((begin, Act::Crash { node }));
            acts.push((begin, Act::Restore { node, commits }));
            acts.push((self.later(begin, rng), Act::Restart { node }));
        }
        for _ in 0..self.disk_faults {
            let (begin, node) = (self.moment(rng), any(rng));
            let fault = Some(FAULTS[rng.random_range(0..FAULTS.len() as u64) as usize]);
            acts.push((begin, Act::Disk { node, fault }));
            acts.push((self.later(begin, rng), Act::Disk { node, fault: None }));
        }
        acts.sort_by_key(|(at, _)| *at);
        acts
    }

    fn moment(&self, rng: &mut SimRng) -> Duration {
        between((Duration::ZERO, self.duration), rng)
    }

    fn later(&self, begin: Duration, rng: &mut SimRng) -> Duration {
        (begin + between((Duration::ZERO, self.duration / 3), rng)).min(self.duration)
    }
}
