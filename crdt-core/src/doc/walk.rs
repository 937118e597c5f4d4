//! The transfer of a whole state in parts, while it changes.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;

use super::compare::{Comparison, Span};
use super::delta::sort;
use super::digest::Known;
use super::todo::Todo;
use super::{Delta, Digest, Doc, ROOT};
use crate::clock::{BLOCK, Bits, CausalContext, Intervals};
use crate::dot::{Dot, ReplicaId};
use crate::few::Few;
use crate::view::{At, Crdt, LocalDot, Unknown};

/// How many runs of dots that the receiver may show go in one step.
///
/// It holds a chunk to several megabytes. Only where more was removed or written again, some millions
/// of keys, is there a second step, and between the two a key may be out of sight.
const AT_ONCE: usize = 1 << 21;

/// A transfer of a document *as it was when the walk began*, in chunks, while writes go on.
///
/// A receiver that merges the chunks in order shows after every prefix at least what it showed before
/// and shows in the end: nothing vanishes on the way because its replacement comes later. So the order
/// is:
///
/// 1. every entry that was live at the start and that the receiver has not seen, each with only its
///    own dot as context. Entries of one path travel in one chunk, so that no last-write-wins loser
///    arrives without its winner;
/// 2. the same for paths that show nothing, such as those with a removal as the last write: what keeps
///    their container in sight has come before them;
/// 3. the dots that were dead at the start: those that the receiver had not seen in runs, then, *as one
///    chunk* of up to two million runs, those that it had, and may show. Taken away one by one, an entry
///    could uncover on the way what it had hidden.
///
/// One thing can be out of sight for a while: a key under which the receiver has disabled, or removed from
/// an [`RwSet`](crate::RwSet), what shows in the end, and of which all that it showed is disabled or removed.
/// Its removals of before go in the third step, since without them what is banned could show on the way.
///
/// The document may change between chunks, provided that the walk sees every delta first
/// ([`before_merge`](Walk::before_merge)): an entry that dies before its turn is kept for the walk.
/// A walk that is cut, or that overflows, begins again; what was sent remains valid.
///
/// ```
/// use crdt_core::{Doc, OrSet, Replica, ReplicaId};
///
/// let mut me = Replica::new(ReplicaId::from_u128(1));
/// let mut donor = Doc::<OrSet<u32>>::default();
/// let _ = donor.update(&mut me, |set| (0..100).for_each(|n| set.insert(n)));
/// let _ = donor.update(&mut me, |set| set.remove(&7));
///
/// let mut receiver = Doc::<OrSet<u32>>::default();
/// let mut walk = donor.walk(&receiver.context(), 1_000);
/// while let Some(chunk) = walk.next_chunk(&donor, 10, usize::MAX, |_| 0) {
///     receiver.merge(chunk);
/// }
/// assert_eq!(receiver, donor);
/// ```
pub struct Walk<T: Crdt> {
    /// What shows something, or has not been looked at yet.
    showing: Part<T::Entry>,
    /// What shows nothing by itself, and may hide something.
    hiding: Part<T::Entry>,
    /// How many are kept.
    kept: usize,
    keep_at_most: usize,
    /// The state at the start, for the dead dots.
    start: Digest,
    /// The dots of the start that the receiver had not seen.
    news: Dead,
    /// Those that it had.
    known: Dead,
    /// While the two compare which of these they show.
    comparison: Option<Comparison>,
    /// Where entries are laid out to see what they show; empty, and kept for the room that it has.
    tray: T,
    unknown: Unknown,
}

/// Dots of the start, of which the dead ones are still to be sent.
pub(super) struct Dead {
    pub(super) dots: CausalContext,
    /// How far they are out: a replica and its last number, or nothing yet.
    pub(super) up_to: Option<(ReplicaId, u64)>,
}

/// Entries that are still to be sent.
struct Part<E> {
    /// The live ones.
    todo: Todo,
    /// Those that died, with their siblings.
    kept: VecDeque<Group<E>>,
}

/// The entries of one path, of which there is mostly one.
type Group<E> = Few<(Dot, E)>;

/// More entries died before their turn than the walk may keep: it has to begin again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkOverflow;

impl fmt::Display for WalkOverflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many entries died before the walk passed them; begin a new walk")
    }
}

impl core::error::Error for WalkOverflow {}

impl<T: Crdt> Doc<T> {
    /// Begins the transfer of this state to a receiver with this context.
    ///
    /// The walk keeps at most `keep_at_most` entries for itself.
    pub fn walk(&self, receiver: &CausalContext, keep_at_most: usize) -> Walk<T> {
        let start = self.digest();
        let todo = unseen(&start, receiver);
        let context = start.context();
        Walk {
            showing: Part { todo, kept: VecDeque::new() },
            hiding: Part { todo: Todo::default(), kept: VecDeque::new() },
            kept: 0,
            keep_at_most,
            start,
            news: Dead { dots: context.difference(receiver), up_to: None },
            known: Dead { dots: context.intersection(receiver), up_to: None },
            comparison: None,
            tray: T::default(),
            unknown: Unknown::default(),
        }
    }
}

/// The live dots that the receiver has not seen.
fn unseen(start: &Digest, receiver: &CausalContext) -> Todo {
    start.iter().map(|(id, known)| (*id, unseen_of(known, receiver, *id))).collect()
}

/// Those of one replica.
fn unseen_of(known: &Known, receiver: &CausalContext, id: ReplicaId) -> BTreeMap<u64, Bits> {
    let mask = |number| receiver.get(id).map_or_else(Bits::default, |seen| seen.mask(number));
    let blocks = known.live.iter().map(|(&number, &bits)| (number, bits & !mask(number)));
    blocks.filter(|(_, bits)| !bits.is_empty()).collect()
}

impl<T: Crdt> Walk<T> {
    /// Lets the walk keep what merging `delta` into `doc` is about to remove.
    ///
    /// It must see every delta that is merged while the walk goes on: an entry that dies without its
    /// knowledge before its turn is not sent, and the receiver does not get the state of the start.
    ///
    /// # Errors
    /// [`WalkOverflow`] when that is more than the walk may keep. The walk is then of no use.
    pub fn before_merge(&mut self, doc: &Doc<T>, delta: &Delta<T>) -> Result<(), WalkOverflow> {
        for (id, dead) in delta.dead.iter() {
            let Some(lane) = doc.ids.place(id).and_then(|place| doc.index.lane(place)) else { continue };
            for (first, last) in dead.iter() {
                for seq in lane.live_in(first, last) {
                    self.keep(doc, Dot::new(id, seq));
                }
            }
        }
        if self.kept > self.keep_at_most { Err(WalkOverflow) } else { Ok(()) }
    }

    /// Begins to compare which of the dots that both have seen are live, so that only the blocks that
    /// differ are sent; returns what the receiver is to be asked, in at most `pieces` ranges.
    ///
    /// Without it every dot that is dead here and that the receiver has seen is sent. That is what comes
    /// of it, and nothing is asked, where these are at most half as many runs as `pieces`: that is
    /// cheaper. `salt` is as in [`Past`](super::Past).
    pub fn compare(&mut self, salt: u64, pieces: usize) -> Vec<Span> {
        if self.known.is_short(&self.start, pieces / 2) {
            return Vec::new();
        }
        let dots = self.known.dots.clone();
        let (comparison, questions) = Comparison::begin(dots, salt, &self.start, pieces);
        self.comparison = Some(comparison).filter(|_| !questions.is_empty());
        questions
    }

    /// What the receiver is to be asked next, after it gave these answers to all that was asked.
    ///
    /// Each range that differs is divided into at most `pieces`, as long as there are no more than
    /// `most` in all; what is not divided is sent whole. When nothing is asked the comparison is over.
    pub fn narrow(&mut self, answers: &[Span], pieces: usize, most: usize) -> Vec<Span> {
        let Some(comparison) = &mut self.comparison else { return Vec::new() };
        let questions = comparison.narrow(&self.start, answers, pieces, most);
        if questions.is_empty() {
            self.known.dots = comparison.different();
            self.comparison = None;
        }
        questions
    }

    /// Whether the receiver's answer is awaited. What does not depend on it can be sent meanwhile.
    #[must_use]
    pub fn is_comparing(&self) -> bool {
        self.comparison.is_some()
    }

    /// The next part, or nothing when the receiver has it all, but for what awaits its answer
    /// ([`is_comparing`](Walk::is_comparing)).
    ///
    /// A part has at most `max_entries` entries or runs of dots, and entries of at most `max_weight`
    /// by the measure of `weigh`, but for the last group of entries of one path, which is not divided,
    /// and for the last part, whose runs are those of dots that the receiver had seen. A part may be
    /// empty, when what was looked at shows nothing and goes out later.
    pub fn next_chunk(
        &mut self,
        doc: &Doc<T>,
        max_entries: usize,
        max_weight: usize,
        mut weigh: impl FnMut(&T::Entry) -> usize,
    ) -> Option<Delta<T>> {
        let (mut entries, mut looked_at, mut weight) = (Vec::new(), 0, 0usize);
        while looked_at < max_entries.max(1) && weight < max_weight.max(1) {
            let Some((group, goes)) = self.next_group(doc) else { break };
            looked_at += group.len().max(1);
            if goes {
                weight += group.iter().map(|(_, entry)| weigh(entry)).sum::<usize>();
                entries.extend(group);
            } else {
                group.iter().for_each(|(dot, _)| self.hiding.todo.insert(*dot));
            }
        }
        if looked_at == 0 {
            return self.next_dead(max_entries.max(1));
        }
        sort(&mut entries);
        Some(Delta { entries: entries.into(), dead: CausalContext::default() })
    }

    /// Keeps a live entry that is about to die and is still to be sent, and its siblings.
    fn keep(&mut self, doc: &Doc<T>, dot: Dot) {
        let group = if self.showing.todo.contains(dot) {
            self.showing.take_group(doc, dot)
        } else if self.hiding.todo.contains(dot) {
            self.hiding.take_group(doc, dot)
        } else {
            return;
        };
        self.kept += group.len();
        let part = if self.shows(doc, &group) { &mut self.showing } else { &mut self.hiding };
        part.kept.push_back(group);
    }

    /// The next entries of one path, and whether they go out now.
    fn next_group(&mut self, doc: &Doc<T>) -> Option<(Group<T::Entry>, bool)> {
        if let Some(dot) = self.showing.todo.first().filter(|_| self.showing.kept.is_empty()) {
            let group = self.showing.take_group(doc, dot);
            let goes = self.shows(doc, &group);
            return Some((group, goes));
        }
        let kept = self.showing.kept.pop_front().or_else(|| self.hiding.kept.pop_front());
        self.kept -= kept.as_ref().map_or(0, |group| group.len());
        let group = kept.or_else(|| Some(self.hiding.take_group(doc, self.hiding.todo.first()?)));
        group.map(|group| (group, true))
    }

    /// Whether anything shows where there are these entries and no others.
    fn shows(&mut self, doc: &Doc<T>, group: &[(Dot, T::Entry)]) -> bool {
        let Self { tray, unknown, .. } = self;
        let mut at = At { ids: &doc.ids, unknown, holder: ROOT };
        let mut slots = Few::default();
        for (dot, entry) in group {
            let Some(place) = doc.ids.place(dot.replica) else { continue };
            let dot = LocalDot::new(place, dot.seq);
            slots.push((dot, tray.take_in_copy(&mut at, dot, entry)));
        }
        let shows = !tray.is_empty();
        // Backwards: views find what came last the soonest.
        slots.iter().rev().for_each(|(dot, slot)| tray.take_out(&mut at, *dot, *slot));
        shows
    }

    /// The next runs of dots that were dead at the start.
    fn next_dead(&mut self, max_runs: usize) -> Option<Delta<T>> {
        let mut dead = self.news.next(&self.start, max_runs);
        if dead.is_empty() && self.comparison.is_none() {
            dead = self.known.next(&self.start, AT_ONCE);
        }
        (!dead.is_empty()).then(|| Delta { dead, ..Delta::default() })
    }
}

impl Dead {
    /// Whether there are at most so many runs.
    fn is_short(&self, start: &Digest, most: usize) -> bool {
        let known = self.dots.iter().filter_map(|(id, dots)| Some((start.get(id)?, dots)));
        known.flat_map(|(known, dots)| known.dead_in(dots, 1)).nth(most).is_none()
    }

    /// At most so many runs that come next.
    pub(super) fn next(&mut self, start: &Digest, max_runs: usize) -> CausalContext {
        let (mut dead, mut left) = (CausalContext::default(), max_runs);
        for (id, dots) in self.dots.iter() {
            let next = match self.up_to {
                Some((done, _)) if id < done => None,
                Some((done, last)) if id == done => last.checked_add(1),
                _ => Some(1),
            };
            let Some((known, next)) = start.get(id).zip(next) else { continue };
            for (first, last) in known.dead_in(dots, next).take(left) {
                dead.insert_range(id, first, last);
                self.up_to = Some((id, last));
                left -= 1;
            }
        }
        dead
    }
}

impl<E> Part<E> {
    /// The entry of a dot and those of its path that are still to be sent; they count as sent.
    fn take_group<T: Crdt<Entry = E>>(&mut self, doc: &Doc<T>, dot: Dot) -> Group<E> {
        self.todo.remove(dot);
        let mut group: Group<E> = doc.entry(dot).map(|entry| (dot, entry)).into_iter().collect();
        for sibling in doc.siblings(dot) {
            if self.todo.remove(sibling) {
                group.extend(doc.entry(sibling).map(|entry| (sibling, entry)));
            }
        }
        group
    }
}

impl Known {
    /// The runs of dots of `seen` from `next` on that are not live.
    fn dead_in<'a>(&'a self, seen: &'a Intervals, next: u64) -> impl Iterator<Item = (u64, u64)> + 'a {
        let runs = seen.overlapping(next, u64::MAX);
        runs.flat_map(move |(first, last)| self.dead_runs(first.max(next), last))
    }

    /// The maximal ranges of `first..=last` without a live dot.
    fn dead_runs(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let blocks = self.live.range(first / BLOCK..=last / BLOCK);
        let live = blocks.flat_map(|(&number, bits)| bits.iter().map(move |bit| number * BLOCK + bit));
        let live = live.filter(move |&seq| first <= seq && seq <= last).map(Some);
        let mut next = first;
        live.chain([None]).filter_map(move |live| {
            let run = (next, live.map_or(last, |seq| seq - 1));
            let open = next <= last;
            next = live.map_or(u64::MAX, |seq| seq + 1);
            (open && run.0 <= run.1).then_some(run)
        })
    }
}

impl<T: Crdt> fmt::Debug for Walk<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let todo = self.showing.todo.len() + self.hiding.todo.len();
        let kept = self.showing.kept.len() + self.hiding.kept.len();
        f.debug_struct("Walk").field("todo", &todo).field("kept", &kept).finish_non_exhaustive()
    }
}
