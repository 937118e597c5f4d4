//! Which dots were seen, and who may mint the next one.

use std::time::Duration;

use crdt_core::clock::CausalContext;
use crdt_core::codec::Limits;
use crdt_core::{Delta, Doc, Dot, LwwRegister, OrMap, OrSet, PnCounter, Replica, ReplicaId};

use crate::sites::{Dice, Site, both_orders, same, settled, shuffle, through_bytes};
use crate::timing::within;

/// B32, B53: a state was restored, or loaded, and went on under the id that had written it: the new
/// writes look as if they had been seen, and vanish.
#[test]
fn what_is_written_after_a_restore_survives_under_a_new_id() {
    let mut a = Site::<OrSet<u8>>::new(1);
    let mut peer = Site::<OrSet<u8>>::new(2);
    let _ = a.edit(|set| set.insert(1));
    let backup = a.doc.encode().unwrap();
    let lost = a.edit(|set| set.insert(2));
    peer.hear_all(&a);

    // The wrong start: the id of the backup. Its write has the number of the one that was lost.
    let mut restored = Doc::<OrSet<u8>>::decode(&backup, &Limits::default()).unwrap();
    let again = restored.update(&mut Replica::new(a.me.id()), |set| set.insert(3));
    assert_eq!(again.entries()[0].0, lost.entries()[0].0);
    assert!(!Doc::from(peer.doc.to_delta()).merge(again), "nobody takes it in");

    let mut restored = Site::<OrSet<u8>>::new(3);
    restored.doc = Doc::decode(&backup, &Limits::default()).unwrap();
    let _ = restored.edit(|set| set.insert(3));
    assert_eq!(settled(&[&a, &peer, &restored]).sorted(), [&1, &2, &3]);
}

/// B33: the next number came from the part of the context without gaps, while dots of one's own had
/// arrived beyond it.
#[test]
fn own_dots_that_come_back_out_of_order_are_not_minted_again() {
    let mut before = Site::<OrSet<u8>>::new(1);
    let said = [1, 2, 3, 4].map(|n| before.edit(|set| set.insert(n)));
    for arrived in [&[0, 2][..], &[2, 0], &[0, 3, 1], &[2], &[1, 2, 3], &[3]] {
        let mut again = Site::<OrSet<u8>>::new(1);
        arrived.iter().for_each(|at| assert!(again.hear(&said[*at])));
        let last = arrived.iter().max().unwrap() + 1;
        let next = again.edit(|set| set.insert(9));
        assert_eq!(next.entries()[0].0.seq, last as u64 + 1, "after {arrived:?}");
        assert_eq!(again.doc.len(), arrived.len() + 1);
    }
}

/// B53: what a loaded state has seen of the writer, live or gone, is counted in.
#[test]
fn a_state_that_went_through_bytes_knows_which_numbers_are_used() {
    let mut site = Site::<OrMap<u8, PnCounter>>::new(1);
    let _ = site.edit(|map| map.entry(&1).add(1));
    let _ = site.edit(|map| map.entry(&2).add(1));
    let _ = site.edit(|map| map.remove(&2));
    let used = site.doc.context().max(site.me.id());
    let mut loaded =
        Doc::<OrMap<u8, PnCounter>>::decode(&site.doc.encode().unwrap(), &Limits::default()).unwrap();
    let mut same_id = Replica::new(site.me.id());
    let next = loaded.update(&mut same_id, |map| map.entry(&1).add(1));
    assert_eq!(next.entries()[0].0.seq, used + 1);
    assert_eq!(loaded.get(&1).map(PnCounter::value), Some(2));
}

/// B36: a merge that refuses half way leaves an empty store with its context behind, and the next
/// exchange deletes everything everywhere. Here only bytes are refused, before anything is a delta.
#[test]
fn refused_bytes_change_nothing() {
    both_orders::<OrSet<u8>>(|mut a, b| {
        let _ = a.edit(|set| (0..9).for_each(|n| set.insert(n)));
        let (bytes, print) = (a.doc.encode().unwrap(), a.doc.fingerprint());
        let mut refused = 0;
        for at in 0..bytes.len() {
            let mut torn = bytes.clone();
            torn[at] ^= 0x80;
            match Delta::<OrSet<u8>>::decode(&torn[..], &Limits::default()) {
                Ok(other) => drop(Doc::from(other)),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 0);
        assert_eq!((a.doc.encode().unwrap(), a.doc.fingerprint()), (bytes, print));
        assert_eq!(settled(&[&a, &b]).len(), 9);
    });
}

/// B38: equality, or bytes, depended on the order in which a state was built: gossip without end.
#[test]
fn a_hundred_shuffled_constructions_are_one_state() {
    let mut sites = [1, 2, 3].map(Site::<OrMap<u8, OrMap<String, LwwRegister<u8>>>>::new);
    for n in 0..40u8 {
        let at = usize::from(n) % 3;
        let _ = sites[at].edit(|map| map.entry(&(n % 4)).entry(format!("key {}", n % 7).as_str()).set(n));
        if n % 6 == 5 {
            let _ = sites[at].edit(|map| map.remove(&(n % 4)));
            let heard = Doc::from(sites[at].doc.to_delta());
            sites[(at + 1) % 3].doc.merge_from(&heard);
        }
    }
    let mut said: Vec<_> = sites.iter().flat_map(|site| site.said.clone()).collect();
    let [a, b, c] = &sites;
    let expected = settled(&[a, b, c]);
    let bytes = expected.encode().unwrap();
    assert!(expected.len() > 1 && expected.live_len() > 10);
    for round in 0..100 {
        shuffle(&mut said, round);
        let mut doc = Doc::<OrMap<u8, OrMap<String, LwwRegister<u8>>>>::default();
        for delta in &said {
            doc.merge(delta.clone());
        }
        assert_eq!((doc.fingerprint(), &doc.encode().unwrap()), (expected.fingerprint(), &bytes), "{round}");
        assert!(doc == expected);
        assert_eq!(doc.keys().count(), expected.len());
    }
}

/// B38: a hash that is kept up to date by parts, and forgets one, differs between equal states; states
/// of a few blocks of dots do not show it.
#[test]
fn fingerprints_of_large_states_follow_every_change() {
    let mut site = Site::<OrSet<u32>>::new(1);
    let _ = site.edit(|set| (0..40_000).for_each(|n| set.insert(n)));
    let mut dice = Dice::new(3);
    for round in 0..12 {
        let _ = site.edit(|set| {
            (0..200).for_each(|_| {
                set.remove(&u32::try_from(dice.below(40_000)).unwrap());
            });
            set.insert(50_000 + round);
        });
        let built_at_once = Doc::<OrSet<u32>>::from(site.doc.to_delta());
        assert_eq!(site.doc.fingerprint(), built_at_once.fingerprint(), "round {round}");
        assert!(site.doc.difference(&built_at_once).is_empty());
    }
    let _ = site.edit(|set| set.clear());
    assert_eq!(site.doc.fingerprint(), Doc::<OrSet<u32>>::from(site.doc.to_delta()).fingerprint());
}

/// B37: contexts with gaps compared wrongly.
#[test]
fn contexts_with_gaps_compare_as_sets() {
    let a = ReplicaId::from_u128(1);
    let of = |numbers: &[u64]| numbers.iter().map(|seq| Dot::new(a, *seq)).collect::<CausalContext>();
    for left in 0u64..32 {
        for right in 0u64..32 {
            let bits =
                |mask: u64| (0..5).filter(|bit| mask >> bit & 1 == 1).map(|bit| bit + 1).collect::<Vec<_>>();
            let (one, other) = (of(&bits(left)), of(&bits(right)));
            assert_eq!(one == other, left == right);
            assert_eq!(one.is_superset(&other), left & right == right);
            assert_eq!(one.difference(&other), of(&bits(left & !right)));
            assert_eq!(one.intersection(&other), of(&bits(left & right)));
            let mut both = one.clone();
            assert_eq!(both.union_with(&other), left | right != left);
            assert_eq!(both, of(&bits(left | right)));
        }
    }
}

/// A delta of one entry, whose context claims all dots of some replicas up to 2^62.
fn claims(ids: u8) -> Delta<OrSet<u8>> {
    let mut bytes = vec![1, ids];
    (1..=ids).for_each(|id| bytes.extend(u128::from(id).to_be_bytes()));
    for _ in 0..ids {
        bytes.extend([0, 1, 0]);
        // 2^62 - 1 more numbers: seven bits to a byte, the lowest first.
        bytes.extend([0xff; 8]);
        bytes.push(0x3f);
    }
    Delta::decode(&bytes, &Limits::default()).unwrap()
}

/// B41: every dot that a context claims was visited; sixty bytes kept a machine busy for a minute.
#[test]
fn a_context_of_everything_costs_its_bytes() {
    let mut site = Site::<OrSet<u8>>::new(1);
    let _ = site.edit(|set| (0..200).for_each(|n| set.insert(n)));
    let mut gaps = Site::<OrSet<u8>>::new(2);
    site.said.iter().for_each(|delta| assert!(gaps.hear(delta)));
    let everything = claims(5);
    assert_eq!(everything.dead().len(), u64::MAX, "more than there are numbers");
    within(Duration::from_secs(1), || {
        let mut group = site.doc.to_delta();
        group.merge(everything.clone());
        assert!(group.entries().is_empty());
        let before = site.doc.clone();
        assert!(site.hear(&everything) && !site.hear(&everything));
        assert!(site.doc.is_empty());
        assert_eq!(before.difference(&site.doc), Delta::default());
        assert_eq!(site.doc.difference(&before).dead().len(), u64::MAX);
        assert_eq!(through_bytes(&site.doc.to_delta()), everything);
        let mut walk = site.doc.walk(&gaps.doc.context(), 10);
        while let Some(chunk) = walk.next_chunk(&site.doc, 1, usize::MAX, |_| 0) {
            gaps.hear(&chunk);
        }
        same(&gaps.doc, &site.doc, "after a walk");
        let next = gaps.edit(|set| set.insert(7));
        assert_eq!(next.entries().len(), 1, "others write on");
    });
}

/// The same for the sets themselves, to the last number of all.
#[test]
fn ranges_to_the_last_number_cost_nothing() {
    within(Duration::from_secs(1), || {
        let ids = || (1..=50).map(ReplicaId::from_u128);
        let mut all = CausalContext::default();
        ids().for_each(|id| assert!(all.insert_range(id, 1, u64::MAX)));
        let mut most = CausalContext::default();
        ids().for_each(|id| {
            assert!(most.insert_range(id, 1, 1 << 61) | most.insert_range(id, 1 << 62, u64::MAX))
        });
        assert!(all.is_superset(&most) && !most.is_superset(&all));
        assert_eq!(all.difference(&most).runs(), 50);
        assert_eq!(all.intersection(&most), most);
        assert!(most.union_with(&all) && most == all && !most.union_with(&all));
        assert_eq!((all.len(), all.max(ReplicaId::from_u128(1))), (u64::MAX, u64::MAX));
    });
}

/// 2.1: removals of dots of writers that do not exist: ten thousand of them pile up. They cost their
/// bytes, and do not slow down the rest.
#[test]
fn removals_of_invented_writers_cost_their_bytes() {
    let invented = |id: u128| {
        let mut bytes = vec![1, 1];
        bytes.extend((id << 64).to_be_bytes());
        bytes.extend([0, 1, 5, 0]);
        Delta::<OrSet<u8>>::decode(&bytes, &Limits::default()).unwrap()
    };
    let mut site = Site::<OrSet<u8>>::new(1);
    let _ = site.edit(|set| set.insert(7));
    within(Duration::from_secs(5), || (1..=10_000).for_each(|id| assert!(site.hear(&invented(id)))));
    assert_eq!((site.doc.len(), site.doc.live_len()), (1, 1));
    assert!(site.doc.encode().unwrap().len() < 10_001 * 21);
    within(Duration::from_secs(1), || {
        (0..100).for_each(|n| assert_eq!(site.edit(|set| set.insert(n)).entries().len(), 1));
    });
    let few = Limits { max_replicas: 100, ..Limits::default() };
    assert!(Delta::<OrSet<u8>>::decode(&site.doc.encode().unwrap(), &few).is_err(), "a limit stops them");
}

/// States are compared by hashes of blocks, some of which are out of date, in one or the other: neither may
/// hide a difference, nor make one up. Each removes another element, so that their numbers tell nothing.
#[test]
fn a_difference_is_found_whatever_was_changed_lately() {
    const ELEMENTS: usize = 6_000; // more blocks than may await their hash
    const REMOVED: usize = 60;
    let (mut here, mut there) = (Site::<OrSet<usize>>::new(1), Site::<OrSet<usize>>::new(2));
    there.hear(&here.edit(|set| set.extend(0..ELEMENTS)));
    let mut dice = Dice::new(7);
    let each = ELEMENTS / REMOVED;
    let elements = (0..REMOVED).map(|at| at * each + dice.below(each));
    let removal = |element| here.doc.stage(&mut here.me, |set| Ok::<_, ()>(set.remove(&element))).unwrap().1;
    let mut removals: Vec<_> = elements.map(removal).collect();
    shuffle(&mut removals, 7);
    for (round, pair) in removals.chunks(2).enumerate() {
        if round % 7 == 3 {
            // A copy has other hashes up to date than the state that grew.
            there.doc = Doc::from(there.doc.to_delta());
        }
        here.hear(&pair[0]);
        there.hear(&pair[1]);
        assert_eq!(here.doc.difference(&there.doc).dead(), pair[0].dead());
        assert_eq!(there.doc.difference(&here.doc).dead(), pair[1].dead());
        here.hear(&pair[1]);
        there.hear(&pair[0]);
        assert!(here.doc.difference(&there.doc).is_empty() && there.doc.difference(&here.doc).is_empty());
    }
    let (one, other) = (here.edit(|set| set.insert(1)), there.edit(|set| set.insert(2)));
    assert!(!here.doc.difference(&there.doc).is_empty() && !there.doc.difference(&here.doc).is_empty());
    here.hear(&other);
    there.hear(&one);
    same(&here.doc, &there.doc, "after both");
    assert!(here.doc.difference(&there.doc).is_empty());
}
