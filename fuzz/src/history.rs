//! A document with a past, for hostile deltas to meet.

use crdt_core::clock::CausalContext;
use crdt_core::{Delta, Doc, Replica, ReplicaId};

use crate::shapes::Shape;

/// Two replicas with the ids 1 and 2 wrote, took away and wrote again, and met in between.
#[must_use]
pub fn doc<T: Shape>() -> Doc<T> {
    let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
    let (mut here, mut there) = (Doc::<T>::default(), Doc::<T>::default());
    for salt in 0..3 {
        let _ = here.update(&mut a, |editor| T::scribble(&editor, salt));
        let _ = there.update(&mut b, |editor| T::scribble(&editor, salt + 1));
    }
    there.merge_from(&here);
    let _ = there.update(&mut b, |editor| T::reset(&editor));
    let _ = here.update(&mut a, |editor| T::scribble(&editor, 4));
    let _ = there.update(&mut b, |editor| T::scribble(&editor, 5));
    here.merge_from(&there);
    here
}

/// All chunks of a walk over a document that stands still.
pub fn chunks<T: Shape>(donor: &Doc<T>, receiver: &CausalContext, size: usize) -> Vec<Delta<T>> {
    let mut walk = donor.walk(receiver, usize::MAX);
    let mut chunks = Vec::new();
    while let Some(chunk) = walk.next_chunk(donor, size, usize::MAX, |_| 1) {
        // A step that only sorts what it found brings nothing yet.
        if !chunk.is_empty() {
            chunks.push(chunk);
        }
    }
    chunks
}
