//! Many entries at one place, which no honest writer leaves: they cost their number, not its square.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use crdt_core::clock::{CausalContext, Stamp};
use crdt_core::codec::{Limits, Wire, Writer};
use crdt_core::{
    BoundedCounter, Delta, Doc, LwwMap, LwwRegister, OrMap, OrSet, PnCounter, Replica, ReplicaId,
};
use proptest::prelude::*;

use super::samples::{Visit, each};
use super::turn;

/// How many, and how many times as many.
const FEW: usize = 2_000;
const TIMES: usize = 10;

/// The large crowd takes as long as that many small ones, or if it costs its square ten times as long.
/// Other programs on the machine are in the way of both, so one try of several is enough.
const MOST: u32 = 3;
const TRIES: usize = 5;

struct Crowds;

impl Visit for Crowds {
    fn visit<T: Wire + Debug>(&mut self, name: &str, one: &Delta<T>) {
        let bytes = one.encode().unwrap();
        // Version, one id, one live run of one, no run that is gone, then the entry.
        let (head, entry) = bytes.split_at(22);
        assert_eq!(head[18..], [1, 0, 0, 0], "{name}");
        let crowd = |size: usize| [&head[..20], &number(size - 1), &[0], &entry.repeat(size)].concat();
        let gone = |size: usize| [&head[..18], &[0, 1, 0], &number(size - 1)].concat();
        no_square(name, |size| come_and_go::<T>(&crowd(size), &gone(size), size));
    }
}

/// Compares the times of a large crowd and of small ones.
pub(super) fn no_square(name: &str, time: impl Fn(usize) -> Duration) {
    let tries = (0..TRIES).map(|_| ((0..TIMES).map(|_| time(FEW)).sum::<Duration>(), time(TIMES * FEW)));
    let slow: Vec<_> = tries.take_while(|(few, many)| *many > MOST * *few).collect();
    assert!(slow.len() < TRIES, "{name}: {TIMES} times {FEW}, and {TIMES} times as many, took {slow:?}");
}

/// Decodes a crowd, walks through it, encodes it, and merges its removal.
#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
fn come_and_go<T: Wire>(crowd: &[u8], gone: &[u8], size: usize) -> Duration {
    let begun = Instant::now();
    let mut doc = Doc::<T>::decode(crowd, &Limits::default()).unwrap();
    let chunk = doc.walk(&CausalContext::default(), 0).next_chunk(&doc, size, usize::MAX, |_| 0).unwrap();
    assert_eq!(chunk.entries().len(), size);
    comes_back(&doc, crowd);
    doc.merge(Delta::decode(gone, &Limits::default()).unwrap());
    assert_eq!(doc.live_len(), 0);
    begun.elapsed()
}

/// The document has these bytes as a delta, and others, if it has keys, that it can be read from.
fn comes_back<T: Wire>(doc: &Doc<T>, crowd: &[u8]) {
    assert_eq!(doc.to_delta().encode().unwrap(), crowd);
    let bytes = doc.encode().unwrap();
    let limits = Limits { max_bytes: usize::MAX, ..Limits::default() };
    let back = Doc::<T>::decode(&bytes, &limits).unwrap();
    assert!(back == *doc && back.fingerprint() == doc.fingerprint());
    assert!(bytes == crowd || bytes.len() < crowd.len() * 2);
}

fn number(number: usize) -> Vec<u8> {
    let mut out = Writer::default();
    out.number(number as u64);
    out.into_bytes()
}

/// The bytes of a crowd of one replica, with these entries.
fn crowd_of(entries: &[Vec<u8>]) -> Vec<u8> {
    let head = [&[1, 1][..], &[7; 16], &[1, 0], &number(entries.len() - 1), &[0]].concat();
    head.into_iter().chain(entries.concat()).collect()
}

/// Decodes a crowd, encodes it, copies it, and takes it out one by one, the oldest first. `check` is told
/// from which dot on it is there.
#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
fn fade<T: Wire + Debug>(entries: &[Vec<u8>], check: impl Fn(&T, usize)) -> Duration {
    let crowd = crowd_of(entries);
    let begun = Instant::now();
    let mut doc = Doc::<T>::decode(&crowd, &Limits::default()).unwrap();
    comes_back(&doc, &crowd);
    let mut copy = Doc::<T>::default();
    copy.merge_from(&doc);
    assert_eq!(copy.encode().unwrap(), doc.encode().unwrap());
    for first in 1..=entries.len() {
        check(&doc, first);
        let gone = [&crowd[..18], &[0, 1], &number(first - 1), &[0]].concat();
        doc.merge(Delta::decode(&gone, &Limits::default()).unwrap());
    }
    assert_eq!(doc.live_len(), 0);
    begun.elapsed()
}

/// The bytes that say that the first dots from `first` on are gone.
fn gone(first: usize, many: usize) -> Vec<u8> {
    [&[1, 1][..], &[7; 16], &[0, 1], &number(first), &number(many - 1)].concat()
}

/// Decodes a crowd, encodes it, reads it, and takes it out at once.
#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
fn come<T: Wire>(entries: &[Vec<u8>], read: impl Fn(&Doc<T>)) -> Duration {
    let crowd = crowd_of(entries);
    let begun = Instant::now();
    let mut doc = Doc::<T>::decode(&crowd, &Limits::default()).unwrap();
    comes_back(&doc, &crowd);
    read(&doc);
    doc.merge(Delta::decode(&gone(0, entries.len()), &Limits::default()).unwrap());
    assert_eq!(doc.live_len(), 0);
    begun.elapsed()
}

/// One of so many places, by an order that has nothing to do with that of the dots.
fn mixed(at: usize, size: usize) -> usize {
    // A prime, so that each place is taken once.
    at * 7_919 % size
}

#[test]
fn a_crowd_at_one_register_costs_its_number_whatever_its_stamps() {
    let _turn = turn();
    no_square("a register", |size| {
        let entries = (0..size).map(|at| [&(mixed(at, size) as u64).to_be_bytes()[..], &[7]].concat());
        come::<LwwRegister<u8>>(&entries.collect::<Vec<_>>(), |register| {
            assert_eq!(register.stamp().map(Stamp::to_bits), Some(size as u64 - 1));
        })
    });
}

#[test]
fn a_crowd_at_one_counter_costs_its_number_whatever_its_runs() {
    let _turn = turn();
    // A map asks at each change whether anything shows.
    no_square("hidden runs in a map", |size| {
        let entries = (0..size).map(|at| [&[7][..], &run(mixed(at, size), 0, 0)].concat());
        come::<OrMap<u8, PnCounter>>(&entries.collect::<Vec<_>>(), |map| assert!(map.is_empty()))
    });
    no_square("rights", |size| {
        let entries = (0..size).map(|at| transfer(mixed(at, size), 1));
        come::<BoundedCounter>(&entries.collect::<Vec<_>>(), |counter| {
            assert_eq!(counter.holders().len(), size);
        })
    });
    no_square("edits", |size| edit(&mut counted(size), size));
}

/// A counter that one replica counted on in so many runs.
fn counted(size: usize) -> Doc<PnCounter> {
    let entries: Vec<_> = (0..size).map(|at| run(mixed(at, size), 1, 1)).collect();
    Doc::decode(&crowd_of(&entries), &Limits::default()).unwrap()
}

/// Counts on and resets, by the replica whose runs these are and by another one.
#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
fn edit(counter: &mut Doc<PnCounter>, size: usize) -> Duration {
    let begun = Instant::now();
    let _ = counter.update(&mut replica(7), |counter| counter.add(1));
    assert_eq!(counter.value(), size as i128 + 1);
    let _ = counter.update(&mut replica(9), |counter| counter.reset());
    assert_eq!((counter.value(), counter.live_len()), (0, size));
    let _ = counter.update(&mut replica(7), |counter| counter.add(1));
    assert_eq!((counter.value(), counter.live_len()), (1, 1));
    begun.elapsed()
}

/// A counter has a run of every start of every replica that counted: honest ones have many.
#[test]
fn who_counts_on_does_not_pay_for_the_runs_of_others() {
    let _turn = turn();
    no_square("counting on", |size| count_on(&mut counted(size), size));
}

/// Counts on for a tenth as often as there are runs, by another replica.
#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
fn count_on(counter: &mut Doc<PnCounter>, size: usize) -> Duration {
    let (begun, mut me) = (Instant::now(), replica(9));
    (0..size / 10).for_each(|_| drop(counter.update(&mut me, |counter| counter.add(1))));
    assert_eq!((counter.value(), counter.live_len()), ((size + size / 10) as i128, size + 1));
    begun.elapsed()
}

fn replica(id: u8) -> Replica {
    Replica::new(ReplicaId::from_bytes([id; 16]))
}

/// The entry of a run of the replica that writes the crowd.
fn run(first: usize, count: usize, plus: usize) -> Vec<u8> {
    [&[0][..], &number(first), &number(count), &number(plus), &[0]].concat()
}

/// A prefix of such a run that was taken away.
fn taken(first: usize, count: usize, plus: usize) -> Vec<u8> {
    [&[1][..], &[7; 16], &number(first), &number(count), &number(plus), &[0]].concat()
}

fn transfer(to: usize, amount: usize) -> Vec<u8> {
    [&[1][..], receiver(to).as_bytes(), &number(amount)].concat()
}

fn receiver(to: usize) -> ReplicaId {
    ReplicaId::from_u128(1_000 + to as u128)
}

/// Whether an entry of a counter says what is taken, of which run, and how many increments.
type Said = (bool, usize, usize);

/// What the first increments of a run add up to: what two entries of one run say agrees.
fn sum(run: usize, count: usize) -> usize {
    (run + 1) * count
}

/// What entries show, if anything, by the longest of each run and the most that is taken of it.
fn shown<'a>(live: impl Iterator<Item = &'a Said>) -> Option<i128> {
    let mut runs = BTreeMap::<usize, [usize; 2]>::new();
    for &(is_taken, run, count) in live {
        let longest = &mut runs.entry(run).or_default()[usize::from(is_taken)];
        *longest = (*longest).max(count);
    }
    let left = runs.into_iter().filter(|(_, [all, taken])| taken < all);
    left.map(|(run, [all, taken])| sum(run, all - taken) as i128).reduce(|sum, more| sum + more)
}

/// Writes to a crowd at one key of a map, whoever does, are what they are anywhere.
fn check_edits(sums: &Doc<OrMap<u8, PnCounter>>, shown: Option<i128>) {
    for id in [1, 7, 9] {
        let there = Doc::<OrMap<u8, PnCounter>>::decode(&sums.encode().unwrap(), &Limits::default());
        let (mut here, mut there) = (sums.clone(), there.unwrap());
        there.merge(here.update(&mut replica(id), |map| map.entry(&7).add(1)));
        assert_eq!(here.get(&7).map(PnCounter::value), Some(shown.unwrap_or(0) + 1));
        there.merge(here.update(&mut replica(id), |map| {
            map.entry(&7).add(5);
            assert_eq!(map.entry(&7).value(), shown.unwrap_or(0) + 6);
            map.remove(&7);
            assert!(map.is_empty());
            map.entry(&7).add(1);
            map.entry(&7).add(1);
            assert_eq!(map.entry(&7).value(), 2);
        }));
        assert_eq!(here.get(&7).map(PnCounter::value), Some(2));
        assert_eq!(here.fingerprint(), there.fingerprint());
        assert_eq!(there.get(&7).map(PnCounter::value), Some(2));
        there.merge(here.update(&mut replica(id), |map| map.remove(&7)));
        assert!(here.is_empty() && there.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn counters_add_up_while_crowds_come_and_go(
        entries in prop::collection::vec((any::<bool>(), 0usize..40, 0usize..4), 1..90),
        go in any::<u64>(),
    ) {
        let in_map = |&(is_taken, first, count): &Said| {
            let entry = if is_taken { taken } else { run };
            [vec![7], entry(first, count, sum(first, count))].concat()
        };
        let bytes = crowd_of(&entries.iter().map(in_map).collect::<Vec<_>>());
        let mut sums = Doc::<OrMap<u8, PnCounter>>::decode(&bytes, &Limits::default()).unwrap();
        let transfers = entries.iter().map(|(_, to, amount)| transfer(*to, *amount));
        let bytes = crowd_of(&transfers.collect::<Vec<_>>());
        let mut rights = Doc::<BoundedCounter>::decode(&bytes, &Limits::default()).unwrap();

        let mut live: Vec<usize> = (0..entries.len()).collect();
        live.sort_by_key(|at| (*at as u64 + 1).wrapping_mul(go | 1));
        while let Some(next) = live.last() {
            let shown = shown(live.iter().map(|at| &entries[*at]));
            prop_assert_eq!((sums.get(&7).map(PnCounter::value), sums.len()), (shown, usize::from(shown.is_some())));
            let mut held = BTreeMap::new();
            for (_, to, amount) in live.iter().map(|at| &entries[*at]).filter(|(.., amount)| *amount > 0) {
                let most = held.entry(receiver(*to)).or_insert(0);
                *most = (*amount as u128).max(*most);
            }
            prop_assert_eq!(rights.holders(), held.into_iter().collect::<Vec<_>>());
            if live.len() % 16 == 1 {
                check_edits(&sums, shown);
                let again = Doc::<BoundedCounter>::decode(&rights.encode().unwrap(), &Limits::default()).unwrap();
                prop_assert_eq!(again.holders(), rights.holders());
            }
            let gone = gone(*next, 1);
            sums.merge(Delta::decode(&gone, &Limits::default()).unwrap());
            rights.merge(Delta::decode(&gone, &Limits::default()).unwrap());
            live.pop();
        }
        prop_assert!(sums.is_empty() && sums.live_len() == 0 && rights.live_len() == 0);
    }
}

/// A key that was written so many times, with these stamps.
fn fade_map(size: usize, stamp: fn(u32) -> u64) -> Duration {
    let writes: Vec<(u64, u32)> = (0..size as u32).map(|n| (stamp(n), (1 << 16) + n)).collect();
    let mut winners = writes.clone();
    (1..size).rev().for_each(|n| winners[n - 1] = winners[n - 1].max(winners[n]));
    let entry = |(stamp, value): &(u64, u32)| {
        [&[42][..], &stamp.to_be_bytes(), &[1, 0xce], &value.to_be_bytes()].concat()
    };
    let entries: Vec<_> = writes.iter().map(entry).collect();
    fade::<LwwMap<u8, u32>>(&entries, |map, first| {
        assert_eq!((map.get(&42), map.len()), (Some(&winners[first - 1].1), 1));
    })
}

#[test]
fn a_crowd_at_one_key_of_a_map_costs_its_number_whatever_its_stamps() {
    let _turn = turn();
    no_square("falling stamps", |size| fade_map(size, |n| u64::from(u32::MAX - n)));
    no_square("rising stamps", |size| fade_map(size, u64::from));
    no_square("any stamps", |size| fade_map(size, |n| u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
}

#[test]
fn a_crowd_at_one_element_of_a_set_costs_its_number_whichever_goes_first() {
    let _turn = turn();
    no_square("a set", |size| fade::<OrSet<u8>>(&vec![vec![42]; size], |set, _| assert!(set.contains(&42))));
}

#[test]
fn a_crowd_at_one_place_costs_its_number_for_every_type() {
    let _turn = turn();
    each(&mut Crowds);
}
