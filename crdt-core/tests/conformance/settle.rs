//! Every way in which what was written can arrive.

use crdt_core::codec::Limits;
use crdt_core::{Delta, Doc};

use crate::subject::Subject;

/// Up to so many things are tried in every order, more of them in some.
const EXHAUSTED: usize = 5;
/// How many orders that is of more.
const SAMPLED: u64 = 24;

/// Where all replicas end, after a check that every way there is one: deltas in many orders, each twice,
/// in groups, in groups with gaps; states in every order, whole, as differences, in the chunks of walks,
/// as bytes; and deltas on top of what each replica has.
pub(crate) fn every_way<T: Subject>(docs: &[&Doc<T>], said: &[Delta<T>], place: &str) -> Doc<T> {
    let first = by_states(docs);
    let same = |other: &Doc<T>, way: &str| {
        assert_eq!(other.read(), first.read(), "{place}: {way}");
        assert_eq!(other.listed(), first.listed(), "{place}: {way}");
        assert_eq!(other.fingerprint(), first.fingerprint(), "{place}: {way}");
    };
    for order in orders(said.len()) {
        let ordered: Vec<&Delta<T>> = order.iter().map(|at| &said[*at]).collect();
        same(&one_by_one(&Doc::default(), &ordered), "deltas one by one");
        same(&in_groups(&ordered, |at| at / 2), "deltas in pairs");
        same(&in_groups(&ordered, |at| at % 2), "deltas in groups with gaps");
    }
    for order in orders(docs.len()) {
        let ordered: Vec<&Doc<T>> = order.iter().map(|at| docs[*at]).collect();
        same(&by_states(&ordered), "states");
        same(&by_differences(&ordered), "differences");
        same(&by_walks(&ordered), "walks");
    }
    let all: Vec<&Delta<T>> = said.iter().collect();
    docs.iter().for_each(|doc| same(&one_by_one(doc, &all), "deltas on top of a replica's state"));
    let bytes = [first.encode(), first.encode_compact()].map(|bytes| bytes.expect("small documents encode"));
    for bytes in bytes {
        same(&Doc::decode(&bytes, &Limits::default()).expect("own bytes decode"), "bytes of the state");
    }
    first
}

/// Orders of so many things, the given one first and its reverse last.
pub(crate) fn orders(things: usize) -> Vec<Vec<usize>> {
    let given: Vec<usize> = (0..things).collect();
    let mut orders = vec![];
    if things <= EXHAUSTED {
        permute(&mut vec![], &given, &mut orders);
        return orders;
    }
    orders.push(given.clone());
    orders.extend((0..SAMPLED).map(|seed| shuffled(given.clone(), seed)));
    orders.push(given.into_iter().rev().collect());
    orders
}

/// All orders of what is left behind what is chosen, in the order of places.
fn permute(chosen: &mut Vec<usize>, left: &[usize], orders: &mut Vec<Vec<usize>>) {
    if left.is_empty() {
        orders.push(chosen.clone());
    }
    for (at, next) in left.iter().enumerate() {
        chosen.push(*next);
        permute(chosen, &[&left[..at], &left[at + 1..]].concat(), orders);
        chosen.pop();
    }
}

/// An order that depends on the seed alone. (Knuth's multiplier, high bits.)
fn shuffled(mut things: Vec<usize>, seed: u64) -> Vec<usize> {
    let mut dice = seed;
    for end in (1..things.len()).rev() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        things.swap(end, (dice >> 33) as usize % (end + 1));
    }
    things
}

/// The second time a delta must change nothing.
fn one_by_one<T: Subject>(base: &Doc<T>, said: &[&Delta<T>]) -> Doc<T> {
    let mut doc = base.clone();
    for delta in said {
        doc.merge((*delta).clone());
        assert!(!doc.merge((*delta).clone()), "a delta counts once");
    }
    doc
}

/// Deltas for which `group` gives the same number, which grows or alternates, travel together.
fn in_groups<T: Subject>(said: &[&Delta<T>], group: impl Fn(usize) -> usize) -> Doc<T> {
    let mut groups = vec![Delta::default(); said.len() + 1];
    for (at, delta) in said.iter().enumerate() {
        groups[group(at)].merge((*delta).clone());
    }
    let mut doc = Doc::<T>::default();
    groups.into_iter().rev().for_each(|group| {
        doc.merge(group);
    });
    doc
}

fn by_states<T: Subject>(docs: &[&Doc<T>]) -> Doc<T> {
    let mut sum = Doc::<T>::default();
    docs.iter().for_each(|doc| {
        sum.merge_from(doc);
    });
    sum
}

fn by_differences<T: Subject>(docs: &[&Doc<T>]) -> Doc<T> {
    let mut sum = Doc::<T>::default();
    docs.iter().for_each(|doc| {
        let missing = doc.delta_since(&sum.digest());
        sum.merge(missing);
    });
    sum
}

fn by_walks<T: Subject>(docs: &[&Doc<T>]) -> Doc<T> {
    let mut sum = Doc::<T>::default();
    for doc in docs {
        let mut walk = doc.walk(&sum.context(), usize::MAX);
        while let Some(chunk) = walk.next_chunk(doc, 1, usize::MAX, |_| 0) {
            sum.merge(chunk);
        }
    }
    sum
}
