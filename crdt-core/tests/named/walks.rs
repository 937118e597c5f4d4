//! Transfers of a whole state while it changes.

use crdt_core::codec::Wire;
use crdt_core::{Delta, Doc, LwwMap, LwwRegister, OrMap, OrSet, PnCounter, RwSet, WalkOverflow};

use crate::model::Model;
use crate::sites::{Dice, Site, both_orders, every_order, same, settled};

/// Merges a walk chunk by chunk; after each, `check` looks at the receiver.
fn walk<T: Wire>(donor: &Doc<T>, receiver: &mut Doc<T>, size: usize, check: impl Fn(&Doc<T>)) {
    let mut walk = donor.walk(&receiver.context(), usize::MAX);
    while let Some(chunk) = walk.next_chunk(donor, size, usize::MAX, |_| 0) {
        receiver.merge(chunk);
        check(receiver);
    }
}

/// All chunks of a walk to nobody's memory: the receiver is a fresh document.
fn chunks<T: Wire>(donor: &Doc<T>, receiver: &Doc<T>, size: usize) -> Vec<Delta<T>> {
    let mut walk = donor.walk(&receiver.context(), usize::MAX);
    std::iter::from_fn(|| walk.next_chunk(donor, size, usize::MAX, |_| 0)).collect()
}

/// C4 (a): a donor that sends its state of now, chunk by chunk, and claims its vector of the end. What
/// it removes behind its cursor mints no dot, so that the receiver shows it for ever, and no comparison
/// of vectors tells.
#[test]
fn a_walk_brings_the_start_and_what_came_later_is_told_apart() {
    let (mut donor, mut receiver) = (Site::<OrSet<u8>>::new(1), Site::<OrSet<u8>>::new(2));
    let _ = donor.edit(|set| set.insert(7));
    let start = donor.doc.clone();
    let mut walk = donor.doc.walk(&receiver.doc.context(), 10);
    receiver.hear(&walk.next_chunk(&donor.doc, 1, usize::MAX, |_| 0).unwrap());
    let removal = Doc::from(donor.doc.to_delta()).update(&mut donor.me, |set| set.remove(&7));
    walk.before_merge(&donor.doc, &removal).unwrap();
    donor.hear(&removal);
    while let Some(chunk) = walk.next_chunk(&donor.doc, 1, usize::MAX, |_| 0) {
        receiver.hear(&chunk);
    }
    same(&receiver.doc, &start, "the start is what the walk brings");

    // The wrong claim: what was seen is the same at both, and what they show is not.
    assert_eq!(receiver.doc.context(), donor.doc.context());
    assert!(receiver.doc.contains(&7) && !donor.doc.contains(&7));
    assert_ne!(receiver.doc.fingerprint(), donor.doc.fingerprint());
    assert_eq!(donor.doc.delta_since(&receiver.doc.digest()), removal);
}

/// C4 (b): chunks that are ranges of dots, each with the whole range as its context. The receiver's
/// element goes with the first range, and its replacement comes with another, or never.
#[test]
fn a_replaced_element_stays_in_sight_while_its_replacement_is_on_its_way() {
    let holder = Model::new(&[(('a', 1), "x")], &[]);
    let range_of_a = Model::new(&[], &[('a', 1)]);
    assert!(!holder.joined(&range_of_a).has("x"), "the wrong chunks hide it");

    every_order::<OrSet<u8>>(|mut a, mut donor, mut other| {
        let first = a.edit(|set| set.insert(7));
        donor.hear(&first);
        let again = donor.edit(|set| set.insert(7));
        assert_eq!(again.dead().len(), 1, "it replaces the first");
        let elsewhere = other.edit(|set| set.extend(1..4));
        donor.hear(&elsewhere);
        walk(&donor.doc, &mut a.doc, 1, |set| assert!(set.contains(&7)));
        same(&a.doc, &donor.doc, "after the walk");
    });
}

/// C4 (c): entries first and dead dots last, both as they are now. A replacement that is replaced again
/// before the cursor comes to it is sent by neither half.
#[test]
fn an_entry_that_dies_before_its_turn_is_sent_all_the_same() {
    // The wrong walk: b7 was replaced by c3, which lies behind the cursor.
    let holder = Model::new(&[(('a', 1), "x")], &[]);
    let donor_now = Model::new(&[(('c', 3), "x")], &[('a', 1), ('b', 7)]);
    let ahead_of_the_cursor = Model::new(&[], &[]);
    let dead_now = Model::new(&[], &donor_now.gone());
    assert!(!holder.joined(&ahead_of_the_cursor).joined(&dead_now).has("x"), "the wrong walk loses it");

    every_order::<OrSet<u8>>(|mut a, mut donor, mut c| {
        let first = a.edit(|set| set.insert(7));
        donor.hear(&first);
        let _ = donor.edit(|set| set.insert(7));
        let others = c.edit(|set| set.extend(1..4));
        donor.hear(&others);
        c.hear_all(&donor);
        let mut walk = donor.doc.walk(&a.doc.context(), 10);
        a.hear(&walk.next_chunk(&donor.doc, 1, usize::MAX, |_| 0).unwrap());
        let again = c.edit(|set| set.insert(7));
        walk.before_merge(&donor.doc, &again).unwrap();
        donor.hear(&again);
        while let Some(chunk) = walk.next_chunk(&donor.doc, 1, usize::MAX, |_| 0) {
            a.hear(&chunk);
            assert!(a.doc.contains(&7), "lost on the way");
        }
        assert_eq!(a.doc.sorted(), [&1, &2, &3, &7]);
    });
}

/// Values written in a random order, twice, so that every second dot is dead, more or less.
fn overwritten(donor: &mut Site<LwwMap<u16, u8>>, keys: u16) {
    let mut dice = Dice::new(1);
    for round in 0..2 {
        let mut order: Vec<u16> = (0..keys).collect();
        (1..order.len()).rev().for_each(|end| order.swap(end, dice.below(end + 1)));
        let _ = donor.edit(|map| order.into_iter().for_each(|key| map.insert(key, round)));
        let _ = donor.edit(|map| (0..keys).step_by(3).for_each(|key| map.insert(key, round)));
    }
}

/// C4 (e): "the context fits into the last chunk". Once keys were written twice there are nearly half
/// as many runs of dead dots as keys.
#[test]
fn dead_dots_that_the_receiver_never_saw_come_in_chunks() {
    let (mut donor, mut fresh) = (Site::new(1), Site::new(2));
    overwritten(&mut donor, 3_000);
    let chunks = chunks(&donor.doc, &fresh.doc, 64);
    let dead: Vec<usize> = chunks.iter().map(|chunk| chunk.dead().runs()).filter(|runs| *runs > 0).collect();
    assert!(dead.iter().sum::<usize>() > 500, "there are many: {dead:?}");
    assert!(dead.iter().all(|runs| *runs <= 64), "{dead:?}");
    assert!(chunks.iter().all(|chunk| chunk.entries().len() <= 64));
    chunks.iter().for_each(|chunk| {
        fresh.hear(chunk);
    });
    same(&fresh.doc, &donor.doc, "after the walk");
}

/// What the receiver may show goes in one step, the last one.
#[test]
fn dead_dots_that_the_receiver_saw_come_last_and_at_once() {
    both_orders::<LwwMap<u16, u8>>(|mut donor, mut old| {
        overwritten(&mut donor, 300);
        old.hear_all(&donor);
        overwritten(&mut donor, 300);
        let chunks = chunks(&donor.doc, &old.doc, 10);
        let (last, before) = chunks.split_last().unwrap();
        let seen = old.doc.context();
        assert!(before.iter().all(|chunk| chunk.dead().intersection(&seen).is_empty()));
        assert!(last.entries().is_empty() && seen.is_superset(last.dead()) && last.dead().len() > 290);
        walk(&donor.doc, &mut old.doc, 10, |map| assert_eq!(map.len(), 300));
        same(&old.doc, &donor.doc, "after the walk");
    });
}

/// A receiver shows a value and under it a removal that lost to it; at the donor both are gone, and a
/// value with a smaller stamp than either has come. Taken away one after the other, the old value
/// first, the old removal shows in between and hides the key that is there before and after.
#[test]
fn what_is_gone_goes_at_once_and_uncovers_nothing_on_the_way() {
    every_order::<OrMap<u8, LwwMap<u8, u8>>>(|mut a, mut b, mut c| {
        let first = a.edit(|map| map.entry(&1).insert(1, 1));
        b.hear(&first);
        let removal = b.edit(|map| map.entry(&1).remove(&1));
        (0..5).for_each(|_| {
            let _ = a.edit(|map| map.entry(&1).insert(1, 2));
        });
        a.hear(&removal);
        assert_eq!(a.doc.get(&1).unwrap().siblings(&1).collect::<Vec<_>>(), [Some(&2), None]);

        let mut donor = Site::new(9);
        donor.hear_all(&a);
        let _ = donor.edit(|map| map.remove(&1));
        let new = c.edit(|map| map.entry(&1).insert(1, 3));
        donor.hear(&new);
        walk(&donor.doc, &mut a.doc, 1, |map| assert!(map.contains_key(&1), "the key is absent on the way"));
        assert_eq!(a.doc.get(&1).unwrap().get(&1), Some(&3));
        same(&a.doc, &donor.doc, "after the walk");
    });
}

/// A receiver shows a key for one thing under it; the donor has removed that thing by a later stamp and
/// has another. With the removal in an earlier chunk than the other thing, the key is absent between.
#[test]
fn a_removal_does_not_overtake_what_keeps_its_key() {
    every_order::<OrMap<u8, LwwMap<u8, u8>>>(|mut donor, mut other, mut receiver| {
        let _ = receiver.edit(|map| map.entry(&1).insert(1, 1));
        let _ = donor.edit(|map| map.entry(&1).insert(1, 2));
        let _ = donor.edit(|map| map.entry(&1).remove(&1));
        let kept = other.edit(|map| map.entry(&1).insert(2, 3));
        donor.hear(&kept);
        let whole = settled(&[&receiver, &donor, &other]);
        walk(&donor.doc, &mut receiver.doc, 1, |map| {
            assert!(map.contains_key(&1), "the key is absent on the way")
        });
        same(&receiver.doc, &whole, "after the walk");
    });
}

/// Both know a ban, under which the receiver has an insertion that the donor has not; the donor has
/// banned once more. If what is gone went before what replaces it, the member would be in on the way.
#[test]
fn a_ban_that_replaces_another_is_not_lifted_on_the_way() {
    every_order::<RwSet<u8>>(|mut donor, mut receiver, _| {
        let _ = receiver.edit(|set| set.insert(1));
        receiver.hear(&donor.edit(|set| set.remove(&1)));
        let _ = donor.edit(|set| set.remove(&1));
        walk(&donor.doc, &mut receiver.doc, 1, |set| assert!(!set.contains(&1), "lifted on the way"));
    });
}

/// Whatever a donor removes, what it has to show goes out before it.
#[test]
fn removals_go_out_behind_all_that_shows() {
    let mut donor = Site::<LwwMap<u16, u8>>::new(1);
    let _ = donor.edit(|map| (0..500).for_each(|key| map.insert(key, 1)));
    let _ = donor.edit(|map| (0..500).filter(|key| key % 5 != 0).for_each(|key| assert!(map.remove(&key))));
    let _ = donor.edit(|map| (500..510).for_each(|key| map.insert(key, 1)));
    let mut shown = Doc::<LwwMap<u16, u8>>::default();
    for chunk in chunks(&donor.doc, &shown, 7) {
        assert!(chunk.entries().len() <= 7, "one key is one entry here");
        let removes = chunk.entries().iter().any(|(_, (_, written))| written.value.is_none());
        shown.merge(chunk);
        assert!(!removes || shown.len() == 110, "a removal came when {} of 110 keys were there", shown.len());
    }
    same(&shown, &donor.doc, "after the walk");
}

/// A stash that went out as one chunk would be as large as everything that died.
#[test]
fn what_was_kept_for_a_walk_goes_out_in_chunks_too() {
    let (mut donor, mut receiver) = (Site::<OrSet<u16>>::new(1), Site::<OrSet<u16>>::new(2));
    let _ = donor.edit(|set| set.extend(0..100));
    let start = donor.doc.clone();
    let mut walk = donor.doc.walk(&receiver.doc.context(), 100);
    let removal = start.clone().update(&mut donor.me, |set| set.clear());
    walk.before_merge(&donor.doc, &removal).unwrap();
    donor.hear(&removal);
    while let Some(chunk) = walk.next_chunk(&donor.doc, 10, usize::MAX, |_| 0) {
        assert!(chunk.entries().len() <= 10);
        receiver.hear(&chunk);
    }
    same(&receiver.doc, &start, "the start is what the walk brings");
    receiver.hear(&removal);
    same(&receiver.doc, &donor.doc, "and what came later comes after it");
}

#[test]
fn a_walk_keeps_what_it_may_and_says_when_that_is_too_little() {
    let mut donor = Site::<OrSet<u16>>::new(1);
    let _ = donor.edit(|set| set.extend(0..100));
    let receiver = Doc::<OrSet<u16>>::default();
    let mut removed = |count: u16| donor.doc.clone().update(&mut donor.me, |set| set.retain(|n| *n >= count));
    let (five, six) = (removed(5), removed(6));
    let (mut enough, mut too_little) =
        (donor.doc.walk(&receiver.context(), 5), donor.doc.walk(&receiver.context(), 5));
    assert_eq!(enough.before_merge(&donor.doc, &five), Ok(()));
    assert_eq!(enough.before_merge(&donor.doc, &five), Ok(()), "they are kept once");
    assert_eq!(too_little.before_merge(&donor.doc, &six), Err(WalkOverflow));
}

/// The contract: a walk that does not hear of a change cannot send what that took away. It goes on all
/// the same, and what it brings is the start without it.
#[test]
fn a_walk_that_is_not_told_of_a_change_leaves_out_what_died() {
    let (mut donor, mut receiver) = (Site::<OrSet<u8>>::new(1), Site::<OrSet<u8>>::new(2));
    let _ = donor.edit(|set| set.extend(0..3));
    let mut walk = donor.doc.walk(&receiver.doc.context(), 10);
    let _ = donor.edit(|set| set.remove(&1));
    while let Some(chunk) = walk.next_chunk(&donor.doc, 10, usize::MAX, |_| 0) {
        receiver.hear(&chunk);
    }
    assert_eq!(receiver.doc.sorted(), [&0, &2]);
    assert_eq!(receiver.doc.context().len(), 2, "it does not say that the third is gone");
    receiver.hear_all(&donor);
    same(&receiver.doc, &donor.doc, "the next exchange repairs it");
}

/// A loser that arrives a chunk before its winner shows, though it has long lost.
#[test]
fn a_loser_never_comes_without_its_winner() {
    every_order::<LwwRegister<u8>>(|mut a, mut b, c| {
        let _ = a.edit(|register| register.set(1));
        let _ = b.edit(|register| register.set(2));
        let _ = b.edit(|register| register.set(3));
        a.hear_all(&b);
        let chunks = chunks(&a.doc, &c.doc, 1);
        assert_eq!(chunks[0].entries().len(), 2);
        walk(&a.doc, &mut Doc::default(), 1, |register| assert_eq!(register.get(), Some(&3)));
    });
}

/// The same where the removal dies at the donor before its turn, and is kept.
#[test]
fn a_removal_that_was_kept_does_not_overtake_either() {
    every_order::<OrMap<u8, LwwMap<u8, u8>>>(|mut donor, mut other, mut receiver| {
        let _ = receiver.edit(|map| map.entry(&1).insert(1, 1));
        let _ = donor.edit(|map| map.entry(&1).insert(1, 2));
        let _ = donor.edit(|map| map.entry(&1).remove(&1));
        donor.hear(&other.edit(|map| map.entry(&1).insert(2, 3)));
        let mut walk = donor.doc.walk(&receiver.doc.context(), 10);
        let mut copy = Doc::<OrMap<u8, LwwMap<u8, u8>>>::from(donor.doc.to_delta());
        let removal = copy.update(&mut donor.me, |map| map.remove(&1));
        walk.before_merge(&donor.doc, &removal).unwrap();
        donor.hear(&removal);
        while let Some(chunk) = walk.next_chunk(&donor.doc, 1, usize::MAX, |_| 0) {
            receiver.hear(&chunk);
            assert!(receiver.doc.contains_key(&1), "the key is absent on the way");
        }
        assert_eq!(receiver.doc.get(&1).unwrap().sorted(), [(&2, &3)]);
    });
}

/// The same for counters: what a removal took of one comes before the other that keeps their key.
#[test]
fn what_was_taken_from_a_counter_does_not_overtake_what_keeps_its_key() {
    every_order::<OrMap<u8, OrMap<u8, PnCounter>>>(|mut donor, mut other, mut receiver| {
        let ten = receiver.edit(|map| map.entry(&1).entry(&1).add(10));
        donor.hear(&ten);
        let _ = donor.edit(|map| assert!(map.entry(&1).remove(&1)));
        let kept = other.edit(|map| map.entry(&1).entry(&2).add(5));
        donor.hear(&kept);
        let whole = settled(&[&receiver, &donor, &other]);
        walk(&donor.doc, &mut receiver.doc, 1, |map| assert!(map.contains_key(&1), "absent on the way"));
        same(&receiver.doc, &whole, "after the walk");
        assert_eq!(receiver.doc.get(&1).unwrap().len(), 1);
    });
}

/// A run and the record that takes it are over together. Without the record for a moment, increments
/// that were removed long ago count again.
#[test]
fn what_was_taken_from_a_counter_does_not_count_again_on_the_way() {
    both_orders::<PnCounter>(|mut donor, mut remover| {
        let mut receiver = Site::<PnCounter>::new(3);
        remover.hear(&donor.edit(|counter| counter.add(10)));
        donor.hear(&remover.edit(|counter| counter.reset()));
        receiver.hear_all(&donor);
        let _ = receiver.edit(|counter| counter.add(1));
        receiver.hear_all(&remover);
        let _ = donor.edit(|counter| counter.add(5));
        walk(&donor.doc, &mut receiver.doc, 1, |counter| assert_eq!(counter.value(), 6));
        assert_eq!(receiver.doc.live_len(), 2);
    });
}
