//! Entries of one key behind one another: version 3 of the envelope.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use super::front::fold;
use super::{DecodeError, EncodeError, Group, Wire, Writer};
use crate::clock::Intervals;
use crate::doc::Doc;
use crate::dot::ReplicaId;
use crate::view::LocalDot;

/// The entries of a document, of which some have the same key, as links from each to the next one of its
/// key. Entries are numbered in the order of their dots.
pub(super) struct Groups {
    /// Behind each entry the number of the next one, or 0.
    next: Vec<u32>,
}

impl Groups {
    /// Those of a document, if two of its entries have the same key.
    pub(super) fn of<T: Wire>(doc: &Doc<T>) -> Option<Self> {
        u32::try_from(doc.live_len()).ok()?;
        let (mut next, mut lasts, mut entry) = (Vec::new(), Lasts::default(), 0);
        doc.slots().for_each(|slot| {
            entry += 1;
            let before = T::group(slot).map_or(0, |group| lasts.replace(group, entry));
            if before > 0 {
                next.resize(doc.live_len(), 0);
                next[before as usize - 1] = entry - 1;
            }
        });
        (!next.is_empty()).then_some(Self { next })
    }

    /// Writes the entries of a document.
    pub(super) fn encode<T: Wire>(&self, doc: &Doc<T>, out: &mut Writer) -> Result<(), EncodeError> {
        let entries = Entries::of(doc)?;
        let (mut written, mut last) = (vec![false; self.next.len()], &[][..]);
        for first in 0..self.next.len() {
            let (mut step, mut number) = (0, first);
            while !written[number] {
                written[number] = true;
                out.number(step as u64);
                fold(last, entries.get(number), out);
                last = entries.get(number);
                step = (self.next[number] as usize).saturating_sub(number);
                number += step;
            }
        }
        Ok(())
    }
}

/// The last entry of each key so far, by field and slot. There are not many more slots than entries.
#[derive(Default)]
struct Lasts(BTreeMap<u64, Vec<u32>>);

impl Lasts {
    /// Makes an entry the last one of its key; returns the one that was. An entry is told by how many there
    /// are up to it, and none by 0.
    fn replace(&mut self, group: Group, entry: u32) -> u32 {
        let lasts = self.0.entry(group.field).or_default();
        let slot = group.slot as usize;
        if slot >= lasts.len() {
            lasts.resize(slot + 1, 0);
        }
        mem::replace(&mut lasts[slot], entry)
    }
}

/// The entries of a document one after another, as bytes that are read in another order than they are
/// written in: a view lies in memory much as it was filled, and to go through it in any other order would
/// wait for each entry.
struct Entries {
    bytes: Writer,
    ends: Vec<usize>,
}

impl Entries {
    fn of<T: Wire>(doc: &Doc<T>) -> Result<Self, EncodeError> {
        let entries = doc.live_len();
        let (mut bytes, mut ends) = (Writer::with_capacity(16 * entries), Vec::with_capacity(entries + 1));
        ends.push(0);
        doc.try_for_each_slot(|at, dot, slot| {
            bytes.begin_measured::<T>();
            T::encode_slot(doc, at, dot, slot, &mut bytes)?;
            ends.push(bytes.len());
            Ok(())
        })?;
        Ok(Self { bytes, ends })
    }

    fn get(&self, number: usize) -> &[u8] {
        &self.bytes.bytes()[self.ends[number]..self.ends[number + 1]]
    }
}

/// Whose dots the entries have, and which there were so far.
pub(super) struct Order {
    /// The number of each run's first dot, and that dot.
    runs: Vec<(usize, LocalDot)>,
    taken: Vec<bool>,
    /// All before it are taken.
    least: usize,
    last: usize,
}

impl Order {
    /// That of the entries of these dots, by the place of their replica in the list.
    pub(super) fn new(live: &[(ReplicaId, Intervals)]) -> Self {
        let (mut runs, mut entries) = (Vec::new(), 0);
        for (place, (_, seqs)) in (0u32..).zip(live) {
            for (first, last) in seqs.iter() {
                runs.push((entries, LocalDot::new(place, first)));
                entries += (last - first) as usize + 1;
            }
        }
        Self { runs, taken: vec![false; entries], least: 0, last: 0 }
    }

    /// The dot of the entry so many steps on, and its number in the order of dots. It is asked for as many as
    /// there are.
    pub(super) fn next(&mut self, step: u64) -> Result<(usize, LocalDot), DecodeError> {
        const RULE: DecodeError = DecodeError::Malformed { rule: "every dot has one entry" };
        let number = match usize::try_from(step) {
            Ok(0) => {
                self.least += self.taken[self.least..].iter().take_while(|taken| **taken).count();
                self.least
            }
            step => step.ok().and_then(|step| self.last.checked_add(step)).ok_or(RULE)?,
        };
        self.last = number;
        let taken = self.taken.get_mut(number).ok_or(RULE)?;
        if mem::replace(taken, true) { Err(RULE) } else { Ok((number, self.dot(number))) }
    }

    fn dot(&self, number: usize) -> LocalDot {
        let (first, dot) = self.runs[self.runs.partition_point(|(first, _)| *first <= number) - 1];
        LocalDot::new(dot.replica(), dot.seq() + (number - first) as u64)
    }
}

#[cfg(test)]
mod tests;
