//! Runs of increments, and the prefixes of them that removals take away.
//!
//! A replica's consecutive increments form a *run*, named by its first dot. Each increment is a new
//! entry with the run's whole tally and supersedes the one before, so that a run is one live entry
//! however long it gets. A removal cannot take increments that it has not seen: it says *taken up
//! to here* of each run, and what comes on top at the same time remains, to the unit.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::crowd::Crowd;
use crate::dot::{Dot, ReplicaId};
use crate::few::MANY;
use crate::view::{At, LocalDot, Tx};

/// How far a run has come: the number of its increments and what they add up to.
///
/// The sums are wide enough that no history of 64-bit amounts overflows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// How many increments and decrements.
    pub count: u64,
    /// The sum of the increments.
    pub plus: u128,
    /// The sum of the decrements.
    pub minus: u128,
}

/// What travels under one dot of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEntry {
    /// The newest state of a run of the dot's own replica.
    Run {
        /// The number of the run's first dot.
        first: u64,
        /// All increments of the run so far.
        tally: Tally,
    },
    /// A prefix of a run that a removal saw and took away.
    Taken {
        /// The first dot of the run.
        run: Dot,
        /// The increments that are taken.
        tally: Tally,
    },
}

/// The live entries of a counter, or what an editor adds to them.
#[derive(Clone, Debug)]
pub(super) enum Runs {
    Few(Lists),
    Crowd(Box<Crowd>),
}

/// Entries to be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    /// Ascending by run, then tally: the last one of a run is its newest.
    pub(super) runs: Vec<Record>,
    /// Ascending by run, then tally: the last one of a run takes the most.
    pub(super) taken: Vec<Record>,
}

/// What an entry says of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Run,
    Taken,
}

/// What an editor of a counter has added so far.
#[derive(Debug, Default)]
pub struct CounterScratch(pub(super) RefCell<Runs>);

/// One entry: about which run, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    pub(super) run: Dot,
    pub(super) tally: Tally,
    pub(super) dot: LocalDot,
}

impl Tally {
    /// What is left when a prefix is taken away: nothing, if it is no shorter.
    pub(super) fn without(self, taken: Self) -> (u128, u128) {
        if taken.count >= self.count {
            return (0, 0);
        }
        (self.plus.saturating_sub(taken.plus), self.minus.saturating_sub(taken.minus))
    }

    /// One increment on. Saturates only on tallies that no history makes.
    fn step(self, plus: u64, minus: u64) -> Self {
        Self {
            count: self.count.saturating_add(1),
            plus: self.plus.saturating_add(plus.into()),
            minus: self.minus.saturating_add(minus.into()),
        }
    }
}

impl Record {
    fn entry(&self, kind: Kind) -> RunEntry {
        let Self { run, tally, .. } = *self;
        match kind {
            Kind::Run => RunEntry::Run { first: run.seq, tally },
            Kind::Taken => RunEntry::Taken { run, tally },
        }
    }
}

impl Default for Runs {
    fn default() -> Self {
        Self::Few(Lists::default())
    }
}

impl Runs {
    pub(super) fn is_bottom(&self) -> bool {
        match self {
            Self::Few(lists) => lists.runs.is_empty() && lists.taken.is_empty(),
            Self::Crowd(crowd) => crowd.len() == 0,
        }
    }

    pub(super) fn insert(&mut self, at: &At<'_>, dot: LocalDot, entry: RunEntry) {
        match entry {
            RunEntry::Run { first, tally } => {
                let run = Dot::new(at.ids().id(dot.replica()), first);
                self.add(Kind::Run, Record { run, tally, dot });
            }
            RunEntry::Taken { run, tally } => self.add(Kind::Taken, Record { run, tally, dot }),
        }
    }

    fn add(&mut self, kind: Kind, record: Record) {
        match self {
            Self::Few(lists) if lists.len() < MANY => {
                let records = lists.of_mut(kind);
                let rank = records.partition_point(|other| *other < record);
                // Most counters have one record, or two while the new one comes before the old one goes.
                records.reserve_exact(1);
                records.insert(rank, record);
            }
            _ => self.add_to_many(kind, record),
        }
    }

    /// Adds a record to a crowd, made of the lists if it is none yet.
    #[cold]
    fn add_to_many(&mut self, kind: Kind, record: Record) {
        if let Self::Few(lists) = self {
            let mut crowd = Box::<Crowd>::default();
            lists.iter().for_each(|(kind, record)| crowd.add(kind, *record));
            *self = Self::Crowd(crowd);
        }
        if let Self::Crowd(crowd) = self {
            crowd.add(kind, record);
        }
    }

    pub(super) fn remove(&mut self, dot: LocalDot) {
        match self {
            Self::Few(lists) => lists.remove(dot),
            Self::Crowd(_) => self.remove_one_of_many(dot),
        }
    }

    #[cold]
    fn remove_one_of_many(&mut self, dot: LocalDot) {
        let Self::Crowd(crowd) = self else { return };
        crowd.remove(dot);
        // Far enough from many that the next few change nothing.
        if crowd.len() <= MANY / 2 {
            *self = Self::Few(crowd.lists(None));
        }
    }

    pub(super) fn entry(&self, dot: LocalDot) -> RunEntry {
        let found = match self {
            Self::Few(lists) => lists.entry(dot),
            Self::Crowd(crowd) => crowd.get(dot).map(|(kind, record)| record.entry(*kind)),
        };
        found.expect("a live slot has its entry")
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Few(lists) => (lists.runs.capacity() + lists.taken.capacity()) * size_of::<Record>(),
            Self::Crowd(crowd) => crowd.heap_bytes(),
        }
    }

    pub(super) fn each_dot(&self, each: &mut dyn FnMut(LocalDot)) {
        self.read(None, |runs, taken| runs.iter().chain(taken).for_each(|record| each(record.dot)));
    }

    /// The sums of increments and of decrements that show.
    pub(super) fn totals(&self) -> (u128, u128) {
        match self {
            Self::Few(lists) => lists.totals(),
            Self::Crowd(crowd) => crowd.totals(),
        }
    }

    /// Calls `each` for the records of every run of which nothing shows any more.
    pub(super) fn tombstones(&self, each: &mut dyn FnMut(&[LocalDot])) {
        self.read(None, |runs, taken| {
            for taken in taken.chunk_by(|a, b| a.run == b.run) {
                let runs = about(runs, taken[0].run);
                let longest = taken[taken.len() - 1].tally;
                if runs.last().is_none_or(|newest| newest.tally.count <= longest.count) {
                    each(&runs.iter().chain(taken).map(|record| record.dot).collect::<Vec<_>>());
                }
            }
        });
    }

    /// Whether no increment shows.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(lists) => lists.is_empty(),
            Self::Crowd(crowd) => !crowd.is_shown(),
        }
    }

    /// Calls `read` with the records, or those about the runs of one replica: what goes on, and what is taken.
    fn read<R>(&self, replica: Option<ReplicaId>, read: impl FnOnce(&[Record], &[Record]) -> R) -> R {
        match (self, replica) {
            (Self::Few(lists), None) => read(&lists.runs, &lists.taken),
            (Self::Few(lists), Some(id)) => read(of(&lists.runs, id), of(&lists.taken, id)),
            (Self::Crowd(crowd), _) => {
                let lists = crowd.lists(replica);
                read(&lists.runs, &lists.taken)
            }
        }
    }

    /// Gives out the entries with the numbers of their dots.
    pub(super) fn drain(&mut self, mut out: impl FnMut(u64, RunEntry)) {
        self.read(None, |runs, taken| {
            runs.iter().for_each(|record| out(record.dot.seq(), record.entry(Kind::Run)));
            taken.iter().for_each(|record| out(record.dot.seq(), record.entry(Kind::Taken)));
        });
    }
}

impl Lists {
    fn len(&self) -> usize {
        self.runs.len() + self.taken.len()
    }

    /// Puts them in their order, of which most have it already.
    fn sort(&mut self) {
        self.runs.sort();
        self.taken.sort();
    }

    fn of_mut(&mut self, kind: Kind) -> &mut Vec<Record> {
        match kind {
            Kind::Run => &mut self.runs,
            Kind::Taken => &mut self.taken,
        }
    }

    fn iter(&self) -> impl Iterator<Item = (Kind, &Record)> + '_ {
        let runs = self.runs.iter().map(|record| (Kind::Run, record));
        runs.chain(self.taken.iter().map(|record| (Kind::Taken, record)))
    }

    fn entry(&self, dot: LocalDot) -> Option<RunEntry> {
        let find = |records: &[Record], kind| {
            records.iter().find(|record| record.dot == dot).map(|record| record.entry(kind))
        };
        find(&self.runs, Kind::Run).or_else(|| find(&self.taken, Kind::Taken))
    }

    fn remove(&mut self, dot: LocalDot) {
        for records in [&mut self.runs, &mut self.taken] {
            if let Some(at) = records.iter().rposition(|record| record.dot == dot) {
                records.remove(at);
            }
        }
    }

    /// The sums of increments and of decrements that show.
    pub(super) fn totals(&self) -> (u128, u128) {
        sum(self.newest().map(|run| run.tally.without(self.longest_taken(run.run))))
    }

    /// Whether no increment shows.
    pub(super) fn is_empty(&self) -> bool {
        let shows = |record: &Record| self.longest_taken(record.run).count < record.tally.count;
        // One is enough, and the last one mostly shows: maps ask before and after each change.
        !self.runs.last().is_some_and(shows) && !self.newest().any(shows)
    }

    /// The newest entry of every run. Two entries of one run may both be live in the middle of a
    /// transfer; they say the same of what they share, so they are never summed.
    fn newest(&self) -> impl Iterator<Item = &Record> + '_ {
        self.runs.chunk_by(|a, b| a.run == b.run).filter_map(<[Record]>::last)
    }

    fn longest_taken(&self, run: Dot) -> Tally {
        last_about(&self.taken, run).map_or_else(Tally::default, |record| record.tally)
    }
}

/// Increments and decrements, each added up.
pub(super) fn sum(shown: impl Iterator<Item = (u128, u128)>) -> (u128, u128) {
    shown.fold((0, 0), |(plus, minus), (more, less)| (plus.saturating_add(more), minus.saturating_add(less)))
}

/// The last record about a run.
fn last_about(records: &[Record], run: Dot) -> Option<&Record> {
    let end = records.partition_point(|record| record.run <= run);
    records[..end].last().filter(|record| record.run == run)
}

/// The records about one run.
fn about(records: &[Record], run: Dot) -> &[Record] {
    let first = records.partition_point(|record| record.run < run);
    let last = records.partition_point(|record| record.run <= run);
    &records[first..last]
}

/// The records about the runs of one replica.
fn of(records: &[Record], replica: ReplicaId) -> &[Record] {
    let first = records.partition_point(|record| record.run.replica < replica);
    let last = records.partition_point(|record| record.run.replica <= replica);
    &records[first..last]
}

/// Edits runs: what both kinds of counter share.
#[derive(Clone, Copy)]
pub(super) struct RunsEditor<'a> {
    pub(super) base: Option<&'a Runs>,
    pub(super) scratch: &'a RefCell<Runs>,
    pub(super) tx: &'a Tx<'a>,
}

impl RunsEditor<'_> {
    /// What the edit sees: the base without what it superseded, and its own.
    pub(super) fn seen(self) -> Lists {
        self.select(None, |dot| self.tx.is_superseded(dot))
    }

    /// One increment or decrement; none when both amounts are zero.
    pub(super) fn step(self, plus: u64, minus: u64) {
        if plus == 0 && minus == 0 {
            return;
        }
        let me = self.tx.replica();
        // All of it, also where the edit is to see only what a screen showed: a taken prefix must not go
        // before its run does.
        let own = self.select(Some(me), |dot| self.tx.has_superseded(dot));
        let shown = own.newest().filter(|record| !self.tx.is_superseded(record.dot));
        let open = shown.filter(|record| own.longest_taken(record.run).count == 0).last();
        let tally = open.map_or_else(Tally::default, |record| record.tally).step(plus, minus);
        let spent = |run: Dot| {
            let newest = last_about(&own.runs, run);
            newest.is_none_or(|record| record.tally.count <= own.longest_taken(run).count)
        };
        // Whoever owns a run knows all of it: what is said of runs that are over can go.
        let is_over = |record: &&Record| spent(record.run);
        own.taken.iter().filter(is_over).for_each(|record| self.supersede(record.dot));
        let continues = |record: &Record| open.is_some_and(|open| open.run == record.run);
        let gone = own.runs.iter().filter(|record| continues(record) || is_over(record));
        gone.for_each(|record| self.supersede(record.dot));

        let dot = self.tx.mint();
        let run = open.map_or(Dot::new(me, dot.seq()), |record| record.run);
        self.scratch.borrow_mut().add(Kind::Run, Record { run, tally, dot });
    }

    /// Takes away the increments that the edit sees, and no others.
    pub(super) fn reset(self) {
        let seen = self.seen();
        if seen.is_empty() {
            return;
        }
        for runs in seen.runs.chunk_by(|a, b| a.run == b.run) {
            let run = runs[0].run;
            let all = runs.iter().chain(about(&seen.taken, run));
            all.clone().for_each(|record| self.supersede(record.dot));
            let tally = all.map(|record| record.tally).max().unwrap_or_default();
            let record = Record { run, tally, dot: self.tx.mint() };
            self.scratch.borrow_mut().add(Kind::Taken, record);
        }
    }

    /// Marks a record as gone: one that the edit sees, or that only its owner, who writes, still needed.
    fn supersede(self, dot: LocalDot) {
        self.tx.supersede_total(dot);
        self.scratch.borrow_mut().remove(dot);
    }

    /// The records of the base and the edit, or those about the runs of one replica, that are not `gone`.
    fn select(self, replica: Option<ReplicaId>, gone: impl Fn(LocalDot) -> bool) -> Lists {
        let mut left = Lists::default();
        let own = self.scratch.borrow();
        let is_left = |record: &&Record| !gone(record.dot);
        for records in self.base.into_iter().chain([&*own]) {
            records.read(replica, |runs, taken| {
                runs.iter().filter(is_left).for_each(|record| left.runs.push(*record));
                taken.iter().filter(is_left).for_each(|record| left.taken.push(*record));
            });
        }
        if !own.is_bottom() {
            left.sort();
        }
        left
    }
}

/// Both counters store and travel alike; what differs is which steps their editors offer.
macro_rules! counter_of_runs {
    ($counter:ident, $editor:ident) => {
        impl Crdt for $counter {
            type Entry = RunEntry;
            type Slot = ();
            type Scratch = CounterScratch;
            type Editor<'a> = $editor<'a>;

            const HAS_STAMPS: bool = false;

            fn take_in(&mut self, at: &mut At<'_>, dot: LocalDot, entry: RunEntry) {
                self.runs.insert(at, dot, entry);
            }

            fn take_out(&mut self, _at: &mut At<'_>, dot: LocalDot, (): ()) {
                self.runs.remove(dot);
            }

            fn entry_at(&self, _at: Look<'_>, dot: LocalDot, (): ()) -> RunEntry {
                self.runs.entry(dot)
            }

            fn siblings(&self, _dot: LocalDot, (): (), each: &mut dyn FnMut(LocalDot)) {
                self.runs.each_dot(each);
            }

            fn is_bottom(&self) -> bool {
                self.runs.is_bottom()
            }

            fn is_empty(&self) -> bool {
                self.runs.is_empty()
            }

            fn heap_bytes(&self) -> usize {
                self.runs.heap_bytes()
            }

            fn tombstones(&self, each: &mut dyn FnMut(&[LocalDot])) {
                self.runs.tombstones(each);
            }

            fn stamp(_entry: &RunEntry) -> Option<Stamp> {
                None
            }

            fn edit<'a>(
                base: Option<&'a Self>,
                scratch: &'a Self::Scratch,
                tx: &'a Tx<'a>,
            ) -> Self::Editor<'a> {
                $editor { runs: RunsEditor { base: base.map(|base| &base.runs), scratch: &scratch.0, tx } }
            }

            fn reads_empty(editor: &Self::Editor<'_>) -> bool {
                editor.runs.seen().is_empty()
            }

            fn drain(scratch: &mut Self::Scratch, out: impl FnMut(u64, RunEntry)) {
                scratch.0.get_mut().drain(out);
            }
        }

        impl Reset for $counter {
            fn reset(editor: &Self::Editor<'_>) {
                editor.reset();
            }
        }
    };
}

pub(super) use counter_of_runs;
