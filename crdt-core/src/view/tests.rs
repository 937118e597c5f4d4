//! The storage of sets and maps against standard collections.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use proptest::prelude::*;

use super::crowds::Crowds;
use super::siblings::Siblings;
use super::slab::{NONE, Slab};
use super::{Frozen, Keyed, LocalDot};
use crate::few::{Few, MANY};

/// One step: add a payload under a key, or take the n-th payload that is in.
#[derive(Clone, Debug)]
enum Step {
    Add(u8, u32),
    Take(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let add = (0u8..24, 0u32..1_000).prop_map(|(key, payload)| Step::Add(key, payload));
    let take = any::<usize>().prop_map(Step::Take);
    prop::collection::vec(prop_oneof![3 => add, 2 => take], 0..200)
}

/// Payloads by slot, and the order of each key's chain, largest first.
#[derive(Default)]
struct Model {
    slots: BTreeMap<u32, (String, u32)>,
}

impl Model {
    fn chain(&self, key: &str) -> Vec<u32> {
        let mut payloads: Vec<u32> =
            self.slots.values().filter(|(known, _)| known == key).map(|(_, payload)| *payload).collect();
        payloads.sort_unstable_by(|a, b| b.cmp(a));
        payloads
    }

    fn keys(&self) -> BTreeSet<&str> {
        self.slots.values().map(|(key, _)| key.as_str()).collect()
    }
}

fn check(store: &Keyed<String, u32>, model: &Model, is_ordered: bool) -> Result<(), TestCaseError> {
    let heads: Vec<&str> = store.heads().map(|(_, key, _)| key.as_str()).collect();
    prop_assert_eq!(heads.len(), store.len());
    prop_assert_eq!(heads.into_iter().collect::<BTreeSet<_>>(), model.keys());
    for key in 0u8..24 {
        let key = key.to_string();
        let mut chain: Vec<u32> = store.chain_of(key.as_str()).map(|(_, payload)| *payload).collect();
        if !is_ordered {
            chain.sort_unstable_by(|a, b| b.cmp(a));
        }
        prop_assert_eq!(chain, model.chain(&key));
    }
    for (&slot, (key, payload)) in &model.slots {
        prop_assert_eq!(store.get(slot), (key, payload));
        prop_assert_eq!(store.is_head(slot), store.head(key.as_str()) == Some(slot));
    }
    Ok(())
}

/// In which order many payloads come, or go by when they came.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Rising,
    Falling,
    Random,
    BothEnds,
}

const TURNS: [Turn; 4] = [Turn::Rising, Turn::Falling, Turn::Random, Turn::BothEnds];

impl Turn {
    /// The `n`-th payload that comes.
    fn payload(self, n: u32) -> u32 {
        const MIDDLE: u32 = 1 << 31;
        match self {
            Self::Rising => MIDDLE + n,
            Self::Falling => MIDDLE - n,
            Self::Random => n.wrapping_mul(0x9e37_79b1),
            Self::BothEnds => {
                if n.is_multiple_of(2) {
                    MIDDLE + n
                } else {
                    MIDDLE - n
                }
            }
        }
    }

    /// The place among so many where the `n`-th one comes or goes.
    fn place(self, n: u32, many: usize) -> usize {
        match self {
            Self::Rising => 0,
            Self::Falling => many - 1,
            Self::Random => n.wrapping_mul(0x9e37_79b1) as usize % many,
            Self::BothEnds => n as usize % 2 * (many - 1),
        }
    }
}

/// Many payloads that come or go, one after the other, at one of three keys.
type Surge = (bool, usize, Turn, u32);

fn surges() -> impl Strategy<Value = Vec<Surge>> {
    let surge = (any::<bool>(), 0usize..3, prop::sample::select(TURNS.to_vec()), 0u32..200);
    prop::collection::vec(surge, 1..6)
}

/// A store, its model, and the slots of three keys in the order in which they came.
#[derive(Default)]
struct Crowded {
    store: Keyed<String, u32>,
    model: Model,
    slots: [Vec<u32>; 3],
}

impl Crowded {
    fn add(&mut self, key: usize, payload: u32, is_ordered: bool) {
        let name = key.to_string();
        let slot = if is_ordered {
            self.store.add(name.clone(), payload, |old| payload > *old)
        } else {
            self.store.add_anywhere(name.clone(), payload)
        };
        assert_eq!(self.model.slots.insert(slot, (name, payload)), None, "the slot was free");
        self.slots[key].push(slot);
    }

    fn take(&mut self, key: usize, place: impl Fn(usize) -> usize) {
        if !self.slots[key].is_empty() {
            let place = place(self.slots[key].len());
            let slot = self.slots[key].remove(place);
            assert_eq!(Some(self.store.take(slot)), self.model.slots.remove(&slot));
        }
    }
}

/// A walk along the chain would be half of them, each time.
#[test]
fn a_payload_finds_its_place_in_a_crowd_by_a_logarithm_of_comparisons() {
    const MANY: u32 = 20_000;
    for turn in TURNS {
        let (mut store, asked) = (Keyed::default(), Cell::new(0));
        for payload in (0..MANY).map(|n| turn.payload(n)) {
            store.add((), payload, |old| {
                asked.set(asked.get() + 1);
                payload > *old
            });
        }
        assert!(asked.get() < 64 * MANY, "{turn:?}: {} comparisons", asked.get());
        let mut payloads: Vec<u32> = (0..MANY).map(|n| turn.payload(n)).collect();
        payloads.sort_unstable_by(|a, b| b.cmp(a));
        assert!(store.chain_of(&()).map(|(_, payload)| *payload).eq(payloads), "{turn:?}");
    }
}

/// A key that counts how often keys were hashed.
#[derive(Clone, PartialEq, Eq)]
struct Hashed(u32, Rc<Cell<usize>>);

impl Hash for Hashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.set(self.1.get() + 1);
        self.0.hash(state);
    }
}

/// To make a table anew means to read every payload, and not only those of the keys that come and go.
#[test]
fn keys_that_come_and_go_beside_a_crowd_leave_the_table_as_it_is() {
    let hashed = Rc::new(Cell::new(0));
    let key = |number| Hashed(number, Rc::clone(&hashed));
    let mut store = Keyed::default();
    (0..1_000).for_each(|_| _ = store.add_anywhere(key(0), ()));
    hashed.set(0);
    for _ in 0..100 {
        let slots: Vec<u32> = (1..=40).map(|number| store.add_anywhere(key(number), ())).collect();
        slots.into_iter().for_each(|slot| _ = store.take(slot));
    }
    assert!(hashed.get() < 8_200, "{} hashes for 8,000 steps", hashed.get());
}

/// Every slot knows the one before it, and none is farther from its root than a search may take.
fn check_tree(crowds: &Crowds, chain: &[u32]) {
    let before = [None].into_iter().chain(chain.iter().copied().map(Some));
    for (&slot, before) in chain.iter().zip(before) {
        assert_eq!(crowds.previous(slot), before);
        assert!(crowds.depth(slot) < 64, "{} below the root of {}", crowds.depth(slot), chain.len());
    }
}

#[test]
fn a_tree_of_slots_stays_low_in_whatever_order_they_come_and_go() {
    const MANY: u32 = 4_000;
    for (come, go) in TURNS.into_iter().flat_map(|come| TURNS.map(|go| (come, go))) {
        let (mut crowds, mut chain) = (Crowds::default(), vec![0, 1, 2]);
        crowds.add_chain(chain.iter().copied());
        for slot in 3..MANY {
            let at = come.place(slot, chain.len() + 1);
            match at.checked_sub(1) {
                Some(before) => crowds.add_behind(chain[before], slot, *chain.get(at).unwrap_or(&NONE)),
                None => crowds.add_before(chain[0], slot),
            }
            chain.insert(at, slot);
        }
        check_tree(&crowds, &chain);
        while chain.len() > 2 {
            crowds.remove(chain.remove(go.place(chain.len() as u32, chain.len())));
            if chain.len() as u32 % (MANY / 4) == 2 {
                check_tree(&crowds, &chain);
            }
        }
        crowds.remove(chain[0]);
        assert!(crowds.is_empty(), "one slot is no chain");
    }
}

/// Entries of a place against a list that is sorted for every look: the larger payload first, then the
/// larger dot.
fn check_siblings(siblings: &Siblings<u32>, model: &[(LocalDot, u32)]) -> Result<(), TestCaseError> {
    let mut sorted: Vec<_> = model.iter().collect();
    sorted.sort_unstable_by_key(|(dot, payload)| std::cmp::Reverse((*payload, *dot)));
    prop_assert_eq!(siblings.iter().collect::<Vec<_>>(), sorted.clone());
    let folded = siblings.fold(Vec::new(), |mut all, entry| {
        all.push(entry);
        all
    });
    prop_assert_eq!(folded, sorted.clone());
    prop_assert_eq!(siblings.first(), sorted.first().copied());
    prop_assert_eq!((siblings.len(), siblings.iter().len()), (model.len(), model.len()));
    prop_assert!(model.iter().all(|(dot, payload)| siblings.get(*dot) == Some(payload)));
    sorted.reverse();
    prop_assert_eq!(siblings.iter().rev().collect::<Vec<_>>(), sorted);
    let fits = match siblings {
        Siblings::Few(_) => model.len() <= MANY,
        Siblings::Crowd(_) => model.len() > MANY / 2,
    };
    prop_assert!(fits, "the form of {}", model.len());
    Ok(())
}

/// Registers lie in maps: what a crowd needs is not to make them larger.
#[test]
fn the_entries_of_a_place_take_no_room_for_a_crowd() {
    assert_eq!(size_of::<Siblings<u64>>(), size_of::<Few<(LocalDot, u64)>>());
    assert_eq!(size_of::<Siblings<bool>>(), size_of::<Few<(LocalDot, bool)>>());
    assert_eq!(size_of::<Siblings<String>>(), size_of::<Few<(LocalDot, String)>>());
}

/// Slots outgrow a table of few keys, and those of the last keys are the heads of theirs.
#[test]
fn few_keys_are_found_wherever_their_payloads_lie() {
    let (mut store, mut slots) = (Keyed::default(), BTreeMap::new());
    for round in 0..400u32 {
        for key in 0..12 {
            let newest_first = key % 2 == 0;
            slots.entry(key).or_insert_with(Vec::new).push(store.add(key, round, |_| newest_first));
        }
    }
    for (key, slots) in &slots {
        let (first, last) = (slots[0], slots[slots.len() - 1]);
        assert_eq!(store.head(key), Some(if key % 2 == 0 { last } else { first }));
        assert_eq!(store.chain_of(key).count(), 400);
    }
    for (key, slots) in slots {
        slots.into_iter().for_each(|slot| assert_eq!(store.take(slot).0, key));
        assert_eq!(store.head(&key), None);
    }
    assert!(store.is_empty());
}

/// A key that counts how often it was compared.
#[derive(Clone, Debug)]
struct Counted(u32, Rc<Cell<usize>>);

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.1.set(self.1.get() + 1);
        self.0 == other.0
    }
}

impl Eq for Counted {}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// To read one means to wait for memory. A table that tells keys apart by the seven bits of a hash that
/// its control bytes have reads one key for every ten that are looked for in vain.
#[test]
fn who_looks_for_a_key_reads_hardly_any_other() {
    let read = Rc::new(Cell::new(0));
    let key = |number| Counted(number, Rc::clone(&read));
    let mut store = Keyed::default();
    (0..10_000).for_each(|number| _ = store.add_anywhere(key(number), ()));
    assert!((10_000..20_000).all(|number| store.head(&key(number)).is_none()));
    assert!(read.get() < 100, "{} keys read by 20,000 who looked for another", read.get());
    read.set(0);
    assert!((0..10_000).all(|number| store.head(&key(number)).is_some()));
    assert!(read.get() < 10_100, "{} keys read by 10,000 who found theirs", read.get());
}

#[test]
fn a_slab_gives_back_the_room_of_what_was_taken_out() {
    let mut slab = Slab::default();
    let slots: Vec<u32> = (0..10_240).map(|value| slab.put(value)).collect();
    slots.iter().step_by(2).for_each(|slot| _ = slab.take(*slot));
    assert!(slab.room() * 4 <= slab.len() * 5, "half: {} of {}", slab.room(), slab.len());
    slots.iter().skip(1).step_by(2).skip(1).for_each(|slot| _ = slab.take(*slot));
    assert_eq!((slab.len(), slab.get(slots[1])), (1, &1));
    assert!(slab.room() <= 256, "one: {}", slab.room());
}

#[test]
fn a_slab_through_which_much_went_has_the_room_of_what_is_in() {
    let mut slab = Slab::default();
    let mut inside: std::collections::VecDeque<u32> = (0..1_000).map(|value| slab.put(value)).collect();
    for value in 0..50_000 {
        inside.push_back(slab.put(value));
        inside.pop_front().map(|oldest| slab.take(oldest)).unwrap();
    }
    assert_eq!(slab.len(), 1_000);
    assert!(slab.room() <= 1_280, "{}", slab.room());
}

proptest! {
    /// Below and above the size where the table begins, through reuse of slots, with long chains.
    #[test]
    fn a_keyed_store_is_a_map_of_ordered_lists(steps in steps()) {
        let (mut store, mut model) = (Keyed::<String, u32>::default(), Model::default());
        for step in steps {
            match step {
                Step::Add(key, payload) => {
                    let key = key.to_string();
                    let slot = store.add(key.clone(), payload, |old| payload > *old);
                    prop_assert!(model.slots.insert(slot, (key, payload)).is_none(), "the slot was free");
                }
                Step::Take(at) if !model.slots.is_empty() => {
                    let slot = *model.slots.keys().nth(at % model.slots.len()).unwrap();
                    prop_assert_eq!(Some(store.take(slot)), model.slots.remove(&slot));
                }
                Step::Take(_) => {}
            }
            check(&store, &model, true)?;
        }
        let mut left = BTreeSet::new();
        store.drain(|key, payload| _ = left.insert((key, payload)));
        prop_assert!(store.is_empty() && store.heads().next().is_none());
        // It can be filled again.
        let slot = store.add("again".to_owned(), 1, |_| false);
        prop_assert_eq!((store.len(), store.head("again")), (1, Some(slot)));
        prop_assert_eq!(left, model.slots.into_values().collect::<BTreeSet<_>>());
    }

    /// Crowds at several keys at once, which grow and shrink, in an order and in none, and in copies.
    #[test]
    fn a_crowd_is_an_ordered_list_like_any_other(surges in surges(), is_ordered: bool) {
        let mut all = Crowded::default();
        for (comes, key, turn, many) in surges {
            all.store = all.store.clone();
            for n in 0..many {
                if comes {
                    all.add(key, turn.payload(n), is_ordered);
                } else {
                    all.take(key, |many| turn.place(n, many));
                }
                if n % 64 == 0 {
                    check(&all.store, &all.model, is_ordered)?;
                }
            }
            check(&all.store, &all.model, is_ordered)?;
        }
    }

    /// Through the size where a list becomes a crowd, in both directions, several times.
    #[test]
    fn the_entries_of_a_place_are_an_ordered_list(surges in surges()) {
        let (mut siblings, mut model, mut last) = (Siblings::default(), Vec::new(), 0);
        for (comes, _, turn, many) in surges {
            siblings = siblings.clone();
            for n in 0..many / 3 {
                if comes {
                    last += 1;
                    let new = (LocalDot::new(0, last), turn.payload(n));
                    siblings.insert(new, |new, old| (new.1, new.0) > (old.1, old.0));
                    model.push(new);
                } else if !model.is_empty() {
                    let (dot, _) = model.remove(turn.place(n, model.len()));
                    siblings.remove(dot);
                    prop_assert_eq!(siblings.get(dot), None);
                }
                if n % 8 == 0 {
                    check_siblings(&siblings, &model)?;
                }
            }
            check_siblings(&siblings, &model)?;
        }
    }

    /// Over several pages, emptied and filled again.
    #[test]
    fn a_slot_keeps_its_value_and_its_number(rounds in prop::collection::vec((0usize..700, 0usize..700), 1..6)) {
        let (mut slab, mut model) = (Slab::default(), BTreeMap::new());
        for (round, (puts, takes)) in rounds.into_iter().enumerate() {
            for value in 0..puts {
                prop_assert_eq!(model.insert(slab.put((round, value)), (round, value)), None, "the slot was free");
            }
            for _ in 0..takes.min(model.len()) {
                let slot = *model.keys().nth(takes % model.len()).unwrap();
                prop_assert_eq!(Some(slab.take(slot)), model.remove(&slot));
            }
            prop_assert_eq!(slab.len(), model.len());
            prop_assert_eq!(slab.iter().collect::<Vec<_>>(), model.iter().map(|(slot, value)| (*slot, value)).collect::<Vec<_>>());
            prop_assert!(model.iter().all(|(slot, value)| slab.get(*slot) == value));
        }
        let mut left = Vec::new();
        slab.drain(|value| left.push(value));
        prop_assert!(slab.is_empty());
        prop_assert!(left.into_iter().eq(model.into_values()));
    }

    #[test]
    fn a_frozen_map_keeps_what_it_gave_out(keys in prop::collection::vec(0u16..300, 0..300)) {
        let map = Frozen::<u16, Cell<u32>>::default();
        let first: Vec<_> = keys.iter().map(|key| map.get_or_default(key)).collect();
        keys.iter().for_each(|key| { let cell = map.get(key).unwrap(); cell.set(cell.get() + 1); });
        let mut counts = BTreeMap::new();
        keys.iter().for_each(|key| *counts.entry(*key).or_insert(0u32) += 1);
        for (key, cell) in keys.iter().zip(first) {
            prop_assert_eq!(cell.get(), counts[key]);
        }
        prop_assert!(map.get(&999).is_none());
        let mut seen = Vec::new();
        map.for_each(|key, cell| seen.push((*key, cell.get())));
        let in_order = keys.iter().enumerate().filter(|(at, key)| !keys[..*at].contains(key));
        prop_assert_eq!(seen, in_order.map(|(_, key)| (*key, counts[key])).collect::<Vec<_>>());
        let mut out = BTreeMap::new();
        let mut map = map;
        map.drain(|key, cell| { out.insert(key, cell.get()); });
        prop_assert_eq!(&out, &counts);
    }

    #[test]
    fn a_local_dot_keeps_its_number(replica: u32, seq: u64) {
        let dot = LocalDot::new(replica, seq);
        prop_assert_eq!((dot.replica(), dot.seq()), (replica, seq));
    }
}
