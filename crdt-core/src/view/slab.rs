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
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Small(cells) => cells.iter().filter(|cell| cell.is_full()).count(),
            Self::Large(large) => large.full as usize,
        }
    }

    /// Whether there is no value.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Small(cells) if cells.is_empty())
    }

    /// Whether the next value is one more than a few.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Small(Few::Many(cells)) if cells.len() == FEW && cells.iter().all(Cell::is_full))
    }

    /// The value in `slot`, which is full.
    #[inline]
    pub(super) fn get(&self, slot: u32) -> &T {
        match self {
            Self::Small(cells) => cells[slot as usize].full(),
            Self::Large(large) => large.get(slot),
        }
    }

    /// The value in `slot`, which is full, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut T {
        match self {
            Self::Small(cells) => cells[slot as usize].full_mut(),
            Self::Large(large) => large.get_mut(slot),
        }
    }

    /// The first slot with such a value.
    #[inline]
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

    /// Calls `each` with every value, in the order of slots, and keeps none.
    #[inline]
    pub(super) fn drain(&mut self, mut each: impl FnMut(T)) {
        let Self::Small(cells) = self else { return mem::take(self).large().drain(each) };
        cells.drain(|cell| {
            if let Cell::Full(value) = cell {
                each(value);
            }
        });
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
        self.put_with(|| value)
    }

    /// The same for a value that is [made where it will lie](Few::push_with).
    #[inline]
    pub(super) fn put_with(&mut self, make: impl FnOnce() -> T) -> u32 {
        let Self::Small(cells) = self else { return self.large().put_with(make) };
        let slot = cells.iter().position(|cell| !cell.is_full()).unwrap_or(cells.len());
        if slot == FEW {
            return self.large().put_with(make);
        }
        if slot == cells.len() {
            cells.push_with(|| Cell::Full(make()));
        } else {
            cells[slot] = Cell::Full(make());
        }
        slot as u32
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
    #[inline]
    fn get(&self, slot: u32) -> &T {
        if slot >= PAGE { self.pages.get(slot - PAGE) } else { self.first[slot as usize].full() }
    }

    #[inline]
    fn get_mut(&mut self, slot: u32) -> &mut T {
        if slot >= PAGE { self.pages.get_mut(slot - PAGE) } else { self.first[slot as usize].full_mut() }
    }

    #[inline]
    fn put_with(&mut self, make: impl FnOnce() -> T) -> u32 {
        let slot =
            if self.first_full == PAGE { PAGE + self.pages.put_with(make) } else { self.put_first(make) };
        // Last: what makes a value is a user's, and may panic.
        self.full += 1;
        slot
    }

    /// Puts a value into a free slot below `PAGE`, of which there is one.
    #[inline]
    fn put_first(&mut self, make: impl FnOnce() -> T) -> u32 {
        let slot = if self.free == NONE {
            self.first.push(Cell::Full(make()));
            self.first.len() as u32 - 1
        } else {
            let slot = self.free;
            self.first[slot as usize].fill(make(), &mut self.free);
            slot
        };
        self.first_full += 1;
        slot
    }

    fn drain(&mut self, mut each: impl FnMut(T)) {
        mem::take(&mut self.first).into_iter().filter_map(Cell::into_value).for_each(&mut each);
        mem::take(&mut self.pages).into_values().for_each(each);
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
