//! The live dots of one replica, block by block.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::clock::{BLOCK, Bits};

/// Blocks by number, none empty for long.
///
/// Writes come in the order of their numbers, so nearly all of them meet the last block: it lies
/// beside the map, and most writes search nothing.
#[derive(Clone, Debug)]
pub(super) struct Blocks<S> {
    /// All but the last one.
    earlier: BTreeMap<u64, Block<S>>,
    /// The block with the largest number, or none while that lies in the map.
    last: Option<(u64, Block<S>)>,
}

/// The live dots of one block, with their slots packed in order.
#[derive(Clone, Debug)]
pub(super) struct Block<S> {
    pub(super) bits: Bits,
    slots: Vec<S>,
    /// The hash of the bits as they were when it was last asked for, and 0 before.
    pub(super) hash: u128,
}

impl<S: Copy> Blocks<S> {
    pub(super) fn new() -> Self {
        Self { earlier: BTreeMap::new(), last: None }
    }

    pub(super) fn get(&self, number: u64) -> Option<&Block<S>> {
        match &self.last {
            Some((last, block)) if *last == number => Some(block),
            _ => self.earlier.get(&number),
        }
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Block<S>> {
        match &mut self.last {
            Some((last, block)) if *last == number => Some(block),
            _ => self.earlier.get_mut(&number),
        }
    }

    /// The block with this number, made among the earlier ones if there is none.
    #[inline]
    pub(super) fn get_or_new(&mut self, number: u64) -> &mut Block<S> {
        match &mut self.last {
            Some((last, block)) if *last == number => block,
            _ => self.earlier.entry(number).or_insert_with(|| Block::with_room(0)),
        }
    }

    /// The number of the block that lies beside the map.
    #[inline]
    pub(super) fn last(&self) -> Option<u64> {
        self.last.as_ref().map(|(number, _)| *number)
    }

    /// Whether every block has a smaller number.
    #[inline]
    pub(super) fn are_before(&self, number: u64) -> bool {
        let last = self.last().or_else(|| self.earlier.last_key_value().map(|(last, _)| *last));
        last.is_none_or(|last| last < number)
    }

    /// Begins the block with this number, which is larger than all.
    pub(super) fn push(&mut self, number: u64) {
        // What follows a full block mostly fills up as well.
        let is_full = |(_, last): &(u64, Block<S>)| last.slots.len() == BLOCK as usize;
        let room = if self.last.as_ref().is_some_and(is_full) { BLOCK as usize } else { 0 };
        let before = self.last.replace((number, Block::with_room(room)));
        self.earlier.extend(before);
    }

    pub(super) fn remove(&mut self, number: u64) {
        if self.last.as_ref().is_some_and(|(last, _)| *last == number) {
            self.last = None;
        } else {
            self.earlier.remove(&number);
        }
    }

    /// Puts another slot in place of that of each dot.
    pub(super) fn give_out(&mut self, mut slot: impl FnMut(u64, S) -> S) {
        let earlier = self.earlier.iter_mut().map(|(number, block)| (*number, block));
        let last = self.last.iter_mut().map(|(number, block)| (*number, block));
        for (number, block) in earlier.chain(last) {
            for (bit, at) in block.bits.iter().zip(&mut block.slots) {
                *at = slot(number * BLOCK + bit, *at);
            }
        }
    }

    /// How many bytes of memory they have on the heap; the nodes of the tree are taken to be half full.
    pub(super) fn heap_bytes(&self) -> usize {
        // Block by block: a list of slots that take no room has room for all there can be.
        let slots: usize = self.iter().map(|(_, block)| block.slots.capacity() * size_of::<S>()).sum();
        2 * self.earlier.len() * size_of::<(u64, Block<S>)>() + slots
    }

    /// The blocks with their numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Block<S>)> + '_ {
        self.range(0..=u64::MAX)
    }

    /// The blocks with these numbers, ascending.
    pub(super) fn range(
        &self,
        numbers: RangeInclusive<u64>,
    ) -> impl DoubleEndedIterator<Item = (u64, &Block<S>)> + '_ {
        let last = self.last.as_ref().filter(|(last, _)| numbers.contains(last));
        let last = last.map(|(number, block)| (*number, block));
        self.earlier.range(numbers).map(|(&number, block)| (number, block)).chain(last)
    }
}

impl<S: Copy> Block<S> {
    fn with_room(dots: usize) -> Self {
        Self { bits: Bits::default(), slots: Vec::with_capacity(dots), hash: 0 }
    }

    /// Adds a dot, which is not in.
    #[inline]
    pub(super) fn add(&mut self, bit: u64, slot: S) {
        if self.bits.ends_before(bit) {
            self.slots.push(slot);
        } else {
            self.slots.insert(self.bits.rank(bit), slot);
        }
        self.bits.set(bit);
    }

    /// Adds as many dots from `bit` on, behind all that are in.
    #[cfg(feature = "codec")]
    pub(super) fn extend(&mut self, bit: u64, count: u64, slots: impl Iterator<Item = S>) {
        self.bits.set_range(bit, bit + (count - 1));
        self.slots.extend(slots.take(count as usize));
    }

    pub(super) fn get(&self, bit: u64) -> Option<S> {
        self.bits.contains(bit).then(|| self.slots[self.bits.rank(bit)])
    }

    /// Those of `dots` that are in, ascending, with their slots.
    pub(super) fn slots(&self, dots: Bits) -> impl Iterator<Item = (u64, S)> + '_ {
        let all = dots == self.bits;
        dots.iter().enumerate().filter_map(move |(place, bit)| {
            let slot = if all { self.slots.get(place).copied() } else { self.get(bit) };
            Some((bit, slot?))
        })
    }

    pub(super) fn take(&mut self, bit: u64) -> Option<S> {
        if !self.bits.contains(bit) {
            return None;
        }
        self.bits.clear(bit);
        let slot = self.slots.remove(self.bits.rank(bit));
        if self.slots.len() < self.slots.capacity() / 4 * 3 {
            self.slots.shrink_to_fit();
        }
        Some(slot)
    }
}
