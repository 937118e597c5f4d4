//! Numbered slots: what lies in one stays where it is, under a number of 31 bits.

use alloc::boxed::Box;

use super::pages::{Cell, PAGE, Pages};
use crate::few::Few;

/// No slot: the end of a chain, and more slots than fit into memory.
pub(super) const NONE: u32 = (1 << 31) - 1;

/// Values in slots. The slots of values that were taken out are used again, the last one first.
///
/// The first slots grow by doubling, with the first value inline, so that the small ones inside of
/// maps stay small; the others by pages, so that a large one is never copied and has no empty half.
#[derive(Clone)]
pub(super) struct Slab<T> {
    /// The slots below `PAGE`.
    few: Few<Cell<T>>,
    /// The first of the chain of free slots among them.
    free: u32,
    /// How many of them are full.
    few_full: u32,
    /// How many slots are full.
    full: u32,
    /// The slots from `PAGE` on. Boxed, since nearly all of the slabs inside of maps have none.
    pages: Option<Box<Pages<T>>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { few: Few::default(), free: NONE, few_full: 0, full: 0, pages: None }
    }
}

impl<T> Slab<T> {
    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.full as usize
    }

    /// The value in `slot`, which is full.
    pub(super) fn get(&self, slot: u32) -> &T {
        if slot >= PAGE { self.pages().get(slot - PAGE) } else { self.few[slot as usize].full() }
    }

    /// The value in `slot`, which is full, to be changed.
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut T {
        if slot >= PAGE { self.pages_mut().get_mut(slot - PAGE) } else { self.few[slot as usize].full_mut() }
    }

    /// The full slots in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> + '_ {
        let few = (0u32..).zip(&*self.few).filter_map(|(slot, cell)| match cell {
            Cell::Full(value) => Some((slot, value)),
            Cell::Free { .. } => None,
        });
        let pages = self.pages.iter().flat_map(|pages| pages.iter());
        few.chain(pages.map(|(slot, value)| (PAGE + slot, value)))
    }

    /// Calls `each` with every value, in the order of slots.
    pub(super) fn consume(self, mut each: impl FnMut(T)) {
        for cell in self.few {
            cell.into_value().into_iter().for_each(&mut each);
        }
        if let Some(pages) = self.pages {
            pages.into_values().for_each(each);
        }
    }

    /// Puts a value into a free slot.
    ///
    /// # Panics
    /// When two billion values are in, which no memory holds.
    pub(super) fn put(&mut self, value: T) -> u32 {
        self.full += 1;
        if self.few_full == PAGE {
            return PAGE + self.pages.get_or_insert_default().put(value);
        }
        self.few_full += 1;
        if self.free == NONE {
            self.few.push(Cell::Full(value));
            return self.few.len() as u32 - 1;
        }
        let slot = self.free;
        self.few[slot as usize].fill(value, &mut self.free);
        slot
    }

    /// Empties a slot, which is full.
    pub(super) fn take(&mut self, slot: u32) -> T {
        self.full -= 1;
        let value = if slot >= PAGE { self.pages_mut().take(slot - PAGE) } else { self.take_of_few(slot) };
        if self.full == 0 {
            *self = Self::default();
        }
        value
    }

    /// How many bytes of memory it has on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let pages = self.pages.as_ref().map_or(0, |pages| size_of::<Pages<T>>() + pages.heap_bytes());
        self.few.heap_bytes() + pages
    }

    /// How many values its memory would hold.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.few.len() + self.pages.as_ref().map_or(0, |pages| pages.room())
    }

    fn pages(&self) -> &Pages<T> {
        self.pages.as_ref().expect("a full slot behind the first ones lies in a page")
    }

    fn pages_mut(&mut self) -> &mut Pages<T> {
        self.pages.as_mut().expect("a full slot behind the first ones lies in a page")
    }

    fn take_of_few(&mut self, slot: u32) -> T {
        let value = self.few[slot as usize].empty(slot, &mut self.free);
        self.few_full -= 1;
        if self.few_full == 0 {
            (self.few, self.free) = (Few::default(), NONE);
        }
        value
    }
}
