//! The one merge, and its inverse, the difference.

use alloc::vec::Vec;
use core::hint::black_box;

use super::digest::{Digest, Known};
use super::index::Lane;
use super::news::{Knows, News};
use super::{Delta, Doc, ROOT};
use crate::clock::CausalContext;
use crate::dot::{Dot, ReplicaId};
use crate::view::{At, Crdt, LocalDot, Look, Unknown};

impl<T: Crdt> Doc<T> {
    /// Joins a delta into the document; returns whether anything changed. A document is joined by
    /// [`merge_from`](Doc::merge_from).
    ///
    /// Total: it cannot fail, panic or block, and it reads no clock. It costs the entries and runs of
    /// the delta and the entries that these remove, each times a logarithm of the document.
    #[doc(alias("apply", "join"))]
    pub fn merge(&mut self, mut delta: Delta<T>) -> bool {
        let mut changed = false;
        delta.entries.drain(|(dot, entry)| {
            changed |= self.join_entry(dot, |root, at, dot| root.take_in(at, dot, entry));
        });
        self.join_dead(&delta.dead) | changed
    }

    /// The same for a delta that goes on its way afterwards: copies of the entries what is new.
    pub(super) fn merge_ref(&mut self, delta: &Delta<T>) -> bool {
        let mut changed = false;
        for (dot, entry) in delta.entries() {
            changed |= self.join_entry(*dot, |root, at, dot| root.take_in_copy(at, dot, entry));
        }
        self.join_dead(&delta.dead) | changed
    }

    /// Takes in an entry, unless its dot has been seen.
    pub(crate) fn join_entry(
        &mut self,
        dot: Dot,
        insert: impl FnOnce(&mut T, &mut At<'_>, LocalDot) -> T::Slot,
    ) -> bool {
        let place = self.place(dot.replica);
        self.take_in(place, dot.seq, insert)
    }

    /// Marks dots as seen, takes out those that are live, and gives back the room if that were many.
    #[inline]
    pub(crate) fn join_dead(&mut self, dead: &CausalContext) -> bool {
        !dead.is_empty() && self.join_some_dead(dead)
    }

    fn join_some_dead(&mut self, dead: &CausalContext) -> bool {
        let mut changed = false;
        // Backwards: views find what came last the soonest.
        for (id, dead) in dead.iter().rev() {
            let place = self.place(id);
            for (first, last) in dead.iter().rev() {
                changed |= self.put_out(place, first, last);
            }
        }
        if self.index.is_thin() {
            self.repack();
        }
        changed
    }

    /// Makes the view anew from its entries, in slots without holes: gives back the room of what is gone.
    fn repack(&mut self) {
        let look = Look { ids: &self.ids, unknown: &self.unknown, holder: ROOT };
        let (mut root, mut unknown) = (T::default(), Unknown::default());
        self.index.give_out(|place, seq, slot| {
            let dot = LocalDot::new(place, seq);
            let entry = self.root.entry_at(look, dot, slot);
            root.take_in(&mut At { ids: &self.ids, unknown: &mut unknown, holder: ROOT }, dot, entry)
        });
        (self.root, self.unknown) = (root, unknown);
    }

    /// Joins another document into this one; returns whether anything changed.
    ///
    /// Replicas of which both know the same cost their runs; others, a bitmap per 256 dots and the
    /// difference.
    pub fn merge_from(&mut self, other: &Self) -> bool {
        let News { live, dead } = other.news_since(self);
        let mut changed = false;
        for (there, number, dots) in live {
            let Some(lane) = other.index.lane(there) else { continue };
            let here = self.place(lane.id);
            let near = lane.slots(number, dots).map(|(_, slot)| self.root.look_ahead(&other.root, slot));
            black_box(near.fold(0, |all, one| all ^ one));
            for (seq, slot) in lane.slots(number, dots) {
                let from = (LocalDot::new(there, seq), slot);
                changed |= self.take_in(here, seq, |root, at, dot| {
                    root.take_in_from(at, dot, &other.root, other.look(), from)
                });
            }
        }
        self.join_dead(&dead) | changed
    }

    /// The least delta that makes `other` know what `self` knows, removals included:
    /// other ⊔ d = other ⊔ self.
    pub fn difference(&self, other: &Self) -> Delta<T> {
        self.copy_of(self.news_since(other))
    }

    /// The least delta that makes a state with this digest know what the document knows.
    pub fn delta_since(&self, since: &Digest) -> Delta<T> {
        self.copy_of(self.news_for(|id| since.get(id), |_, _| false))
    }

    /// The whole document as a delta.
    pub fn to_delta(&self) -> Delta<T> {
        self.delta_since(&Digest::default())
    }

    /// The live dots, and those that were seen and are gone.
    #[cfg(feature = "codec")]
    pub(crate) fn dots(&self) -> (CausalContext, CausalContext) {
        let (mut live, mut dead) = (CausalContext::default(), CausalContext::default());
        for (_, lane) in self.sorted_lanes() {
            for (first, last) in lane.context.iter() {
                let mut next = first;
                lane.for_each_dead(first, last, |from, to| {
                    live.insert_range(lane.id, next, from - 1);
                    dead.insert_range(lane.id, from, to);
                    next = to + 1;
                });
                live.insert_range(lane.id, next, last);
            }
        }
        (live, dead)
    }

    /// The slots of all live entries, in the order of dots.
    #[cfg(feature = "codec")]
    pub(crate) fn slots(&self) -> impl Iterator<Item = T::Slot> + '_ {
        self.sorted_lanes().flat_map(|(_, lane)| lane.all_slots()).map(|(_, slot)| slot)
    }

    /// Calls `each` for every live entry, in the order of dots, until it fails.
    #[cfg(feature = "codec")]
    pub(crate) fn try_for_each_slot<E>(
        &self,
        mut each: impl FnMut(Look<'_>, LocalDot, T::Slot) -> Result<(), E>,
    ) -> Result<(), E> {
        // Not with `for` within a lane, which would move every slot out of the iterator.
        self.sorted_lanes().try_for_each(|(place, lane)| {
            lane.all_slots().try_for_each(|(seq, slot)| each(self.look(), LocalDot::new(place, seq), slot))
        })
    }

    /// What is known of each replica, and its place in the table, in the order of ids.
    #[cfg(feature = "codec")]
    fn sorted_lanes(&self) -> impl Iterator<Item = (u32, &Lane<T::Slot>)> + '_ {
        self.ids.sorted().into_iter().filter_map(|place| Some((place, self.index.lane(place)?)))
    }

    /// What is news for another document. A replica of which both know the same costs a comparison of two
    /// sums, and its dots are not looked at.
    fn news_since(&self, other: &Self) -> News {
        let is_comparable = self.index.key() == other.index.key();
        self.news_for(|id| other.lane(id), |lane, known| is_comparable && lane.agrees_with(known))
    }

    /// What is news for a state of which `known` tells what it knows of a replica, but for those of which
    /// it knows all.
    fn news_for<'a, K: Knows + 'a>(
        &self,
        known: impl Fn(ReplicaId) -> Option<&'a K>,
        is_all: impl Fn(&Lane<T::Slot>, &K) -> bool,
    ) -> News {
        let lanes = (0..).zip(self.index.lanes()).map(|(place, lane)| (place, lane, known(lane.id)));
        let is_news = |lane: &Lane<_>, known: Option<&K>| known.is_none_or(|known| !is_all(lane, known));
        let mut lanes: Vec<_> = lanes.filter(|(_, lane, known)| is_news(lane, *known)).collect();
        lanes.sort_unstable_by_key(|(_, lane, _)| lane.id);
        let mut news = News::default();
        for (place, lane, known) in lanes {
            match known {
                Some(known) => news.gather(place, lane, known),
                None => news.gather(place, lane, &Known::default()),
            }
        }
        news
    }

    /// The delta that tells these news.
    fn copy_of(&self, News { live, dead }: News) -> Delta<T> {
        let mut entries = Vec::with_capacity(live.iter().map(|(.., dots)| dots.len()).sum());
        for (place, number, dots) in live {
            let Some(lane) = self.index.lane(place) else { continue };
            entries.extend(lane.slots(number, dots).map(|(seq, slot)| {
                (Dot::new(lane.id, seq), self.root.entry_at(self.look(), LocalDot::new(place, seq), slot))
            }));
        }
        Delta { entries: entries.into(), dead }
    }

    /// The place of `id` in the table, made if it has none.
    pub(super) fn place(&mut self, id: ReplicaId) -> u32 {
        let place = self.ids.intern(id);
        if self.index.lane(place).is_none() {
            self.index.push_lane(id);
        }
        place
    }

    /// Takes in an entry, unless its dot has been seen: then it is in already, or gone.
    fn take_in(
        &mut self,
        place: u32,
        seq: u64,
        insert: impl FnOnce(&mut T, &mut At<'_>, LocalDot) -> T::Slot,
    ) -> bool {
        if !self.index.see(place, seq, seq) {
            return false;
        }
        let mut at = At { ids: &self.ids, unknown: &mut self.unknown, holder: ROOT };
        let slot = insert(&mut self.root, &mut at, LocalDot::new(place, seq));
        self.index.add(place, seq, slot);
        true
    }

    /// Marks dots as seen and takes out those that are live.
    fn put_out(&mut self, place: u32, first: u64, last: u64) -> bool {
        let mut changed = self.index.see(place, first, last);
        while let Some(seq) = self.last_live(place, first, last)
            && let Some(slot) = self.index.remove(place, seq)
        {
            let mut at = At { ids: &self.ids, unknown: &mut self.unknown, holder: ROOT };
            self.root.take_out(&mut at, LocalDot::new(place, seq), slot);
            changed = true;
        }
        changed
    }

    /// The highest live dot of a replica between two.
    fn last_live(&self, place: u32, first: u64, last: u64) -> Option<u64> {
        self.index.lane(place)?.last_live_in(first, last)
    }
}
