//! A document that is filled in one go, in any order.

use alloc::vec::Vec;

use super::{Doc, ROOT};
use crate::clock::Intervals;
use crate::dot::ReplicaId;
use crate::view::{At, Crdt, LocalDot};

/// A new document whose dots are known before its entries come.
///
/// The index takes dots in their order, for a fraction of what any other costs it: so it gets them last.
pub(crate) struct Filling<'a, T: Crdt> {
    doc: Doc<T>,
    live: &'a [(ReplicaId, Intervals)],
    /// By the number of the dot in the order of the dots.
    slots: Vec<Option<T::Slot>>,
}

impl<'a, T: Crdt> Filling<'a, T> {
    /// A document of these live dots, ascending by id: so many in all. The place of a replica is that in
    /// the list.
    pub(crate) fn new(live: &'a [(ReplicaId, Intervals)], entries: usize) -> Self {
        let mut doc = Doc::<T>::default();
        for (id, seqs) in live {
            let place = doc.place(*id);
            seqs.iter().for_each(|(first, last)| _ = doc.index.see(place, first, last));
        }
        Self { doc, live, slots: Vec::with_capacity(entries) }
    }

    /// Takes in the entry of the dot with this number, each once; returns where it was put.
    pub(crate) fn take_in<E>(
        &mut self,
        (number, dot): (usize, LocalDot),
        insert: impl FnOnce(&mut T, &mut At<'_>, LocalDot) -> Result<T::Slot, E>,
    ) -> Result<T::Slot, E> {
        let mut at = At { ids: &self.doc.ids, unknown: &mut self.doc.unknown, holder: ROOT };
        let slot = insert(&mut self.doc.root, &mut at, dot)?;
        // Not all at once, so that memory is touched for entries that are there alone.
        if number >= self.slots.len() {
            self.slots.resize(number + 1, None);
        }
        self.slots[number] = Some(slot);
        Ok(slot)
    }

    /// The document, once every entry is in.
    pub(crate) fn finish(self) -> Doc<T> {
        let Self { mut doc, live, slots } = self;
        let mut slots = slots.as_slice();
        for (place, (_, seqs)) in (0u32..).zip(live) {
            for (first, last) in seqs.iter() {
                let (run, rest) = slots.split_at((last - first) as usize + 1);
                doc.index.extend(place, first, run.iter().map(|slot| slot.expect("every entry has come")));
                slots = rest;
            }
        }
        doc
    }
}
