//! A whole state on its way to the store.

use crdt_core::clock::CausalContext;
use crdt_core::codec::Wire;
use crdt_core::{Delta, Doc, Walk};

use super::chunk::next_chunk;
use super::config::Config;
use super::persist::{Head, Whole};

/// The state as it was when this began, in pieces, while writes go on: a walk to one's own store.
///
/// The store counts it when the last piece is there, as a receiver of a walk does.
pub(super) struct Saving<T: Wire> {
    walk: Walk<T>,
    whole: Whole,
    /// More died meanwhile than may be kept: it is of no use.
    overflow: bool,
}

/// What comes next of a state.
pub(super) enum Saved {
    Piece(Vec<u8>),
    /// All pieces are out.
    Whole(Whole),
    /// It came to nothing.
    Missed,
}

impl<T: Wire> Saving<T> {
    pub(super) fn new(doc: &Doc<T>, head: Head, claims: u64, config: &Config) -> Self {
        let walk = doc.walk(&CausalContext::default(), config.walk_stash);
        Self { walk, whole: Whole { head, claims, bytes: 0 }, overflow: false }
    }

    /// The document is about to change.
    pub(super) fn before_merge(&mut self, doc: &Doc<T>, delta: &Delta<T>) {
        if !self.overflow {
            self.overflow = self.walk.before_merge(doc, delta).is_err();
        }
    }

    /// The next piece, the head first; nothing once all are out, or if it is of no use.
    pub(super) fn next(&mut self, doc: &Doc<T>, config: &Config) -> Option<Vec<u8>> {
        let piece = match self.whole.bytes {
            _ if self.overflow => None,
            0 => Some(self.whole.head.encode(config)),
            // Whatever is in the document was encoded or decoded before.
            _ => next_chunk(&mut self.walk, doc, config).and_then(|chunk| chunk.encode().ok()),
        }?;
        self.whole.bytes += piece.len();
        Some(piece)
    }

    /// What it was, once all pieces are out.
    pub(super) fn end(self) -> Saved {
        if self.overflow { Saved::Missed } else { Saved::Whole(self.whole) }
    }
}
