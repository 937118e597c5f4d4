//! Counting the hard cases of a history.

use super::coverage::Case;
use super::subject::Subject;
use super::world::{Update, World};
use crate::clock::CausalContext;
use crate::doc::{Delta, Doc};
use crate::dot::Dot;
use crate::view::Crdt;

impl<S: Subject> World<'_, S> {
    /// What an edit did to a state.
    pub(super) fn survey_edit(&mut self, before: &Doc<S::Crdt>, delta: &Delta<S::Crdt>) {
        if delta.entries().is_empty() && !delta.is_empty() {
            self.coverage.reach(Case::RemovalOnly);
        }
        self.paths.merge(Delta { entries: delta.entries.clone(), dead: CausalContext::default() });
        let context = before.context();
        for (dot, _) in delta.entries() {
            let path = self.paths.siblings(*dot);
            let mut seen = path.into_iter().filter(|dot| context.contains(*dot)).peekable();
            if seen.peek().is_some() && !seen.any(|dot| before.is_live(dot)) {
                self.coverage.reach(Case::WrittenAgain);
            }
        }
    }

    /// What the replicas hold.
    pub(super) fn survey_states(&mut self) {
        let first = self.setting.skip + 1;
        let gaps = self.nodes.iter().filter(|node| has_gap(&node.doc.context(), first)).count();
        let siblings: usize = self.nodes.iter().map(|node| siblings(&node.doc)).sum();
        self.coverage.reach_times(Case::Gap, gaps);
        self.coverage.reach_times(Case::Siblings, siblings);
    }

    /// What was done at the same time.
    pub(super) fn survey_updates(&mut self) {
        self.coverage.histories += 1;
        self.coverage.updates += self.updates.len() as u64;
        for (number, one) in self.updates.iter().enumerate() {
            for (earlier, other) in self.updates[..number].iter().enumerate() {
                if !one.causes.has(earlier) {
                    let both = !one.delta.dead().intersection(other.delta.dead()).is_empty();
                    self.coverage.reach_times(Case::ConcurrentRemovals, usize::from(both));
                    let beside = self.beside(one, other) + self.beside(other, one);
                    self.coverage.reach_times(Case::WriteBesideRemoval, beside);
                    self.coverage.reach_times(Case::Tie, self.ties(one, other));
                }
            }
        }
    }

    /// How often one update writes where the other one removes.
    fn beside(&self, one: &Update<S>, other: &Update<S>) -> usize {
        let written = one.delta.entries().iter().map(|(dot, _)| self.paths.siblings(*dot));
        written.filter(|path| path.iter().any(|dot| other.kills(*dot))).count()
    }

    /// How often both write at one path with one stamp.
    fn ties(&self, one: &Update<S>, other: &Update<S>) -> usize {
        let stamped = |update: &Update<S>| {
            let entries = update.delta.entries.clone().into_iter();
            entries.filter_map(|(dot, entry)| Some((dot, S::Crdt::stamp(&entry)?)))
        };
        let pairs = stamped(one).flat_map(|left| stamped(other).map(move |right| (left, right)));
        let tied = pairs.filter(|(left, right)| left.1 == right.1);
        tied.filter(|(left, right)| self.paths.siblings(left.0).contains(&right.0)).count()
    }
}

impl<S: Subject> Update<S> {
    pub(super) fn kills(&self, dot: Dot) -> bool {
        self.delta.dead().contains(dot)
    }
}

/// Whether a later dot of a replica has been seen without an earlier one, of those from `first` on.
fn has_gap(context: &CausalContext, first: u64) -> bool {
    context.iter().any(|(_, seen)| !seen.covers(first, seen.max()))
}

/// How many live dots have a sibling of another replica.
fn siblings<T: Crdt>(doc: &Doc<T>) -> usize {
    let state = doc.to_delta();
    let dots = state.entries().iter().map(|(dot, _)| *dot);
    dots.filter(|dot| doc.siblings(*dot).iter().any(|other| other.replica != dot.replica)).count()
}
