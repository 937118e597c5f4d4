//! A set of numbers as maximal ranges.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::fmt;

use super::{BLOCK, Bits};

/// A set of numbers from 1 on, kept as its maximal runs.
///
/// A replica that received everything in order holds one run, whatever its length; runs multiply
/// only where numbers are missing. The first run lies inline, so that this common case allocates
/// nothing. Every operation costs the runs it touches, times the logarithm of those it does not;
/// none costs the numbers in a run.
///
/// ```
/// use crdt_core::clock::Intervals;
///
/// let mut seen = Intervals::default();
/// seen.insert_range(1, 5);
/// seen.insert(7);
/// assert!(!seen.contains(6));
/// seen.insert(6);
/// assert_eq!(seen.iter().collect::<Vec<_>>(), [(1, 7)]);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Intervals {
    /// The lowest run, first and last number; (0, 0) when the set is empty.
    head: (u64, u64),
    /// The other runs, first to last number: disjoint, never adjacent, all above `head`. None when there are
    /// none.
    #[expect(
        clippy::box_collection,
        reason = "few have others: one word to be moved, and nothing to be dropped"
    )]
    rest: Option<Box<BTreeMap<u64, u64>>>,
}

impl Intervals {
    /// The set of the numbers from `first`, which is not 0, to `last`, which is not less.
    pub(crate) fn from_run(first: u64, last: u64) -> Self {
        Self { head: (first, last), rest: None }
    }

    /// Whether no number is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.0 == 0
    }

    /// How many numbers are in the set, at most `u64::MAX`.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.iter().fold(0, |sum, (first, last)| sum.saturating_add((last - first).saturating_add(1)))
    }

    /// How many runs the set takes.
    #[must_use]
    pub fn runs(&self) -> usize {
        usize::from(!self.is_empty()) + self.rest().len()
    }

    /// How many bytes of memory the set has on the heap; the nodes of the tree are taken to be half full.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.rest.as_deref().map_or(0, |rest| size_of_val(rest) + 2 * rest.len() * size_of::<(u64, u64)>())
    }

    /// The largest number, or 0.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.rest().last_key_value().map_or(self.head.1, |(_, &last)| last)
    }

    /// The largest `n` such that 1 to `n` are all in the set.
    #[must_use]
    pub fn prefix(&self) -> u64 {
        if self.head.0 == 1 { self.head.1 } else { 0 }
    }

    /// Whether `number` is in the set.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.covers(number, number)
    }

    /// Whether every number from `first` to `last` is in the set.
    #[must_use]
    pub fn covers(&self, first: u64, last: u64) -> bool {
        let (from, to) = self.run_at_or_below(first);
        from != 0 && from <= first && last <= to
    }

    /// Adds one number; returns whether it was new. Zero is not a number of the set.
    pub fn insert(&mut self, number: u64) -> bool {
        self.insert_range(number, number)
    }

    /// Adds the numbers from `first` to `last`; returns whether any was new.
    ///
    /// An empty range (`first > last`) adds nothing; a range from 0 starts at 1.
    #[inline]
    pub fn insert_range(&mut self, first: u64, last: u64) -> bool {
        // What comes in order lengthens the one run, and asks nothing of the others: there are none.
        if self.rest.is_none() && first > 1 && first - 1 == self.head.1 && first <= last {
            self.head.1 = last;
            return true;
        }
        self.insert_anywhere(first, last)
    }

    fn insert_anywhere(&mut self, first: u64, last: u64) -> bool {
        let first = first.max(1);
        if first > last || self.covers(first, last) {
            return false;
        }
        if self.is_empty() {
            self.head = (first, last);
        } else if first <= self.head.1.saturating_add(1) {
            self.insert_low(first, last);
        } else {
            self.insert_high(first, last);
        }
        true
    }

    /// Adds a range that begins before, in or right after the first run.
    fn insert_low(&mut self, first: u64, last: u64) {
        if last.saturating_add(1) < self.head.0 {
            self.rest.get_or_insert_default().insert(self.head.0, self.head.1);
            self.head = (first, last);
        } else {
            let last = self.absorb(self.head.1.max(last));
            self.head = (self.head.0.min(first), last);
        }
    }

    /// Adds a range that begins after the first run and does not touch it.
    fn insert_high(&mut self, mut first: u64, mut last: u64) {
        if let Some((&from, &to)) = self.rest().range(..first).next_back()
            && to.saturating_add(1) >= first
        {
            first = from;
            last = last.max(to);
        }
        let rest = self.rest.get_or_insert_default();
        while let Some((&from, &to)) = rest.range(first..).next()
            && from <= last.saturating_add(1)
        {
            rest.remove(&from);
            last = last.max(to);
        }
        rest.insert(first, last);
    }

    /// Takes out the runs that a first run up to `last` touches, and returns where they end.
    fn absorb(&mut self, mut last: u64) -> u64 {
        let Some(rest) = &mut self.rest else { return last };
        while let Some(run) = rest.first_entry()
            && *run.key() <= last.saturating_add(1)
        {
            last = last.max(run.remove());
        }
        if rest.is_empty() {
            self.rest = None;
        }
        last
    }

    /// The runs above the first one.
    fn rest(&self) -> &BTreeMap<u64, u64> {
        static NONE: BTreeMap<u64, u64> = BTreeMap::new();
        self.rest.as_deref().unwrap_or(&NONE)
    }

    /// Adds every number of `other`; returns whether any was new.
    pub fn union_with(&mut self, other: &Self) -> bool {
        other.iter().fold(false, |grew, (first, last)| self.insert_range(first, last) | grew)
    }

    /// The numbers of `self` that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Self::default();
        for (first, last) in self.iter() {
            other.for_each_gap(first, last, |from, to| {
                left.insert_range(from, to);
            });
        }
        left
    }

    /// The numbers that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self::default();
        for (first, last) in self.iter() {
            for (from, to) in other.overlapping(first, last) {
                both.insert_range(from.max(first), to.min(last));
            }
        }
        both
    }

    /// Whether every number of `other` is in `self`.
    #[must_use]
    pub fn is_superset(&self, other: &Self) -> bool {
        other.iter().all(|(first, last)| self.covers(first, last))
    }

    /// The runs, ascending, as first and last number.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        let head = (!self.is_empty()).then_some(self.head);
        head.into_iter().chain(self.rest().iter().map(|(&first, &last)| (first, last)))
    }

    /// The runs that have a number in `first..=last`.
    pub(crate) fn overlapping(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let head = (!self.is_empty() && self.head.1 >= first && self.head.0 <= last).then_some(self.head);
        let start = self.rest().range(..=first).next_back().map_or(first, |(&from, _)| from);
        let rest = (start <= last).then(|| self.rest().range(start..=last)).into_iter().flatten();
        let rest = rest.map(|(&from, &to)| (from, to)).filter(move |&(_, to)| to >= first);
        head.into_iter().chain(rest)
    }

    /// Calls `gap` for each maximal range of `first..=last` that is not in the set.
    pub(crate) fn for_each_gap(&self, first: u64, last: u64, mut gap: impl FnMut(u64, u64)) {
        let mut next = first;
        for (from, to) in self.overlapping(first, last) {
            if from > next {
                gap(next, from - 1);
            }
            if to >= last {
                return;
            }
            next = to + 1;
        }
        gap(next, last);
    }

    /// Which numbers of a block are in the set.
    pub(crate) fn mask(&self, block: u64) -> Bits {
        let base = block * BLOCK;
        let end = base + (BLOCK - 1);
        let mut mask = Bits::default();
        for (from, to) in self.overlapping(base, end) {
            mask.set_range(from.max(base) - base, to.min(end) - base);
        }
        mask
    }

    /// The run with the largest start not above `number`; (0, 0) when there is none.
    fn run_at_or_below(&self, number: u64) -> (u64, u64) {
        if number <= self.head.1 {
            return self.head;
        }
        self.rest().range(..=number).next_back().map_or(self.head, |(&from, &to)| (from, to))
    }
}

impl fmt::Debug for Intervals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (first, last)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        f.write_str("}")
    }
}
