//! The one merge, and its inverse, the difference.

use super::digest::{Digest, Known};
use super::index::Lane;
use super::{Delta, Doc, ROOT};
use crate::clock::{BLOCK, Bits, CausalContext, Intervals};
use crate::dot::{Dot, ReplicaId};
use crate::view::{At, Crdt, LocalDot};

impl<T: Crdt> Doc<T> {
    /// Joins a delta into the document; returns whether anything changed.
    ///
    /// Total: it cannot fail, panic or block, and it reads no clock. It costs the entries and runs of
    /// the delta and the entries that these remove, each times a logarithm of the document.
    pub fn merge(&mut self, delta: Delta<T>) -> bool {
        let Delta { entries, dead } = delta;
        self.join(entries.into_iter(), &dead)
    }

    /// The same for a delta that goes on its way afterwards: copies the entries, not their list.
    pub(super) fn merge_ref(&mut self, delta: &Delta<T>) -> bool {
        let entries = delta.entries.iter().map(|(dot, entry)| (*dot, entry.clone()));
        self.join(entries, &delta.dead)
    }

    fn join(&mut self, entries: impl Iterator<Item = (Dot, T::Entry)>, dead: &CausalContext) -> bool {
        let mut changed = false;
        for (dot, entry) in entries {
            changed |= self.take_in(dot, entry);
        }
        for (id, dead) in dead.iter() {
            let place = self.place(id);
            for (first, last) in dead.iter() {
                changed |= self.put_out(place, first, last);
            }
        }
        changed
    }

    /// Joins another document into this one; returns whether anything changed.
    ///
    /// States that are equal cost their runs; others, a bitmap per 256 dots and the difference.
    pub fn merge_from(&mut self, other: &Self) -> bool {
        let missing = other.difference(self);
        self.merge(missing)
    }

    /// The least delta that makes `other` know what `self` knows, removals included:
    /// other ⊔ d = other ⊔ self.
    pub fn difference(&self, other: &Self) -> Delta<T> {
        let comparable = self.index.key() == other.index.key();
        if comparable && self.live_len() == other.live_len() && self.fingerprint() == other.fingerprint() {
            return Delta::default();
        }
        self.delta_since(&other.digest())
    }

    /// The least delta that makes a state with this digest know what the document knows.
    pub fn delta_since(&self, since: &Digest) -> Delta<T> {
        let nothing = Known::default();
        let mut delta = Delta::default();
        for place in self.ids.sorted() {
            let Some(lane) = self.index.lane(place) else { continue };
            let known = since.get(lane.id).unwrap_or(&nothing);
            delta.entries.extend(self.entries_of(place, lane, &known.context));
            gather_dead(lane, known, &mut delta.dead);
        }
        delta
    }

    /// The whole document as a delta.
    pub fn to_delta(&self) -> Delta<T> {
        self.delta_since(&Digest::default())
    }

    /// The live entries of one replica that `known` does not have.
    fn entries_of<'a>(
        &'a self,
        place: u32,
        lane: &'a Lane<T::Slot>,
        known: &'a Intervals,
    ) -> impl Iterator<Item = (Dot, T::Entry)> + 'a {
        let unknown = lane.blocks().map(|(number, bits)| (number, bits & !known.mask(number)));
        let dots = unknown.flat_map(|(number, bits)| bits.iter().map(move |bit| number * BLOCK + bit));
        dots.filter_map(move |seq| {
            let entry = self.root.entry(self.look(), LocalDot::new(place, seq), lane.slot(seq)?);
            Some((Dot::new(lane.id, seq), entry))
        })
    }

    /// The place of `id` in the table, made if it has none.
    fn place(&mut self, id: ReplicaId) -> u32 {
        let place = self.ids.intern(id);
        if self.index.lane(place).is_none() {
            self.index.push_lane(id);
        }
        place
    }

    /// Takes in an entry, unless its dot has been seen: then it is in already, or gone.
    fn take_in(&mut self, dot: Dot, entry: T::Entry) -> bool {
        let place = self.place(dot.replica);
        if !self.index.see(place, dot.seq, dot.seq) {
            return false;
        }
        let mut at = At { ids: &self.ids, unknown: &mut self.unknown, holder: ROOT };
        let slot = self.root.insert(&mut at, LocalDot::new(place, dot.seq), entry);
        self.index.add(place, dot.seq, slot);
        true
    }

    /// Marks dots as seen and takes out those that are live.
    fn put_out(&mut self, place: u32, first: u64, last: u64) -> bool {
        let mut changed = self.index.see(place, first, last);
        while let Some(seq) = self.next_live(place, first, last)
            && let Some(slot) = self.index.remove(place, seq)
        {
            let mut at = At { ids: &self.ids, unknown: &mut self.unknown, holder: ROOT };
            self.root.remove(&mut at, LocalDot::new(place, seq), slot);
            changed = true;
        }
        changed
    }

    /// The lowest live dot of a replica between two.
    fn next_live(&self, place: u32, first: u64, last: u64) -> Option<u64> {
        self.index.lane(place)?.live_in(first, last).next()
    }
}

/// The dots of one replica that are gone here, as far as it is news: not seen there, or live there.
fn gather_dead<S: Copy>(lane: &Lane<S>, known: &Known, dead: &mut CausalContext) {
    for (first, last) in lane.context.iter() {
        known.context.for_each_gap(first, last, |from, to| {
            lane.for_each_dead(from, to, |first, last| {
                dead.insert_range(lane.id, first, last);
            });
        });
    }
    for (&number, &live) in &known.live {
        let gone = gone(lane, number, live);
        for bit in gone.iter() {
            let seq = number * BLOCK + bit;
            dead.insert_range(lane.id, seq, seq);
        }
    }
}

/// Which of the dots that are live there have been seen here and are not live.
fn gone<S: Copy>(lane: &Lane<S>, number: u64, live: Bits) -> Bits {
    let here = lane.bits(number);
    if live == here { Bits::default() } else { live & !here & lane.context.mask(number) }
}
