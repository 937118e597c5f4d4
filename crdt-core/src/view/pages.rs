//! Pages of slots: what makes a large slab give back the room of what was taken out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use super::slab::NONE;
use crate::clock::Bits;

/// How many slots a page has: large enough that the list of pages stays in the cache, small enough
/// that the empty half of the last page is nothing.
pub(super) const PAGE: u32 = 256;

/// A dense page keeps so many free cells before it is squeezed, lest it is made and squeezed by turns.
const KEPT: u16 = 32;

/// What lies in a slot.
#[derive(Clone)]
pub(super) enum Cell<T> {
    Full(T),
    /// The next slot in the chain of free ones.
    Free {
        next: u32,
    },
}

impl<T> Cell<T> {
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// The value of a slot that is full.
    pub(super) fn full(&self) -> &T {
        match self {
            Self::Full(value) => value,
            Self::Free { .. } => unreachable!("a slot is used only while it is full"),
        }
    }

    /// The same, to be changed.
    pub(super) fn full_mut(&mut self) -> &mut T {
        match self {
            Self::Full(value) => value,
            Self::Free { .. } => unreachable!("a slot is used only while it is full"),
        }
    }

    /// Fills a cell that is the first of the chain of free ones, which it leaves.
    pub(super) fn fill(&mut self, value: T, chain: &mut u32) {
        if let Self::Free { next } = mem::replace(self, Self::Full(value)) {
            *chain = next;
        }
    }

    /// Empties the full cell of `slot` and puts it before the chain of free ones.
    pub(super) fn empty(&mut self, slot: u32, chain: &mut u32) -> T {
        match mem::replace(self, Self::Free { next: mem::replace(chain, slot) }) {
            Self::Full(value) => value,
            Self::Free { .. } => unreachable!("a slot is emptied once"),
        }
    }

    /// The value, if there is one.
    pub(super) fn into_value(self) -> Option<T> {
        match self {
            Self::Full(value) => Some(value),
            Self::Free { .. } => None,
        }
    }
}

/// Values in slots, which stay where they are by number. A page of which much was taken out keeps
/// only what is left: its cells move together, and a bitmap says whose they are.
#[derive(Clone)]
pub(super) struct Pages<T> {
    pages: Vec<Page<T>>,
    /// The pages that have room, each once; the last one is filled first.
    roomy: Vec<u32>,
}

#[derive(Clone)]
struct Page<T> {
    /// In the order of their slots.
    cells: Vec<Cell<T>>,
    /// Which slots have a cell; none when these are the first ones.
    present: Option<Box<Bits>>,
    /// The first of the chain of free slots that have a cell.
    free: u32,
    /// How many these are.
    holes: u16,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), roomy: Vec::new() }
    }
}

impl<T> Pages<T> {
    /// The value in `slot`, which is full.
    pub(super) fn get(&self, slot: u32) -> &T {
        let page = &self.pages[(slot / PAGE) as usize];
        page.cells[page.place(slot % PAGE)].full()
    }

    /// The value in `slot`, which is full, to be changed.
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut T {
        let page = &mut self.pages[(slot / PAGE) as usize];
        let place = page.place(slot % PAGE);
        page.cells[place].full_mut()
    }

    /// The full slots in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> + '_ {
        let pages = (0u32..).zip(&self.pages);
        pages.flat_map(|(number, page)| page.iter().map(move |(slot, value)| (number * PAGE + slot, value)))
    }

    /// The values in the order of their slots.
    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        self.pages.into_iter().flat_map(|page| page.cells).filter_map(Cell::into_value)
    }

    /// What every slot is below, that of the next value too.
    pub(super) fn next_end(&self) -> u32 {
        (self.pages.len() as u32 + 1) * PAGE
    }

    /// Puts a value into a free slot, made where it will lie.
    ///
    /// # Panics
    /// When two billion slots are full, which no memory holds.
    // Always: who calls it has the parts of the value in registers, and they go to the page from there.
    #[inline(always)]
    pub(super) fn put_with(&mut self, make: impl FnOnce() -> T) -> u32 {
        let number = self.roomy.last().copied().unwrap_or_else(|| self.add_page());
        let page = &mut self.pages[number as usize];
        let slot = page.put_with(make);
        if page.is_full() {
            self.roomy.pop();
        }
        number * PAGE + slot
    }

    /// Empties a slot, which is full.
    pub(super) fn take(&mut self, slot: u32) -> T {
        let page = &mut self.pages[(slot / PAGE) as usize];
        if page.is_full() {
            self.roomy.push(slot / PAGE);
        }
        page.take(slot % PAGE)
    }

    /// How many bytes of memory they have on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let list = self.pages.capacity() * size_of::<Page<T>>() + self.roomy.capacity() * size_of::<u32>();
        let pages = self.pages.iter().map(|page| {
            let present = page.present.as_ref().map_or(0, |_| size_of::<Bits>());
            page.cells.capacity() * size_of::<Cell<T>>() + present
        });
        list + pages.sum::<usize>()
    }

    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.pages.iter().map(|page| page.cells.capacity()).sum()
    }

    fn add_page(&mut self) -> u32 {
        let number = u32::try_from(self.pages.len()).ok().filter(|&number| number < NONE / PAGE - 1);
        let number = number.expect("two billion values do not fit into memory");
        self.pages.push(Page { cells: Vec::new(), present: None, free: NONE, holes: 0 });
        self.roomy.push(number);
        number
    }
}

impl<T> Page<T> {
    /// Whether every slot is full.
    fn is_full(&self) -> bool {
        self.cells.len() == PAGE as usize && self.holes == 0
    }

    /// Where the cell of a slot lies.
    fn place(&self, slot: u32) -> usize {
        self.present.as_ref().map_or(slot as usize, |present| present.rank(slot.into()))
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &T)> + '_ {
        let slots = (0..PAGE).filter(|&slot| self.has_cell(slot));
        slots.zip(&self.cells).filter_map(|(slot, cell)| match cell {
            Cell::Full(value) => Some((slot, value)),
            Cell::Free { .. } => None,
        })
    }

    fn has_cell(&self, slot: u32) -> bool {
        self.present.as_ref().is_none_or(|present| present.contains(slot.into()))
    }

    /// Puts a value into one of the slots that are free.
    #[inline]
    fn put_with(&mut self, make: impl FnOnce() -> T) -> u32 {
        // So the compiler knows that there is room, and makes the value where it will lie.
        if self.free == NONE && self.present.is_none() && self.cells.len() < self.cells.capacity() {
            self.cells.push(Cell::Full(make()));
            return self.cells.len() as u32 - 1;
        }
        self.put_where_room_is(make)
    }

    #[cold]
    fn put_where_room_is(&mut self, make: impl FnOnce() -> T) -> u32 {
        if self.free == NONE {
            return self.add_cell(make);
        }
        let slot = self.free;
        let place = self.place(slot);
        self.cells[place].fill(make(), &mut self.free);
        self.holes -= 1;
        slot
    }

    /// Puts a value into the first slot that has no cell.
    fn add_cell(&mut self, make: impl FnOnce() -> T) -> u32 {
        let room = PAGE as usize - self.cells.len();
        if self.cells.len() == self.cells.capacity() {
            self.grow(room);
        }
        let Some(present) = &mut self.present else {
            self.cells.push(Cell::Full(make()));
            return PAGE - room as u32;
        };
        let slot = (!**present).iter().next().expect("a page that has room lacks a cell");
        self.cells.insert(present.rank(slot), Cell::Full(make()));
        present.set(slot);
        if room == 1 {
            self.present = None;
        }
        slot as u32
    }

    /// Makes room for cells, of which as many as `room` can come.
    fn grow(&mut self, room: usize) {
        // In two steps, so that the last page of a few has no empty half.
        let dense = if self.cells.is_empty() { room / 2 } else { room };
        self.cells.reserve_exact(if self.present.is_none() { dense } else { room.min(KEPT.into()) });
    }

    /// Empties a slot, which is full.
    fn take(&mut self, slot: u32) -> T {
        let place = self.place(slot);
        let value = self.cells[place].empty(slot, &mut self.free);
        self.holes += 1;
        let is_thin = usize::from(self.holes) * 4 > self.cells.len();
        if is_thin && (self.present.is_some() || self.holes >= KEPT) {
            self.squeeze();
        }
        value
    }

    /// Gives up the cells that are free.
    fn squeeze(&mut self) {
        let mut present = Bits::default();
        self.iter().for_each(|(slot, _)| present.set(slot.into()));
        self.cells.retain(Cell::is_full);
        self.cells.shrink_to_fit();
        self.present = (!present.is_empty()).then(|| Box::new(present));
        (self.free, self.holes) = (NONE, 0);
    }
}
