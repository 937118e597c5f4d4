//! Edits by stale screens, and over deltas that are missing: each takes what it was shown, and no more.

use std::collections::BTreeSet;

use crdt_core::codec::Wire;
use crdt_core::{Delta, MvRegister, Observed, OrMap, OrSet, RwSet};

use crate::sites::{Dice, Site, same, shuffle};

/// What a write does at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Put(u8),
    Remove,
}

/// A write as the model knows it, and the writes that it took.
struct Said {
    place: u8,
    what: What,
    took: BTreeSet<usize>,
}

/// A type whose writes take others of their place.
trait Taking: Wire {
    /// Whether a removal stays at its place, for later writes to take.
    const BANS: bool;
    /// Whether all that is put at a place shows as one.
    const IS_SET: bool;

    fn write(editor: &Self::Editor<'_>, place: u8, what: What);

    /// What is at a place, ascending; 1 for an element that is in.
    fn shown(&self, place: u8) -> Vec<u8>;
}

macro_rules! taking_sets {
    ($($set:ty, $bans:literal;)+) => {$(
        impl Taking for $set {
            const BANS: bool = $bans;
            const IS_SET: bool = true;

            fn write(editor: &Self::Editor<'_>, place: u8, what: What) {
                match what {
                    What::Put(_) => editor.insert(place),
                    What::Remove => drop(editor.remove(&place)),
                }
            }

            fn shown(&self, place: u8) -> Vec<u8> {
                self.contains(&place).then_some(1).into_iter().collect()
            }
        }
    )+};
}

taking_sets! {
    OrSet<u8>, false;
    RwSet<u8>, true;
}

impl Taking for OrMap<u8, MvRegister<u8>> {
    const BANS: bool = false;
    const IS_SET: bool = false;

    fn write(editor: &Self::Editor<'_>, place: u8, what: What) {
        match what {
            What::Put(value) => editor.entry(&place).set(value),
            What::Remove => drop(editor.remove(&place)),
        }
    }

    fn shown(&self, place: u8) -> Vec<u8> {
        let mut values: Vec<_> =
            self.get(&place).into_iter().flat_map(MvRegister::siblings).copied().collect();
        values.sort_unstable();
        values
    }
}

/// Sites that write by what they show, and by what was shown before, there or elsewhere.
struct World<T: Taking> {
    sites: Vec<Site<T>>,
    /// What each has heard.
    heard: Vec<BTreeSet<usize>>,
    /// Screens, and the writes that they knew of, in or gone.
    screens: Vec<(Observed, BTreeSet<usize>)>,
    writes: Vec<Said>,
    sent: Vec<Delta<T>>,
    /// How many edits were made where a delta was missing.
    over_gaps: usize,
}

const PLACES: u8 = 3;

impl<T: Taking> World<T> {
    fn new(ids: [u128; 3]) -> Self {
        let heard = vec![BTreeSet::new(); ids.len()];
        let sites = ids.map(Site::new).into();
        Self { sites, heard, screens: Vec::new(), writes: Vec::new(), sent: Vec::new(), over_gaps: 0 }
    }

    /// The writes that are live for somebody who has heard these.
    fn live(&self, heard: &BTreeSet<usize>) -> BTreeSet<usize> {
        let gone: BTreeSet<_> = heard.iter().flat_map(|&number| &self.writes[number].took).collect();
        heard.iter().filter(|number| !gone.contains(number)).copied().collect()
    }

    fn write(&mut self, at: usize, place: u8, what: What, screen: Option<usize>) {
        self.over_gaps += usize::from(self.sites[at].doc.stats().gaps > 0);
        let screen = screen.map(|screen| self.screens[screen].clone());
        let live = self.live(&self.heard[at]);
        let is_shown = |number: &usize| screen.as_ref().is_none_or(|(_, known)| known.contains(number));
        let here = live.into_iter().filter(|&number| self.writes[number].place == place);
        let took = here.filter(is_shown).collect();

        let edit = |editor: T::Editor<'_>| T::write(&editor, place, what);
        let delta = match &screen {
            None => self.sites[at].edit(edit),
            Some((observed, _)) => {
                let Site { doc, me, .. } = &mut self.sites[at];
                doc.update_observed(me, observed, edit)
            }
        };
        self.heard[at].insert(self.writes.len());
        self.writes.push(Said { place, what, took });
        self.sent.push(delta);
    }

    fn observe(&mut self, at: usize) {
        let heard = &self.heard[at];
        let gone = heard.iter().flat_map(|&number| self.writes[number].took.iter());
        let known = heard.iter().chain(gone).copied().collect();
        self.screens.push((self.sites[at].doc.observe(), known));
    }

    fn step(&mut self, dice: &mut Dice) {
        let (at, other) = (dice.below(3), dice.below(3));
        let place = dice.below(PLACES.into()) as u8;
        let what = if dice.below(2) == 0 { What::Remove } else { What::Put(self.writes.len() as u8) };
        match dice.below(10) {
            0..=2 => self.write(at, place, what, None),
            3 => self.observe(at),
            4 | 5 if !self.screens.is_empty() => {
                self.write(at, place, what, Some(dice.below(self.screens.len())))
            }
            6..=8 if !self.sent.is_empty() => {
                let number = dice.below(self.sent.len());
                self.sites[at].hear(&self.sent[number]);
                self.heard[at].insert(number);
            }
            _ => {
                let doc = self.sites[other].doc.to_delta();
                self.sites[at].hear(&doc);
                let heard = self.heard[other].clone();
                self.heard[at].extend(heard);
            }
        }
        self.check(at);
    }

    fn check(&self, at: usize) {
        let live = self.live(&self.heard[at]);
        for place in 0..PLACES {
            let here = live.iter().map(|&number| &self.writes[number]).filter(|said| said.place == place);
            let marks: Vec<_> = here.filter(|said| T::BANS || said.what != What::Remove).collect();
            let is_banned = marks.iter().any(|said| said.what == What::Remove);
            let put = marks.iter().filter_map(|said| match said.what {
                What::Put(value) if !is_banned => Some(value),
                _ => None,
            });
            let mut expected: Vec<_> = put.collect();
            if T::IS_SET {
                expected.truncate(1);
                expected.fill(1);
            }
            expected.sort_unstable();
            assert_eq!(self.sites[at].doc.shown(place), expected, "place {place} at {at}");
        }
    }

    /// Everybody hears everything, each in an order of its own.
    fn settle(&mut self, dice: &mut Dice) {
        for at in 0..self.sites.len() {
            let mut order: Vec<_> = (0..self.sent.len()).collect();
            shuffle(&mut order, dice.below(1_000) as u64);
            order.iter().for_each(|&number| _ = self.sites[at].hear(&self.sent[number]));
            self.heard[at].extend(order);
            self.check(at);
        }
        self.sites[1..].iter().for_each(|site| same(&site.doc, &self.sites[0].doc, "after all has arrived"));
    }
}

/// The context of a screen that stands for more than it showed takes what nobody saw; one that stands for
/// less leaves what somebody removed.
fn edits_take_what_they_were_shown<T: Taking>() {
    let mut over_gaps = 0;
    for seed in 0..150 {
        let mut dice = Dice::new(seed);
        let mut world = World::<T>::new(if seed % 2 == 0 { [1, 2, 3] } else { [3, 1, 2] });
        (0..30).for_each(|_| world.step(&mut dice));
        world.settle(&mut dice);
        over_gaps += world.over_gaps;
    }
    assert!(over_gaps > 50, "{over_gaps} edits were made where something was missing");
}

#[test]
fn edits_of_a_set_by_any_screen_take_what_that_showed() {
    edits_take_what_they_were_shown::<OrSet<u8>>();
}

#[test]
fn bans_that_a_screen_did_not_show_stay() {
    edits_take_what_they_were_shown::<RwSet<u8>>();
}

#[test]
fn edits_of_registers_in_a_map_by_any_screen_take_what_that_showed() {
    edits_take_what_they_were_shown::<OrMap<u8, MvRegister<u8>>>();
}
