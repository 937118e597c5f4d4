//! Recent updates, once for all peers.

mod groups;

use std::collections::VecDeque;
use std::time::Duration;

use crdt_core::Dot;
use crdt_core::clock::CausalContext;

pub(super) use self::groups::Group;
use self::groups::Groups;

/// One numbered update, or several joined to one. Its bytes never change and are never cut: a node
/// that passes on less than it was given leaves a peer with a number whose content it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Update<'a> {
    /// Its number: the origin's replica id and its place among that origin's updates. Of several, one
    /// of theirs.
    pub(super) number: Dot,
    /// All its numbers, if it stands for several.
    pub(super) group: Option<&'a CausalContext>,
    /// The encoded delta.
    pub(super) bytes: &'a [u8],
    /// When it was applied here; of several, the first.
    pub(super) at: Duration,
    /// Whether it was written here, since the engine started.
    pub(super) own: bool,
}

/// A place in the log: how many updates were applied before it, since the engine started, or since
/// the store that it started from was new.
pub(super) type Position = u64;

/// The updates applied last, in the order in which they were applied, bounded in bytes: *groups* of
/// several joined to one, then those that came last, each as it came.
///
/// The bytes of the latter lie one after the other in segments, which are dropped from the front: an
/// update that comes or goes costs no allocation, and nothing far away in memory is touched for it.
#[derive(Debug, Default)]
pub(super) struct Log {
    groups: Groups,
    entries: VecDeque<Entry>,
    /// Position of the first one that is not in `groups`.
    start: Position,
    /// What all of it costs.
    bytes: usize,
    /// How many updates it holds.
    updates: u64,
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
    /// All its numbers, if it came as a group.
    group: Option<Box<CausalContext>>,
    at: Duration,
    own: bool,
    segment: u64,
    begin: usize,
    len: usize,
}

/// What an update costs beside its bytes; also what makes empty ones count.
const OVERHEAD: usize = 64;
/// What the numbers of one origin cost in a group.
const ORIGIN: usize = 64;
/// Bytes of a segment, unless one update has more.
const SEGMENT: usize = 64 << 10;

impl<'a> Update<'a> {
    /// Several updates, joined to one.
    pub(super) fn group(numbers: &'a CausalContext, bytes: &'a [u8], at: Duration, own: bool) -> Self {
        let first = numbers.iter().next().map(|(id, seqs)| Dot::new(id, seqs.max()));
        let number = first.expect("a group has a number");
        Self { number, group: Some(numbers), bytes, at, own }
    }

    /// What it costs to keep.
    pub(super) fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD + self.group.map_or(0, |numbers| numbers.replicas() * ORIGIN)
    }

    /// How many updates it stands for.
    pub(super) fn count(&self) -> u64 {
        self.group.map_or(1, CausalContext::len)
    }

    /// Whether all its numbers are in the vector.
    pub(super) fn is_in(&self, vector: &CausalContext) -> bool {
        self.group.map_or_else(|| vector.contains(self.number), |numbers| vector.is_superset(numbers))
    }

    pub(super) fn add_to(&self, vector: &mut CausalContext) {
        match self.group {
            Some(numbers) => vector.union_with(numbers),
            None => vector.insert(self.number),
        };
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
        self.updates += update.count();
        let Update { number, at, own, .. } = update;
        let group = update.group.cloned().map(Box::new);
        self.entries.push_back(Entry { number, group, at, own, segment, begin, len });
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

    /// Drops what is oldest, an update or a group, if the log takes more than `limit` bytes. Its numbers
    /// are then lost; returns how many these are.
    pub(super) fn trim(&mut self, limit: usize, lost: &mut CausalContext) -> Option<u64> {
        if self.bytes <= limit {
            return None;
        }
        let Some(group) = self.groups.pop() else { return self.drop_entry(lost) };
        lost.union_with(&group.numbers);
        Some(self.discount(group.as_update().cost(), group.numbers.len()))
    }

    /// Puts a group in the place of its members, the oldest that are as they came.
    pub(super) fn replace(&mut self, members: usize, group: Group) {
        let (start, mut numbers) = (self.start, CausalContext::default());
        for _ in 0..members {
            self.drop_entry(&mut numbers);
        }
        debug_assert_eq!(numbers, group.numbers, "it stands for its members");
        self.bytes += group.as_update().cost();
        self.updates += group.as_update().count();
        self.groups.push(start..self.start, group);
    }

    /// Drops the oldest that is as it came; returns how many numbers these are.
    fn drop_entry(&mut self, numbers: &mut CausalContext) -> Option<u64> {
        let oldest = self.update(self.entries.front()?);
        let (cost, count) = (oldest.cost(), oldest.count());
        oldest.add_to(numbers);
        let segment = self.entries.pop_front()?.segment;
        self.start += 1;
        // The last segment stays: it is written to.
        let needed = self.entries.front().map_or(segment, |first| first.segment);
        while self.dropped < needed {
            self.spare = self.segments.pop_front().unwrap_or_default();
            self.spare.clear();
            self.spare.shrink_to(SEGMENT);
            self.dropped += 1;
        }
        Some(self.discount(cost, count))
    }

    fn discount(&mut self, cost: usize, count: u64) -> u64 {
        self.bytes -= cost;
        self.updates -= count;
        count
    }

    /// The update at a position, and the position behind it.
    pub(super) fn get(&self, position: Position) -> Option<(Update<'_>, Position)> {
        match position.checked_sub(self.start) {
            Some(index) => {
                let entry = self.entries.get(usize::try_from(index).ok()?)?;
                Some((self.update(entry), position + 1))
            }
            None => self.groups.get(position),
        }
    }

    /// The update with this number, if it is held in no group; the newer it is, the sooner it is found.
    pub(super) fn find(&self, number: Dot) -> Option<Update<'_>> {
        let mut single = self.entries.iter().rev().filter(|entry| entry.group.is_none());
        single.find(|entry| entry.number == number).map(|entry| self.update(entry))
    }

    fn update<'a>(&'a self, entry: &'a Entry) -> Update<'a> {
        let &Entry { number, ref group, at, own, segment, begin, len } = entry;
        let segment = &self.segments[(segment - self.dropped) as usize];
        Update { number, group: group.as_deref(), bytes: &segment[begin..begin + len], at, own }
    }

    /// The position of the oldest update held.
    pub(super) fn start(&self) -> Position {
        self.groups.start().unwrap_or(self.start)
    }

    /// The position of the oldest that is as it came.
    pub(super) fn start_as_came(&self) -> Position {
        self.start
    }

    /// The position that the next update will have.
    pub(super) fn end(&self) -> Position {
        self.start + self.entries.len() as u64
    }

    /// How many updates are held.
    pub(super) fn len(&self) -> u64 {
        self.updates
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What those cost that are as they came.
    pub(super) fn bytes_as_came(&self) -> usize {
        self.bytes - self.groups.bytes
    }

    /// The updates from a position on.
    pub(super) fn since(&self, position: Position) -> impl Iterator<Item = Update<'_>> {
        let skipped = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let as_came = self.entries.iter().skip(skipped).map(|entry| self.update(entry));
        self.groups.since(position).chain(as_came)
    }
}

#[cfg(test)]
mod tests {
    use crdt_core::ReplicaId;

    use super::*;

    static BYTES: [u8; 2 * SEGMENT] = [7; 2 * SEGMENT];

    fn update(seq: u64, len: usize) -> Update<'static> {
        let number = Dot::new(ReplicaId::from_u128(1), seq);
        Update { number, group: None, bytes: &BYTES[..len], at: Duration::ZERO, own: true }
    }

    fn seqs(seqs: &[u64]) -> CausalContext {
        seqs.iter().map(|seq| update(*seq, 0).number).collect()
    }

    #[test]
    fn positions_outlive_trimming() {
        let mut log = Log::default();
        for seq in 1..=4 {
            log.push(update(seq, 10));
        }
        let mut lost = CausalContext::default();
        assert_eq!(log.trim(3 * (OVERHEAD + 10), &mut lost), Some(1));
        assert_eq!(log.trim(3 * (OVERHEAD + 10), &mut lost), None);
        assert_eq!(lost, seqs(&[1]));
        assert_eq!((log.start(), log.end(), log.len()), (1, 4, 3));
        assert_eq!(log.get(0), None);
        assert_eq!(log.get(1), Some((update(2, 10), 2)));
        assert_eq!(log.get(4), None);
    }

    #[test]
    fn an_empty_update_costs_something() {
        let mut log = Log::default();
        log.push(update(1, 0));
        assert!(log.bytes() > 0);
        assert!(log.trim(0, &mut CausalContext::default()).is_some());
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
            assert_eq!(log.get(position), Some((update(position + 1, len), position + 1)));
        }
        assert_eq!(log.since(8).map(|update| update.bytes.len()).collect::<Vec<_>>(), [SEGMENT / 2, 9]);
        let (held, mut lost) = (log.segments.len(), CausalContext::default());
        while log.len() > 1 {
            log.trim(0, &mut lost);
        }
        assert_eq!(log.get(9), Some((update(10, 9), 10)));
        assert!(held > 3 && log.segments.len() == 1);
        log.trim(0, &mut lost);
        log.push(update(11, 5));
        assert_eq!(log.get(10), Some((update(11, 5), 11)));
    }

    fn group(members: &[u64]) -> Group {
        Group { numbers: seqs(members), bytes: [7; 5].into(), at: Duration::ZERO, own: true }
    }

    /// Whoever stands among the members of a group gets all of it, and goes on behind it.
    #[test]
    fn a_group_keeps_the_places_of_its_members() {
        let mut log = Log::starting_at(100);
        (1..=9).for_each(|seq| log.push(update(seq, 10)));
        let (before, groups) = (log.bytes(), [group(&[1, 2, 3]), group(&[4, 5])]);
        for (members, numbers) in [(3, &[1, 2, 3][..]), (2, &[4, 5])] {
            log.replace(members, group(numbers));
        }
        let [first, second] = groups.each_ref().map(Group::as_update);
        let at = |position| log.get(position);
        assert_eq!([at(99), at(100), at(102)], [None, Some((first, 103)), Some((first, 103))]);
        assert_eq!([at(103), at(104)], [Some((second, 105)); 2]);
        assert_eq!([at(105), at(109)], [Some((update(6, 10), 106)), None]);
        let since = |position| log.since(position).map(|update| update.number.seq).collect::<Vec<_>>();
        assert_eq!((since(101), since(104)), (vec![3, 5, 6, 7, 8, 9], vec![5, 6, 7, 8, 9]));
        assert_eq!(since(107), [8, 9]);
        assert_eq!((log.start(), log.start_as_came(), log.end(), log.len()), (100, 105, 109, 9));
        assert_eq!(log.bytes(), before - 5 * (OVERHEAD + 10) + 2 * (OVERHEAD + ORIGIN + 5));
        assert_eq!(log.bytes_as_came(), 4 * (OVERHEAD + 10));
        assert_eq!((log.find(first.number), log.find(update(6, 0).number)), (None, Some(update(6, 10))));
    }

    #[test]
    fn groups_are_dropped_first_and_whole() {
        let (mut log, mut lost) = (Log::default(), CausalContext::default());
        (1..=6).for_each(|seq| log.push(update(seq, 10)));
        log.replace(3, group(&[1, 2, 3]));
        log.push(Update::group(&seqs(&[6, 7]), &[], Duration::ZERO, false));
        assert_eq!((log.trim(0, &mut lost), lost.len(), log.start()), (Some(3), 3, 3));
        assert_eq!((log.trim(0, &mut lost), lost.len(), log.start()), (Some(1), 4, 4));
        log.trim(0, &mut lost);
        log.trim(0, &mut lost);
        assert_eq!((log.trim(0, &mut lost), lost), (Some(2), seqs(&[1, 2, 3, 4, 5, 6, 7])));
        assert_eq!(
            (log.bytes(), log.bytes_as_came(), log.len(), log.trim(0, &mut seqs(&[]))),
            (0, 0, 0, None)
        );
        assert_eq!((log.start(), log.end()), (7, 7));
    }
}
