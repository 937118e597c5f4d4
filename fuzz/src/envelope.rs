//! A reader of the envelope of deltas, written from its specification and for clarity.
//!
//! It shares no code with the codec: what the codec accepts, this must accept, and both must read
//! the same dots.

use std::collections::BTreeMap;

/// Ranges of dots by replica id: maximal, ascending, none of them empty.
pub type Ranges = BTreeMap<[u8; 16], Vec<(u64, u64)>>;

/// The dots that a delta speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The dots of its entries.
    pub live: Ranges,
    /// The dots that it reports as gone.
    pub dead: Ranges,
    /// How many bytes lie before the first entry.
    pub head: usize,
}

/// The largest number of a dot.
const MAX_SEQ: u64 = 1 << 62;

impl Envelope {
    /// Reads the part of a delta before its entries, if it keeps every rule of the format.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        // The versions differ in what follows the dots.
        let (_, mut rest) = bytes.split_first().filter(|(version, _)| [1, 2, 3].contains(*version))?;
        let count = number(&mut rest)?;
        let mut ids: Vec<[u8; 16]> = Vec::new();
        for _ in 0..count {
            let (id, tail) = rest.split_first_chunk()?;
            ids.push(*id);
            rest = tail;
        }
        if !ids.is_sorted_by(|a, b| a < b) {
            return None;
        }
        let (mut live, mut dead) = (Ranges::new(), Ranges::new());
        for id in ids {
            let (alive, gone) = (runs(&mut rest)?, runs(&mut rest)?);
            let overlap =
                alive.iter().any(|run| gone.iter().any(|other| run.0 <= other.1 && other.0 <= run.1));
            if overlap || alive.is_empty() && gone.is_empty() {
                return None;
            }
            insert(&mut live, id, alive);
            insert(&mut dead, id, gone);
        }
        Some(Self { live, dead, head: bytes.len() - rest.len() })
    }

    /// What a state shows that joins the two: what neither of them reports as gone.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let mut live = without(&self.live, &other.dead);
        for (id, runs) in without(&other.live, &self.dead) {
            live.entry(id).or_default().extend(runs);
        }
        let mut dead = self.dead.clone();
        for (id, runs) in &other.dead {
            dead.entry(*id).or_default().extend(runs);
        }
        Self { live: normal(live), dead: normal(dead), head: 0 }
    }

    /// How many dots are live.
    #[must_use]
    pub fn live_len(&self) -> u64 {
        self.live.values().flatten().map(|(first, last)| last - first + 1).sum()
    }
}

fn insert(into: &mut Ranges, id: [u8; 16], runs: Vec<(u64, u64)>) {
    if !runs.is_empty() {
        into.insert(id, runs);
    }
}

/// A number in the shortest LEB128 form.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let len = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (bytes, tail) = rest.split_at(len);
    *rest = tail;
    if len > 10 || len > 1 && bytes.ends_with(&[0]) {
        return None;
    }
    let wide = bytes.iter().rev().fold(0u128, |number, byte| number << 7 | u128::from(byte & 0x7f));
    u64::try_from(wide).ok()
}

/// A count of runs, then the runs.
fn runs(rest: &mut &[u8]) -> Option<Vec<(u64, u64)>> {
    let count = number(rest)?;
    let mut runs = Vec::new();
    let mut least = 1u64;
    for _ in 0..count {
        let first = least.checked_add(number(rest)?)?;
        let last = first.checked_add(number(rest)?).filter(|last| *last <= MAX_SEQ)?;
        runs.push((first, last));
        least = last + 2;
    }
    Some(runs)
}

/// The numbers of `these` that are not in `those`.
#[must_use]
pub fn without(these: &Ranges, those: &Ranges) -> Ranges {
    let nothing = Vec::new();
    let mut left = Ranges::new();
    for (id, runs) in these {
        let mut kept = runs.clone();
        for (first, last) in those.get(id).unwrap_or(&nothing) {
            kept = kept.into_iter().flat_map(|run| minus(run, (*first, *last))).collect();
        }
        insert(&mut left, *id, kept);
    }
    left
}

/// One range less another: up to two ranges.
fn minus((first, last): (u64, u64), (from, to): (u64, u64)) -> Vec<(u64, u64)> {
    if to < first || last < from {
        return vec![(first, last)];
    }
    let below = (first < from).then(|| (first, from - 1));
    let above = (to < last).then(|| (to + 1, last));
    below.into_iter().chain(above).collect()
}

/// The same numbers as maximal ranges.
#[must_use]
pub fn normal(ranges: Ranges) -> Ranges {
    let mut normal = Ranges::new();
    for (id, mut runs) in ranges {
        runs.sort_unstable();
        let mut maximal: Vec<(u64, u64)> = Vec::new();
        for (first, last) in runs {
            match maximal.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => maximal.push((first, last)),
            }
        }
        insert(&mut normal, id, maximal);
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 16] = [7; 16];

    fn envelope(live: &[(u64, u64)], dead: &[(u64, u64)]) -> Envelope {
        let ranges = |runs: &[(u64, u64)]| normal(Ranges::from([(ID, runs.to_vec())]));
        Envelope { live: ranges(live), dead: ranges(dead), head: 0 }
    }

    #[test]
    fn a_join_shows_what_neither_side_reports_as_gone() {
        let here = envelope(&[(1, 3), (6, 6)], &[(4, 5)]);
        let there = envelope(&[(3, 5)], &[(2, 2), (6, 9)]);
        assert_eq!(here.join(&there), envelope(&[(1, 1), (3, 3)], &[(2, 2), (4, 9)]));
        assert_eq!(here.join(&there), there.join(&here));
    }

    #[test]
    fn a_number_has_one_form() {
        assert_eq!(number(&mut &[0x80, 0x00][..]), None);
        assert_eq!(number(&mut &[0x80, 0x01][..]), Some(128));
        assert_eq!(number(&mut &[0xff; 10][..]), None);
    }
}
