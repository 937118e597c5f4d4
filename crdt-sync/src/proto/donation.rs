//! A walk that is being given.

use std::time::Duration;

use crdt_core::Span;
use crdt_core::clock::CausalContext;

use super::config::Config;
use super::document::{Chunk, Document, WalkId};
use super::frame::{Frame, max_spans};
use super::log::Position;

/// One walk to one peer, from its start to its end.
pub(super) struct Donation {
    walk: WalkId,
    pub(super) id: u64,
    /// What was applied at the start: what the receiver may claim at the end.
    pub(super) updates: CausalContext,
    /// What the document held in part at the start.
    parts: CausalContext,
    /// What the receiver has seen, and the document had not.
    unseen: CausalContext,
    /// Where the receiver is asked whether it differs, until that is sent.
    questions: Vec<Span>,
    /// The log is kept from here on: what is newer than the start is sent when the walk is over.
    pub(super) pin: Position,
    /// When it counts as standing still, because the stream takes nothing.
    pub(super) deadline: Duration,
    /// A chunk is larger than agreed.
    is_too_large: bool,
    stage: Stage,
    /// The chunk that is being sent, and how much of it is out.
    chunk: Vec<u8>,
    out: usize,
    /// Frames with chunks and questions sent so far.
    frames: u64,
    /// The index of the question that is not answered yet.
    asked: Option<u64>,
}

/// What is told of the state at the start.
pub(super) struct Start {
    pub(super) updates: CausalContext,
    pub(super) parts: CausalContext,
    pub(super) unseen: CausalContext,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Begin,
    Chunks,
    Ended,
}

/// Room in a frame for everything but a chunk's bytes.
const HEAD: usize = 2 + 10 + 10 + 1;

impl Donation {
    pub(super) fn begin(
        doc: &mut dyn Document,
        receiver: &CausalContext,
        id: u64,
        start: Start,
        pin: Position,
        deadline: Duration,
        config: &Config,
    ) -> Self {
        let walk = doc.begin_walk(receiver, config.walk_stash);
        Self {
            walk,
            id,
            updates: start.updates,
            parts: start.parts,
            unseen: start.unseen,
            questions: doc.compare(walk, id, config.walk_ranges.min(max_spans(config))),
            pin,
            deadline,
            is_too_large: false,
            stage: Stage::Begin,
            chunk: Vec::new(),
            out: 0,
            frames: 0,
            asked: None,
        }
    }

    /// The document need not keep anything for it any more.
    pub(super) fn end(&self, doc: &mut dyn Document) {
        doc.end_walk(self.walk);
    }

    /// Whether it has to start again: more died than the walk may keep, or a chunk is larger than agreed.
    pub(super) fn is_overflown(&self, doc: &dyn Document) -> bool {
        self.is_too_large || doc.is_overflown(self.walk)
    }

    /// Whether the last frame is out.
    pub(super) fn is_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// The next frame, of about `budget` bytes, or nothing while the receiver's answer is awaited, or
    /// once the walk is of no use.
    pub(super) fn next_frame(
        &mut self,
        doc: &mut dyn Document,
        budget: usize,
        config: &Config,
    ) -> Option<Vec<u8>> {
        let id = self.id;
        if self.stage == Stage::Begin {
            self.stage = Stage::Chunks;
            let (updates, parts) = (self.updates.clone(), self.parts.clone());
            let unseen = std::mem::take(&mut self.unseen);
            return Some(Frame::Begin { id, updates, parts, unseen }.encode());
        }
        if !self.questions.is_empty() {
            return Some(self.ask());
        }
        if self.out == self.chunk.len() && !self.next_chunk(doc, config) {
            if doc.is_comparing(self.walk) {
                return None;
            }
            self.stage = Stage::Ended;
            return Some(Frame::End { id, chunks: self.frames }.encode());
        }
        if self.is_overflown(doc) {
            return None;
        }
        let room = budget.min(config.max_frame).saturating_sub(HEAD).max(1);
        let left = &self.chunk[self.out..];
        let bytes = &left[..left.len().min(room)];
        let last = bytes.len() == left.len();
        let frame = Frame::Chunk { id, index: self.frames, last, bytes }.encode();
        self.out += bytes.len();
        self.frames += 1;
        Some(frame)
    }

    /// Asks the receiver where it differs. While it answers, chunks go on.
    fn ask(&mut self) -> Vec<u8> {
        let (id, index, spans) = (self.id, self.frames, std::mem::take(&mut self.questions));
        self.frames += 1;
        self.asked = Some(index);
        Frame::Compare { id, index, spans }.encode()
    }

    /// The receiver answered the question with this index.
    pub(super) fn answered(
        &mut self,
        doc: &mut dyn Document,
        (index, spans): (u64, &[Span]),
        config: &Config,
    ) {
        if self.asked.take_if(|asked| *asked == index).is_some() {
            self.questions = doc.narrow(self.walk, spans, config.walk_pieces(), max_spans(config));
        }
    }

    /// Reads the next chunk from the document, if there is one.
    fn next_chunk(&mut self, doc: &mut dyn Document, config: &Config) -> bool {
        let next = doc.next_chunk(self.walk, config.walk_entries, config.batch_bytes);
        let Some(chunk) = next else { return false };
        let limits = config.chunk_limits();
        let fits =
            |chunk: &Chunk| chunk.bytes.len() <= limits.max_bytes && chunk.entries <= limits.max_entries;
        let chunk = chunk.ok().filter(fits);
        self.is_too_large |= chunk.is_none();
        (self.chunk, self.out) = (chunk.map_or_else(Vec::new, |chunk| chunk.bytes), 0);
        true
    }
}
