//! Memory that states hold, and give back.

use std::collections::BTreeSet;

use crdt_core::codec::Limits;
use crdt_core::{
    BoundedCounter, Crdt, Delta, Doc, GCounter, LwwMap, LwwRegister, OrMap, OrSet, Replica, ReplicaId,
};

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

/// A counter with one writer has room for what was counted, and for the next time that it is.
#[test]
fn counters_in_a_map_hold_no_room_for_others() {
    const KEYS: u64 = 2_000;
    fn check<T: Crdt>(name: &str, count: impl Fn(T::Editor<'_>)) {
        let mut me = Replica::new(ReplicaId::from_u128(1));
        let mut counters = Doc::<OrMap<u64, T>>::default();
        let mut count_all = || {
            let all =
                held(|| (0..KEYS).for_each(|n| _ = counters.update(&mut me, |map| count(map.entry(&n)))));
            all.0 / KEYS as usize
        };
        let (once, again) = (count_all(), count_all());
        assert!(once < 240 && once + again < 320, "{name}: {once} and {again} bytes a key");
    }
    let _turn = turn();
    check::<GCounter>("GCounter", |counter| counter.add(1));
    check::<BoundedCounter>("BoundedCounter", |counter| counter.add(1));
}

/// Of 30,000 keys all but 1,000 go, whichever these are; then a state that never had any others holds
/// about as much.
#[test]
fn mass_removal_gives_back_the_memory() {
    fn check<T: Crdt>(
        name: &str,
        most: usize,
        fill: impl Fn(T::Editor<'_>),
        thin: impl Fn(T::Editor<'_>),
        few: impl Fn(T::Editor<'_>),
    ) {
        let (fresh, doc) = held(|| filled::<T>(few));
        let (left, thinned) = held(|| {
            let mut doc = filled::<T>(fill);
            let _ = doc.update(&mut Replica::new(ReplicaId::from_u128(1)), thin);
            doc
        });
        assert_eq!(thinned.live_len(), doc.live_len());
        assert!(left * 10 <= fresh * most, "{name}: {left} held, where {fresh} would do");
    }
    const ALL: u64 = 30_000;
    let _turn = turn();
    let key = |n: u64| format!("user:{n:06}");
    let last = |n: u64| n >= ALL - 1_000;
    let scattered = |n: u64| n % 30 == 12;
    check::<OrSet<String>>(
        "the last of a set",
        12,
        |s| s.extend((0..ALL).map(key)),
        |s| s.retain(|k| last(k[5..].parse().unwrap())),
        |s| s.extend((0..1_000).map(key)),
    );
    check::<OrSet<String>>(
        "some of a set",
        20,
        |s| s.extend((0..ALL).map(key)),
        |s| s.retain(|k| scattered(k[5..].parse().unwrap())),
        |s| s.extend((0..1_000).map(key)),
    );
    check::<OrMap<u64, OrSet<u64>>>(
        "the last of a map",
        12,
        |m| (0..ALL).for_each(|n| m.entry(&n).insert(n)),
        |m| m.retain(|n, _| last(*n)),
        |m| (0..1_000).for_each(|n| m.entry(&n).insert(n)),
    );
    check::<OrMap<u64, OrSet<u64>>>(
        "some of a map",
        20,
        |m| (0..ALL).for_each(|n| m.entry(&n).insert(n)),
        |m| m.retain(|n, _| scattered(*n)),
        |m| (0..1_000).for_each(|n| m.entry(&n).insert(n)),
    );
}

/// Keys come and go, a hundred at a time and a thousand at once: what is left of those that are gone is a
/// tenth at most.
#[test]
fn what_came_and_went_leaves_no_memory_behind() {
    let _turn = turn();
    let keys = |from: u64, many: u64| (from..from + many).map(|n| format!("user:{n:06}"));
    let (fresh, doc) = held(|| filled::<OrSet<String>>(|set| set.extend(keys(20_000, 1_000))));
    let (left, busy) = held(|| {
        let (mut me, mut doc) = (Replica::new(ReplicaId::from_u128(1)), Doc::<OrSet<String>>::default());
        for from in (0..21_000).step_by(100) {
            let _ = doc.update(&mut me, |set| set.extend(keys(from, 100)));
            let gone: BTreeSet<_> =
                from.checked_sub(1_000).into_iter().flat_map(|old| keys(old, 100)).collect();
            let _ = doc.update(&mut me, |set| set.retain(|key| !gone.contains(key)));
        }
        doc
    });
    assert_eq!(busy.sorted(), doc.sorted());
    assert!(left * 10 <= fresh * 11, "{left} held, where {fresh} would do");
}

/// A newer build's struct, and an older one's, which cannot read half of it.
#[derive(Crdt)]
struct New {
    names: OrMap<u64, LwwMap<u8, u64>>,
    tags: OrSet<u64>,
}

#[derive(Crdt)]
struct Old {
    names: OrMap<u64, LwwMap<u8, u64>>,
}

/// Giving back the memory moves what is left: conflicts, and what cannot be read, are still there, and can
/// be changed and removed.
#[test]
fn what_is_left_after_mass_removal_is_as_it_was() {
    let _turn = turn();
    let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
    let (mut here, mut there) = (Doc::<New>::default(), Doc::<New>::default());
    let _ = here.update(&mut a, |doc| {
        (0..3_000).for_each(|n| doc.names.entry(&n).insert(0, n));
        doc.tags.extend(0..600);
    });
    let rivals = there.update(&mut b, |doc| (0..10).for_each(|n| doc.names.entry(&n).insert(0, 1_000 + n)));
    here.merge(rivals);
    let mut old = Doc::<Old>::decode(&here.encode().unwrap(), &Limits::default()).unwrap();
    assert_eq!(old.live_len(), 3_610);

    let removal = old.update(&mut b, |doc| doc.names.retain(|n, _| *n < 20));
    here.merge(Delta::decode(&removal.encode().unwrap(), &Limits::default()).unwrap());
    assert_eq!((old.fingerprint(), old.encode().unwrap()), (here.fingerprint(), here.encode().unwrap()));
    assert_eq!((old.names.len(), here.names.len(), here.tags.len()), (20, 20, 600));
    assert_eq!((old.find_conflicts().len(), here.find_conflicts().len()), (10, 10));
    assert!(here.names.iter().all(|(n, names)| names.siblings(&0).count() == if *n < 10 { 2 } else { 1 }));

    let last = here.update(&mut a, |doc| {
        doc.names.entry(&5).insert(0, 7);
        doc.names.retain(|n, _| *n < 6);
        doc.tags.retain(|n| *n < 3);
        doc.tags.insert(9_999);
    });
    old.merge(Delta::decode(&last.encode().unwrap(), &Limits::default()).unwrap());
    assert_eq!((old.fingerprint(), old.encode().unwrap()), (here.fingerprint(), here.encode().unwrap()));
    assert_eq!(here.names.get(&5).map(|names| names.siblings(&0).count()), Some(1));
    assert_eq!((old.names.len(), here.tags.sorted()), (6, vec![&0, &1, &2, &9_999]));
}
