//! Numbered slots: what lies in one stays where it is, under a number of 31 bits.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use super::pages::{Cell, PAGE, Pages};
use crate::few::Few;

/// No slot: the end of a chain, and more slots than fit into memory.
pub(super) const NONE: u32 = (1 << 31) - 1;

/// So many slots are searched as fast as a note of what is in them is read.
pub(super) const FEW: usize = 8;

/// Values in slots. The slots of values that were taken out are used again.
#[derive(Clone)]
pub(super) enum Slab<T> {
    /// Up to `FEW` slots and nothing else, the first one inline: what nearly all of those inside of maps
    /// are. No slots when none is full.
    Small(Few<Cell<T>>),
    /// Any number of slots.
    Large(Box<Large<T>>),
}

/// The first slots grow by doubling, the others by pages, so that a large slab is never copied and has no
/// empty half.
#[derive(Clone)]
pub(super) struct Large<T> {
    /// The slots below `PAGE`.
    first: Vec<Cell<T>>,
    /// The first of the chain of free slots among them.
    free: u32,
    /// How many of them are full.
    first_full: u32,
    /// How many slots are full.
    full: u32,
    /// The slots from `PAGE` on.
    pages: Pages<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::Small(Few::default())
    }
}

impl<T> Slab<T> {
    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Small(cells) => cells.iter().filter(|cell| cell.is_full()).count(),
            Self::Large(large) => large.full as usize,
        }
    }

    /// Whether there is no value.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Small(cells) if cells.is_empty())
    }

    /// The value in `slot`, which is full.
    pub(super) fn get(&self, slot: u32) -> &T {
        match self {
            Self::Small(cells) => cells[slot as usize].full(),
            Self::Large(large) => large.get(slot),
        }
    }

    /// The value in `slot`, which is full, to be changed.
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut T {
        match self {
            Self::Small(cells) => cells[slot as usize].full_mut(),
            Self::Large(large) => large.get_mut(slot),
        }
    }

    /// The first slot with such a value.
    pub(super) fn position(&self, is_such: impl Fn(&T) -> bool) -> Option<u32> {
        let Self::Small(cells) = self else {
            return self.iter().find(|(_, value)| is_such(value)).map(|(slot, _)| slot);
        };
        let at = cells.iter().position(|cell| matches!(cell, Cell::Full(value) if is_such(value)));
        at.map(|at| at as u32)
    }

    /// The full slots in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> + '_ {
        let (first, pages) = match self {
            Self::Small(cells) => (&**cells, None),
            Self::Large(large) => (&*large.first, Some(&large.pages)),
        };
        let first = (0u32..).zip(first).filter_map(|(slot, cell)| match cell {
            Cell::Full(value) => Some((slot, value)),
            Cell::Free { .. } => None,
        });
        let pages = pages.into_iter().flat_map(Pages::iter);
        first.chain(pages.map(|(slot, value)| (PAGE + slot, value)))
    }

    /// Calls `each` with every value, in the order of slots.
    pub(super) fn consume(self, mut each: impl FnMut(T)) {
        match self {
            Self::Small(cells) => cells.into_iter().filter_map(Cell::into_value).for_each(each),
            Self::Large(large) => {
                large.first.into_iter().filter_map(Cell::into_value).for_each(&mut each);
                large.pages.into_values().for_each(each);
            }
        }
    }

    /// What every slot is below, that of the next value too.
    pub(super) fn next_end(&self) -> u32 {
        match self {
            Self::Small(_) => PAGE + Pages::<T>::default().next_end(),
            Self::Large(large) => PAGE + large.pages.next_end(),
        }
    }

    /// Puts a value into a free slot.
    ///
    /// # Panics
    /// When two billion values are in, which no memory holds.
    pub(super) fn put(&mut self, value: T) -> u32 {
        if let Self::Small(cells) = self {
            if let Some(slot) = cells.iter().position(|cell| !cell.is_full()) {
                cells[slot] = Cell::Full(value);
                return slot as u32;
            }
            if cells.len() < FEW {
                cells.push(Cell::Full(value));
                return cells.len() as u32 - 1;
            }
        }
        self.large().put(value)
    }

    /// Empties a slot, which is full.
    pub(super) fn take(&mut self, slot: u32) -> T {
        match self {
            Self::Small(cells) => {
                let cell = mem::replace(&mut cells[slot as usize], Cell::Free { next: NONE });
                let value = cell.into_value().expect("a slot is emptied once");
                if !cells.iter().any(Cell::is_full) {
                    *cells = Few::default();
                }
                value
            }
            Self::Large(large) => {
                let value = large.take(slot);
                if large.full == 0 {
                    *self = Self::default();
                }
                value
            }
        }
    }

    /// How many bytes of memory it has on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Small(cells) => cells.heap_bytes(),
            Self::Large(large) => {
                let first = large.first.capacity() * size_of::<Cell<T>>();
                size_of::<Large<T>>() + first + large.pages.heap_bytes()
            }
        }
    }

    /// How many values its memory would hold.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        match self {
            Self::Small(cells) => cells.len(),
            Self::Large(large) => large.first.len() + large.pages.room(),
        }
    }

    /// The slab in the form that has any number of slots. A small one has all of its slots full.
    fn large(&mut self) -> &mut Large<T> {
        if let Self::Small(cells) = self {
            let first = mem::take(cells).into_vec();
            let full = first.len() as u32;
            let large = Large { first, free: NONE, first_full: full, full, pages: Pages::default() };
            *self = Self::Large(Box::new(large));
        }
        match self {
            Self::Large(large) => large,
            Self::Small(_) => unreachable!("the slab has just been given this form"),
        }
    }
}

impl<T> Large<T> {
    fn get(&self, slot: u32) -> &T {
        if slot >= PAGE { self.pages.get(slot - PAGE) } else { self.first[slot as usize].full() }
    }

    fn get_mut(&mut self, slot: u32) -> &mut T {
        if slot >= PAGE { self.pages.get_mut(slot - PAGE) } else { self.first[slot as usize].full_mut() }
    }

    fn put(&mut self, value: T) -> u32 {
        self.full += 1;
        if self.first_full == PAGE {
            return PAGE + self.pages.put(value);
        }
        self.first_full += 1;
        if self.free == NONE {
            self.first.push(Cell::Full(value));
            return self.first.len() as u32 - 1;
        }
        let slot = self.free;
        self.first[slot as usize].fill(value, &mut self.free);
        slot
    }

    fn take(&mut self, slot: u32) -> T {
        self.full -= 1;
        if slot >= PAGE {
            return self.pages.take(slot - PAGE);
        }
        let value = self.first[slot as usize].empty(slot, &mut self.free);
        self.first_full -= 1;
        if self.first_full == 0 {
            (self.first, self.free) = (Vec::new(), NONE);
        }
        value
    }
}
