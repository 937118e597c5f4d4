//! What registers, and maps of them, got wrong elsewhere.

use crdt_core::clock::{Clock, Stamp};
use crdt_core::codec::Wire;
use crdt_core::{Crdt, Doc, LwwMap, LwwRegister, OrMap, Replica, ReplicaId};

use crate::sites::{Dice, Site, both_orders, every_order, same, settled};

struct Fixed(u64);

impl Clock for Fixed {
    fn now_millis(&mut self) -> u64 {
        self.0
    }
}

/// A site whose clock stands still.
fn at_millis<T: Wire>(id: u128, millis: u64) -> Site<T> {
    let mut site = Site::new(id);
    site.me = Replica::with_clock(ReplicaId::from_u128(id), Fixed(millis));
    site
}

/// B27: stamps tie, and each replica keeps its own value.
#[test]
fn equal_stamps_show_one_value_everywhere() {
    every_order::<LwwRegister<u128>>(|mut a, mut b, mut c| {
        for site in [&mut a, &mut b, &mut c] {
            let id = site.me.id().as_u128();
            let _ = site.edit(|register| register.set(id));
        }
        let all = settled(&[&a, &b, &c]);
        assert_eq!(all.siblings().collect::<Vec<_>>(), [&3, &2, &1], "by id, the losers readable");
        for site in [&mut a, &mut b, &mut c] {
            site.doc.merge_from(&all);
            assert_eq!(site.doc.get(), Some(&3));
        }
        let _ = a.edit(|register| register.set(9));
        assert_eq!(settled(&[&a, &b, &c]).siblings().collect::<Vec<_>>(), [&9], "the next write settles it");
    });
}

/// B49: ids that were cut to 16 bits in the order of writes are equal, and so is nothing else.
#[test]
fn a_tie_is_decided_by_the_whole_id() {
    let ids = [1, 1 | 1 << 16, 1 | 1 << 64, 1 | 1 << 127];
    for (low, high) in [(0, 1), (1, 2), (2, 3), (0, 3)].map(|(low, high)| (ids[low], ids[high])) {
        let (mut a, mut b) = (Site::<LwwRegister<u8>>::new(low), Site::<LwwRegister<u8>>::new(high));
        let _ = b.edit(|register| register.set(2));
        let _ = a.edit(|register| register.set(1));
        assert_eq!(settled(&[&a, &b]).get(), Some(&2));
    }
}

/// B46, B52: the map showed the highest tag of a key and kept those that were written over: a value of
/// another replica that had been learned and overwritten won again after the next merge.
#[test]
fn an_overwrite_takes_all_that_it_saw() {
    both_orders::<LwwMap<u8, u8>>(|mut a, mut b| {
        let _ = b.edit(|map| map.insert(1, 1));
        let stale = b.doc.to_delta();
        a.hear_all(&b);
        let overwrite = a.edit(|map| map.insert(1, 2));
        assert_eq!((overwrite.entries().len(), overwrite.dead().len()), (1, 1));
        assert!(!a.hear(&stale));
        b.hear(&overwrite);
        assert_eq!((a.doc.get(&1), b.doc.get(&1)), (Some(&2), Some(&2)));
        assert_eq!(settled(&[&a, &b]).siblings(&1).collect::<Vec<_>>(), [Some(&2)]);
        let _ = a.edit(|map| map.remove(&1));
        assert!(!a.hear(&stale));
        let removed = settled(&[&a, &b]);
        assert_eq!((removed.get(&1), removed.len(), removed.live_len()), (None, 0, 1));
    });
    both_orders::<OrMap<u8, LwwRegister<u8>>>(|mut a, mut b| {
        let _ = b.edit(|map| map.entry(&1).set(1));
        let stale = b.doc.to_delta();
        a.hear_all(&b);
        let _ = a.edit(|map| map.entry(&1).set(2));
        assert!(!a.hear(&stale));
        assert_eq!(settled(&[&a, &b]).get(&1).unwrap().get(), Some(&2));
        let _ = a.edit(|map| map.remove(&1));
        assert!(!a.hear(&stale));
        assert_eq!(settled(&[&a, &b]).live_len(), 0);
    });
}

/// B46: and of several writers all that lost.
#[test]
fn an_overwrite_takes_the_losers_with_the_winner() {
    every_order::<LwwMap<u8, u8>>(|mut a, mut b, mut c| {
        for site in [&mut a, &mut b, &mut c] {
            let _ = site.edit(|map| map.insert(1, 1));
        }
        c.hear_all(&a);
        c.hear_all(&b);
        assert_eq!((c.doc.siblings(&1).count(), c.doc.conflicts().count()), (3, 1));
        let overwrite = c.edit(|map| map.insert(1, 2));
        assert_eq!((overwrite.entries().len(), overwrite.dead().len()), (1, 3));
        let all = settled(&[&a, &b, &c]);
        assert_eq!((all.siblings(&1).count(), all.conflicts().count()), (1, 0));
    });
}

/// B18: what changes nothing says nothing.
#[test]
fn the_removal_of_what_is_absent_ships_nothing() {
    let mut site = Site::<OrMap<u8, LwwMap<u8, u8>>>::new(1);
    assert!(site.edit(|map| map.entry(&1).remove(&1)).is_empty());
    assert!(site.edit(|map| map.entry(&1).clear()).is_empty());
    assert!(site.edit(|map| map.remove(&1)).is_empty());
    let _ = site.edit(|map| map.entry(&1).insert(1, 1));
    assert_eq!(site.edit(|map| map.entry(&1).remove(&1)).entries().len(), 1, "a removal is a write");
    assert!(site.edit(|map| map.entry(&1).remove(&1)).is_empty(), "once");
    assert!(site.edit(|map| map.remove(&1)).is_empty());
    assert_eq!((site.doc.len(), site.doc.live_len(), site.doc.context().len()), (0, 1, 2));
}

/// B10: values in a map were tagged with clocks that held dots of other keys, and cut down in the order
/// of merges: values that had been written over came back, at some replicas. Short random histories
/// showed it at once.
#[test]
fn no_order_of_merges_brings_back_an_overwritten_value() {
    for seed in 0..150 {
        let (mut sites, mut dice) =
            ([1, 2, 3].map(Site::<OrMap<u8, LwwRegister<usize>>>::new), Dice::new(seed));
        for step in 0..10 {
            let (at, key) = (dice.below(3), u8::try_from(dice.below(2)).unwrap());
            match dice.below(5) {
                0 | 1 => drop(sites[at].edit(|map| map.entry(&key).set(step))),
                2 => drop(sites[at].edit(|map| map.remove(&key))),
                _ => {
                    let heard = Doc::from(sites[dice.below(3)].doc.to_delta());
                    sites[at].doc.merge_from(&heard);
                }
            }
        }
        let [a, b, c] = &sites;
        let all = settled(&[a, b, c]);
        for order in [[a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
            same(&settled(&order), &all, "another order");
        }
    }
}

/// B29: "last write wins" in a map whose removals take only what they saw goes back in time. Here it is
/// a choice between two types, and each does what it says.
#[test]
fn an_older_write_that_a_removal_had_not_seen_shows_in_one_map_and_not_in_the_other() {
    both_orders::<LwwMap<u8, u8>>(|mut a, mut b| {
        let _ = b.edit(|map| map.insert(1, 1));
        (2..5).for_each(|value| drop(a.edit(|map| map.insert(1, value))));
        let _ = a.edit(|map| map.remove(&1));
        assert_eq!(settled(&[&a, &b]).get(&1), None, "the removal is a write, and later");
    });
    both_orders::<OrMap<u8, LwwRegister<u8>>>(|mut a, mut b| {
        let _ = b.edit(|map| map.entry(&1).set(1));
        (2..5).for_each(|value| drop(a.edit(|map| map.entry(&1).set(value))));
        let _ = a.edit(|map| map.remove(&1));
        assert_eq!(settled(&[&a, &b]).get(&1).unwrap().get(), Some(&1), "the removal had not seen it");
    });
}

/// B31, B50: a merge that looks at a clock refuses a stamp from the future here and takes it there; or
/// takes it, and the next local write loses against it without a word.
#[test]
fn a_stamp_from_the_future_is_merged_at_once_and_written_over() {
    let year = 365 * 24 * 3_600_000;
    let now = 50 * year;
    for (ahead, behind) in [(1, 2), (2, 1)] {
        let mut a = at_millis::<LwwMap<u8, u8>>(ahead, now + year);
        let (mut b, mut c) = (at_millis::<LwwMap<u8, u8>>(behind, now), at_millis(3, now + 2 * year));
        let future = a.edit(|map| map.insert(1, 1));
        assert!(b.hear(&future) && c.hear(&future));
        same(&b.doc, &c.doc, "whatever their clocks say");
        assert_eq!(b.doc.stamp(&1), Some(Stamp::from_millis(now + year)));
        let _ = b.edit(|map| map.insert(1, 2));
        assert_eq!((b.doc.get(&1), settled(&[&a, &b]).get(&1)), (Some(&2), Some(&2)));
        let _ = b.edit(|map| map.insert(2, 2));
        assert_eq!(b.doc.stamp(&2), Some(Stamp::from_millis(now).next()), "its own clock was not moved");
    }
}

/// B30, 2.1: a stamp at the end of time froze the register, or wrapped around.
#[test]
fn a_write_over_the_last_stamp_of_all_shows() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut a = at_millis::<LwwRegister<u8>>(first, u64::MAX);
        let mut b = at_millis::<LwwRegister<u8>>(second, 7);
        let last = a.edit(|register| register.set(1));
        assert_eq!(last.stamps().collect::<Vec<_>>(), [Stamp::MAX]);
        b.hear(&last);
        let over = b.edit(|register| register.set(2));
        assert_eq!(over.stamps().collect::<Vec<_>>(), [Stamp::MAX], "it does not wrap");
        a.hear(&over);
        assert_eq!((a.doc.get(), b.doc.get()), (Some(&2), Some(&2)), "it saw what it writes over");
        let _ = a.edit(|register| register.set(3));
        let _ = b.edit(|register| register.set(4));
        let larger = if first > second { 3 } else { 4 };
        assert_eq!(settled(&[&a, &b]).get(), Some(&larger), "and ties at the end are ties");
    }
}

/// 2.1: more stamps in a millisecond than the counter has room for, and a clock that steps back.
#[test]
fn stamps_increase_whatever_the_clock_does() {
    struct Stepping(Vec<u64>);
    impl Clock for Stepping {
        fn now_millis(&mut self) -> u64 {
            self.0.pop().unwrap_or(0)
        }
    }
    let hour = 3_600_000;
    let mut me = Replica::with_clock(ReplicaId::from_u128(1), Stepping(vec![hour, 2 * hour, 3 * hour]));
    let mut doc = Doc::<LwwRegister<u32>>::default();
    let mut last = Stamp::default();
    for value in 0..70_000 {
        let delta = doc.update(&mut me, |register| register.set(value));
        let stamp = delta.stamps().next().unwrap();
        assert!(stamp > last, "write {value}");
        last = stamp;
    }
    assert_eq!(doc.get(), Some(&69_999));
    assert_eq!(last.millis(), 3 * hour + 1, "the counter carried into the next millisecond");
}

/// B28: the advice was to use (time, id) as the stamp, and users passed times. The stamp is no argument
/// here; what decides is said in the type.
#[test]
fn entries_carry_their_stamps_for_whoever_keeps_a_clock() {
    #[derive(Crdt)]
    struct User {
        name: LwwRegister<u8>,
        roles: LwwMap<u8, u8>,
    }
    let mut site = Site::<OrMap<u8, User>>::new(1);
    site.me.observe(Stamp::from_bits(100));
    let delta = site.edit(|users| {
        users.entry(&1).name.set(1);
        users.entry(&1).roles.insert(1, 1);
    });
    assert_eq!(delta.stamps().collect::<Vec<_>>(), [101, 102].map(Stamp::from_bits));
}
