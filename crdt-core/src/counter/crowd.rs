//! The entries of a counter where there are many.

use alloc::collections::{BTreeMap, BTreeSet};

use super::runs::{Kind, Lists, Record};
use crate::dot::Dot;
use crate::view::LocalDot;

/// Records of which each is found, added and taken out in a logarithm of their number, and by which it is
/// known whether any increment shows. Who adds them up copies them into lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    by_dot: BTreeMap<LocalDot, (Kind, Record)>,
    /// How many increments each has: of one kind about one run the largest is the last.
    counts: BTreeSet<(Kind, Dot, u64, LocalDot)>,
    /// Of how many runs an increment shows.
    shown: usize,
}

impl Crowd {
    pub(super) fn len(&self) -> usize {
        self.by_dot.len()
    }

    pub(super) fn is_shown(&self) -> bool {
        self.shown > 0
    }

    /// The nodes of the trees are taken to be half full.
    pub(super) fn heap_bytes(&self) -> usize {
        let nodes = size_of::<(LocalDot, (Kind, Record))>() + size_of::<(Kind, Dot, u64, LocalDot)>();
        size_of::<Self>() + 2 * self.len() * nodes
    }

    #[cold]
    pub(super) fn get(&self, dot: LocalDot) -> Option<&(Kind, Record)> {
        self.by_dot.get(&dot)
    }

    #[cold]
    pub(super) fn lists(&self) -> Lists {
        self.by_dot.values().copied().collect()
    }

    #[cold]
    pub(super) fn add(&mut self, kind: Kind, record: Record) {
        let Record { run, tally, dot } = record;
        self.by_dot.insert(dot, (kind, record));
        self.change(run, |counts| _ = counts.insert((kind, run, tally.count, dot)));
    }

    #[cold]
    pub(super) fn remove(&mut self, dot: LocalDot) {
        if let Some((kind, Record { run, tally, .. })) = self.by_dot.remove(&dot) {
            self.change(run, |counts| _ = counts.remove(&(kind, run, tally.count, dot)));
        }
    }

    /// Changes what is said of one run, and with it how many show.
    fn change(&mut self, run: Dot, change: impl FnOnce(&mut BTreeSet<(Kind, Dot, u64, LocalDot)>)) {
        let before = self.shows(run);
        change(&mut self.counts);
        self.shown = self.shown + usize::from(self.shows(run)) - usize::from(before);
    }

    fn shows(&self, run: Dot) -> bool {
        self.longest(Kind::Taken, run) < self.longest(Kind::Run, run)
    }

    fn longest(&self, kind: Kind, run: Dot) -> u64 {
        let (least, most) = (LocalDot::new(0, 0), LocalDot::new(u32::MAX, u64::MAX));
        let mut about = self.counts.range((kind, run, 0, least)..=(kind, run, u64::MAX, most));
        about.next_back().map_or(0, |(_, _, count, _)| *count)
    }
}
