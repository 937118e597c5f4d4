//! The transfer of a whole state in parts, while it changes.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use super::digest::Known;
use super::{Delta, Digest, Doc};
use crate::clock::{BLOCK, Bits, CausalContext};
use crate::dot::{Dot, ReplicaId};
use crate::view::Crdt;

/// A transfer of a document *as it was when the walk began*, in chunks, while writes go on.
///
/// First every entry that was live then and that the receiver has not seen, each with only its own
/// dot as context; then, when all of these are out, the dots that were dead then. A receiver that
/// merges the chunks in order shows after every prefix at least what it showed before and shows in
/// the end; nothing vanishes on the way because its replacement comes later. Entries of one path
/// travel in one chunk, so that no last-write-wins loser arrives without its winner.
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
    /// The live dots of the start that are still to be sent.
    todo: BTreeMap<ReplicaId, BTreeMap<u64, Bits>>,
    /// Entries of `todo` that died, with their siblings: they go out first.
    kept: Vec<(Dot, T::Entry)>,
    keep_at_most: usize,
    /// The state at the start, for the dead dots.
    start: Digest,
    /// How far the dead dots are out: a replica and its last number, or nothing yet.
    dead_up_to: Option<(ReplicaId, u64)>,
}

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
        let todo = start.iter().map(|(id, known)| (*id, unseen(known, receiver, *id))).collect();
        Walk { todo, kept: Vec::new(), keep_at_most, start, dead_up_to: None }
    }
}

/// The live dots of one replica that the receiver has not seen.
fn unseen(known: &Known, receiver: &CausalContext, id: ReplicaId) -> BTreeMap<u64, Bits> {
    let mask = |number| receiver.get(id).map_or_else(Bits::default, |seen| seen.mask(number));
    let blocks = known.live.iter().map(|(&number, &bits)| (number, bits & !mask(number)));
    blocks.filter(|(_, bits)| !bits.is_empty()).collect()
}

impl<T: Crdt> Walk<T> {
    /// Lets the walk keep what merging `delta` into `doc` is about to remove.
    ///
    /// # Errors
    /// [`WalkOverflow`] when that is more than the walk may keep. The walk is then of no use.
    pub fn before_merge(&mut self, doc: &Doc<T>, delta: &Delta<T>) -> Result<(), WalkOverflow> {
        for (id, dead) in delta.dead.iter() {
            let Some(lane) = doc.ids.place(id).and_then(|place| doc.index.lane(place)) else { continue };
            for (first, last) in dead.iter() {
                for seq in lane.live_in(first, last) {
                    if self.is_todo(Dot::new(id, seq)) {
                        let group = self.take_group(doc, Dot::new(id, seq));
                        self.kept.extend(group);
                    }
                }
            }
        }
        if self.kept.len() > self.keep_at_most { Err(WalkOverflow) } else { Ok(()) }
    }

    /// The next part, or nothing when the receiver has it all.
    ///
    /// A part has at most `max_entries` entries or runs of dots, and entries of at most `max_weight`
    /// by the measure of `weigh`, but for the last group of entries of one path, which is not divided.
    pub fn next_chunk(
        &mut self,
        doc: &Doc<T>,
        max_entries: usize,
        max_weight: usize,
        weigh: impl Fn(&T::Entry) -> usize,
    ) -> Option<Delta<T>> {
        let mut entries = core::mem::take(&mut self.kept);
        let mut weight: usize = entries.iter().map(|(_, entry)| weigh(entry)).sum();
        while entries.len() < max_entries.max(1) && weight < max_weight.max(1) {
            let Some(dot) = self.first_todo() else { break };
            let group = self.take_group(doc, dot);
            weight += group.iter().map(|(_, entry)| weigh(entry)).sum::<usize>();
            entries.extend(group);
        }
        if entries.is_empty() {
            return self.next_dead(max_entries.max(1));
        }
        entries.sort_unstable_by_key(|(dot, _)| *dot);
        Some(Delta { entries, dead: CausalContext::default() })
    }

    fn is_todo(&self, dot: Dot) -> bool {
        let blocks = self.todo.get(&dot.replica);
        let bits = blocks.and_then(|blocks| blocks.get(&(dot.seq / BLOCK)));
        bits.is_some_and(|bits| bits.contains(dot.seq % BLOCK))
    }

    fn first_todo(&mut self) -> Option<Dot> {
        loop {
            let mut replica = self.todo.first_entry()?;
            if let Some((&number, bits)) = replica.get_mut().first_key_value()
                && let Some(bit) = bits.iter().next()
            {
                return Some(Dot::new(*replica.key(), number * BLOCK + bit));
            }
            replica.remove();
        }
    }

    fn done(&mut self, dot: Dot) {
        let Some(blocks) = self.todo.get_mut(&dot.replica) else { return };
        let Some(bits) = blocks.get_mut(&(dot.seq / BLOCK)) else { return };
        bits.clear(dot.seq % BLOCK);
        if bits.is_empty() {
            blocks.remove(&(dot.seq / BLOCK));
        }
    }

    /// The entry of a dot and those of its path that are still to be sent; they count as sent.
    fn take_group(&mut self, doc: &Doc<T>, dot: Dot) -> Vec<(Dot, T::Entry)> {
        self.done(dot);
        let mut group: Vec<_> = doc.entry(dot).map(|entry| (dot, entry)).into_iter().collect();
        for sibling in doc.siblings(dot) {
            if self.is_todo(sibling) {
                self.done(sibling);
                group.extend(doc.entry(sibling).map(|entry| (sibling, entry)));
            }
        }
        group
    }

    /// The next runs of dots that were dead at the start.
    fn next_dead(&mut self, max_runs: usize) -> Option<Delta<T>> {
        let mut dead = CausalContext::default();
        let mut runs = 0;
        let from = self.dead_up_to;
        for (id, known) in self.start.iter() {
            let next = match from {
                Some((done, _)) if *id < done => continue,
                Some((done, last)) if *id == done => last.saturating_add(1),
                _ => 1,
            };
            runs += known.gather_dead(*id, next, max_runs - runs, &mut dead, &mut self.dead_up_to);
            if runs == max_runs {
                break;
            }
        }
        (runs > 0).then(|| Delta { entries: Vec::new(), dead })
    }
}

impl Known {
    /// Adds up to `max` runs of dots from `next` on, seen and not live; returns how many.
    fn gather_dead(
        &self,
        id: ReplicaId,
        next: u64,
        max: usize,
        dead: &mut CausalContext,
        up_to: &mut Option<(ReplicaId, u64)>,
    ) -> usize {
        let runs = self
            .context
            .overlapping(next, u64::MAX)
            .flat_map(|(first, last)| self.dead_runs(first.max(next), last));
        let mut count = 0;
        for (first, last) in runs.take(max) {
            dead.insert_range(id, first, last);
            *up_to = Some((id, last));
            count += 1;
        }
        count
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
        let todo: usize = self.todo.values().flat_map(BTreeMap::values).map(|bits| bits.len()).sum();
        f.debug_struct("Walk").field("todo", &todo).field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}
