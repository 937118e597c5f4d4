//! Memory that states hold, and give back.

use crdt_core::{Crdt, Doc, GCounter, LwwMap, LwwRegister, OrMap, OrSet, Replica, ReplicaId};

use super::{held, turn};

fn filled<T: Crdt>(fill: impl Fn(T::Editor<'_>)) -> Doc<T> {
    let mut doc = Doc::<T>::default();
    let _ = doc.update(&mut Replica::new(ReplicaId::from_u128(1)), fill);
    doc
}

/// What the statistics say is what the allocator counted, to a fifth.
#[test]
fn statistics_say_how_much_memory_a_document_holds() {
    fn check<T: Crdt>(name: &str, fill: impl Fn(T::Editor<'_>)) {
        let (held, doc) = held(|| filled::<T>(fill));
        let said = doc.stats().bytes;
        assert!(said.abs_diff(held) * 5 <= held, "{name}: it says {said} and holds {held}");
    }
    let _turn = turn();
    check::<OrSet<u64>>("OrSet", |set| set.extend(0..20_000));
    check::<LwwMap<u64, u64>>("LwwMap", |map| map.extend((0..20_000).map(|n| (n, n))));
    check::<OrMap<u64, GCounter>>("OrMap of counters", |map| (0..2_000).for_each(|n| map.entry(&n).add(1)));
    check::<OrMap<u64, OrSet<u64>>>("OrMap of sets", |map| {
        (0..2_000).for_each(|n| map.entry(&n).extend(0..3));
    });
    check::<OrMap<u64, LwwRegister<u64>>>("OrMap of registers", |map| {
        (0..2_000).for_each(|n| map.entry(&n).set(n));
    });
}
