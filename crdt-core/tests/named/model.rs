//! Sets with their causal context as plain collections: what the merge is specified to be, and room
//! to get it wrong.

use std::collections::{BTreeMap, BTreeSet};

/// Replica and number.
pub(crate) type At = (char, u64);

/// `{x@a1 | a1,a2}`: x is live under a1; a1 and a2 have been seen.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Model {
    pub(crate) live: BTreeMap<At, &'static str>,
    pub(crate) seen: BTreeSet<At>,
}

impl Model {
    /// Live entries, and dots that were there and are gone.
    pub(crate) fn new(live: &[(At, &'static str)], gone: &[At]) -> Self {
        let live: BTreeMap<At, &'static str> = live.iter().copied().collect();
        let seen = live.keys().chain(gone).copied().collect();
        Self { live, seen }
    }

    /// live = (L1 ∩ L2) ∪ (L1 \ C2) ∪ (L2 \ C1), seen = C1 ∪ C2
    pub(crate) fn merge(&mut self, other: &Self) {
        self.live.retain(|dot, _| other.live.contains_key(dot) || !other.seen.contains(dot));
        let new = other.live.iter().filter(|(dot, _)| !self.seen.contains(dot));
        self.live.extend(new.map(|(dot, element)| (*dot, *element)));
        self.seen.extend(&other.seen);
    }

    pub(crate) fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        joined.merge(other);
        joined
    }

    pub(crate) fn has(&self, element: &str) -> bool {
        self.live.values().any(|known| *known == element)
    }

    /// The dots that were there and are gone.
    pub(crate) fn gone(&self) -> Vec<At> {
        self.seen.iter().filter(|dot| !self.live.contains_key(dot)).copied().collect()
    }
}
