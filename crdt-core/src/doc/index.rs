//! Which dots are seen, which are live, and in which slot of the view each live one lies.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use siphasher::sip128::SipHasher24;

use super::blocks::Blocks;
use super::digest::{Digest, Known};
use crate::clock::{BLOCK, Bits, Intervals};
use crate::dot::ReplicaId;

/// How many changed blocks may await their hash: bounds what a fingerprint computes anew.
const UNSETTLED: usize = 16;

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
    /// The sum of the hashes that the blocks remember.
    settled: u128,
    /// The blocks whose hash is out of date, each once.
    unsettled: Vec<(u32, u64)>,
}

/// What is known of the dots of one replica.
#[derive(Clone, Debug)]
pub(super) struct Lane<S> {
    pub(super) id: ReplicaId,
    pub(super) context: Intervals,
    blocks: Blocks<S>,
}

impl<S: Copy> Index<S> {
    pub(super) fn with_key(key: [u8; 16]) -> Self {
        Self { lanes: Vec::new(), live: 0, peak: 0, key, settled: 0, unsettled: Vec::new() }
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
        self.lanes.push(Lane { id, context: Intervals::default(), blocks: Blocks::new() });
    }

    /// Marks dots as seen; returns whether any was new.
    pub(super) fn see(&mut self, place: u32, first: u64, last: u64) -> bool {
        self.lanes[place as usize].context.insert_range(first, last)
    }

    /// Adds a live dot, which is not in yet.
    pub(super) fn add(&mut self, place: u32, seq: u64, slot: S) {
        let block = self.lanes[place as usize].blocks.get_or_new(seq / BLOCK);
        block.add(seq % BLOCK, slot);
        self.live += 1;
        self.peak = self.peak.max(self.live);
        if !block.unsettled {
            block.unsettled = true;
            self.unsettle(place, seq / BLOCK);
        }
    }

    /// Takes out a dot that is live; returns its slot.
    pub(super) fn remove(&mut self, place: u32, seq: u64) -> Option<S> {
        let blocks = &mut self.lanes[place as usize].blocks;
        let block = blocks.get_mut(seq / BLOCK)?;
        let slot = block.take(seq % BLOCK)?;
        self.live -= 1;
        let was_settled = !block.unsettled;
        block.unsettled = true;
        if block.bits.is_empty() {
            self.settled = self.settled.wrapping_sub(block.hash);
            blocks.remove(seq / BLOCK);
            if !was_settled {
                self.unsettled.retain(|&entry| entry != (place, seq / BLOCK));
            }
        } else if was_settled {
            self.unsettle(place, seq / BLOCK);
        }
        Some(slot)
    }

    /// How many bytes of memory it has on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let lanes = self.lanes.iter().map(|lane| lane.context.heap_bytes() + lane.blocks.heap_bytes());
        let list = self.lanes.capacity() * size_of::<Lane<S>>();
        list + self.unsettled.capacity() * size_of::<(u32, u64)>() + lanes.sum::<usize>()
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

    fn unsettle(&mut self, place: u32, block: u64) {
        self.unsettled.push((place, block));
        if self.unsettled.len() > UNSETTLED {
            self.settle();
        }
    }

    /// Brings the hashes of changed blocks up to date.
    fn settle(&mut self) {
        while let Some((place, number)) = self.unsettled.pop() {
            let lane = &mut self.lanes[place as usize];
            if let Some(block) = lane.blocks.get_mut(number) {
                let hash = hash_block(&self.key, lane.id, number, block.bits);
                self.settled = self.settled.wrapping_sub(block.hash).wrapping_add(hash);
                (block.hash, block.unsettled) = (hash, false);
            }
        }
    }

    /// The sum of keyed hashes of every block of live dots and every run of seen dots.
    pub(super) fn fingerprint(&self) -> u128 {
        let mut sum = self.settled;
        for &(place, number) in &self.unsettled {
            let lane = &self.lanes[place as usize];
            let Some(block) = lane.blocks.get(number) else { continue };
            let hash = hash_block(&self.key, lane.id, number, block.bits);
            sum = sum.wrapping_sub(block.hash).wrapping_add(hash);
        }
        for lane in &self.lanes {
            for (first, last) in lane.context.iter() {
                sum = sum.wrapping_add(hash(&self.key, lane.id, &[first, last]));
            }
        }
        sum
    }

    /// Whether the same dots are seen and live, but for chance; nothing, where both know the same replicas
    /// in another order.
    ///
    /// Blocks whose hash is out of date are compared by their bits, so that nothing is hashed.
    pub(super) fn agrees_with(&self, other: &Self) -> Option<bool> {
        for place in 0..self.lanes.len().max(other.lanes.len()) {
            let (here, there) = (self.lanes.get(place), other.lanes.get(place));
            let Some((one, two)) = here.zip(there).filter(|(one, two)| one.id == two.id) else {
                let alone = other.lacks(here) || self.lacks(there);
                return alone.then_some(false);
            };
            if one.context != two.context {
                return Some(false);
            }
        }
        let mut rest = self.settled.wrapping_sub(other.settled);
        let only_there = other.unsettled.iter().filter(|block| !self.unsettled.contains(block));
        for &(place, number) in self.unsettled.iter().chain(only_there) {
            let remembered = |index: &Self| {
                let block = index.lanes[place as usize].blocks.get(number);
                block.map_or((Bits::default(), 0), |block| (block.bits, block.hash))
            };
            let ((here, hash_here), (there, hash_there)) = (remembered(self), remembered(other));
            if here != there {
                return Some(false);
            }
            rest = rest.wrapping_sub(hash_here).wrapping_add(hash_there);
        }
        Some(rest == 0)
    }

    /// Whether nothing was ever seen here of a replica of which there was something there.
    fn lacks(&self, there: Option<&Lane<S>>) -> bool {
        let is_here = |there: &Lane<S>| self.lanes.iter().any(|lane| lane.id == there.id);
        there.is_some_and(|there| !there.context.is_empty() && !is_here(there))
    }

    /// The same facts without slots, in the order of ids.
    pub(super) fn digest(&self) -> Digest {
        let known = |lane: &Lane<S>| (lane.id, Known::new(lane.context.clone(), lane.blocks().collect()));
        Digest::new(self.lanes.iter().filter(|lane| !lane.context.is_empty()).map(known).collect())
    }
}

impl<S: Copy> Lane<S> {
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
