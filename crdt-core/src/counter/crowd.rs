//! The entries of a counter where there are many.

use alloc::collections::{BTreeMap, BTreeSet};

use super::runs::{Kind, Lists, Record, Tally, sum};
use crate::dot::{Dot, ReplicaId};
use crate::view::LocalDot;

/// Records of which each is found, added and taken out in a logarithm of their number, and by which it is
/// known whether any increment shows. Those of one replica, and all of them, are read in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    by_dot: BTreeMap<LocalDot, (Kind, Record)>,
    runs: BTreeSet<Record>,
    taken: BTreeSet<Record>,
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
        let nodes = size_of::<(LocalDot, (Kind, Record))>() + size_of::<Record>();
        size_of::<Self>() + 2 * self.len() * nodes
    }

    #[cold]
    pub(super) fn get(&self, dot: LocalDot) -> Option<&(Kind, Record)> {
        self.by_dot.get(&dot)
    }

    /// The sums of increments and of decrements that show.
    #[cold]
    pub(super) fn totals(&self) -> (u128, u128) {
        let mut taken = newest(&self.taken).peekable();
        sum(newest(&self.runs).map(|run| {
            while taken.next_if(|taken| taken.run < run.run).is_some() {}
            let gone = taken.peek().filter(|taken| taken.run == run.run);
            run.tally.without(gone.map_or_else(Tally::default, |taken| taken.tally))
        }))
    }

    /// A copy of the records, or of those about the runs of one replica.
    #[cold]
    pub(super) fn lists(&self, replica: Option<ReplicaId>) -> Lists {
        let copy = |records: &BTreeSet<Record>| match replica {
            None => records.iter().copied().collect(),
            Some(id) => {
                records.range(least(Dot::new(id, 0))..=most(Dot::new(id, u64::MAX))).copied().collect()
            }
        };
        Lists { runs: copy(&self.runs), taken: copy(&self.taken) }
    }

    #[cold]
    pub(super) fn add(&mut self, kind: Kind, record: Record) {
        self.by_dot.insert(record.dot, (kind, record));
        self.change(kind, record.run, |records| _ = records.insert(record));
    }

    #[cold]
    pub(super) fn remove(&mut self, dot: LocalDot) {
        if let Some((kind, record)) = self.by_dot.remove(&dot) {
            self.change(kind, record.run, |records| _ = records.remove(&record));
        }
    }

    /// Changes what is said of one run, and with it how many show.
    fn change(&mut self, kind: Kind, run: Dot, change: impl FnOnce(&mut BTreeSet<Record>)) {
        let before = self.shows(run);
        change(match kind {
            Kind::Run => &mut self.runs,
            Kind::Taken => &mut self.taken,
        });
        self.shown = self.shown + usize::from(self.shows(run)) - usize::from(before);
    }

    fn shows(&self, run: Dot) -> bool {
        let longest = |records: &BTreeSet<Record>| {
            let last = records.range(least(run)..=most(run)).next_back();
            last.map_or(0, |record| record.tally.count)
        };
        longest(&self.taken) < longest(&self.runs)
    }
}

/// The last record about each run.
fn newest(records: &BTreeSet<Record>) -> impl Iterator<Item = &Record> + '_ {
    let mut records = records.iter().peekable();
    core::iter::from_fn(move || {
        let mut last = records.next()?;
        while let Some(next) = records.next_if(|next| next.run == last.run) {
            last = next;
        }
        Some(last)
    })
}

/// What comes before every record about a run.
fn least(run: Dot) -> Record {
    Record { run, tally: Tally::default(), dot: LocalDot::new(0, 0) }
}

/// What comes behind every record about a run.
fn most(run: Dot) -> Record {
    let tally = Tally { count: u64::MAX, plus: u128::MAX, minus: u128::MAX };
    Record { run, tally, dot: LocalDot::new(u32::MAX, u64::MAX) }
}
