//! Sets beside the OR-set.

use crdt_core::{Doc, GSet, LwwMap, LwwMapEditor, OrMap, OrMapEditor, OrSet, PnCounter, RwSet, RwSetEditor};

use super::{at_once, replica};

fn elements(set: &RwSet<u8>) -> Vec<u8> {
    set.sorted().into_iter().copied().collect()
}

#[test]
fn a_removal_wins_in_a_remove_wins_set() {
    let out = at_once::<RwSet<u8>, _>(&|s| s.insert(1), &|s| _ = s.remove(&1), &|s| s.insert(1), elements);
    assert!(out.is_empty());
}

#[test]
fn a_removal_wins_also_over_an_insertion_that_it_could_not_know_of() {
    let out = at_once::<RwSet<u8>, _>(&|_| (), &|s| _ = s.remove(&1), &|s| s.insert(1), elements);
    assert!(out.is_empty());
}

#[test]
fn an_insertion_after_the_removal_is_in() {
    let back = at_once::<RwSet<u8>, _>(&|s| _ = s.remove(&1), &|s| s.insert(1), &|s| s.insert(2), elements);
    assert_eq!(back, [1, 2]);
}

#[test]
fn clearing_beside_an_insertion_of_something_else_leaves_that() {
    let left = at_once::<RwSet<u8>, _>(&|s| s.insert(1), &|s| s.clear(), &|s| s.insert(2), elements);
    assert_eq!(left, [2]);
}

#[test]
fn a_grow_only_set_has_both_of_two_concurrent_insertions() {
    let read = |s: &GSet<u8>| s.sorted().into_iter().copied().collect::<Vec<_>>();
    let both = at_once::<GSet<u8>, _>(&|s| _ = s.insert(0), &|s| _ = s.insert(1), &|s| _ = s.insert(2), read);
    assert_eq!(both, [0, 1, 2]);
    let once = at_once::<GSet<u8>, _>(&|_| (), &|s| _ = s.insert(5), &|s| _ = s.insert(5), |s| s.len());
    assert_eq!(once, 1);
}

#[test]
fn sets_take_many_at_once() {
    let mut me = replica(1);
    let mut paid = Doc::<OrMap<String, GSet<u8>>>::default();
    let _ = paid.update(&mut me, |paid| paid.entry("may").extend([1, 2, 2, 3]));
    assert_eq!(paid.get("may").map(GSet::len), Some(3));
    let mut members = Doc::<RwSet<u8>>::default();
    let _ = members.update(&mut me, |members| members.extend([1, 2]));
    assert_eq!(elements(&members), [1, 2]);
}

#[test]
fn maps_are_indexed_by_what_their_keys_borrow_as() {
    let mut me = replica(1);
    let mut carts = Doc::<OrMap<String, OrSet<u8>>>::default();
    let mut names = Doc::<LwwMap<String, &str>>::default();
    for (key, item, name) in [("alice", 7, "Alice"), ("bob", 8, "Bob")] {
        let _ = carts.update(&mut me, |carts| carts.entry(key).insert(item));
        let _ = names.update(&mut me, |names| names.insert(key.to_owned(), name));
    }
    assert_eq!((carts["alice"].sorted(), names["alice"]), (vec![&7], "Alice"));
    assert_eq!((carts["bob"].sorted(), names["bob"]), (vec![&8], "Bob"));
}

#[test]
#[should_panic(expected = "an indexed key is in the map")]
fn a_map_has_nothing_at_an_absent_key() {
    let names = Doc::<LwwMap<String, &str>>::default();
    let _ = names["bob"];
}

#[test]
fn collections_are_walked_by_for_and_filled_by_extend() {
    let mut me = replica(1);
    let mut prices = Doc::<LwwMap<String, u32>>::default();
    let _ = prices.update(&mut me, |prices| prices.extend([("tea".to_owned(), 3), ("rice".to_owned(), 5)]));
    let mut sum = 0;
    for (name, price) in &prices {
        assert_eq!(prices.get(name), Some(price));
        sum += price;
    }
    assert_eq!(sum, 8);
    let mut tags = Doc::<OrMap<String, OrSet<u8>>>::default();
    let _ = tags.update(&mut me, |tags| tags.entry("a").extend([1, 2]));
    let walked: Vec<_> = (&tags).into_iter().flat_map(|(_, set)| set).copied().collect();
    assert_eq!(walked.len(), 2);
}

#[test]
fn what_is_not_retained_goes_as_if_it_was_removed_one_by_one() {
    let even = |s: RwSetEditor<'_, u8>| s.retain(|n| n % 2 == 0);
    let left = at_once::<RwSet<u8>, _>(&|s| s.extend(1..=4), &even, &|s| s.extend([1, 5]), elements);
    assert_eq!(left, [2, 4, 5], "a removal wins over a concurrent insertion of what it saw");

    let read = |map: &LwwMap<u8, u8>| {
        let keys: Vec<u8> = map.sorted().into_iter().map(|(key, _)| *key).collect();
        (keys, map.siblings(&1).map(|sibling| sibling.is_none()).collect::<Vec<_>>())
    };
    let large = |map: LwwMapEditor<'_, u8, u8>| {
        map.retain(|key, value| {
            map.insert(9, *key); // it may change the map on the way
            *value > 1
        });
    };
    let left =
        at_once::<LwwMap<u8, u8>, _>(&|m| m.extend([(1, 1), (2, 2)]), &large, &|m| m.insert(3, 0), read);
    assert_eq!(left, (vec![2, 3, 9], vec![true]), "a removal is a write");

    let read =
        |map: &OrMap<u8, OrSet<u8>>| map.sorted().into_iter().map(|(k, v)| (*k, v.len())).collect::<Vec<_>>();
    let filled = |map: OrMapEditor<'_, u8, OrSet<u8>>| {
        map.entry(&1).insert(1);
        map.entry(&2).extend([1, 2]);
    };
    let crowded = |map: OrMapEditor<'_, u8, OrSet<u8>>| map.retain(|_, set| set.len() > 1);
    let left = at_once::<OrMap<u8, OrSet<u8>>, _>(&filled, &crowded, &|map| map.entry(&1).insert(7), read);
    assert_eq!(left, [(1, 1), (2, 2)], "what the removal had not seen is there");
}

#[test]
fn an_edit_counts_what_is_in_with_its_own_changes() {
    let mut me = replica(1);
    let mut set = Doc::<OrSet<u8>>::default();
    let _ = set.update(&mut me, |set| set.extend([1, 2, 3]));
    let _ = set.update(&mut me, |set| {
        set.remove(&1);
        set.extend([2, 4, 4]);
        assert_eq!(set.len(), 3, "2, 3 and 4");
    });
    let mut banned = Doc::<RwSet<u8>>::default();
    let _ = banned.update(&mut me, |set| set.extend([1, 2]));
    let _ = banned.update(&mut me, |set| {
        set.remove(&1);
        set.remove(&9);
        set.insert(3);
        assert_eq!(set.len(), 2, "2 and 3");
    });
    let mut paid = Doc::<GSet<u8>>::default();
    let _ = paid.update(&mut me, |set| set.extend([1, 2]));
    let _ = paid.update(&mut me, |set| {
        set.extend([2, 3]);
        assert_eq!(set.len(), 3);
    });
    let mut prices = Doc::<LwwMap<u8, u8>>::default();
    let _ = prices.update(&mut me, |map| map.extend([(1, 1), (2, 2), (3, 3)]));
    let _ = prices.update(&mut me, |map| {
        map.remove(&1);
        map.extend([(2, 0), (4, 4)]);
        assert_eq!(map.len(), 3, "2, 3 and 4");
    });
    let mut stock = Doc::<OrMap<u8, PnCounter>>::default();
    let _ = stock.update(&mut me, |map| (1..=3).for_each(|key| map.entry(&key).add(1)));
    let _ = stock.update(&mut me, |map| {
        map.remove(&1);
        map.entry(&2).add(1);
        map.entry(&4).add(1);
        let _ = map.entry(&5);
        assert_eq!(map.len(), 3, "2, 3 and 4");
    });
}

#[test]
fn one_edit_is_one_delta_whatever_the_hashes() {
    let banned = || {
        let ban = |set: RwSetEditor<'_, u8>| {
            set.extend(0..8);
            set.clear();
        };
        Doc::<RwSet<u8>>::default().update(&mut replica(1), ban)
    };
    let counted = || {
        let count = |map: OrMapEditor<'_, u8, PnCounter>| {
            (0..8).for_each(|key| map.entry(&key).add(1));
            map.clear();
        };
        Doc::<OrMap<u8, PnCounter>>::default().update(&mut replica(1), count)
    };
    for _ in 0..4 {
        assert_eq!(banned().encode(), banned().encode());
        assert_eq!(counted().encode(), counted().encode());
    }
}
