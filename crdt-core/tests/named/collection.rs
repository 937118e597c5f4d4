//! C8: when what says that something is gone can go itself.

use std::collections::BTreeSet;

use crdt_core::clock::{CausalContext, Clock, Stamp};
use crdt_core::codec::Wire;
use crdt_core::{Delta, Doc, LwwMap, OrMap, PnCounter, Replica, ReplicaId, RwSet};

use crate::sites::{Dice, Site, same, shuffle};

/// What a write does at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Put(i128),
    Remove,
}

/// A write as the model knows it: all that its writer had heard, and whether it goes on with the run of
/// another write, as increments of one replica do.
struct Said {
    place: u8,
    what: What,
    /// The stamp of its entry, if it has one: of concurrent writes the one with the highest counts.
    stamp: Option<Stamp>,
    writer: usize,
    heard: BTreeSet<usize>,
    run: usize,
}

/// A type with tombstones, and what it should show.
trait Buried: Wire + Clone {
    fn write(editor: &Self::Editor<'_>, place: u8, what: What);

    fn shown(&self, place: u8) -> i128;

    /// What shows of the writes at one place, by their numbers.
    fn expected(writes: &[(usize, &Said)]) -> i128;
}

/// The writes that no other has seen.
fn newest<'a>(writes: &'a [(usize, &'a Said)]) -> impl Iterator<Item = &'a Said> {
    let is_seen = |number| writes.iter().any(|(_, other)| other.heard.contains(number));
    writes.iter().filter(move |(number, _)| !is_seen(number)).map(|(_, said)| *said)
}

fn value(what: What) -> i128 {
    if let What::Put(value) = what { value } else { 0 }
}

impl Buried for LwwMap<u8, i128> {
    fn write(editor: &Self::Editor<'_>, place: u8, what: What) {
        match what {
            What::Put(value) => editor.insert(place, value),
            What::Remove => drop(editor.remove(&place)),
        }
    }

    fn shown(&self, place: u8) -> i128 {
        self.get(&place).copied().unwrap_or_default()
    }

    fn expected(writes: &[(usize, &Said)]) -> i128 {
        let winner = newest(writes).max_by_key(|said| (said.stamp, said.writer));
        winner.map_or(0, |said| value(said.what))
    }
}

impl Buried for RwSet<u8> {
    fn write(editor: &Self::Editor<'_>, place: u8, what: What) {
        match what {
            What::Put(_) => editor.insert(place),
            What::Remove => drop(editor.remove(&place)),
        }
    }

    fn shown(&self, place: u8) -> i128 {
        self.contains(&place).into()
    }

    fn expected(writes: &[(usize, &Said)]) -> i128 {
        let mut newest = newest(writes).peekable();
        i128::from(newest.peek().is_some() && newest.all(|said| said.what != What::Remove))
    }
}

impl Buried for OrMap<u8, PnCounter> {
    fn write(editor: &Self::Editor<'_>, place: u8, what: What) {
        match what {
            What::Put(value) => editor.entry(&place).add(value as u64),
            What::Remove => drop(editor.remove(&place)),
        }
    }

    fn shown(&self, place: u8) -> i128 {
        self.get(&place).map_or(0, PnCounter::value)
    }

    fn expected(writes: &[(usize, &Said)]) -> i128 {
        let left = writes.iter().filter(|(number, _)| !is_taken(writes, *number));
        left.map(|(_, said)| value(said.what)).sum()
    }
}

/// Whether a removal took an increment: it had heard of it, or of a later one of its run.
fn is_taken(writes: &[(usize, &Said)], number: usize) -> bool {
    let run = writes.iter().find(|(other, _)| *other == number).map(|(_, said)| said.run);
    let of_run = writes.iter().filter(|(later, said)| *later >= number && Some(said.run) == run);
    let of_run: BTreeSet<_> = of_run.map(|(later, _)| *later).collect();
    let mut removals = writes.iter().filter(|(_, said)| said.what == What::Remove);
    removals.any(|(_, removal)| !removal.heard.is_disjoint(&of_run))
}

/// A clock of its own pace.
struct Skewed(u64);

impl Clock for Skewed {
    fn now_millis(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// How a world goes about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Sites hear all that another one holds, or nothing.
    States,
    /// Deltas arrive one by one too, in any order.
    Deltas,
    /// The same, and everybody collects what they have seen themselves.
    Hasty,
}

/// Sites that write, hear and collect.
struct World<T: Buried> {
    way: Way,
    sites: Vec<Site<T>>,
    /// What each has heard.
    heard: Vec<BTreeSet<usize>>,
    /// For each, what it knows that the others have seen.
    acknowledged: Vec<Vec<CausalContext>>,
    writes: Vec<Said>,
    /// Everything that was sent: writes, and collections.
    sent: Vec<(Delta<T>, Option<usize>)>,
}

/// What became of many worlds.
#[derive(Default, Debug)]
struct Outcome {
    collected: u64,
    /// Places that showed something else than they should: on the way, and after all had arrived.
    astray: usize,
    wrong: usize,
}

const PLACES: u8 = 2;

impl<T: Buried> World<T> {
    fn new(way: Way, dice: &mut Dice) -> Self {
        let sites = [1, 2, 3].map(|id| {
            let clock = Skewed(1_000 + 20 * dice.below(5) as u64);
            let me = Replica::with_clock(ReplicaId::from_u128(id), clock);
            Site { doc: Doc::default(), me, said: Vec::new() }
        });
        let acknowledged = vec![vec![CausalContext::default(); sites.len()]; sites.len()];
        let heard = vec![BTreeSet::new(); sites.len()];
        Self { way, sites: sites.into(), heard, acknowledged, writes: Vec::new(), sent: Vec::new() }
    }

    fn write(&mut self, at: usize, place: u8, what: What) {
        let delta = self.sites[at].edit(|editor| T::write(&editor, place, what));
        if delta.is_empty() {
            return;
        }
        let number = self.writes.len();
        let stamp = delta.entries().iter().find_map(|(_, entry)| T::stamp(entry));
        let heard = self.heard[at].clone();
        let run = self.run_of(at, place).unwrap_or(number);
        self.writes.push(Said { place, what, stamp, writer: at, heard, run });
        self.heard[at].insert(number);
        self.sent.push((delta, Some(number)));
    }

    /// The run that the next increment goes on with: the writer's last one there, unless it has heard that
    /// something was taken of it.
    fn run_of(&self, at: usize, place: u8) -> Option<usize> {
        let here = self.writes.iter().enumerate().filter(|(_, said)| said.place == place);
        let mut own = here.clone().filter(|(_, said)| said.writer == at && said.what != What::Remove);
        let run = own.next_back()?.1.run;
        let heard = here.filter(|(number, _)| self.heard[at].contains(number));
        let mut removals = heard.filter(|(_, said)| said.what == What::Remove);
        let is_taken =
            removals.any(|(_, said)| said.heard.iter().any(|&taken| self.writes[taken].run == run));
        (!is_taken).then_some(run)
    }

    fn hear(&mut self, at: usize, sent: usize) {
        let (delta, write) = &self.sent[sent];
        self.sites[at].hear(delta);
        self.heard[at].extend(write);
    }

    /// Hears all that another one holds, and so what that one has seen.
    fn hear_all(&mut self, at: usize, other: usize) {
        let doc = self.sites[other].doc.clone();
        self.sites[at].doc.merge_from(&doc);
        let heard = self.heard[other].clone();
        self.heard[at].extend(heard);
        self.acknowledged[at][other].union_with(&doc.context());
    }

    /// Collects what all are known to have seen; returns how much that is.
    fn collect(&mut self, at: usize) -> u64 {
        let mut stable = self.sites[at].doc.context();
        if self.way != Way::Hasty {
            let others = (0..self.sites.len()).filter(|other| *other != at);
            others.for_each(|other| stable = stable.intersection(&self.acknowledged[at][other]));
        }
        let delta = self.sites[at].doc.collect_tombstones(&stable);
        self.sites[at].hear(&delta);
        let collected = delta.dead().len();
        self.sent.push((delta, None));
        collected
    }

    fn step(&mut self, dice: &mut Dice) -> Outcome {
        let mut outcome = Outcome::default();
        let at = dice.below(3);
        let other = (at + 1 + dice.below(2)) % 3;
        let place = dice.below(PLACES.into()) as u8;
        match dice.below(12) {
            0 | 1 => self.write(at, place, What::Put(1 + dice.below(9) as i128)),
            2 => self.write(at, place, What::Remove),
            3 | 4 if self.way != Way::States && !self.sent.is_empty() => {
                self.hear(at, dice.below(self.sent.len()))
            }
            3..=9 => self.hear_all(at, other),
            _ => outcome.collected = self.collect(at),
        }
        outcome.astray = self.wrong(at);
        outcome
    }

    /// How many places of a site show something else than they should by what it has heard.
    fn wrong(&self, at: usize) -> usize {
        let is_wrong = |place: &u8| {
            let heard = self.heard[at].iter().map(|&number| (number, &self.writes[number]));
            let writes: Vec<_> = heard.filter(|(_, said)| said.place == *place).collect();
            T::shown(&self.sites[at].doc, *place) != T::expected(&writes)
        };
        (0..PLACES).filter(is_wrong).count()
    }

    /// Everybody hears everything, each in an order of its own.
    fn settle(&mut self, dice: &mut Dice) {
        for at in 0..self.sites.len() {
            let mut order: Vec<_> = (0..self.sent.len()).collect();
            shuffle(&mut order, dice.below(1_000) as u64);
            order.into_iter().for_each(|sent| self.hear(at, sent));
        }
        for site in &self.sites[1..] {
            same(&site.doc, &self.sites[0].doc, "after all has arrived");
        }
    }

    /// What is left when all of it is removed, and everybody knows: nothing.
    fn bury(&mut self, dice: &mut Dice) {
        (0..PLACES).for_each(|place| self.write(0, place, What::Remove));
        self.settle(dice);
        (1..3).for_each(|other| self.hear_all(0, other));
        let _ = self.collect(0);
        assert_eq!(self.sites[0].doc.live_len(), 0, "{:?}", self.sites[0].doc.to_delta());
    }
}

fn outcome<T: Buried>(way: Way) -> Outcome {
    let mut sum = Outcome::default();
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let mut world = World::<T>::new(way, &mut dice);
        for _ in 0..100 {
            let Outcome { collected, astray, .. } = world.step(&mut dice);
            sum.collected += collected;
            sum.astray += astray;
        }
        world.settle(&mut dice);
        sum.wrong += world.wrong(0);
        world.bury(&mut dice);
    }
    sum
}

/// C8: a tombstone goes with all that it won over, once everybody has seen them and who collects has all
/// that they had written by then. Who goes by what they have seen themselves brings removed things back.
fn what_is_collected_does_not_come_back<T: Buried>() {
    let states = outcome::<T>(Way::States);
    assert!(states.collected > 50 && (states.astray, states.wrong) == (0, 0), "{states:?}");
    let deltas = outcome::<T>(Way::Deltas);
    assert!(deltas.collected > 50 && deltas.wrong == 0, "{deltas:?}");
    let hasty = outcome::<T>(Way::Hasty);
    assert!(hasty.wrong > 0, "the wrong reading goes wrong: {hasty:?}");
}

#[test]
fn tombstones_of_a_map_go_when_all_have_seen_them() {
    what_is_collected_does_not_come_back::<LwwMap<u8, i128>>();
}

#[test]
fn tombstones_of_a_set_go_when_all_have_seen_them() {
    what_is_collected_does_not_come_back::<RwSet<u8>>();
}

/// What a removal took of counters goes too: else each key that was ever counted would stay.
#[test]
fn what_was_taken_of_counters_goes_when_all_have_seen_it() {
    what_is_collected_does_not_come_back::<OrMap<u8, PnCounter>>();
}

/// C8: all have acknowledged the tombstone, one of them after a write of its own that is still on its way and
/// loses. Who collects must have it: else the removed key is back when it arrives.
#[test]
fn a_tombstone_waits_for_what_was_written_by_those_who_know_it() {
    let mut late = Site::<LwwMap<u8, i128>>::new(1);
    late.me = Replica::with_clock(ReplicaId::from_u128(1), Skewed(3));
    let mut here = Site::<LwwMap<u8, i128>>::new(2);
    here.me = Replica::with_clock(ReplicaId::from_u128(2), Skewed(10));
    let written = late.edit(|map| map.insert(7, 1));
    let _ = here.edit(|map| map.insert(7, 2));
    let _ = here.edit(|map| map.remove(&7));
    late.hear_all(&here);
    assert_eq!((late.doc.get(&7), late.doc.live_len()), (None, 2), "it lost");

    let acknowledged = late.doc.context();
    let early = here.doc.collect_tombstones(&acknowledged);
    let mut wrong = here.doc.clone();
    wrong.merge(early);
    wrong.merge(written.clone());
    assert_eq!(wrong.get(&7), Some(&1), "without the write that lost");

    here.hear(&written);
    let collected = here.doc.collect_tombstones(&acknowledged);
    here.hear(&collected);
    late.hear(&collected);
    assert_eq!((here.doc.live_len(), late.doc.live_len()), (0, 0));
    assert_eq!(late.doc.get(&7), None);
}

/// In the middle of a transfer an older entry of a run lies beside what takes the run: they go together.
#[test]
fn what_was_taken_of_a_counter_goes_with_what_is_in_of_it() {
    type Stock = OrMap<u8, PnCounter>;
    let [mut owner, mut remover, mut here] = [1, 2, 3].map(Site::<Stock>::new);
    let first = owner.edit(|stock| stock.entry(&7).add(1));
    let second = owner.edit(|stock| stock.entry(&7).add(1));
    remover.hear_all(&owner);
    let removal = remover.edit(|stock| assert!(stock.remove(&7)));
    here.hear(&first);
    here.hear(&removal);
    assert_eq!((here.doc.get(&7).is_some(), here.doc.live_len()), (false, 2));
    let collected = here.doc.collect_tombstones(&here.doc.context());
    here.hear(&collected);
    assert_eq!((here.doc.get(&7).is_some(), here.doc.live_len()), (false, 0));
    here.hear(&second);
    assert!(here.doc.is_empty() && here.doc.live_len() == 0);
}
