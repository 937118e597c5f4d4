//! Which dots are seen, which are live, and in which slot of the view each live one lies.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use siphasher::sip128::SipHasher24;

use super::blocks::Blocks;
use super::digest::{Digest, Known};
use crate::clock::{BLOCK, Bits, Intervals};
use crate::dot::ReplicaId;

/// What was never larger than so many entries has no room worth giving back.
const THIN: usize = 1_024;

/// The causal state of a document: one lane per replica, in the order of the document's table.
#[derive(Clone, Debug)]
pub(super) struct Index<S> {
    lanes: Vec<Lane<S>>,
    live: usize,
    /// The most dots that were live since the slots were last given out anew.
    peak: usize,
    key: [u8; 16],
}

/// What is known of the dots of one replica.
#[derive(Clone, Debug)]
pub(super) struct Lane<S> {
    pub(super) id: ReplicaId,
    pub(super) context: Intervals,
    blocks: Blocks<S>,
    /// The one of the earlier blocks that changed lately.
    open: Option<u64>,
    /// The sum of the hashes of the blocks that are neither open nor the last one. Writes change the last
    /// one, and removals one earlier block after the other: so few are hashed more than once.
    settled: u128,
}

impl<S: Copy> Index<S> {
    pub(super) fn with_key(key: [u8; 16]) -> Self {
        Self { lanes: Vec::new(), live: 0, peak: 0, key }
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn key(&self) -> [u8; 16] {
        self.key
    }

    pub(super) fn lanes(&self) -> &[Lane<S>] {
        &self.lanes
    }

    pub(super) fn lane(&self, place: u32) -> Option<&Lane<S>> {
        self.lanes.get(place as usize)
    }

    /// The lane of the replica with the next place in the table.
    pub(super) fn push_lane(&mut self, id: ReplicaId) {
        self.lanes.push(Lane::new(id));
    }

    /// Marks dots as seen; returns whether any was new.
    pub(super) fn see(&mut self, place: u32, first: u64, last: u64) -> bool {
        self.lanes[place as usize].context.insert_range(first, last)
    }

    /// Adds a live dot, which is not in yet.
    pub(super) fn add(&mut self, place: u32, seq: u64, slot: S) {
        self.lanes[place as usize].add(&self.key, seq, slot);
        self.live += 1;
        self.peak = self.peak.max(self.live);
    }

    /// Adds live dots from `first` on, with these slots. They come behind all of their replica that are in.
    #[cfg(feature = "codec")]
    pub(super) fn extend(&mut self, place: u32, first: u64, slots: impl ExactSizeIterator<Item = S>) {
        self.live += slots.len();
        self.peak = self.peak.max(self.live);
        self.lanes[place as usize].extend(&self.key, first, slots);
    }

    /// Takes out a dot that is live; returns its slot.
    pub(super) fn remove(&mut self, place: u32, seq: u64) -> Option<S> {
        let slot = self.lanes[place as usize].remove(&self.key, seq)?;
        self.live -= 1;
        Some(slot)
    }

    /// How many bytes of memory it has on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let lanes = self.lanes.iter().map(|lane| lane.context.heap_bytes() + lane.blocks.heap_bytes());
        self.lanes.capacity() * size_of::<Lane<S>>() + lanes.sum::<usize>()
    }

    /// Whether so much is gone that it pays to give out the slots anew.
    ///
    /// At a quarter that costs a third of what removing the rest did, whatever comes next.
    pub(super) fn is_thin(&self) -> bool {
        self.peak > THIN && self.live < self.peak / 4
    }

    /// Puts another slot in place of that of each live dot.
    pub(super) fn give_out(&mut self, mut slot: impl FnMut(u32, u64, S) -> S) {
        for (place, lane) in (0u32..).zip(&mut self.lanes) {
            lane.blocks.give_out(|seq, old| slot(place, seq, old));
        }
        self.peak = self.live;
    }

    /// The sum of keyed hashes of every block of live dots and every run of seen dots.
    pub(super) fn fingerprint(&self) -> u128 {
        self.lanes.iter().fold(0, |sum: u128, lane| sum.wrapping_add(lane.fingerprint(&self.key)))
    }

    /// The same facts without slots, in the order of ids.
    pub(super) fn digest(&self) -> Digest {
        let known = |lane: &Lane<S>| (lane.id, Known::new(lane.context.clone(), lane.blocks().collect()));
        Digest::new(self.lanes.iter().filter(|lane| !lane.context.is_empty()).map(known).collect())
    }
}

impl<S: Copy> Lane<S> {
    fn new(id: ReplicaId) -> Self {
        Self { id, context: Intervals::default(), blocks: Blocks::new(), open: None, settled: 0 }
    }

    /// Sees to it that the last block is not before the one with this number.
    #[inline]
    fn reach(&mut self, key: &[u8; 16], number: u64) {
        if self.blocks.are_before(number) {
            self.settle(key, self.blocks.last());
            self.blocks.push(number);
        }
    }

    #[cfg(feature = "codec")]
    fn extend(&mut self, key: &[u8; 16], first: u64, mut slots: impl ExactSizeIterator<Item = S>) {
        let mut next = first;
        while slots.len() > 0 {
            let count = (BLOCK - next % BLOCK).min(slots.len() as u64);
            // It is the last block, whose hash is in no sum.
            self.reach(key, next / BLOCK);
            self.blocks.get_or_new(next / BLOCK).extend(next % BLOCK, count, &mut slots);
            next += count;
        }
    }

    fn add(&mut self, key: &[u8; 16], seq: u64, slot: S) {
        let number = seq / BLOCK;
        self.reach(key, number);
        let block = self.blocks.get_or_new(number);
        block.add(seq % BLOCK, slot);
        let summed = block.hash;
        self.open(key, number, summed);
    }

    fn remove(&mut self, key: &[u8; 16], seq: u64) -> Option<S> {
        let number = seq / BLOCK;
        let block = self.blocks.get_mut(number)?;
        let slot = block.take(seq % BLOCK)?;
        let (summed, is_empty) = (block.hash, block.bits.is_empty());
        self.open(key, number, summed);
        if is_empty {
            self.blocks.remove(number);
            self.open = self.open.filter(|open| *open != number);
        }
        Some(slot)
    }

    /// Takes the hash of a block that has changed out of the sum, unless it is not in it.
    fn open(&mut self, key: &[u8; 16], number: u64, summed: u128) {
        if self.unsettled().all(|unsettled| unsettled != number) {
            self.settle(key, self.open);
            self.settled = self.settled.wrapping_sub(summed);
            self.open = Some(number);
        }
    }

    /// Takes the hash of a block, which was the last one or open, into the sum.
    fn settle(&mut self, key: &[u8; 16], number: Option<u64>) {
        let Some(number) = number else { return };
        let Some(block) = self.blocks.get_mut(number) else { return };
        block.hash = hash_block(key, self.id, number, block.bits);
        self.settled = self.settled.wrapping_add(block.hash);
    }

    /// The blocks whose hashes are not in the sum.
    fn unsettled(&self) -> impl Iterator<Item = u64> {
        self.blocks.last().into_iter().chain(self.open)
    }

    /// The live dots of a block, and what of the sum is theirs.
    fn summed(&self, number: u64) -> (Bits, u128) {
        let Some(block) = self.blocks.get(number) else { return (Bits::default(), 0) };
        let is_settled = self.unsettled().all(|unsettled| unsettled != number);
        (block.bits, if is_settled { block.hash } else { 0 })
    }

    /// Whether two lanes of one replica have seen the same and show the same, but for chance, if both
    /// hash with the same key. Nothing is hashed: blocks that are not in a sum are compared by their bits.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let (mut here, mut there) = (self.settled, other.settled);
        let mut same = self.context == other.context;
        for number in self.unsettled().chain(other.unsettled()) {
            let (one, two) = (self.summed(number), other.summed(number));
            same &= one.0 == two.0;
            (here, there) = (here.wrapping_sub(one.1), there.wrapping_sub(two.1));
        }
        same && here == there
    }

    /// The sum of the hashes of every block and every run of seen dots.
    fn fingerprint(&self, key: &[u8; 16]) -> u128 {
        let unsettled = self.unsettled().filter_map(|number| Some((number, self.blocks.get(number)?.bits)));
        let blocks = unsettled.map(|(number, bits)| hash_block(key, self.id, number, bits));
        let runs = self.context.iter().map(|(first, last)| hash(key, self.id, &[first, last]));
        blocks.chain(runs).fold(self.settled, u128::wrapping_add)
    }

    /// The slot of a live dot.
    pub(super) fn slot(&self, seq: u64) -> Option<S> {
        self.blocks.get(seq / BLOCK)?.get(seq % BLOCK)
    }

    /// Those of some dots of one block that are live, ascending, with their slots.
    pub(super) fn slots(&self, number: u64, dots: Bits) -> impl Iterator<Item = (u64, S)> + '_ {
        let slots = self.blocks.get(number).into_iter().flat_map(move |block| block.slots(dots));
        slots.map(move |(bit, slot)| (number * BLOCK + bit, slot))
    }

    /// The live dots, ascending, with their slots.
    #[cfg(feature = "codec")]
    pub(super) fn all_slots(&self) -> impl Iterator<Item = (u64, S)> + '_ {
        self.blocks.iter().flat_map(|(number, block)| {
            block.slots(block.bits).map(move |(bit, slot)| (number * BLOCK + bit, slot))
        })
    }

    /// The live dots, block by block.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (u64, Bits)> + '_ {
        self.blocks.iter().map(|(number, block)| (number, block.bits))
    }

    /// The live dots of the blocks with these numbers, block by block.
    pub(super) fn blocks_in(&self, numbers: RangeInclusive<u64>) -> impl Iterator<Item = (u64, Bits)> + '_ {
        self.blocks.range(numbers).map(|(number, block)| (number, block.bits))
    }

    /// The live dots from `first` to `last`, ascending.
    pub(super) fn live_in(&self, first: u64, last: u64) -> impl Iterator<Item = u64> + '_ {
        self.bits_in(first, last).flat_map(|(base, bits)| bits.iter().map(move |bit| base + bit))
    }

    /// The highest live dot from `first` to `last`.
    pub(super) fn last_live_in(&self, first: u64, last: u64) -> Option<u64> {
        self.bits_in(first, last).rev().find_map(|(base, bits)| Some(base + bits.last()?))
    }

    /// The live dots from `first` to `last`, block by block, each after the first number of its block.
    fn bits_in(&self, first: u64, last: u64) -> impl DoubleEndedIterator<Item = (u64, Bits)> + '_ {
        let blocks = self.blocks.range(first / BLOCK..=last / BLOCK);
        blocks.map(move |(number, block)| {
            let base = number * BLOCK;
            let range = Bits::range(first.max(base) - base, last.min(base + (BLOCK - 1)) - base);
            (base, block.bits & range)
        })
    }

    /// Calls `dead` for each maximal range of `first..=last` without a live dot.
    pub(super) fn for_each_dead(&self, first: u64, last: u64, mut dead: impl FnMut(u64, u64)) {
        let mut next = first;
        for seq in self.live_in(first, last) {
            if seq > next {
                dead(next, seq - 1);
            }
            next = seq + 1;
        }
        if next <= last {
            dead(next, last);
        }
    }
}

pub(super) fn hash_block(key: &[u8; 16], id: ReplicaId, number: u64, bits: Bits) -> u128 {
    let [a, b, c, d] = bits.words();
    hash(key, id, &[number, a, b, c, d])
}

/// A keyed hash of facts about one replica. Blocks and runs differ in how many words they give.
fn hash(key: &[u8; 16], id: ReplicaId, words: &[u64]) -> u128 {
    let mut bytes = [0; 56];
    bytes[..16].copy_from_slice(id.as_bytes());
    for (to, word) in bytes[16..].chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    SipHasher24::new_with_key(key).hash(&bytes[..16 + 8 * words.len()]).into()
}
