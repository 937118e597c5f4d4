//! Many replicas, met in any order: they cost their number, not its square.

use std::time::{Duration, Instant};

use crdt_core::clock::CausalContext;
use crdt_core::codec::Limits;
use crdt_core::{Delta, Doc, Dot, OrSet, Replica, ReplicaId};

use super::crowds::no_square;
use super::turn;

/// As many for each one of a crowd: moving one past the other is cheap, so that it takes many to see it.
const EACH: usize = 4;

fn id(n: usize) -> ReplicaId {
    ReplicaId::from_u128(n as u128)
}

#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
fn time(what: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    what();
    begun.elapsed()
}

/// One dot of each, the largest id first.
fn falling(ids: impl DoubleEndedIterator<Item = usize>) -> CausalContext {
    ids.rev().map(|n| Dot::new(id(n), 1)).collect()
}

#[test]
fn contexts_of_many_replicas_cost_their_number_whatever_their_order() {
    let _turn = turn();
    no_square("in falling order", |size| {
        time(|| assert_eq!(falling(0..size * EACH).len(), (size * EACH) as u64))
    });
    no_square("all of one before all of the other", |size| {
        let (low, mut high) = (falling(0..size * EACH), falling(size * EACH..2 * size * EACH));
        time(|| assert!(high.union_with(&low)))
    });
}

/// The delta that says that the first dot of a replica is gone.
fn gone(n: usize) -> Delta<OrSet<usize>> {
    let bytes = [&[1, 1][..], id(n).as_bytes(), &[0, 1, 0, 0]].concat();
    Delta::decode(&bytes, &Limits::default()).unwrap()
}

#[test]
fn documents_of_many_replicas_cost_their_number_whatever_their_order() {
    let _turn = turn();
    no_square("of nothing but what is gone", |size| {
        let mut doc = Doc::<OrSet<usize>>::default();
        (0..size * EACH).rev().for_each(|n| _ = doc.merge(gone(n)));
        time(|| {
            assert_eq!(doc.context().replicas(), size * EACH);
            assert!(doc.encode().unwrap().len() > 16 * size * EACH);
        })
    });
    no_square("of elements that are taken out", |size| {
        let mut doc = Doc::<OrSet<usize>>::default();
        for n in (0..size * EACH).rev() {
            let _ = doc.update(&mut Replica::new(id(n)), |set| set.insert(n));
        }
        let mut me = Replica::new(id(size * EACH));
        time(|| assert_eq!(doc.update(&mut me, |set| set.clear()).dead().replicas(), size * EACH))
    });
}
