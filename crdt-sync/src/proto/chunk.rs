//! Pieces of a document, as a walk reads them.

use crdt_core::codec::{Wire, Writer};
use crdt_core::{Delta, Doc, Walk};

use super::config::Config;

/// The next piece of a walk: as much as its nodes may be held up by, and as fits in a frame.
pub(super) fn next_chunk<T: Wire>(walk: &mut Walk<T>, doc: &Doc<T>, config: &Config) -> Option<Delta<T>> {
    walk.next_chunk(doc, config.walk_entries, config.batch_bytes, encoded_len::<T>)
}

fn encoded_len<T: Wire>(entry: &T::Entry) -> usize {
    let mut bytes = Writer::default();
    // An entry that was decoded or checked when it was written can be encoded again.
    T::encode_entry(entry, &mut bytes).map_or(0, |()| bytes.len())
}
