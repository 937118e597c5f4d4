//! A document that is filled in one go, in any order.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Doc, ROOT};
use crate::clock::Intervals;
use crate::dot::ReplicaId;
use crate::few::Few;
use crate::view::{At, Crdt, LocalDot};

/// A new document whose dots are known before its entries come.
///
/// The index takes dots in their order, for a fraction of what any other costs it: so it gets them last.
pub(crate) struct Filling<T: Crdt> {
    doc: Doc<T>,
    dots: Numbered<u32>,
    slots: Vec<Option<T::Slot>>,
}

impl<T: Crdt> Filling<T> {
    /// A document of these live dots, ascending by id: so many in all.
    pub(crate) fn new(live: &[(ReplicaId, Intervals)], entries: usize) -> Self {
        let mut doc = Doc::<T>::default();
        let places = live.iter().map(|(id, seqs)| {
            let place = doc.place(*id);
            seqs.iter().for_each(|(first, last)| _ = doc.index.see(place, first, last));
            (place, seqs)
        });
        let dots = places.collect();
        Self { doc, dots, slots: Vec::with_capacity(entries) }
    }

    /// Takes in the entry of the dot with this number, each once; returns where it was put.
    pub(crate) fn take_in<E>(
        &mut self,
        number: usize,
        insert: impl FnOnce(&mut T, &mut At<'_>, LocalDot) -> Result<T::Slot, E>,
    ) -> Result<T::Slot, E> {
        let (place, seq) = self.dots.get(number);
        let mut at = At { ids: &self.doc.ids, unknown: &mut self.doc.unknown, holder: ROOT };
        let slot = insert(&mut self.doc.root, &mut at, LocalDot::new(place, seq))?;
        // Not all at once, so that memory is touched for entries that are there alone.
        if number >= self.slots.len() {
            self.slots.resize(number + 1, None);
        }
        self.slots[number] = Some(slot);
        Ok(slot)
    }

    /// The document, once every entry is in.
    pub(crate) fn finish(self) -> Doc<T> {
        let Self { mut doc, dots, slots, .. } = self;
        for (place, first, numbers) in dots.runs() {
            let slots = slots[numbers].iter().map(|slot| slot.expect("every entry has come"));
            doc.index.extend(place, first, slots);
        }
        doc
    }
}

/// Dots by their number in the order of dots, each replica told as an `R`.
pub(crate) struct Numbered<R> {
    /// The number of each run's first dot, and that dot.
    runs: Few<(usize, R, u64)>,
    end: usize,
}

impl<R: Copy> Numbered<R> {
    /// The dot with a number that there is.
    pub(crate) fn get(&self, number: usize) -> (R, u64) {
        let run = self.runs.partition_point(|(first, ..)| *first <= number) - 1;
        let (first, replica, seq) = self.runs[run];
        (replica, seq + (number - first) as u64)
    }

    /// The first dot of each run, and the numbers of them all.
    fn runs(&self) -> impl Iterator<Item = (R, u64, Range<usize>)> {
        let ends = self.runs.iter().skip(1).map(|(first, ..)| *first).chain([self.end]);
        self.runs.iter().zip(ends).map(|((first, replica, seq), end)| (*replica, *seq, *first..end))
    }
}

impl<'a, R: Copy> FromIterator<(R, &'a Intervals)> for Numbered<R> {
    fn from_iter<I: IntoIterator<Item = (R, &'a Intervals)>>(replicas: I) -> Self {
        let mut numbered = Self { runs: Few::default(), end: 0 };
        for (replica, seqs) in replicas {
            for (first, last) in seqs.iter() {
                numbered.runs.push_with(|| (numbered.end, replica, first));
                numbered.end += (last - first) as usize + 1;
            }
        }
        numbered
    }
}
