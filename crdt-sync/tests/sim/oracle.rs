//! What the values must be, worked out without the code under test.
//!
//! The oracle knows, for every numbered update, which additions it made and which it took away, and
//! for every node which updates its vector covers. From that it says what a node shows. It knows
//! nothing of dots, entries, merges, logs or frames.

use std::collections::{BTreeMap, BTreeSet};

use crdt_core::Dot;
use crdt_core::clock::CausalContext;

/// One addition of an element: the update that made it, and the element.
pub(crate) type Tag = (Dot, u64);

/// What one update did.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// Elements added.
    pub(crate) added: BTreeSet<u64>,
    /// Additions that its writer saw and took away, or replaced.
    pub(crate) taken: BTreeSet<Tag>,
    /// Elements removed on purpose, of those taken.
    pub(crate) removed: BTreeSet<u64>,
    /// What its writer had applied, this update included.
    pub(crate) seen: CausalContext,
}

/// All updates of one run.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    updates: BTreeMap<Dot, Effect>,
    /// Updates that no live node covers any more.
    gone: CausalContext,
}

impl Oracle {
    pub(crate) fn record(&mut self, number: Dot, effect: Effect) {
        let again = self.updates.insert(number, effect);
        assert!(again.is_none(), "{number:?} was given twice");
    }

    /// The additions that are live for a node that has applied exactly these updates.
    pub(crate) fn live(&self, applied: &CausalContext) -> BTreeSet<Tag> {
        let applied = || self.updates.iter().filter(|(number, _)| applied.contains(**number));
        let mut live: BTreeSet<Tag> = applied()
            .flat_map(|(number, effect)| effect.added.iter().map(|element| (*number, *element)))
            .collect();
        for (_, effect) in applied() {
            for tag in &effect.taken {
                live.remove(tag);
            }
        }
        live
    }

    /// What a node shows that has applied exactly these updates.
    pub(crate) fn value(&self, applied: &CausalContext) -> BTreeSet<u64> {
        self.live(applied).into_iter().map(|(_, element)| element).collect()
    }

    /// The additions that nobody ever took away, among these updates.
    pub(crate) fn untouched(&self, applied: &CausalContext) -> BTreeSet<u64> {
        let taken: BTreeSet<Tag> = self.updates.values().flat_map(|effect| effect.taken.clone()).collect();
        self.live(applied)
            .into_iter()
            .filter(|tag| !taken.contains(tag))
            .map(|(_, element)| element)
            .collect()
    }

    /// What a node may show at most that has applied these and holds parts of others: nothing all of
    /// whose additions were taken away by updates that it has applied.
    pub(crate) fn possible(&self, applied: &CausalContext) -> BTreeSet<u64> {
        let known = self.updates.iter().filter(|(number, _)| applied.contains(**number));
        let taken: BTreeSet<Tag> = known.flat_map(|(_, effect)| effect.taken.clone()).collect();
        let all = self.updates.iter();
        let tags = all.flat_map(|(number, effect)| effect.added.iter().map(|element| (*number, *element)));
        tags.filter(|tag| !taken.contains(tag)).map(|(_, element)| element).collect()
    }

    /// The one addition of an element that was added only once.
    pub(crate) fn only_tag(&self, element: u64) -> Option<Tag> {
        let mut adders = self.updates.iter().filter(|(_, effect)| effect.added.contains(&element));
        let (number, _) = adders.next()?;
        adders.next().is_none().then_some((*number, element))
    }

    /// These vectors are all that is left: what none of them covers is lost.
    pub(crate) fn only_left(&mut self, vectors: &[&CausalContext]) -> (u64, u64) {
        let (mut lost, mut saved) = (0, 0);
        for number in self.updates.keys() {
            if self.gone.contains(*number) {
                continue;
            }
            if vectors.iter().any(|vector| vector.contains(*number)) {
                saved += 1;
            } else {
                self.gone.insert(*number);
                lost += 1;
            }
        }
        (lost, saved)
    }

    /// Every update but those that nobody covered when their last holder stopped.
    pub(crate) fn surviving(&self) -> CausalContext {
        self.updates.keys().copied().collect::<CausalContext>().difference(&self.gone)
    }

    /// How often an element was added and removed by updates that did not know of each other.
    pub(crate) fn concurrent_add_and_remove(&self) -> u64 {
        let pairs = self.updates.iter().flat_map(|a| self.updates.iter().map(move |b| (a, b)));
        let concurrent = pairs.filter(|((add, adder), (remove, remover))| {
            !adder.seen.contains(**remove) && !remover.seen.contains(**add)
        });
        let same = concurrent.filter(|((_, adder), (_, remover))| !adder.added.is_disjoint(&remover.removed));
        same.count() as u64
    }
}
