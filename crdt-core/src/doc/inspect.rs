//! What can be asked of a document beside its value.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Delta, Digest, Doc};
use crate::clock::{BLOCK, Bits, CausalContext};
use crate::dot::Dot;
use crate::view::{Crdt, LocalDot};

/// What somebody has seen of a document: see [`Doc::update_observed`].
///
/// It is plain data, to be kept with a form or a session, and means the same at every replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Observed {
    pub(super) context: CausalContext,
}

/// Writes of which none has seen the others, where only one can show.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Conflict<E> {
    /// The write that shows; of a register that shows all, such as [`MvRegister`](crate::MvRegister), the
    /// one with the largest dot.
    pub shown: (Dot, E),
    /// The others, ascending by dot.
    pub others: Vec<(Dot, E)>,
}

/// An entry that one of two documents shows, or keeps, and the other does not.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Disagreement<E> {
    /// The write.
    pub dot: Dot,
    /// What it wrote, and where.
    pub entry: E,
    /// Who has it.
    pub holder: Holder,
    /// Whether the other one has seen the write: then it was removed or written over there, and the
    /// holder has not heard of that. Otherwise it has yet to arrive there.
    pub seen_by_other: bool,
}

/// One of two documents that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// The document that was asked.
    Here,
    /// The one that it was compared with.
    There,
}

/// How large a document is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many replica ids have ever written.
    pub replicas: usize,
    /// How many entries are live.
    pub live: usize,
    /// How many dots have been seen, live and dead; it stops at `u64::MAX`.
    pub seen: u64,
    /// How many runs of dots are missing between those seen: updates that are still on their way.
    pub gaps: usize,
    /// How many bytes of memory the document takes on the heap, without what keys and values, such as
    /// strings, have there of their own. It is an estimate: trees are taken to be half full, and a type
    /// that was written by hand may not say. For the bytes that travel encode it.
    pub bytes: usize,
}

impl<T: Crdt> Doc<T> {
    /// Every place where writes contradict each other, so that somebody may want to choose.
    ///
    /// Entries carry their path: the key of a map, the field of a struct. They are ascending by the dot
    /// that shows. It looks at every live entry.
    ///
    /// ```
    /// use crdt_core::{Doc, LwwMap, Replica, ReplicaId};
    ///
    /// let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
    /// type Profile = LwwMap<&'static str, u32>;
    /// let (mut here, mut there) = (Doc::<Profile>::default(), Doc::<Profile>::default());
    /// here.update(&mut a, |profile| profile.insert("age", 30));
    /// here.merge(there.update(&mut b, |profile| profile.insert("age", 31)));
    ///
    /// let conflicts = here.find_conflicts();
    /// let (_, (key, written)) = &conflicts[0].shown;
    /// assert_eq!((*key, written.value), ("age", Some(31)));
    /// assert_eq!(conflicts[0].others.len(), 1);
    /// ```
    #[doc(alias = "conflicts")]
    #[must_use]
    pub fn find_conflicts(&self) -> Vec<Conflict<T::Entry>> {
        let lanes = self.ids.sorted().into_iter().filter_map(|place| self.index.lane(place));
        let live = lanes.flat_map(|lane| lane.live_in(1, u64::MAX).map(|seq| Dot::new(lane.id, seq)));
        let shown = live.filter(|dot| self.shown_instead(*dot) == Some(*dot));
        shown.filter_map(|dot| self.conflict(dot)).collect()
    }

    /// The conflict that a live write takes part in, whether it shows or not.
    ///
    /// It costs the writes at that place.
    #[must_use]
    pub fn conflict_of(&self, dot: Dot) -> Option<Conflict<T::Entry>> {
        self.conflict(self.shown_instead(dot)?)
    }

    /// Whether a live write takes part in a conflict.
    #[must_use]
    pub fn is_contested(&self, dot: Dot) -> bool {
        self.shown_instead(dot).is_some()
    }

    /// The write that shows at the place of a live one, if the two or others there contradict each
    /// other.
    fn shown_instead(&self, dot: Dot) -> Option<Dot> {
        let place = self.ids.place(dot.replica)?;
        let slot = self.index.lane(place)?.slot(dot.seq)?;
        self.root.contest(LocalDot::new(place, dot.seq), slot).map(|shown| self.ids.dot(shown))
    }

    fn conflict(&self, shown: Dot) -> Option<Conflict<T::Entry>> {
        let others = self.siblings(shown).into_iter().filter(|dot| *dot != shown);
        let with_entry = |dot: Dot| Some((dot, self.entry(dot)?));
        Some(Conflict { shown: with_entry(shown)?, others: others.filter_map(with_entry).collect() })
    }

    /// Every entry that only one of two documents has, ascending by dot: what a
    /// [`fingerprint`](Doc::fingerprint) that differs does not say.
    ///
    /// It costs a look at the live dots of both. Documents that differ in nothing but what they have
    /// seen and no longer have show the same, and disagree about nothing.
    ///
    /// ```
    /// use crdt_core::{Doc, Holder, OrSet, Replica, ReplicaId};
    ///
    /// let mut me = Replica::new(ReplicaId::from_u128(1));
    /// let mut here = Doc::<OrSet<&str>>::default();
    /// here.update(&mut me, |cart| cart.insert("apple"));
    /// let there = here.clone();
    /// here.update(&mut me, |cart| cart.remove("apple"));
    ///
    /// let found = here.disagreements(&there);
    /// assert_eq!((found[0].entry, found[0].holder), ("apple", Holder::There));
    /// assert!(found[0].seen_by_other, "it was removed here");
    /// ```
    #[must_use]
    pub fn disagreements(&self, other: &Self) -> Vec<Disagreement<T::Entry>> {
        let (here, there) = (self.digest(), other.digest());
        let ours = self.only_here(&there).into_iter().map(|found| (Holder::Here, found));
        let theirs = other.only_here(&here).into_iter().map(|found| (Holder::There, found));
        let named =
            |(holder, (dot, entry, seen_by_other))| Disagreement { dot, entry, holder, seen_by_other };
        let mut found: Vec<_> = ours.chain(theirs).map(named).collect();
        found.sort_unstable_by_key(|found| found.dot);
        found
    }

    /// The live entries that are not live there, and whether their dots have been seen there.
    fn only_here(&self, there: &Digest) -> Vec<(Dot, T::Entry, bool)> {
        let mut only = Vec::new();
        for lane in self.index.lanes() {
            let known = there.get(lane.id);
            for (number, live) in lane.blocks() {
                let there = known.map_or_else(Bits::default, |known| known.bits(number));
                for bit in (live & !there).iter() {
                    let dot = Dot::new(lane.id, number * BLOCK + bit);
                    let seen = known.is_some_and(|known| known.context.contains(dot.seq));
                    only.extend(self.entry(dot).map(|entry| (dot, entry, seen)));
                }
            }
        }
        only
    }

    /// How large the document is. It costs a look at every key of an `OrMap`, and none at other values.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let bytes = self.root.heap_bytes() + self.unknown.heap_bytes() + self.ids.heap_bytes();
        let bytes = bytes + self.index.heap_bytes();
        let mut stats = Stats { live: self.live_len(), bytes, ..Stats::default() };
        for lane in self.index.lanes() {
            stats.replicas += 1;
            stats.seen = stats.seen.saturating_add(lane.context.len());
            let runs = lane.context.iter().count();
            let starts_at_one = lane.context.contains(1);
            stats.gaps += runs - usize::from(starts_at_one && runs > 0);
        }
        stats
    }

    /// The removal of tombstones that nobody needs any more, as a delta to be merged and sent like
    /// any other; it is empty when there are none.
    ///
    /// A tombstone goes together with every write that it won over, once all of these are in
    /// `stable`. What makes a dot stable is for the caller to know: **every** replica that may still
    /// write has seen it, and this document has merged **everything** that those replicas had
    /// written or merged by then. With less a removed key can come back. Nothing is collected by age.
    ///
    /// They are what removals leave of keys of an `LwwMap`, of bans of an `RwSet`, of disabled `DwFlag`s,
    /// and of counters, of which one says how much it took. Other types leave none: `OrSet`, `OrMap` itself,
    /// registers. Where deltas overtake each other, a write that was replaced before it was removed can show
    /// once more on a replica that has the removal and lacks the replacement, until that arrives.
    ///
    /// ```
    /// use crdt_core::{Doc, LwwMap, Replica, ReplicaId};
    ///
    /// let mut me = Replica::new(ReplicaId::from_u128(1));
    /// let mut settings = Doc::<LwwMap<String, u32>>::default();
    /// let _ = settings.update(&mut me, |settings| settings.insert("volume".to_owned(), 3));
    /// let _ = settings.update(&mut me, |settings| settings.remove("volume"));
    /// assert_eq!(settings.stats().live, 1);
    ///
    /// // There is no other replica: all that this one has seen is stable.
    /// let collected = settings.collect_tombstones(&settings.context());
    /// settings.merge(collected);
    /// assert_eq!(settings.stats().live, 0);
    /// ```
    pub fn collect_tombstones(&self, stable: &CausalContext) -> Delta<T> {
        let mut dead = CausalContext::default();
        self.root.tombstones(&mut |group| {
            let dots = || group.iter().map(|dot| self.ids.dot(*dot));
            if dots().all(|dot| stable.contains(dot)) {
                dead.union_with(&dots().collect());
            }
        });
        Delta { dead, ..Delta::default() }
    }
}
