//! Recent updates, once for all peers.

use std::collections::VecDeque;
use std::time::Duration;

use crdt_core::Dot;

/// One numbered update. Its bytes never change and are never cut, merged or encoded again: a node
/// that passes on less than it was given leaves a peer with a number whose content it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Update<'a> {
    /// Its number: the origin's replica id and its place among that origin's updates.
    pub(super) number: Dot,
    /// The encoded delta.
    pub(super) bytes: &'a [u8],
    /// When it was applied here.
    pub(super) at: Duration,
    /// Whether it was written here, since the engine started.
    pub(super) own: bool,
}

/// A place in the log: how many updates were applied before it, since the engine started, or since
/// the store that it started from was new.
pub(super) type Position = u64;

/// The updates applied last, in the order in which they were applied, bounded in bytes.
///
/// Their bytes lie one after the other in segments, which are dropped from the front: an update that
/// comes or goes costs no allocation, and nothing far away in memory is touched for it.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// Position of the first one held.
    start: Position,
    bytes: usize,
    segments: VecDeque<Vec<u8>>,
    /// The segment dropped last, for the next one: a full log takes no new memory.
    spare: Vec<u8>,
    /// How many segments there were before the first one held.
    dropped: u64,
}

/// An update, and where its bytes are.
#[derive(Debug)]
struct Entry {
    number: Dot,
    at: Duration,
    own: bool,
    segment: u64,
    begin: usize,
    len: usize,
}

/// What an update costs beside its bytes; also what makes empty ones count.
const OVERHEAD: usize = 64;
/// Bytes of a segment, unless one update has more.
const SEGMENT: usize = 64 << 10;

impl Update<'_> {
    /// What it costs to keep.
    pub(super) fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

impl Log {
    /// An empty log whose first update will have this position.
    pub(super) fn starting_at(start: Position) -> Self {
        Self { start, ..Self::default() }
    }

    pub(super) fn push(&mut self, update: Update<'_>) {
        let (len, segment) = (update.bytes.len(), self.segment_for(update.bytes.len()));
        let begin = segment.len();
        segment.extend_from_slice(update.bytes);
        let segment = self.dropped + self.segments.len() as u64 - 1;
        self.bytes += update.cost();
        let Update { number, at, own, .. } = update;
        self.entries.push_back(Entry { number, at, own, segment, begin, len });
    }

    /// The last segment, which has room for so many bytes.
    fn segment_for(&mut self, len: usize) -> &mut Vec<u8> {
        let fits = self.segments.back().is_some_and(|last| last.capacity() - last.len() >= len);
        if !fits {
            let mut segment = std::mem::take(&mut self.spare);
            segment.reserve_exact(len.max(SEGMENT));
            self.segments.push_back(segment);
        }
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }

    /// Drops the oldest update if the log takes more than `limit` bytes; returns its number.
    pub(super) fn trim(&mut self, limit: usize) -> Option<Dot> {
        if self.bytes <= limit {
            return None;
        }
        let oldest = self.entries.pop_front()?;
        self.start += 1;
        self.bytes -= oldest.len + OVERHEAD;
        // The last segment stays: it is written to.
        let needed = self.entries.front().map_or(oldest.segment, |first| first.segment);
        while self.dropped < needed {
            self.spare = self.segments.pop_front().unwrap_or_default();
            self.spare.clear();
            self.spare.shrink_to(SEGMENT);
            self.dropped += 1;
        }
        Some(oldest.number)
    }

    pub(super) fn get(&self, position: Position) -> Option<Update<'_>> {
        let index = position.checked_sub(self.start)?;
        Some(self.update(self.entries.get(usize::try_from(index).ok()?)?))
    }

    /// The update with this number, if it is held; the newer it is, the sooner it is found.
    pub(super) fn find(&self, number: Dot) -> Option<Update<'_>> {
        let entry = self.entries.iter().rev().find(|entry| entry.number == number);
        entry.map(|entry| self.update(entry))
    }

    fn update(&self, entry: &Entry) -> Update<'_> {
        let &Entry { number, at, own, segment, begin, len } = entry;
        let segment = &self.segments[(segment - self.dropped) as usize];
        Update { number, bytes: &segment[begin..begin + len], at, own }
    }

    /// The position of the oldest update held.
    pub(super) fn start(&self) -> Position {
        self.start
    }

    /// The position that the next update will have.
    pub(super) fn end(&self) -> Position {
        self.start + self.entries.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The updates from a position on.
    pub(super) fn since(&self, position: Position) -> impl Iterator<Item = Update<'_>> {
        let skipped = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skipped).map(|entry| self.update(entry))
    }
}

#[cfg(test)]
mod tests {
    use crdt_core::ReplicaId;

    use super::*;

    static BYTES: [u8; 2 * SEGMENT] = [7; 2 * SEGMENT];

    fn update(seq: u64, len: usize) -> Update<'static> {
        let number = Dot::new(ReplicaId::from_u128(1), seq);
        Update { number, bytes: &BYTES[..len], at: Duration::ZERO, own: true }
    }

    #[test]
    fn positions_outlive_trimming() {
        let mut log = Log::default();
        for seq in 1..=4 {
            log.push(update(seq, 10));
        }
        let dropped = log.trim(3 * (OVERHEAD + 10));
        assert_eq!(dropped.map(|number| number.seq), Some(1));
        assert_eq!(log.trim(3 * (OVERHEAD + 10)), None);
        assert_eq!((log.start(), log.end(), log.len()), (1, 4, 3));
        assert_eq!(log.get(0), None);
        assert_eq!(log.get(1), Some(update(2, 10)));
        assert_eq!(log.get(4), None);
    }

    #[test]
    fn an_empty_update_costs_something() {
        let mut log = Log::default();
        log.push(update(1, 0));
        assert!(log.bytes() > 0);
        assert!(log.trim(0).is_some());
        assert_eq!((log.bytes(), log.len()), (0, 0));
    }

    #[test]
    fn updates_keep_their_bytes_over_segments_and_these_go_with_them() {
        let lens = [0, 10, SEGMENT, 3, SEGMENT - 3, 2 * SEGMENT, 1, SEGMENT / 2, SEGMENT / 2, 9];
        let mut log = Log::default();
        for (seq, len) in (1..).zip(lens) {
            log.push(update(seq, len));
        }
        for (position, len) in (0..).zip(lens) {
            assert_eq!(log.get(position), Some(update(position + 1, len)));
        }
        assert_eq!(log.since(8).map(|update| update.bytes.len()).collect::<Vec<_>>(), [SEGMENT / 2, 9]);
        let held = log.segments.len();
        while log.len() > 1 {
            log.trim(0);
        }
        assert_eq!(log.get(9), Some(update(10, 9)));
        assert!(held > 3 && log.segments.len() == 1);
        log.trim(0);
        log.push(update(11, 5));
        assert_eq!(log.get(10), Some(update(11, 5)));
    }
}
