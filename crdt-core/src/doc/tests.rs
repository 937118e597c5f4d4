//! The index of a document against standard sets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::index::Index;
use super::walk::Dead;
use crate::clock::CausalContext;
use crate::dot::ReplicaId;

const KEY: [u8; 16] = [7; 16];

/// Adds or removes dots of two replicas; the slot of a dot is ten times its number.
fn steps() -> impl Strategy<Value = Vec<(u32, u64, bool)>> {
    prop::collection::vec((0u32..2, 1u64..900, any::<bool>()), 0..400)
}

fn index() -> Index<u64> {
    let mut index = Index::with_key(KEY);
    [1, 2].map(ReplicaId::from_u128).into_iter().for_each(|id| index.push_lane(id));
    index
}

fn play(steps: &[(u32, u64, bool)]) -> (Index<u64>, BTreeMap<u32, BTreeSet<u64>>) {
    let (mut index, mut live) = (index(), BTreeMap::from([(0, BTreeSet::new()), (1, BTreeSet::new())]));
    for &(place, seq, add) in steps {
        let live = live.get_mut(&place).unwrap();
        if add && live.insert(seq) {
            index.add(place, seq, seq * 10);
        } else if !add {
            assert_eq!(index.remove(place, seq), live.remove(&seq).then_some(seq * 10));
        }
    }
    (index, live)
}

proptest! {
    #[test]
    fn an_index_finds_every_live_dot_and_no_other(steps in steps(), first in 0u64..900, len in 0u64..400) {
        let (index, live) = play(&steps);
        prop_assert_eq!(index.live(), live.values().map(BTreeSet::len).sum::<usize>());
        for (&place, live) in &live {
            let lane = index.lane(place).unwrap();
            for seq in 0..900 {
                prop_assert_eq!(lane.slot(seq), live.contains(&seq).then_some(seq * 10));
            }
            let last = first + len;
            let found: Vec<u64> = lane.live_in(first, last).collect();
            prop_assert_eq!(found, live.range(first..=last).copied().collect::<Vec<_>>());
            let mut dead = BTreeSet::new();
            lane.for_each_dead(first, last, |from, to| dead.extend(from..=to));
            prop_assert_eq!(dead, (first..=last).filter(|seq| !live.contains(seq)).collect::<BTreeSet<_>>());
        }
    }

    /// The hash is kept in parts and brought up to date late; it must not depend on that.
    #[test]
    fn a_fingerprint_depends_on_the_dots_alone(steps in steps()) {
        let (index, live) = play(&steps);
        let mut fresh = self::index();
        for (&place, live) in &live {
            live.iter().rev().for_each(|&seq| fresh.add(place, seq, 0));
        }
        prop_assert_eq!(index.fingerprint(), fresh.fingerprint());

        fresh.see(0, 5_000, 5_000);
        prop_assert_ne!(index.fingerprint(), fresh.fingerprint());
        let mut more = self::index();
        live.iter().for_each(|(&place, live)| live.iter().for_each(|&seq| more.add(place, seq, 0)));
        more.add(1, 5_000, 0);
        prop_assert_ne!(index.fingerprint(), more.fingerprint());
    }
}

#[test]
fn the_key_and_the_replica_change_the_fingerprint() {
    let with = |key, place| {
        let mut index = Index::with_key(key);
        [1, 2].map(ReplicaId::from_u128).into_iter().for_each(|id| index.push_lane(id));
        index.add(place, 1, 0u64);
        index.fingerprint()
    };
    let prints = BTreeSet::from([with(KEY, 0), with(KEY, 1), with([8; 16], 0), with([8; 16], 1)]);
    assert_eq!(prints.len(), 4);
}

#[test]
fn dead_dots_come_in_parts_and_each_once() {
    let mut index = index();
    assert!(index.see(0, 1, 600) && index.see(1, 1, 600));
    (1..=600).filter(|seq| seq % 3 == 0).for_each(|seq| index.add(0, seq, 0));
    let (start, [one, two]) = (index.digest(), [1, 2].map(ReplicaId::from_u128));
    let mut wanted = CausalContext::default();
    for (id, first, last) in [(one, 4, 300), (one, 310, 310), (two, 7, 7), (two, 250, 600)] {
        wanted.insert_range(id, first, last);
    }
    let live = (1..=600).filter(|seq| seq % 3 == 0).map(|seq| crate::Dot::new(one, seq));
    let expected = wanted.difference(&live.collect());
    for max in [1, 2, 7, 1_000] {
        let (mut dead, mut got) = (Dead { dots: wanted.clone(), up_to: None }, CausalContext::default());
        loop {
            let part = dead.next(&start, max);
            if part.is_empty() {
                break;
            }
            assert!(part.runs() <= max && part.intersection(&got).is_empty());
            got.union_with(&part);
        }
        assert_eq!(got, expected, "in parts of {max}");
    }
}
