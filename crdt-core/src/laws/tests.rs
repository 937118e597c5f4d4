//! The kit against merges that are wrong on purpose.

use std::collections::BTreeMap;

use super::oracle::check_values_of;
use super::world::Merges;
use super::{Law, check_merges};
use crate::clock::{CausalContext, Intervals};
use crate::doc::{Delta, Doc};
use crate::dot::{Dot, ReplicaId};
use crate::set::OrSet;
use crate::view::Crdt;

/// Each was the merge of somebody's library.
#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(u8)]
enum Fault {
    None,
    /// What the other side has removed stays.
    RemovalIsIgnored,
    /// What was removed here comes back with an old delta.
    OldEntryComesBack,
    /// A gap in a context counts as seen.
    GapIsClosed,
    /// A dot counts as seen when a later one of its replica was.
    VectorInPlaceOfIntervals,
    /// Whoever has seen all dots of the other side has nothing to learn from it.
    DominatingContextSkips,
    /// A removal that comes before its addition is forgotten.
    EarlyRemovalIsForgotten,
}

use Fault::*;

const FAULTS: [Fault; 6] = [
    RemovalIsIgnored,
    OldEntryComesBack,
    GapIsClosed,
    VectorInPlaceOfIntervals,
    DominatingContextSkips,
    EarlyRemovalIsForgotten,
];

/// The merge as its specification says, on plain maps; `FAULT` says what is wrong with it.
fn reference<T: Crdt, const FAULT: u8>(doc: &mut Doc<T>, delta: Delta<T>) -> bool {
    let is = |fault: Fault| fault as u8 == FAULT;
    let (here, seen_here) = (doc.to_delta(), doc.context());
    let seen_there = delta.context();
    if is(DominatingContextSkips) && seen_here.is_superset(&seen_there) {
        return false;
    }
    let saw = |context: &CausalContext, dot: Dot| {
        let up_to = is(VectorInPlaceOfIntervals) && dot.seq <= context.max(dot.replica);
        up_to || context.contains(dot)
    };
    let left: BTreeMap<Dot, T::Entry> = here.entries.iter().cloned().collect();
    let right: BTreeMap<Dot, T::Entry> = delta.entries.iter().cloned().collect();
    let mut live = BTreeMap::new();
    for (dot, entry) in &left {
        if right.contains_key(dot) || !saw(&seen_there, *dot) || is(RemovalIsIgnored) {
            live.insert(*dot, entry.clone());
        }
    }
    for (dot, entry) in right {
        if !saw(&seen_here, dot) || is(OldEntryComesBack) {
            live.insert(dot, entry);
        }
    }
    let mut context = seen_here;
    context.union_with(&seen_there);
    if is(EarlyRemovalIsForgotten) {
        let early = delta.dead.difference(&doc.context());
        context = context.difference(&early);
    }
    if is(GapIsClosed) {
        let closed = |(id, seen): (ReplicaId, &Intervals)| {
            seen.iter().next().map(|(first, _)| (id, first, seen.max()))
        };
        let closed: Vec<_> = context.iter().filter_map(closed).collect();
        closed.into_iter().for_each(|(id, first, last)| {
            context.insert_range(id, first, last);
        });
    }
    let dead = context.difference(&live.keys().copied().collect());
    let joined = Doc::from(Delta { entries: live.into_iter().collect(), dead });
    let changed = joined != *doc;
    *doc = joined;
    changed
}

fn reference_from<T: Crdt, const FAULT: u8>(doc: &mut Doc<T>, other: &Doc<T>) -> bool {
    reference::<T, FAULT>(doc, other.to_delta())
}

fn merges<T: Crdt>(fault: Fault) -> Merges<T> {
    macro_rules! with {
        ($($fault:ident),+) => {
            match fault {
                $($fault => Merges {
                    merge: reference::<T, { $fault as u8 }>,
                    merge_from: reference_from::<T, { $fault as u8 }>,
                },)+
            }
        };
    }
    with!(
        None,
        RemovalIsIgnored,
        OldEntryComesBack,
        GapIsClosed,
        VectorInPlaceOfIntervals,
        DominatingContextSkips,
        EarlyRemovalIsForgotten
    )
}

/// The checks that fail, each with the length of its story.
fn caught(fault: Fault) -> impl Iterator<Item = (String, usize)> {
    type Set = OrSet<u8>;
    let laws =
        Law::ALL.into_iter().map(move |law| (law.to_string(), check_merges::<Set>(law, merges(fault))));
    let values =
        move || ("values are as specified".to_owned(), check_values_of::<Set>(merges(fault)).map(drop));
    let checks = laws.map(|(law, checked)| (law, checked.map(drop))).chain(core::iter::once_with(values));
    checks.filter_map(|(law, checked)| Some((law, checked.err()?.story().len())))
}

#[test]
fn a_plain_merge_of_sets_of_dots_obeys_every_law() {
    assert_eq!(caught(None).collect::<Vec<_>>(), []);
}

/// By two laws at least, and with one short story: more of them would take their time to be shortened.
#[test]
fn every_merge_that_is_wrong_on_purpose_is_caught() {
    for fault in FAULTS {
        let mut found = Vec::new();
        let enough = caught(fault).any(|(law, lines)| {
            found.push((law, lines));
            found.len() >= 2 && found.iter().any(|(_, lines)| *lines <= 8)
        });
        assert!(enough, "{fault:?} was caught by {found:?} only");
    }
}

#[test]
fn a_failure_is_told_as_a_story_of_replicas() {
    let broken = check_merges::<OrSet<u8>>(Law::DeadStaysDead, merges(OldEntryComesBack)).unwrap_err();
    let text = broken.to_string();
    println!("{text}");
    assert!(text.starts_with("OrSet<u8> breaks the law \"a dead dot stays dead\":\n"), "{text}");
    assert!(broken.story().iter().any(|line| line.starts_with("a writes as ")), "{text}");
    assert!(broken.story().iter().any(|line| line.contains(": Insert(")), "{text}");
    assert!(broken.story().iter().any(|line| line.contains(" <- ")), "{text}");
    assert!(broken.reason().ends_with("is back"), "{text}");
}
