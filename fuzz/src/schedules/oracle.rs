//! What every update did, and what a node must show that has applied some of them.

use std::collections::{BTreeMap, BTreeSet};

use crdt_core::{Dot, ReplicaId};

use super::board::{Act, Mark};

/// Numbers of updates, one by one: what vectors say in runs.
pub(super) type Numbers = BTreeSet<Dot>;

/// All updates of one run.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    updates: BTreeMap<Dot, Update>,
    /// Updates that no running node covered when one stopped.
    gone: Numbers,
}

#[derive(Debug)]
struct Update {
    act: Act,
    /// What its writer had applied, itself included.
    seen: Numbers,
}

impl Oracle {
    pub(super) fn record(&mut self, number: Dot, act: Act, seen: Numbers) {
        let again = self.updates.insert(number, Update { act, seen });
        assert!(again.is_none(), "{number:?} was given twice");
    }

    /// A node that covers these, and holds parts of no others, shows just this.
    pub(super) fn check_whole(&self, covered: &Numbers, (marks, score): (&BTreeSet<Mark>, i128)) {
        let (added, taken) = (self.added(covered), self.taken(covered));
        assert_eq!(*marks, &added - &taken, "what was added and not taken away");
        assert_eq!(score, self.sum(covered), "the sum");
    }

    /// A node that covers these, and holds parts of others, shows nothing that they took away, and
    /// everything that they added and nobody took away.
    pub(super) fn check_partial(&self, covered: &Numbers, marks: &BTreeSet<Mark>) {
        assert!(marks.is_disjoint(&self.taken(covered)), "what was taken away stays away");
        let everything = self.updates.keys().copied().collect();
        let kept = &self.added(covered) - &self.taken(&everything);
        assert!(marks.is_superset(&kept), "what nobody took away is there");
        assert!(marks.is_subset(&self.added(&everything)), "what is there was added");
    }

    /// A node stops, and these vectors are what is left.
    pub(super) fn only_left(&mut self, vectors: &[Numbers]) {
        let lost = |number: &&Dot| !vectors.iter().any(|vector| vector.contains(*number));
        self.gone.extend(self.updates.keys().filter(lost));
    }

    /// How many updates were lost with a node that nobody had heard.
    pub(super) fn lost(&self) -> usize {
        self.gone.len()
    }

    /// All nodes cover these in the end: what could be saved is there.
    pub(super) fn check_saved(&self, covered: &Numbers) {
        let missing: Vec<_> = self.missing(covered).collect();
        assert!(missing.iter().all(|number| self.gone.contains(number)), "saved, and missing: {missing:?}");
    }

    /// What was written and is not covered.
    pub(super) fn missing(&self, covered: &Numbers) -> impl Iterator<Item = Dot> {
        self.updates.keys().copied().filter(|number| !covered.contains(number))
    }

    /// Pairs of an addition and a removal at the same key that did not know of each other.
    pub(super) fn concurrent_add_and_remove(&self) -> usize {
        let pairs = self.updates.iter().flat_map(|a| self.updates.iter().map(move |b| (a, b)));
        pairs
            .filter(|((add, adder), (remove, remover))| {
                let meet = |mark: Mark| remover.act.taken.iter().any(|taken| taken.meets(mark));
                let apart = !adder.seen.contains(remove) && !remover.seen.contains(add);
                apart && adder.act.added.is_some_and(meet)
            })
            .count()
    }

    fn acts(&self, covered: &Numbers) -> impl Iterator<Item = &Act> {
        covered.iter().map(|number| &self.updates.get(number).expect("somebody wrote it").act)
    }

    fn added(&self, covered: &Numbers) -> BTreeSet<Mark> {
        self.acts(covered).filter_map(|act| act.added).collect()
    }

    /// What a node adds up. A step of a counter says what its writer's steps come to so far, so one
    /// that overtook others brings them along.
    fn sum(&self, covered: &Numbers) -> i128 {
        let steps = covered.iter().filter(|number| self.updates[*number].act.amount != 0);
        let last: BTreeMap<ReplicaId, u64> = steps.map(|number| (number.replica, number.seq)).collect();
        let upto = |(id, seq): (&ReplicaId, &u64)| self.updates.range(Dot::new(*id, 1)..=Dot::new(*id, *seq));
        last.iter().flat_map(upto).map(|(_, update)| update.act.amount).sum()
    }

    fn taken(&self, covered: &Numbers) -> BTreeSet<Mark> {
        self.acts(covered).flat_map(|act| act.taken.iter().copied()).collect()
    }
}
