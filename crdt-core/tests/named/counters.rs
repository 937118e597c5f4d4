//! C9, and what counters got wrong elsewhere.

use std::collections::BTreeMap;

use crdt_core::{Doc, Dot, GCounter, OrMap, OrSet, PnCounter, RunEntry};

use crate::model::Model;
use crate::sites::{Dice, Site, both_orders, every_order, same, settled};

type Stock = OrMap<u8, PnCounter>;

fn value(stock: &Doc<Stock>) -> Option<i128> {
    stock.get(&1).map(PnCounter::value)
}

/// C9, B21, B23: the value is 10; one adds 5 while another removes the key. If the increments of a
/// replica are one entry, and a removal only names the entry that it saw, 15 comes back; without a call
/// that protects the increment it is lost in other libraries.
#[test]
fn a_removal_takes_what_it_saw_to_the_unit() {
    let coalesced = Model::new(&[(('a', 2), "15")], &[('a', 1)]);
    assert!(coalesced.joined(&Model::new(&[], &[('a', 1)])).has("15"), "the wrong removal takes nothing");

    every_order::<Stock>(|mut a, mut b, mut c| {
        let ten = a.edit(|stock| stock.entry(&1).add(10));
        b.hear(&ten);
        let _ = b.edit(|stock| assert!(stock.remove(&1)));
        let _ = a.edit(|stock| stock.entry(&1).add(5));
        assert_eq!(value(&settled(&[&a, &b])), Some(5), "by who wrote the ten");
        let _ = c.edit(|stock| stock.entry(&1).sub(2));
        assert_eq!(value(&settled(&[&a, &b, &c])), Some(3), "and by who had written nothing");
    });
}

/// C9: an entry for each increment would do, and a million increments would be a million live entries.
#[test]
fn a_run_of_increments_is_one_live_entry() {
    let (mut counter, mut set) = (Site::<PnCounter>::new(1), Site::<OrSet<u16>>::new(1));
    for n in 0..1_000 {
        let _ = counter.edit(|counter| counter.add(1));
        let _ = set.edit(|set| set.insert(n));
    }
    assert_eq!((set.doc.live_len(), counter.doc.live_len()), (1_000, 1));
    assert_eq!((counter.doc.value(), counter.doc.context().runs()), (1_000, 1));
    assert!(counter.doc.encode().unwrap().len() < 40);
}

/// Three sites that count, remove and meet at random.
fn turmoil(steps: usize, seed: u64, mut each: impl FnMut(&[Site<Stock>])) -> [Site<Stock>; 3] {
    let (mut sites, mut dice) = ([1, 2, 3].map(Site::<Stock>::new), Dice::new(seed));
    for _ in 0..steps {
        let at = dice.below(3);
        match dice.below(6) {
            0 | 1 => drop(sites[at].edit(|stock| stock.entry(&1).add(3))),
            2 => drop(sites[at].edit(|stock| stock.entry(&1).sub(1))),
            3 => drop(sites[at].edit(|stock| stock.remove(&1))),
            _ => {
                let heard = Doc::from(sites[dice.below(3)].doc.to_delta());
                sites[at].doc.merge_from(&heard);
            }
        }
        each(&sites);
    }
    sites
}

/// C9: increments that are "stable" folded into an entry that is there: one dot says 15 here and 5
/// there, for ever, since nobody compares what common dots carry.
#[test]
fn an_entry_never_changes_under_its_dot() {
    let mut known: BTreeMap<Dot, RunEntry> = BTreeMap::new();
    for seed in 0..20 {
        known.clear();
        let _ = turmoil(60, seed, |sites| {
            let entries = sites.iter().flat_map(|site| site.doc.to_delta().entries().to_vec());
            entries.for_each(|(dot, (_, entry))| assert_eq!(*known.entry(dot).or_insert(entry), entry));
        });
    }
    assert!(known.len() > 20);
}

/// C9: of two removals the one with the greatest net amount counts: 5 were added and 3 taken off again,
/// so the removal of the 5 beats the removal of the 2, and the 3 are taken off from nothing.
#[test]
fn removals_take_a_prefix_and_are_not_compared_by_their_net() {
    let (plus, minus) = (5i128, 3i128);
    let (first_removal, second_removal) = ((5i128, 0i128), (5i128, 3i128));
    let by_net = |(plus, minus): &(i128, i128)| plus - minus;
    let taken = [first_removal, second_removal].into_iter().max_by_key(by_net).unwrap();
    assert_eq!((plus - taken.0).max(0) - (minus - taken.1).max(0), -3, "the wrong reading");

    every_order::<Stock>(|mut a, mut b, mut c| {
        let five = a.edit(|stock| stock.entry(&1).add(5));
        b.hear(&five);
        let _ = b.edit(|stock| assert!(stock.remove(&1)));
        let three = a.edit(|stock| stock.entry(&1).sub(3));
        c.hear(&five);
        c.hear(&three);
        assert_eq!(value(&c.doc), Some(2));
        let _ = c.edit(|stock| assert!(stock.remove(&1)));
        let all = settled(&[&a, &b, &c]);
        assert_eq!((value(&all), all.is_empty()), (None, true));
        let _ = a.edit(|stock| stock.entry(&1).add(4));
        assert_eq!(value(&settled(&[&a, &b, &c])), Some(4));
    });
}

/// C9, C4: in the middle of a walk a receiver holds two entries of one run. They say the same of what
/// they share, so their sum counts it twice.
#[test]
fn of_two_live_entries_of_a_run_the_newest_counts() {
    let (mut donor, mut receiver) = (Site::<PnCounter>::new(1), Site::<PnCounter>::new(2));
    let five = donor.edit(|counter| counter.add(5));
    receiver.hear(&five);
    let _ = donor.edit(|counter| counter.add(3));
    let mut walk = donor.doc.walk(&receiver.doc.context(), 0);
    receiver.hear(&walk.next_chunk(&donor.doc, 1, usize::MAX, |_| 0).unwrap());
    assert_eq!(receiver.doc.live_len(), 2);
    assert_eq!(receiver.doc.value(), 8, "not 5 + 8");
    receiver.hear(&walk.next_chunk(&donor.doc, 1, usize::MAX, |_| 0).unwrap());
    same(&receiver.doc, &donor.doc, "after the walk");
}

/// C9: in the middle of a walk the owner holds its run and the record that takes it. If it went on with
/// that run, and cleared the record away, all that was removed would be back.
#[test]
fn an_owner_that_counts_in_the_middle_of_a_walk_begins_anew() {
    both_orders::<PnCounter>(|mut owner, mut remover| {
        remover.hear(&owner.edit(|counter| counter.add(10)));
        let _ = remover.edit(|counter| counter.reset());
        let mut walk = remover.doc.walk(&owner.doc.context(), 0);
        while owner.doc.live_len() == 1 {
            owner.hear(&walk.next_chunk(&remover.doc, 1, usize::MAX, |_| 0).unwrap());
        }
        assert_eq!((owner.doc.live_len(), owner.doc.value()), (2, 0), "the run and what takes it");
        let _ = owner.edit(|counter| counter.add(5));
        assert_eq!(owner.doc.value(), 5);
        while let Some(chunk) = walk.next_chunk(&remover.doc, 1, usize::MAX, |_| 0) {
            owner.hear(&chunk);
            assert_eq!(owner.doc.value(), 5);
        }
        let all = settled(&[&owner, &remover]);
        assert_eq!((all.value(), all.live_len()), (5, 1));
    });
}

/// C9: what a removal took arrives before the increments that it took.
#[test]
fn a_removal_that_comes_first_takes_no_more_than_there_is() {
    let not_clipped = |plus: i128, taken: i128| plus - taken;
    assert_eq!(not_clipped(0, 10), -10, "the wrong reading");

    every_order::<Stock>(|mut a, mut b, mut c| {
        let ten = a.edit(|stock| stock.entry(&1).add(10));
        b.hear(&ten);
        let removal = b.edit(|stock| stock.remove(&1));
        let five = a.edit(|stock| stock.entry(&1).add(5));
        assert!(c.hear(&removal));
        assert_eq!((value(&c.doc), c.doc.len()), (None, 0));
        assert!(!c.hear(&ten), "it is gone already");
        assert_eq!(value(&c.doc), None);
        c.hear(&five);
        assert_eq!(value(&c.doc), Some(5));
        same(&c.doc, &settled(&[&a, &b]), "by the removal first");
    });
}

/// C9: two remove the same increments; the owner has retired them after the first removal when the
/// record of the second arrives. Nobody but the owner can take that away.
#[test]
fn the_owner_clears_away_what_says_something_of_a_run_that_is_over() {
    every_order::<Stock>(|mut a, mut b, mut c| {
        let ten = a.edit(|stock| stock.entry(&1).add(10));
        b.hear(&ten);
        c.hear(&ten);
        let one = b.edit(|stock| stock.remove(&1));
        let two = c.edit(|stock| stock.remove(&1));
        a.hear(&one);
        let _ = a.edit(|stock| stock.entry(&1).add(1));
        assert_eq!((value(&a.doc), a.doc.live_len()), (Some(1), 1), "the first record went with its run");
        a.hear(&two);
        assert_eq!((value(&a.doc), a.doc.live_len()), (Some(1), 2));
        let _ = a.edit(|stock| stock.entry(&1).add(1));
        let all = settled(&[&a, &b, &c]);
        assert_eq!((value(&all), all.live_len()), (Some(2), 1));
    });
}

/// C9, B43: what is kept follows what was concurrent, and not how long the counter has lived.
#[test]
fn a_counter_that_lives_long_stays_small() {
    let most = (0..5).map(|seed| {
        let mut most = 0;
        let _ = turmoil(1_000, seed, |sites| {
            most = sites.iter().map(|site| site.doc.live_len()).chain([most]).max().unwrap();
        });
        most
    });
    let most: Vec<usize> = most.collect();
    assert!(most.iter().all(|entries| *entries <= 20), "{most:?}");
}

/// B22: removed, counted up again to less than before, then a stale copy: the greatest number of an
/// actor wins, and the old total is back.
#[test]
fn a_counter_that_starts_again_is_not_overtaken_by_a_stale_copy() {
    let by_maximum = |fresh: u64, stale: u64| fresh.max(stale);
    assert_eq!(by_maximum(3, 10), 10, "the wrong merge");

    both_orders::<Stock>(|mut a, mut b| {
        let _ = a.edit(|stock| stock.entry(&1).add(10));
        b.hear_all(&a);
        let _ = a.edit(|stock| assert!(stock.remove(&1)));
        let _ = a.edit(|stock| stock.entry(&1).add(3));
        let stale = b.doc.to_delta();
        assert!(!a.hear(&stale), "there is nothing new in it");
        assert_eq!(value(&settled(&[&a, &b])), Some(3));
    });
}

/// B24: amounts below zero make a merge lose what it had: one shows 2, its peer keeps 5.
#[test]
fn a_subtraction_arrives_like_an_addition_and_zero_says_nothing() {
    both_orders::<PnCounter>(|mut a, mut b| {
        b.hear(&a.edit(|counter| counter.add(5)));
        let three = a.edit(|counter| counter.sub(3));
        let nothing = a.edit(|counter| {
            counter.add(0);
            counter.sub(0);
        });
        assert!(nothing.is_empty());
        assert!(b.hear(&three));
        assert!(!b.hear(&nothing));
        assert_eq!((a.doc.value(), b.doc.value(), settled(&[&a, &b]).value()), (2, 2, 2));
        assert_eq!(a.doc.context().len(), 2, "zero takes no number");
    });
}

/// 2.1, B26: a sum of 64 bits panics in a debug build and wraps around in a release build.
#[test]
fn the_widest_amounts_add_up_exactly() {
    every_order::<GCounter>(|mut a, mut b, mut c| {
        for site in [&mut a, &mut b, &mut c] {
            let _ = site.edit(|counter| counter.add(u64::MAX));
            let _ = site.edit(|counter| counter.add(u64::MAX));
        }
        assert_eq!(settled(&[&a, &b, &c]).value(), 6 * u128::from(u64::MAX));
    });
    both_orders::<PnCounter>(|mut a, mut b| {
        let _ = a.edit(|counter| counter.add(u64::MAX));
        let _ = b.edit(|counter| counter.sub(u64::MAX));
        let _ = b.edit(|counter| counter.sub(u64::MAX));
        assert_eq!(settled(&[&a, &b]).value(), -i128::from(u64::MAX));
    });
}

/// B21: a reset at the root takes away as a removal from a map does.
#[test]
fn a_reset_keeps_what_it_did_not_see() {
    every_order::<PnCounter>(|mut a, mut b, mut c| {
        let ten = a.edit(|counter| counter.add(10));
        b.hear(&ten);
        c.hear(&ten);
        let _ = b.edit(|counter| counter.reset());
        let _ = c.edit(|counter| counter.sub(4));
        let all = settled(&[&a, &b, &c]);
        assert_eq!((all.value(), all.is_empty()), (-4, false));
    });
}
