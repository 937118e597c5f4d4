//! Numbered slots: what lies in one stays where it is, under a number of 31 bits.

use alloc::vec::Vec;
use core::mem;

/// No slot: the end of a chain, and more slots than fit into memory.
pub(super) const NONE: u32 = (1 << 31) - 1;

/// How many slots a page has: large enough that the list of pages stays in the cache, small enough
/// that the empty half of the last page is nothing.
const PAGE: usize = 256;

/// Values in slots. The slots of values that were taken out are used again, the last one first.
///
/// It grows by pages, so that a large one is never copied and has no empty half, and its first page
/// by doubling, so that the small ones inside of maps stay small.
#[derive(Clone)]
pub(super) struct Slab<T> {
    /// The slots below `PAGE`.
    few: Vec<Cell<T>>,
    /// The others. All but the last page are as long as a page can be.
    pages: Vec<Vec<Cell<T>>>,
    /// The first of the chain of free slots.
    free: u32,
    /// How many slots are full.
    full: u32,
}

#[derive(Clone)]
enum Cell<T> {
    Full(T),
    Free { next: u32 },
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { few: Vec::new(), pages: Vec::new(), free: NONE, full: 0 }
    }
}

impl<T> Slab<T> {
    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.full as usize
    }

    /// The value in `slot`, which is full.
    pub(super) fn get(&self, slot: u32) -> &T {
        match self.cell(slot) {
            Cell::Full(value) => value,
            Cell::Free { .. } => unreachable!("a slot is used only while it is full"),
        }
    }

    /// The value in `slot`, which is full, to be changed.
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut T {
        match self.cell_mut(slot) {
            Cell::Full(value) => value,
            Cell::Free { .. } => unreachable!("a slot is used only while it is full"),
        }
    }

    /// The full slots in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> + '_ {
        let cells = self.few.iter().chain(self.pages.iter().flatten());
        (0u32..).zip(cells).filter_map(|(slot, cell)| match cell {
            Cell::Full(value) => Some((slot, value)),
            Cell::Free { .. } => None,
        })
    }

    /// The values in the order of their slots.
    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        let cells = self.few.into_iter().chain(self.pages.into_iter().flatten());
        cells.filter_map(|cell| match cell {
            Cell::Full(value) => Some(value),
            Cell::Free { .. } => None,
        })
    }

    /// Puts a value into a free slot.
    ///
    /// # Panics
    /// When two billion values are in, which no memory holds.
    pub(super) fn put(&mut self, value: T) -> u32 {
        self.full += 1;
        let cell = Cell::Full(value);
        if self.free == NONE {
            return self.push(cell);
        }
        let slot = self.free;
        if let Cell::Free { next } = mem::replace(self.cell_mut(slot), cell) {
            self.free = next;
        }
        slot
    }

    /// Empties a slot, which is full.
    pub(super) fn take(&mut self, slot: u32) -> T {
        self.full -= 1;
        let free = Cell::Free { next: mem::replace(&mut self.free, slot) };
        let cell = mem::replace(self.cell_mut(slot), free);
        if self.full == 0 {
            *self = Self::default();
        }
        match cell {
            Cell::Full(value) => value,
            Cell::Free { .. } => unreachable!("a slot is emptied once"),
        }
    }

    /// Adds a cell behind the last one.
    fn push(&mut self, cell: Cell<T>) -> u32 {
        if self.pages.last().map_or(self.few.len(), Vec::len) == PAGE {
            self.pages.push(Vec::with_capacity(PAGE));
        } else if self.few.capacity() == 0 {
            // One value takes the room of one: sets of one element are common inside of maps.
            self.few.reserve_exact(1);
        }
        let base = self.pages.len() * PAGE;
        let page = self.pages.last_mut().unwrap_or(&mut self.few);
        let slot = u32::try_from(base + page.len()).ok().filter(|&slot| slot < NONE);
        page.push(cell);
        slot.expect("two billion values do not fit into memory")
    }

    fn cell(&self, slot: u32) -> &Cell<T> {
        let at = slot as usize;
        match at.checked_sub(PAGE) {
            None => &self.few[at],
            Some(at) => &self.pages[at / PAGE][at % PAGE],
        }
    }

    fn cell_mut(&mut self, slot: u32) -> &mut Cell<T> {
        let at = slot as usize;
        match at.checked_sub(PAGE) {
            None => &mut self.few[at],
            Some(at) => &mut self.pages[at / PAGE][at % PAGE],
        }
    }
}
