//! Deltas by themselves: grouped, sized, left alone.

use std::time::Duration;

use crdt_core::{Delta, Doc, OrSet, Replica, ReplicaId};

use crate::sites::{Site, shuffle, through_bytes};
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

/// A group never says of one dot that it is live and that it is gone.
#[test]
fn a_group_is_the_same_in_every_order() {
    let (mut a, mut b) = (Site::<OrSet<u8>>::new(1), Site::<OrSet<u8>>::new(2));
    let _ = a.edit(|set| (0..5).for_each(|n| set.insert(n)));
    b.hear(&a.said[0]);
    let _ = b.edit(|set| set.insert(9));
    let _ = b.edit(|set| set.remove(&3));
    let _ = a.edit(|set| set.insert(1));
    let _ = b.edit(|set| set.insert(4));
    let mut said: Vec<_> = a.said.iter().chain(&b.said).cloned().collect();
    for round in 0..60 {
        shuffle(&mut said, round);
        let mut group = Delta::default();
        said.iter().for_each(|delta| group.merge(delta.clone()));
        let live: Vec<_> =
            group.entries().iter().map(|(dot, n)| (dot.replica.as_u128(), dot.seq, *n)).collect();
        assert_eq!(live, [(1, 1, 0), (1, 3, 2), (1, 6, 1), (2, 1, 9), (2, 2, 4)]);
        assert_eq!(
            format!("{:?}", group.dead().iter().map(|(_, seqs)| seqs).collect::<Vec<_>>()),
            "[{2,4-5}]"
        );
        assert!(through_bytes(&group) == group);
    }
}
