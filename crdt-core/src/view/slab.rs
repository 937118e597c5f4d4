//! Numbered slots: what lies in one stays where it is, under a number of 31 bits.

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
    /// The slots from `PAGE` on.
    pages: Pages<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { few: Few::default(), free: NONE, few_full: 0, full: 0, pages: Pages::default() }
    }
}

impl<T> Slab<T> {
    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.full as usize
    }

    /// The value in `slot`, which is full.
    pub(super) fn get(&self, slot: u32) -> &T {
        if slot >= PAGE { self.pages.get(slot - PAGE) } else { self.few[slot as usize].full() }
    }

    /// The value in `slot`, which is full, to be changed.
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut T {
        if slot >= PAGE { self.pages.get_mut(slot - PAGE) } else { self.few[slot as usize].full_mut() }
    }

    /// The full slots in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> + '_ {
        let few = (0u32..).zip(&*self.few).filter_map(|(slot, cell)| match cell {
            Cell::Full(value) => Some((slot, value)),
            Cell::Free { .. } => None,
        });
        few.chain(self.pages.iter().map(|(slot, value)| (PAGE + slot, value)))
    }

    /// Calls `each` with every value, in the order of slots.
    pub(super) fn consume(self, mut each: impl FnMut(T)) {
        for cell in self.few {
            cell.into_value().into_iter().for_each(&mut each);
        }
        if !self.pages.is_empty() {
            self.pages.into_values().for_each(each);
        }
    }

    /// Puts a value into a free slot.
    ///
    /// # Panics
    /// When two billion values are in, which no memory holds.
    pub(super) fn put(&mut self, value: T) -> u32 {
        self.full += 1;
        if self.few_full == PAGE {
            return PAGE + self.pages.put(value);
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
        let value = if slot >= PAGE { self.pages.take(slot - PAGE) } else { self.take_of_few(slot) };
        if self.full == 0 {
            *self = Self::default();
        }
        value
    }

    /// How many bytes of memory it has on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.few.heap_bytes() + self.pages.heap_bytes()
    }

    /// How many values its memory would hold.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.few.len() + self.pages.room()
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
