//! What every update did, what it saw, and what a replica must show that has heard of some of them.
//!
//! Two ways of saying it, for two kinds of state. An entry that is no counter's is an addition that
//! later updates saw and took away: a replica shows the additions that reached it and that nothing
//! that reached it took away. A counter is its steps: a replica shows those that reached it and that
//! no removal took that reached it. Dots serve as names of additions; what they do is not asked.

use std::collections::{BTreeMap, BTreeSet};

use crdt_core::clock::Stamp;
use crdt_core::{Dot, ReplicaId, RunEntry, Tally};

use super::shown::{Cells, Count, Counts, PRESENT, Place};
use super::step::Edit;

/// By place, who wrote and what, as far as either is known.
type Writes = BTreeMap<Place, Vec<(Option<Dot>, Option<u8>)>>;

/// What an entry means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// An addition of a value at a place, and when, where that matters.
    Cell { place: Place, stamp: Option<Stamp>, value: Option<u8> },
    /// The steps of a run up to here.
    Steps { run: usize, upto: usize },
    /// A removal of the steps of a run up to here.
    Taken { run: usize, upto: usize },
}

/// Consecutive steps of one replica at one counter: no removal that it knew of took any of them.
#[derive(Clone, Debug)]
struct Run {
    owner: ReplicaId,
    place: Count,
    /// By what name entries call it, once one does.
    first: Option<u64>,
    steps: Vec<i64>,
}

impl Run {
    fn is_of(&self, owner: ReplicaId, place: Count) -> bool {
        self.owner == owner && self.place == place
    }
}

/// What has reached a replica, or is on its way to one.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// Entries.
    pub seen: BTreeSet<Dot>,
    /// What was taken away.
    pub dead: BTreeSet<Dot>,
    /// Updates of which everything is known.
    pub events: BTreeSet<usize>,
    /// Updates that were known to the writers of anything that is known.
    pub required: BTreeSet<usize>,
}

impl Knowledge {
    /// Adds what another one knows.
    pub fn join(&mut self, other: &Self) {
        self.seen.extend(&other.seen);
        self.dead.extend(&other.dead);
        self.events.extend(&other.events);
        self.required.extend(&other.required);
    }

    /// Whether no cause of anything known is unknown.
    pub fn is_whole(&self) -> bool {
        self.events.is_superset(&self.required)
    }

    /// What an update requires that is made in this knowledge.
    pub fn causes(&self) -> BTreeSet<usize> {
        self.events.union(&self.required).copied().collect()
    }

    fn live(&self) -> impl Iterator<Item = &Dot> {
        self.seen.difference(&self.dead)
    }
}

/// All updates so far.
#[derive(Debug, Default)]
pub struct Oracle {
    facts: BTreeMap<Dot, Fact>,
    runs: Vec<Run>,
    /// What updates took of their writer's own runs: run, and how many steps. If the same update
    /// steps on, no entry says so.
    own: BTreeMap<usize, Vec<(usize, usize)>>,
}

impl Oracle {
    /// What a dot means, if its entry outlived the update that made it.
    pub fn fact(&self, dot: Dot) -> Option<&Fact> {
        self.facts.get(&dot)
    }

    /// Gives a new entry its meaning.
    pub fn record(&mut self, dot: Dot, fact: Fact) {
        let again = self.facts.insert(dot, fact);
        assert!(again.is_none(), "{dot:?} was minted twice");
    }

    /// The values at every place, the winner first.
    pub fn cells(&self, known: &Knowledge) -> Cells {
        let mut cells = Cells::new();
        for (place, added) in self.places(known) {
            // An element is there or not, however often it was added.
            let shown = if matches!(place, Place::Tag(_) | Place::Cart(..)) { 1 } else { added.len() };
            cells.insert(place, added.iter().map(|(_, value)| *value).take(shown).collect());
        }
        cells
    }

    /// The additions at every place that are there: dot and value, the winner first.
    fn places(&self, known: &Knowledge) -> BTreeMap<Place, Vec<(Dot, Option<u8>)>> {
        let facts = known.live().filter_map(|dot| Some((*dot, self.facts.get(dot)?)));
        let mut ranked: Vec<_> = facts
            .filter_map(|(dot, fact)| match fact {
                Fact::Cell { place, stamp, value } => Some((*place, *stamp, dot, *value)),
                _ => None,
            })
            .collect();
        ranked.sort_unstable_by(|a, b| b.cmp(a));
        let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, _, dot, value) in ranked {
            places.entry(place).or_default().push((dot, value));
        }
        places
    }

    /// The values of the counters at which a step is left.
    pub fn counts(&self, known: &Knowledge) -> Counts {
        let mut counts = Counts::new();
        for (index, run) in self.runs.iter().enumerate() {
            let (taken, upto) = self.reach(known, index);
            if taken < upto {
                let sum: i128 = run.steps[taken..upto].iter().map(|step| i128::from(*step)).sum();
                *counts.entry(run.place).or_default() += sum;
            }
        }
        counts
    }

    /// How many steps of a run are known to be taken, and how many are known.
    fn reach(&self, known: &Knowledge, index: usize) -> (usize, usize) {
        let own = known.events.iter().filter_map(|event| self.own.get(event)).flatten();
        let mut taken = own.filter(|(run, _)| *run == index).map(|(_, upto)| *upto).max().unwrap_or(0);
        let mut steps = 0;
        for fact in known.seen.iter().filter_map(|dot| self.facts.get(dot)) {
            match fact {
                Fact::Taken { run, upto } if *run == index => taken = taken.max(*upto),
                Fact::Steps { run, upto } if *run == index => steps = steps.max(*upto),
                _ => {}
            }
        }
        (taken, steps)
    }

    /// Adds the steps that an update of `me` made, and ends the runs that it took.
    pub fn step(&mut self, event: usize, me: ReplicaId, known: &Knowledge, acts: &[(Count, Act)]) {
        let mut taken = BTreeMap::new();
        for (place, act) in acts {
            let Act::Step(step) = act else {
                let own = (0..self.runs.len()).filter(|run| self.runs[*run].is_of(me, *place));
                taken.extend(own.map(|run| (run, self.runs[run].steps.len())));
                continue;
            };
            let last = self.last_run(me, *place);
            match last.filter(|run| self.reach(known, *run).0 == 0 && !taken.contains_key(run)) {
                Some(run) => self.runs[run].steps.push(*step),
                None => self.runs.push(Run { owner: me, place: *place, first: None, steps: vec![*step] }),
            }
        }
        self.own.insert(event, taken.into_iter().collect());
    }

    fn last_run(&self, owner: ReplicaId, place: Count) -> Option<usize> {
        self.runs.iter().rposition(|run| run.is_of(owner, place))
    }

    /// What an entry of a counter means, which `me` has just made.
    pub fn count_fact(&mut self, me: ReplicaId, place: Count, entry: &RunEntry, known: &Knowledge) -> Fact {
        match entry {
            RunEntry::Run { first, tally } => {
                let run = self.run(Dot::new(me, *first), place);
                assert_eq!(
                    *tally,
                    self.tally(run, self.runs[run].steps.len()),
                    "steps of {me:?} at {place:?}"
                );
                Fact::Steps { run, upto: self.runs[run].steps.len() }
            }
            RunEntry::Taken { run, tally } => {
                let own = run.replica == me;
                let run = self.run(*run, place);
                let upto = usize::try_from(tally.count).expect("steps are few");
                let (taken, steps) = self.reach(known, run);
                let known = if own { self.runs[run].steps.len() } else { taken.max(steps) };
                assert!(upto <= known, "a removal takes {upto} steps of {place:?} where {known} are known");
                assert_eq!(*tally, self.tally(run, upto), "taken at {place:?}");
                Fact::Taken { run, upto }
            }
        }
    }

    /// The run that entries call by this name.
    fn run(&mut self, name: Dot, place: Count) -> usize {
        let named = |run: &Run| run.is_of(name.replica, place) && run.first == Some(name.seq);
        let named = self.runs.iter().position(named);
        named.unwrap_or_else(|| {
            let last = self.last_run(name.replica, place).expect("a run has steps");
            assert_eq!(self.runs[last].first.replace(name.seq), None, "a run has one name");
            last
        })
    }

    fn tally(&self, run: usize, upto: usize) -> Tally {
        let steps = &self.runs[run].steps[..upto];
        let sum = |sign: i64| {
            steps
                .iter()
                .filter(|step| step.signum() == sign)
                .map(|step| u128::from(step.unsigned_abs()))
                .sum()
        };
        Tally { count: upto as u64, plus: sum(1), minus: sum(-1) }
    }
}

/// A change of a counter.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// One step.
    Step(i64),
    /// Everything that is seen is taken away.
    Take,
}

/// An update in the making, as the oracle has it.
#[derive(Debug)]
pub struct Draft {
    /// What shows, with the changes so far; new additions have no dot yet.
    cells: Writes,
    counts: BTreeMap<Count, i128>,
    /// What it takes away.
    pub dead: BTreeSet<Dot>,
    /// What it does to counters.
    pub acts: Vec<(Count, Act)>,
    /// Whether it does anything at all.
    pub changes: bool,
}

impl Draft {
    /// An update of a replica with this knowledge.
    pub fn new(oracle: &Oracle, known: &Knowledge) -> Self {
        let places = oracle.places(known).into_iter();
        let named = |cells: Vec<(Dot, Option<u8>)>| cells.into_iter().map(|(dot, value)| (Some(dot), value));
        Self {
            cells: places.map(|(place, cells)| (place, named(cells).collect())).collect(),
            counts: oracle.counts(known),
            dead: BTreeSet::new(),
            acts: Vec::new(),
            changes: false,
        }
    }

    /// What the update adds.
    pub fn added(&self) -> BTreeMap<Place, Option<u8>> {
        let new = self.cells.iter().filter(|(_, cells)| cells.first().is_some_and(|(dot, _)| dot.is_none()));
        new.map(|(place, cells)| (*place, cells[0].1)).collect()
    }

    /// The value of a counter, with the changes so far.
    pub fn count(&self, place: Count) -> i128 {
        self.counts.get(&place).copied().unwrap_or(0)
    }

    /// Makes a change; returns whether there was something to remove, where it removes.
    pub fn edit(&mut self, edit: Edit) -> bool {
        match edit {
            Edit::Tag(value) => self.write(Place::Tag(value), PRESENT),
            Edit::Untag(value) => self.forget(|place| place == Place::Tag(value)),
            Edit::ClearTags => self.forget(|place| matches!(place, Place::Tag(_))),
            Edit::Name(value) => self.write(Place::Name, Some(value)),
            Edit::ClearName => self.forget(|place| place == Place::Name),
            Edit::Profile(key, value) => self.write(Place::Profile(key), Some(value)),
            Edit::Unprofile(key) => self.bury(Place::Profile(key)),
            Edit::ClearProfile => {
                let profile = self.cells.keys().filter(|place| matches!(place, Place::Profile(_)));
                profile
                    .copied()
                    .collect::<Vec<_>>()
                    .into_iter()
                    .fold(false, |any, place| self.bury(place) | any)
            }
            Edit::Sell(amount) => self.step(Count::Sold, amount),
            Edit::Unsell => self.take(|place| place == Count::Sold),
            Edit::Cart(key, value) => self.write(Place::Cart(key, value), PRESENT),
            Edit::Uncart(key, value) => self.forget(|place| place == Place::Cart(key, value)),
            Edit::RemoveCart(key) => self.forget(|place| matches!(place, Place::Cart(at, _) if at == key)),
            Edit::ClearCarts => self.forget(|place| matches!(place, Place::Cart(..))),
            Edit::Stock(key, amount) => self.step(Count::Stock(key), amount),
            Edit::RemoveStock(key) => self.take(|place| place == Count::Stock(key)),
            Edit::ClearStock => self.take(|place| matches!(place, Count::Stock(_))),
            Edit::Visit(key, amount) => self.step(Count::Visits(key), i64::from(amount)),
            Edit::Label(key, side, value) => self.write(Place::Label(key, side), Some(value)),
            Edit::Unlabel(key, side) => self.forget(|place| place == Place::Label(key, side)),
            Edit::RemoveShelf(key) => {
                let labels = self.forget(|place| matches!(place, Place::Label(at, _) if at == key));
                self.take(|place| place == Count::Visits(key)) | labels
            }
        }
    }

    fn write(&mut self, place: Place, value: Option<u8>) -> bool {
        self.forget(|other| other == place);
        self.cells.insert(place, vec![(None, value)]);
        self.changes = true;
        false
    }

    /// Takes away what shows at some places.
    fn forget(&mut self, places: impl Fn(Place) -> bool) -> bool {
        let (gone, left) = std::mem::take(&mut self.cells).into_iter().partition(|(place, _)| places(*place));
        let gone: Writes = gone;
        self.cells = left;
        self.dead.extend(gone.values().flatten().filter_map(|(dot, _)| *dot));
        self.changes |= !gone.is_empty();
        !gone.is_empty()
    }

    /// Writes a removal, if there is a value.
    fn bury(&mut self, place: Place) -> bool {
        let present = self.cells.get(&place).is_some_and(|cells| cells[0].1.is_some());
        if present {
            self.write(place, None);
        }
        present
    }

    fn step(&mut self, place: Count, amount: i64) -> bool {
        if amount != 0 {
            *self.counts.entry(place).or_default() += i128::from(amount);
            self.acts.push((place, Act::Step(amount)));
            self.changes = true;
        }
        false
    }

    fn take(&mut self, places: impl Fn(Count) -> bool) -> bool {
        let taken: Vec<Count> = self.counts.keys().copied().filter(|place| places(*place)).collect();
        for place in &taken {
            self.counts.remove(place);
            self.acts.push((*place, Act::Take));
        }
        self.changes |= !taken.is_empty();
        !taken.is_empty()
    }
}
