//! Where two states differ in what they know of the dots of one replica.

use alloc::vec::Vec;
use core::iter::from_fn;

use super::digest::Known;
use super::index::Lane;
use crate::clock::{BLOCK, Bits, CausalContext, Intervals};
use crate::dot::Dot;

/// What one state knows and another does not.
#[derive(Default)]
pub(super) struct News {
    /// Entries that have not been seen there: the place of the replica here, and which dots of which
    /// block, in the order of dots.
    pub(super) live: Vec<(u32, u64, Bits)>,
    /// Dots that are gone here and live there, or not seen.
    pub(super) dead: CausalContext,
}

impl News {
    /// Adds what is news of the dots of one replica, which come after those that are in.
    pub(super) fn gather<S: Copy>(&mut self, place: u32, lane: &Lane<S>, known: &impl Knows) {
        for (number, here, there) in differing(lane, known) {
            let unseen = here & !known.seen().mask(number);
            if !unseen.is_empty() {
                self.live.push((place, number, unseen));
            }
            for bit in (there & !here & lane.context.mask(number)).iter() {
                self.dead.insert(Dot::new(lane.id, number * BLOCK + bit));
            }
        }
        for (first, last) in lane.context.iter() {
            known.seen().for_each_gap(first, last, |from, to| {
                lane.for_each_dead(from, to, |first, last| {
                    self.dead.insert_range(lane.id, first, last);
                });
            });
        }
    }
}

/// What a state knows of the dots of one replica.
pub(super) trait Knows {
    /// The dots that it has seen.
    fn seen(&self) -> &Intervals;

    /// Those that are live, block by block, ascending.
    fn live(&self) -> impl Iterator<Item = (u64, Bits)> + '_;
}

impl<S: Copy> Knows for Lane<S> {
    fn seen(&self) -> &Intervals {
        &self.context
    }

    fn live(&self) -> impl Iterator<Item = (u64, Bits)> + '_ {
        self.blocks()
    }
}

impl Knows for Known {
    fn seen(&self) -> &Intervals {
        &self.context
    }

    fn live(&self) -> impl Iterator<Item = (u64, Bits)> + '_ {
        self.live.iter().map(|(&number, &bits)| (number, bits))
    }
}

/// The blocks in which different dots are live, ascending: the number, the dots here, those there.
pub(super) fn differing(here: &impl Knows, there: &impl Knows) -> impl Iterator<Item = (u64, Bits, Bits)> {
    let (mut here, mut there) = (here.live().peekable(), there.live().peekable());
    let mut pairs = from_fn(move || {
        let number = here.peek().into_iter().chain(there.peek()).map(|(number, _)| *number).min()?;
        let here = here.next_if(|(at, _)| *at == number).map_or_else(Bits::default, |(_, bits)| bits);
        let there = there.next_if(|(at, _)| *at == number).map_or_else(Bits::default, |(_, bits)| bits);
        Some((number, here, there))
    });
    from_fn(move || pairs.find(|(_, here, there)| here != there))
}
