//! Which blocks of two states differ, found by hashes of ever smaller ranges.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::index::hash_block;
use super::{Digest, Doc};
use crate::clock::{BLOCK, Bits, CausalContext, Intervals};
use crate::dot::ReplicaId;
use crate::view::Crdt;

/// What two replicas both have seen: the dots that a comparison is about, and their blocks in an
/// order that both of them know.
///
/// Two states that have seen the same dots can differ only in which of them are live. Of these a
/// state with `n` of them keeps one bit each, so that to send them all costs `n / 8` bytes; to find
/// `d` differences by hashes of ranges costs some `150 * d`, in a number of messages that grows with
/// the logarithm of `n / d`. (Meyer 2022, range-based set reconciliation; here a range that differs is
/// divided by whoever answers, at live blocks of its own.)
///
/// The donor of a [`Walk`](super::Walk) begins with [`compare`](super::Walk::compare); the two sides
/// answer one another, [`answer`](Past::answer) here and [`narrow`](super::Walk::narrow) there, until
/// nothing is asked any more.
///
/// ```
/// use crdt_core::{Doc, OrSet, Past, Replica, ReplicaId};
///
/// let mut me = Replica::new(ReplicaId::from_u128(1));
/// let mut donor = Doc::<OrSet<u32>>::default();
/// let _ = donor.update(&mut me, |set| (0..100_000).for_each(|n| set.insert(n)));
/// let mut receiver = donor.clone();
/// let _ = donor.update(&mut me, |set| (7..10).for_each(|n| { set.remove(&n); }));
///
/// let context = receiver.context();
/// let mut walk = donor.walk(&context, 1_000);
/// let past = Past::new(context, 42); // the donor has seen all of it
/// let mut questions = walk.compare(42, 16);
/// while !questions.is_empty() {
///     questions = walk.narrow(&past.answer(&receiver, &questions, 16, 1_000), 16, 1_000);
/// }
/// while let Some(chunk) = walk.next_chunk(&donor, 10, usize::MAX, |_| 0) {
///     assert!(chunk.context().len() < 256, "of one block, not of all");
///     receiver.merge(chunk);
/// }
/// assert_eq!(receiver, donor);
/// ```
#[derive(Clone, Debug)]
pub struct Past {
    dots: CausalContext,
    rows: Vec<Row>,
    /// How many blocks these have.
    len: u64,
    /// Rows whose blocks cannot be counted, as nobody has seen so many: not compared, they differ.
    beyond: Vec<Row>,
    key: [u8; 16],
}

/// A range of blocks of the [`Past`], in which two states may differ.
///
/// What it says comes from another machine: a range that does not exist is cut to what does, and what
/// others before it in a list have is cut off it, so that a list costs no more than a look at each block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first block, counted from 0.
    pub first: u64,
    /// How many blocks there are.
    pub blocks: u64,
    /// The sum of the hashes of the blocks in which the sender has a live dot.
    pub hash: u64,
}

/// Consecutive blocks of one replica.
#[derive(Clone, Copy, Debug)]
struct Row {
    id: ReplicaId,
    /// Numbers of its first and last block.
    first: u64,
    last: u64,
    /// The place of the first among all blocks.
    at: u64,
}

/// A block with a live dot: its place among all blocks, and its hash.
type Hashed = (u64, u64);

/// What tells which dots are live.
pub(super) trait Live {
    fn live(&self, id: ReplicaId, blocks: RangeInclusive<u64>) -> impl Iterator<Item = (u64, Bits)>;
}

impl Live for Digest {
    fn live(&self, id: ReplicaId, blocks: RangeInclusive<u64>) -> impl Iterator<Item = (u64, Bits)> {
        let known = self.get(id).into_iter();
        known.flat_map(move |known| known.live.range(blocks.clone()).map(|(&number, &bits)| (number, bits)))
    }
}

impl<T: Crdt> Live for Doc<T> {
    fn live(&self, id: ReplicaId, blocks: RangeInclusive<u64>) -> impl Iterator<Item = (u64, Bits)> {
        let lane = self.ids.place(id).and_then(|place| self.index.lane(place)).into_iter();
        lane.flat_map(move |lane| lane.blocks_in(blocks.clone()))
    }
}

impl Past {
    /// The dots that both replicas have seen. Both have to give the same dots, and the same `salt`:
    /// another one for another comparison, so that a difference that two equal hashes hide, which
    /// chance brings about once in 2⁵⁰ comparisons, is found by the next.
    #[must_use]
    pub fn new(dots: CausalContext, salt: u64) -> Self {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&salt.to_le_bytes());
        let (mut rows, mut beyond, mut len) = (Vec::new(), Vec::new(), 0u64);
        for mut row in rows_of(&dots) {
            match len.checked_add(row.last - row.first + 1) {
                Some(sum) => {
                    (row.at, len) = (len, sum);
                    rows.push(row);
                }
                None => beyond.push(row),
            }
        }
        Self { dots, rows, len, beyond, key }
    }

    /// What the receiver of a walk says to the donor's questions: the ranges that differ, divided.
    ///
    /// Each is divided into at most `pieces`, at live blocks of this state; where nothing is live here,
    /// nothing can be missing. Over `most` ranges in all they are no longer divided, so that the answer
    /// has at most `most` more than there were questions.
    pub fn answer<T: Crdt>(&self, doc: &Doc<T>, questions: &[Span], pieces: usize, most: usize) -> Vec<Span> {
        self.answer_of(doc, questions, pieces, most)
    }

    pub(super) fn answer_of(
        &self,
        live: &impl Live,
        questions: &[Span],
        pieces: usize,
        most: usize,
    ) -> Vec<Span> {
        let mut answers = Vec::new();
        for question in apart(questions) {
            let live = self.hashed(live, &question);
            if sum(&live) != question.hash && !live.is_empty() {
                let pieces = if answers.len().saturating_add(pieces) > most { 1 } else { pieces };
                answers.extend(live.chunks(live.len().div_ceil(pieces.max(1))).map(tight));
            }
        }
        answers
    }

    /// The blocks of a range in which something is live.
    fn hashed(&self, of: &impl Live, span: &Span) -> Vec<Hashed> {
        let (first, end) = (span.first, span.first.saturating_add(span.blocks).min(self.len));
        let mut hashed = Vec::new();
        for row in self.rows_in(first, end) {
            let Some(seen) = self.dots.get(row.id) else { continue };
            for (number, bits) in of.live(row.id, row.blocks_in(first, end)) {
                let bits = bits & seen.mask(number);
                if !bits.is_empty() {
                    // A hash half as long is enough, as a miss is repaired.
                    let hash = hash_block(&self.key, row.id, number, bits) as u64;
                    hashed.push((row.at + (number - row.first), hash));
                }
            }
        }
        hashed
    }

    /// The rows that have a block in `first..end`.
    fn rows_in(&self, first: u64, end: u64) -> impl Iterator<Item = &Row> {
        let from = self.rows.partition_point(|row| row.at <= first).saturating_sub(1);
        self.rows[from..].iter().take_while(move |row| row.at < end).filter(move |_| first < end)
    }

    fn whole(&self) -> Span {
        Span { first: 0, blocks: self.len, hash: 0 }
    }

    /// The dots of these ranges.
    fn dots_of(&self, spans: &[Span]) -> CausalContext {
        let mut blocks = CausalContext::default();
        for span in spans {
            let (first, end) = (span.first, span.first.saturating_add(span.blocks).min(self.len));
            let rows = self.rows_in(first, end);
            blocks.extend(rows.map(|row| row.dots(row.blocks_in(first, end))));
        }
        blocks.extend(self.beyond.iter().map(|row| row.dots(row.first..=row.last)));
        blocks.intersection(&self.dots)
    }
}

impl Row {
    /// The numbers of its blocks with places in `first..end`, of which there is one.
    fn blocks_in(&self, first: u64, end: u64) -> RangeInclusive<u64> {
        let from = self.first + first.saturating_sub(self.at);
        let to = self.first.saturating_add(end - 1 - self.at);
        from..=to.min(self.last)
    }

    fn dots(&self, blocks: RangeInclusive<u64>) -> (ReplicaId, Intervals) {
        let mut dots = Intervals::default();
        dots.insert_range(blocks.start() * BLOCK, blocks.end() * BLOCK + (BLOCK - 1));
        (self.id, dots)
    }
}

/// The blocks of these dots, each once: runs of one replica may share one.
fn rows_of(dots: &CausalContext) -> Vec<Row> {
    let mut rows = Vec::<Row>::new();
    for (id, seen) in dots.iter() {
        for (first, last) in seen.iter().map(|(first, last)| (first / BLOCK, last / BLOCK)) {
            match rows.last_mut() {
                Some(row) if row.id == id && first <= row.last + 1 => row.last = last,
                _ => rows.push(Row { id, first, last, at: 0 }),
            }
        }
    }
    rows
}

/// These ranges, each without what comes before the end of another before it.
fn apart(spans: &[Span]) -> impl Iterator<Item = Span> + '_ {
    spans.iter().scan(0, |end, span| {
        let first = span.first.max(*end);
        *end = span.first.saturating_add(span.blocks).max(first);
        Some(Span { first, blocks: *end - first, hash: span.hash })
    })
}

fn sum(live: &[Hashed]) -> u64 {
    live.iter().fold(0, |sum, (_, hash)| sum.wrapping_add(*hash))
}

/// From the first of these blocks to the last.
fn tight(live: &[Hashed]) -> Span {
    let first = live.first().map_or(0, |(at, _)| *at);
    let last = live.last().map_or(0, |(at, _)| *at);
    Span { first, blocks: last - first + 1, hash: sum(live) }
}

/// The donor's side: what it compares, and what it found to differ.
#[derive(Clone, Debug)]
pub(super) struct Comparison {
    past: Past,
    different: Vec<Span>,
}

impl Comparison {
    /// The comparison with the state that `start` describes, and the first questions.
    pub(super) fn begin(dots: CausalContext, salt: u64, start: &Digest, pieces: usize) -> (Self, Vec<Span>) {
        let mut comparison = Self { past: Past::new(dots, salt), different: Vec::new() };
        let whole = comparison.past.whole();
        let live = comparison.past.hashed(start, &whole);
        let questions = comparison.divide(whole, &live, pieces);
        (comparison, questions)
    }

    /// The next questions, after these answers.
    pub(super) fn narrow(
        &mut self,
        start: &Digest,
        answers: &[Span],
        pieces: usize,
        most: usize,
    ) -> Vec<Span> {
        let mut questions = Vec::new();
        for answer in apart(answers) {
            let live = self.past.hashed(start, &answer);
            if sum(&live) != answer.hash {
                let pieces = if questions.len().saturating_add(pieces) > most { 1 } else { pieces };
                questions.extend(self.divide(answer, &live, pieces));
            }
        }
        questions
    }

    /// The dots of the blocks that differ.
    pub(super) fn different(&self) -> CausalContext {
        self.past.dots_of(&self.different)
    }

    /// Divides all of a range that differs, also what lies between the blocks that are live here: the
    /// other may have something there. What cannot be divided differs.
    fn divide(&mut self, span: Span, live: &[Hashed], pieces: usize) -> Vec<Span> {
        if live.len() <= 1 || pieces <= 1 {
            self.different.push(span);
            return Vec::new();
        }
        let mut chunks = live.chunks(live.len().div_ceil(pieces)).peekable();
        let (mut first, end) = (span.first, span.first.saturating_add(span.blocks));
        let mut questions = Vec::new();
        while let Some(chunk) = chunks.next() {
            let next = chunks.peek().and_then(|next| next.first()).map_or(end, |(at, _)| *at);
            questions.push(Span { first, blocks: next - first, hash: sum(chunk) });
            first = next;
        }
        questions
    }
}
