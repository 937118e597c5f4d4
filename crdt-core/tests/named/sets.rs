//! What sets, and maps of them, got wrong elsewhere.

use crdt_core::{Crdt, Delta, OrMap, OrSet};

use crate::model::Model;
use crate::sites::{Site, both_orders, every_order, same, settled};

/// B1: the element was kept because both sides hold it, though each has removed the other's dot.
#[test]
fn crossing_removes_leave_nothing() {
    let (left, right) =
        (Model::new(&[(('a', 1), "x")], &[('b', 1)]), Model::new(&[(('b', 1), "x")], &[('a', 1)]));
    assert!(left.has("x") && right.has("x"), "the wrong merge keeps what both hold");
    assert!(!left.joined(&right).has("x"));

    every_order::<OrSet<u8>>(|mut a, mut b, mut c| {
        let (of_a, of_b) = (a.edit(|set| set.insert(7)), b.edit(|set| set.insert(7)));
        let mut d = Site::<OrSet<u8>>::new(4);
        c.hear(&of_a);
        d.hear(&of_b);
        let (not_a, not_b) = (c.edit(|set| set.remove(&7)), d.edit(|set| set.remove(&7)));
        [&of_b, &not_b].into_iter().for_each(|delta| assert!(a.hear(delta)));
        [&of_a, &not_a].into_iter().for_each(|delta| assert!(b.hear(delta)));
        assert!(a.doc.contains(&7) && b.doc.contains(&7), "each has one dot left");
        assert!(settled(&[&a, &b, &c, &d]).is_empty());
        assert!(settled(&[&d, &c, &b, &a]).is_empty());
        a.hear_all(&b);
        assert!(a.doc.is_empty() && a.doc.live_len() == 0);
    });
}

/// B2, B13: whoever has seen all dots of the other side was thought to have nothing to learn from it;
/// but a removal mints no dot.
#[test]
fn equal_contexts_do_not_hide_a_removal() {
    let mut holder = Model::new(&[(('a', 1), "x")], &[]);
    let remover = Model::new(&[], &[('a', 1)]);
    if !holder.seen.is_superset(&remover.seen) {
        holder.merge(&remover);
    }
    assert!(holder.has("x"), "the wrong fast path skips it");

    both_orders::<OrSet<u8>>(|mut a, mut b| {
        let _ = a.edit(|set| set.insert(7));
        b.hear_all(&a);
        let removal = b.edit(|set| set.remove(&7));
        assert_eq!(a.doc.context(), b.doc.context());
        assert_ne!(a.doc.fingerprint(), b.doc.fingerprint());
        assert_eq!(b.doc.delta_since(&a.doc.digest()), removal, "the digest alone is enough");
        assert_eq!(b.doc.difference(&a.doc), removal);
        assert!(a.doc.difference(&b.doc).is_empty(), "nothing goes the other way");
        assert!(a.hear_all(&b));
        assert!(a.doc.is_empty());
    });
}

/// B3: an entry was compared with the clock of the whole set and not with its own dot: of two
/// concurrent additions none was left.
#[test]
fn each_addition_is_tested_by_itself() {
    every_order::<OrSet<u8>>(|mut a, mut b, mut c| {
        let (of_a, of_b) = (a.edit(|set| set.insert(7)), b.edit(|set| set.insert(7)));
        assert_eq!(settled(&[&a, &b]).sorted(), [&7]);
        c.hear(&of_a);
        let _ = c.edit(|set| set.remove(&7));
        let half = settled(&[&a, &b, &c]);
        assert_eq!((half.sorted(), half.live_len()), (vec![&7], 1), "the other addition was not seen");
        c.hear(&of_b);
        let _ = c.edit(|set| set.remove(&7));
        assert!(settled(&[&a, &b, &c]).is_empty());
    });
}

/// B3: what several replicas put in is in as often, and a removal takes all of it that it saw.
#[test]
fn a_removal_takes_every_copy_that_it_saw() {
    type Sets = OrMap<u8, OrSet<u8>>;
    let removals: [fn(&<Sets as Crdt>::Editor<'_>); 5] = [
        |map| assert!(map.entry(&1).remove(&7)),
        |map| map.entry(&1).clear(),
        |map| map.entry(&1).retain(|_| false),
        |map| assert!(map.remove(&1)),
        |map| map.clear(),
    ];
    for removal in removals {
        every_order::<Sets>(|mut a, mut b, mut c| {
            let (of_a, of_b) = (a.edit(|map| map.entry(&1).insert(7)), b.edit(|map| map.entry(&1).insert(7)));
            c.hear(&of_a);
            c.hear(&of_b);
            let delta = c.edit(|map| removal(&map));
            assert_eq!((delta.entries().len(), delta.dead().len(), c.doc.live_len()), (0, 2, 0));
            assert!(settled(&[&a, &b, &c]).is_empty());
        });
    }
}

/// B4: a removal that came before its addition was kept in a list, which was lost on a merge, or looked
/// at on a merge only.
#[test]
fn a_removal_that_comes_first_works_through_a_third_replica() {
    every_order::<OrSet<u8>>(|mut a, mut b, mut c| {
        let addition = a.edit(|set| set.insert(7));
        b.hear(&addition);
        let removal = b.edit(|set| set.remove(&7));
        let mut d = Site::<OrSet<u8>>::new(4);
        c.hear(&removal);
        d.hear_all(&c);
        for site in [&mut c, &mut d] {
            assert!(!site.hear(&addition), "it is gone before it comes");
            assert!(site.doc.is_empty() && site.doc.live_len() == 0);
        }
        let again = a.edit(|set| set.insert(7));
        d.hear(&again);
        assert_eq!(d.doc.sorted(), [&7], "a new addition is another dot");
        same(&d.doc, &settled(&[&a, &b]), "by the removal first");
    });
}

/// B5: the removal of something nested waited for its addition under the parent, and was lost when the
/// parent was removed.
#[test]
fn a_nested_removal_outlives_the_removal_of_its_parent() {
    every_order::<OrMap<u8, OrSet<u8>>>(|mut a, mut b, mut c| {
        let addition = a.edit(|map| map.entry(&1).insert(7));
        b.hear(&addition);
        let nested = b.edit(|map| map.entry(&1).remove(&7));
        c.hear(&nested);
        let _ = c.edit(|map| map.entry(&1).insert(8));
        let _ = c.edit(|map| assert!(map.remove(&1)));
        c.hear_all(&a);
        assert!(c.doc.is_empty(), "what was removed came back with the full state");
        assert!(settled(&[&a, &b, &c]).is_empty());
    });
}

/// B12, B11: additions that arrived out of order were dropped; the second key of a replica was refused,
/// since its number did not follow the entry's own last one.
#[test]
fn additions_by_one_replica_arrive_in_any_order() {
    let mut a = Site::<OrMap<u8, OrSet<u8>>>::new(1);
    for n in 0..6 {
        let _ = a.edit(|map| map.entry(&(n % 2)).insert(n));
    }
    let backwards = a.said.iter().rev().fold(Site::new(2), |mut site, delta| {
        assert!(site.hear(delta), "each of them is news");
        assert!(!site.hear(delta), "once");
        site
    });
    assert_eq!(backwards.doc.get(&0).unwrap().sorted(), [&0, &2, &4]);
    assert_eq!(backwards.doc.get(&1).unwrap().sorted(), [&1, &3, &5]);
    same(&backwards.doc, &settled(&[&a]), "backwards");
}

/// B14: a context was sent as a version vector; what was missing before its last number counted as
/// seen, and was later deleted everywhere.
#[test]
fn a_gap_is_not_closed_by_assumption() {
    let mut up_to_three = Model::new(&[(('a', 1), "one"), (('a', 3), "three")], &[('a', 2)]);
    up_to_three.merge(&Model::new(&[(('a', 2), "two")], &[]));
    assert!(!up_to_three.has("two"), "the wrong context loses it");

    every_order::<OrSet<u8>>(|mut a, mut b, mut c| {
        let said = [1, 2, 3].map(|n| a.edit(|set| set.insert(n)));
        b.hear(&said[0]);
        b.hear(&said[2]);
        c.hear_all(&b);
        assert_eq!(c.doc.context().runs(), 2);
        assert_eq!(c.doc.sorted(), [&1, &3]);
        a.hear_all(&c);
        assert_eq!(a.doc.len(), 3, "gossip back deletes nothing");
        c.hear(&said[1]);
        assert_eq!(c.doc.sorted(), [&1, &2, &3]);
        b.hear_all(&c);
        same(&b.doc, &a.doc, "all have all");
    });
}

/// B15: a removal carried the whole vector of its author; additions with smaller numbers that were
/// still on their way "succeeded" and never showed.
#[test]
fn a_removal_speaks_of_the_removed_dots_alone() {
    let whole_vector = Model::new(&[], &[('a', 1), ('a', 2)]);
    assert!(!whole_vector.joined(&Model::new(&[(('a', 1), "y")], &[])).has("y"), "the wrong removal");

    every_order::<OrSet<char>>(|mut a, mut b, mut c| {
        let kept = a.edit(|set| set.insert('y'));
        let gone = a.edit(|set| set.insert('x'));
        b.hear(&kept);
        b.hear(&gone);
        let _ = b.edit(|set| set.insert('z'));
        let removal = b.edit(|set| set.remove(&'x'));
        assert!(removal.entries().is_empty());
        assert_eq!(removal.context(), gone.context(), "exactly what it takes away");
        c.hear(&removal);
        c.hear(&kept);
        assert_eq!(c.doc.sorted(), [&'y']);
        assert_eq!(settled(&[&a, &b, &c]).sorted(), [&'y', &'z']);
    });
}

/// B18, B51: one change sent several deltas, some of them of nothing; or a removal sent none.
#[test]
fn one_edit_is_one_delta_of_its_size() {
    type Carts = OrMap<u8, OrMap<u8, OrSet<u8>>>;
    let mut a = Site::<Carts>::new(1);
    let size = |delta: &Delta<Carts>| (delta.entries().len(), delta.dead().len());
    let filled = a.edit(|carts| {
        let cart = carts.entry(&1).entry(&2);
        [1, 2, 3].into_iter().for_each(|item| cart.insert(item));
    });
    assert_eq!(size(&filled), (3, 0));
    assert_eq!(size(&a.edit(|carts| carts.entry(&1).entry(&2).insert(1))), (1, 1), "again");
    assert_eq!(size(&a.edit(|carts| carts.entry(&1).entry(&2).remove(&2))), (0, 1));
    assert_eq!(size(&a.edit(|carts| carts.remove(&1))), (0, 2), "a key, two levels above what is left");
    assert_eq!(size(&a.edit(|carts| carts.remove(&1))), (0, 0), "what is absent");
    assert_eq!(size(&a.edit(|carts| carts.entry(&1).entry(&2).contains(&1))), (0, 0), "a look");
    let in_and_out = a.edit(|carts| {
        carts.entry(&1).entry(&2).insert(9);
        carts.remove(&1);
    });
    assert_eq!(size(&in_and_out), (0, 1), "its own number, used up");
    assert!(settled(&[&a]).is_empty());
}

/// B39, B43: what is empty is as if it had never been written, at every level.
#[test]
fn a_map_that_was_emptied_is_like_a_fresh_one() {
    let mut site = Site::<OrMap<u16, OrMap<u8, OrSet<u8>>>>::new(1);
    for key in 0..500 {
        let _ = site.edit(|map| map.entry(&key).entry(&1).insert(1));
        let _ = site.edit(|map| match key % 3 {
            0 => map.remove(&key),
            1 => map.entry(&key).remove(&1),
            _ => map.entry(&key).entry(&1).remove(&1),
        });
        assert!(site.doc.is_bottom(), "key {key}");
    }
    assert_eq!((site.doc.len(), site.doc.live_len(), site.doc.context().runs()), (0, 0, 1));
}

/// B20: the changes that were still to be sent lay in the state, and merging a remote delta reset them.
#[test]
fn what_is_still_to_be_sent_does_not_change_with_what_arrives() {
    both_orders::<OrSet<u8>>(|mut a, mut b| {
        let mut pending = a.edit(|set| set.insert(1));
        pending.merge(a.edit(|set| set.insert(2)));
        let bytes = pending.encode().unwrap();
        b.hear(&a.edit(|set| set.insert(3)));
        let theirs = b.edit(|set| {
            set.clear();
            set.insert(4);
        });
        a.hear(&theirs);
        assert_eq!(pending.encode().unwrap(), bytes);
        b.hear(&pending);
        assert_eq!((b.doc.sorted(), a.doc.sorted()), (vec![&1, &2, &4], vec![&1, &2, &4]));
        same(&a.doc, &b.doc, "after both");
    });
}

/// B8, B17: a key that was removed and written again shows what it had before; or a value that was put
/// in place of another comes back merged with it.
#[test]
fn a_replaced_value_has_nothing_of_the_old_one() {
    every_order::<OrMap<u8, OrSet<u8>>>(|mut a, mut b, mut c| {
        let old = a.edit(|map| [1, 2].into_iter().for_each(|n| map.entry(&1).insert(n)));
        b.hear(&old);
        c.hear(&old);
        let _ = b.edit(|map| {
            assert!(map.remove(&1));
            map.entry(&1).insert(9);
        });
        assert_eq!(settled(&[&a, &b, &c]).get(&1).unwrap().sorted(), [&9]);
        let _ = c.edit(|map| map.entry(&1).insert(3));
        let _ = a.edit(|map| map.entry(&1).insert(2));
        let all = settled(&[&a, &b, &c]);
        assert_eq!(all.get(&1).unwrap().sorted(), [&2, &3, &9], "and what was put in at the same time");
    });
}

/// B16: removing a key threw away what the value had seen; the result depended on who had met whom.
#[test]
fn what_is_under_a_key_does_not_depend_on_who_met_whom() {
    for meetings in 0u32..64 {
        let [mut a, mut b, mut c] = [1, 2, 3].map(Site::<OrMap<u8, OrSet<u8>>>::new);
        let first = a.edit(|map| map.entry(&1).insert(1));
        b.hear(&first);
        meet(&mut c, &a, &b, meetings);
        let _ = b.edit(|map| map.remove(&1));
        meet(&mut c, &b, &a, meetings >> 2);
        let _ = a.edit(|map| map.entry(&1).insert(2));
        meet(&mut c, &a, &b, meetings >> 4);
        let all = settled(&[&a, &b, &c]);
        assert_eq!(all.get(&1).unwrap().sorted(), [&2], "after meetings {meetings:b}");
        for site in [&mut a, &mut b, &mut c] {
            site.doc.merge_from(&all);
            same(&site.doc, &all, "after the last meeting");
        }
    }
}

fn meet(
    who: &mut Site<OrMap<u8, OrSet<u8>>>,
    first: &Site<OrMap<u8, OrSet<u8>>>,
    second: &Site<OrMap<u8, OrSet<u8>>>,
    whom: u32,
) {
    if whom & 1 == 1 {
        who.hear_all(first);
    }
    if whom & 2 == 2 {
        who.hear_all(second);
    }
}
