//! A whole state on its way to the store.

use crdt_core::clock::CausalContext;

use super::config::Config;
use super::document::{Document, WalkId};
use super::persist::{Head, Whole};

/// The state as it was when this began, in pieces, while writes go on: a walk to one's own store.
///
/// The store counts it when the last piece is there, as a receiver of a walk does.
pub(super) struct Saving {
    walk: WalkId,
    whole: Whole,
}

/// What comes next of a state.
pub(super) enum Saved {
    Piece(Vec<u8>),
    /// All pieces are out.
    Whole(Whole),
    /// It came to nothing.
    Missed,
}

impl Saving {
    pub(super) fn begin(doc: &mut dyn Document, head: Head, claims: u64, config: &Config) -> Self {
        let walk = doc.begin_walk(&CausalContext::default(), config.walk_stash);
        Self { walk, whole: Whole { head, claims, bytes: 0 } }
    }

    /// The next piece, the head first; nothing once all are out, or if it is of no use.
    pub(super) fn next(&mut self, doc: &mut dyn Document, config: &Config) -> Option<Vec<u8>> {
        if doc.is_overflown(self.walk) {
            return None;
        }
        let piece = if self.whole.bytes == 0 {
            self.whole.head.encode(config)
        } else {
            let chunk = doc.next_chunk(self.walk, config.walk_entries, config.batch_bytes)?;
            // Whatever is in the document was encoded or decoded before.
            chunk.ok()?.bytes
        };
        self.whole.bytes += piece.len();
        Some(piece)
    }

    /// Ends it. Returns what it was, once all pieces are out.
    pub(super) fn end(self, doc: &mut dyn Document) -> Saved {
        let missed = doc.is_overflown(self.walk);
        doc.end_walk(self.walk);
        if missed { Saved::Missed } else { Saved::Whole(self.whole) }
    }
}
