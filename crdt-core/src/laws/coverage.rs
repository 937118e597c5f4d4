//! Which hard cases the histories reached, and how often.

use alloc::collections::BTreeMap;
use core::fmt;

/// A situation in which merges go wrong, and which random states hardly ever show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Case {
    /// An update arrived before one that its author had seen.
    Reordered,
    /// An update arrived that was there.
    Duplicated,
    /// Several updates arrived as one.
    Grouped,
    /// The context of a replica had a gap.
    Gap,
    /// Entries of two replicas were live at one path.
    Siblings,
    /// Two replicas wrote at one path at the same time, with the same stamp.
    Tie,
    /// A replica wrote at a path, another one removed there at the same time.
    WriteBesideRemoval,
    /// Two replicas removed one entry at the same time.
    ConcurrentRemovals,
    /// A path was written after all that the writer saw there had been removed.
    WrittenAgain,
    /// An update removed and wrote nothing.
    RemovalOnly,
    /// A whole state arrived by a walk.
    Walk,
    /// An entry died at the donor before a walk had sent it.
    DeathInWalk,
    /// Two states asked one another where they differ.
    Compared,
}

impl Case {
    /// What histories of any type reach that has some kind of removal.
    pub const COMMON: [Self; 8] = [
        Self::Reordered,
        Self::Duplicated,
        Self::Grouped,
        Self::Gap,
        Self::Siblings,
        Self::WriteBesideRemoval,
        Self::Walk,
        Self::DeathInWalk,
    ];
}

/// How often the hard cases were reached.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Coverage {
    /// How many histories were checked.
    pub histories: u64,
    /// How many updates these made.
    pub updates: u64,
    cases: BTreeMap<Case, u64>,
}

impl Coverage {
    /// How often the case was reached.
    #[must_use]
    pub fn of(&self, case: Case) -> u64 {
        self.cases.get(&case).copied().unwrap_or(0)
    }

    pub(super) fn reach(&mut self, case: Case) {
        self.reach_times(case, 1);
    }

    pub(super) fn reach_times(&mut self, case: Case, times: usize) {
        *self.cases.entry(case).or_default() += times as u64;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.updates += other.updates;
        for (&case, times) in &other.cases {
            *self.cases.entry(case).or_default() += times;
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} histories, {} updates", self.histories, self.updates)?;
        self.cases.iter().try_for_each(|(case, times)| write!(f, ", {case:?} {times}"))
    }
}
