//! Where two states differ in what they know of the dots of one replica.

use core::iter::from_fn;

use super::digest::Known;
use super::index::Lane;
use crate::clock::{Bits, Intervals};

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
