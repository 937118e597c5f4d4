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
    /// A part of it cannot be encoded: a user's value that refuses. Without it the rest would be another
    /// state.
    is_unwritable: bool,
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
        Self { walk, whole: Whole { head, claims, bytes: 0 }, is_unwritable: false }
    }

    /// The next piece, the head first; nothing once all are out, or if it is of no use.
    pub(super) fn next(&mut self, doc: &mut dyn Document, config: &Config) -> Option<Vec<u8>> {
        if self.is_of_no_use(doc) {
            return None;
        }
        let piece = if self.whole.bytes == 0 {
            self.whole.head.encode(config)
        } else {
            match doc.next_chunk(self.walk, config.walk_entries, config.batch_bytes)? {
                Ok(chunk) => chunk.bytes,
                Err(_) => {
                    self.is_unwritable = true;
                    return None;
                }
            }
        };
        self.whole.bytes += piece.len();
        Some(piece)
    }

    fn is_of_no_use(&self, doc: &dyn Document) -> bool {
        self.is_unwritable || doc.is_overflown(self.walk)
    }

    /// Ends it. Returns what it was, once all pieces are out.
    pub(super) fn end(self, doc: &mut dyn Document) -> Saved {
        let missed = self.is_of_no_use(doc);
        doc.end_walk(self.walk);
        if missed { Saved::Missed } else { Saved::Whole(self.whole) }
    }
}
