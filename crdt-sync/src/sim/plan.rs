//! What is done to a cluster, and when.

use core::fmt;
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
/// use crdt_sync::sim::rand::SeedableRng;
///
/// let plan = Plan { writes: 5, ..Plan::default() };
/// let acts = plan.draw(3, &mut SimRng::seed_from_u64(1));
/// let writes = acts.iter().filter(|(_, act)| matches!(act, Act::Write { .. }));
/// assert_eq!(writes.count(), 5);
/// assert!(acts.is_sorted_by_key(|(at, _)| *at));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How long writes and faults go on. Then everything is repaired.
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
    /// Wall clocks that jump, each to a time of up to two minutes ahead of the slowest that there can
    /// be: forwards, or back.
    pub clock_jumps: usize,
    /// Nodes that are frozen for up to a third of the duration, or until they crash.
    pub freezes: usize,
}

impl Default for Plan {
    /// Thirty writes in 20 seconds, with two of each fault, but for those of disks; nobody is frozen.
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(20),
            writes: 30,
            partitions: 2,
            cuts: 2,
            crashes: 2,
            restores: 0,
            disk_faults: 0,
            clock_jumps: 2,
            freezes: 0,
        }
    }
}

/// An act, and when.
pub(super) type Timed = (Duration, Act);

/// One thing that is done to a cluster. Displayed, it reads as a line of a story, in which node 0 is
/// called `a`, node 1 `b`, and so on.
///
/// ```
/// use crdt_sync::sim::Act;
///
/// let act = Act::Partition { group: vec![0, 2] };
/// assert_eq!(act.to_string(), "a, c are cut off from the others");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// A write at a node, if it is up.
    Write {
        /// Where.
        node: usize,
        /// What the writer's draws begin with: they depend on nothing else, so that the write stays
        /// the same when other acts are left out.
        seed: u64,
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
    /// A wall clock jumps.
    Clock {
        /// Whose.
        node: usize,
        /// By how much it is ahead of the slowest that there can be, from now on.
        ahead: Duration,
    },
    /// A node is frozen: it holds what others write, and refuses writes.
    Freeze {
        /// Which.
        node: usize,
    },
    /// It applies what it holds.
    Thaw {
        /// Which.
        node: usize,
    },
    /// A node is gone for good: nothing brings it back.
    Gone {
        /// Which.
        node: usize,
    },
    /// All partitions end, all disks work, nobody is frozen, and all nodes that are down start again,
    /// but those that are gone.
    Repair,
}

impl Act {
    /// The same act in a cluster without this node, if anything is left of it.
    pub(super) fn without(&self, gone: usize) -> Option<Self> {
        let stays = match self {
            Self::Partition { group } => {
                let group: Vec<usize> = group.iter().copied().filter(|node| *node != gone).collect();
                return (!group.is_empty()).then_some(Self::Partition { group });
            }
            Self::Heal | Self::Repair => true,
            Self::Cut { a, b } => *a != gone && *b != gone,
            Self::Write { node, .. }
            | Self::Crash { node }
            | Self::Restore { node, .. }
            | Self::Disk { node, .. }
            | Self::Restart { node }
            | Self::Clock { node, .. }
            | Self::Freeze { node }
            | Self::Thaw { node }
            | Self::Gone { node } => *node != gone,
        };
        stays.then(|| self.clone())
    }
}

/// What a node is called in stories.
pub(super) fn name(node: usize) -> String {
    let letter = u8::try_from(node).ok().and_then(|node| (b'a'..=b'z').nth(node.into()));
    letter.map_or_else(|| format!("node {node}"), |letter| char::from(letter).to_string())
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { node, .. } => write!(f, "{} writes", name(*node)),
            Self::Partition { group } => {
                let group: Vec<String> = group.iter().map(|node| name(*node)).collect();
                let are = if group.len() == 1 { "is" } else { "are" };
                write!(f, "{} {are} cut off from the others", group.join(", "))
            }
            Self::Heal => f.write_str("all partitions end"),
            Self::Cut { a, b } => write!(f, "the connection of {} and {} is cut", name(*a), name(*b)),
            Self::Crash { node } => write!(f, "{} crashes", name(*node)),
            Self::Restore { node, commits } => {
                write!(f, "{} gets its disk back as it was {commits} writes ago", name(*node))
            }
            Self::Disk { node, fault: Some(fault) } => {
                write!(f, "the disk of {} fails: {fault:?}", name(*node))
            }
            Self::Disk { node, fault: None } => write!(f, "the disk of {} works again", name(*node)),
            Self::Restart { node } => write!(f, "{} starts again", name(*node)),
            Self::Clock { node, ahead } => {
                write!(f, "the clock of {} jumps to {:.3} s ahead", name(*node), ahead.as_secs_f64())
            }
            Self::Freeze { node } => write!(f, "{} is frozen", name(*node)),
            Self::Thaw { node } => write!(f, "{} thaws", name(*node)),
            Self::Gone { node } => write!(f, "{} is gone for good", name(*node)),
            Self::Repair => f.write_str("everything is repaired"),
        }
    }
}

/// How far a clock is ahead at most after a jump: further than stamps may run ahead by default, so
/// that both sides of that limit are met.
const FARTHEST_CLOCK: Duration = Duration::from_secs(120);

const FAULTS: [DiskFault; 4] =
    [DiskFault::Full, DiskFault::ReadOnly, DiskFault::FsyncAfterWrite, DiskFault::FsyncBeforeWrite];

impl Plan {
    /// Draws the acts of one run for this many nodes, in the order of time; the last one is
    /// [`Act::Repair`].
    #[must_use]
    pub fn draw(&self, nodes: usize, rng: &mut SimRng) -> Vec<(Duration, Act)> {
        let mut acts = Vec::new();
        let any = |rng: &mut SimRng| rng.random_range(0..nodes.max(1) as u64) as usize;
        for _ in 0..self.writes {
            acts.push((self.moment(rng), Act::Write { node: any(rng), seed: rng.random() }));
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
        for _ in 0..self.clock_jumps {
            let ahead = between((Duration::ZERO, FARTHEST_CLOCK), rng);
            acts.push((self.moment(rng), Act::Clock { node: any(rng), ahead }));
        }
        for _ in 0..self.freezes {
            let (begin, node) = (self.moment(rng), any(rng));
            acts.push((begin, Act::Freeze { node }));
            acts.push((self.later(begin, rng), Act::Thaw { node }));
        }
        acts.sort_by_key(|(at, _)| *at);
        acts.push((self.duration, Act::Repair));
        acts
    }

    fn moment(&self, rng: &mut SimRng) -> Duration {
        between((Duration::ZERO, self.duration), rng)
    }

    fn later(&self, begin: Duration, rng: &mut SimRng) -> Duration {
        (begin + between((Duration::ZERO, self.duration / 3), rng)).min(self.duration)
    }
}
