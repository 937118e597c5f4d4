//! Deltas by themselves: grouped, sized, left alone.

use std::time::Duration;

use crdt_core::{Delta, Doc, OrSet, Replica, ReplicaId};

use crate::timing::within;

/// B44: a batch that was copied for every delta that joined it took minutes for what takes
/// milliseconds, and only in one of the two orders of arguments.
#[test]
fn a_batch_grows_by_what_joins_it_in_either_order() {
    let (mut doc, mut me) = (Doc::<OrSet<u32>>::default(), Replica::new(ReplicaId::from_u128(1)));
    let deltas: Vec<_> = (0..60_000).map(|n| doc.update(&mut me, |set| set.insert(n))).collect();
    let batch = within(Duration::from_secs(2), || {
        let mut batch = Delta::default();
        deltas.iter().for_each(|delta| batch.merge(delta.clone()));
        batch
    });
    let turned = within(Duration::from_secs(2), || {
        deltas.iter().fold(Delta::default(), |batch, delta| {
            let mut longer = delta.clone();
            longer.merge(batch);
            longer
        })
    });
    assert_eq!(batch.entries().len(), 60_000);
    assert!(batch == turned && batch == doc.to_delta());
}
