//! What users of each type see, in literal values: concurrent writes in both orders of replica ids
//! and of delivery, by deltas and by whole states.

mod bounded;
mod bytes;
mod flags;
mod ids;
mod inspection;
mod observed;
mod plain;
mod printed;
mod registers;
mod sets;
mod stamps;

use std::fmt::Debug;

use crdt_core::codec::{Limits, Wire};
use crdt_core::{Crdt, Delta, Doc, Replica, ReplicaId};

/// What one replica does to a value.
type Edit<'f, T> = &'f dyn Fn(<T as Crdt>::Editor<'_>);

/// After `before`, which all have seen, one replica does `left` and another one `right`; then both
/// and a third, which did nothing, read the same, whichever has the smaller id, whatever way the
/// updates take. Returns that reading.
fn at_once<T: Wire + Clone, R: PartialEq + Debug>(
    before: Edit<'_, T>,
    left: Edit<'_, T>,
    right: Edit<'_, T>,
    read: impl Fn(&T) -> R,
) -> R {
    let [one, other] = [(1, 2), (2, 1)].map(|(left_id, right_id)| {
        let mut founder = Replica::new(ReplicaId::from_u128(9));
        let mut replicas = [left_id, right_id].map(|id| Replica::new(ReplicaId::from_u128(id)));
        let mut start = Doc::<T>::default();
        let _ = start.update(&mut founder, before);
        let mut docs = [start.clone(), start.clone()];
        let first = docs[0].update(&mut replicas[0], left);
        let second = docs[1].update(&mut replicas[1], right);
        every_way(&start, &docs, [first, second], &read)
    });
    assert_eq!(one, other, "the replica ids must not decide");
    one
}

/// Merges in every way that there is, and returns what all of them read.
fn every_way<T: Wire + Clone, R: PartialEq + Debug>(
    start: &Doc<T>,
    docs: &[Doc<T>; 2],
    [first, second]: [Delta<T>; 2],
    read: &impl Fn(&T) -> R,
) -> R {
    let merged = |base: &Doc<T>, deltas: &[&Delta<T>]| {
        let mut doc = base.clone();
        for delta in deltas {
            doc.merge((*delta).clone());
            let bytes = delta.encode().expect("plain values have bytes");
            doc.merge(Delta::decode(&bytes, &Limits::default()).expect("what was written is read"));
        }
        doc
    };
    let mut by_state = docs[0].clone();
    by_state.merge_from(&docs[1]);
    let empty = Doc::<T>::default();
    let whole = start.to_delta();
    let all = [
        by_state,
        merged(&docs[0], &[&second]),
        merged(&docs[1], &[&first]),
        merged(start, &[&first, &second]),
        merged(start, &[&second, &first, &second]),
        merged(&empty, &[&second, &first, &whole]),
    ];
    for doc in &all {
        assert_eq!(doc.fingerprint(), all[0].fingerprint());
        assert_eq!(read(doc), read(&all[0]));
    }
    read(&all[0])
}

fn replica(id: u128) -> Replica {
    Replica::new(ReplicaId::from_u128(id))
}
