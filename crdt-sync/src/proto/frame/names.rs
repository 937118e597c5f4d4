//! Ids by their first bytes.
//!
//! Ids are random, so two bytes tell those of a cluster apart, but for a few. Who sends an update names
//! its origin so only if the peer has said that it has updates of the same origin, and no other id that
//! either has is known to begin alike. Who takes it looks among all ids that it has. The one that is meant
//! is there. If it is the only one, that is it, whatever was lost before; if there is another one, which
//! the sender did not know of, nothing is taken.

use crdt_core::ReplicaId;
use crdt_core::clock::CausalContext;

/// The first bytes of an id.
pub(super) type Short = [u8; 2];

pub(super) fn short(id: ReplicaId) -> Short {
    let [first, second, ..] = *id.as_bytes();
    [first, second]
}

/// The id that begins so, if there is exactly one.
pub(super) fn resolve(short: Short, ids: &CausalContext) -> Option<ReplicaId> {
    let mut like = like(short, ids);
    like.next().filter(|_| like.next().is_none())
}

/// Whether a peer that said that it has `theirs` can tell by the first bytes which id is meant, as far as
/// a node can know that has `ours`.
pub(crate) fn is_told_by_short(id: ReplicaId, theirs: &CausalContext, ours: &CausalContext) -> bool {
    let mut like = like(short(id), theirs).chain(like(short(id), ours));
    theirs.get(id).is_some() && like.all(|like| like == id)
}

/// The ids that begin so.
fn like(short: Short, ids: &CausalContext) -> impl Iterator<Item = ReplicaId> {
    let bound = |fill| {
        let mut bytes = [fill; 16];
        bytes[..short.len()].copy_from_slice(&short);
        ReplicaId::from_bytes(bytes)
    };
    ids.range(bound(0)..=bound(0xff)).map(|(id, _)| id)
}
