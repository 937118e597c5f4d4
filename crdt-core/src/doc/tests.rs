//! The index of a document against standard sets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::compare::{Comparison, Past};
use super::digest::Digest;
use super::index::Index;
use super::walk::Dead;
use crate::clock::CausalContext;
use crate::dot::{Dot, ReplicaId};

const KEY: [u8; 16] = [7; 16];

/// Adds or removes dots of two replicas; the slot of a dot is ten times its number.
fn steps() -> impl Strategy<Value = Vec<(u32, u64, bool)>> {
    prop::collection::vec((0u32..2, 1u64..900, any::<bool>()), 0..400)
}

/// The same with blocks of few dots, which are gone now and then, and of many.
fn sparse() -> impl Strategy<Value = Vec<(u32, u64, bool)>> {
    prop_oneof![
        prop::collection::vec((0u32..2, (0u64..9).prop_map(|n| n * 150), any::<bool>()), 0..100),
        steps()
    ]
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
    fn a_fingerprint_depends_on_the_dots_alone(steps in sparse()) {
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

proptest! {
    /// Lanes are compared without a look at most of their blocks; they agree when the dots do.
    #[test]
    fn lanes_agree_when_their_dots_do(steps in sparse(), more in sparse(), few in 0usize..40, backwards: bool) {
        let (here, live) = play(&steps);
        let mut again: Vec<_> = live.iter().flat_map(|(&place, live)| live.iter().map(move |&seq| (place, seq)))
            .map(|(place, seq)| (place, seq, true)).collect();
        if backwards {
            again.reverse();
        }
        again.extend(&more[..few.min(more.len())]);
        let (mut there, live_there) = play(&again);
        for place in [0, 1] {
            let (one, two) = (here.lane(place).unwrap(), there.lane(place).unwrap());
            prop_assert_eq!(one.agrees_with(two), live[&place] == live_there[&place]);
            prop_assert_eq!(two.agrees_with(one), live[&place] == live_there[&place]);
        }
        there.see(0, 5_000, 5_000);
        prop_assert!(!here.lane(0).unwrap().agrees_with(there.lane(0).unwrap()), "of a dot that is gone");
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
    let live = (1..=600).filter(|seq| seq % 3 == 0).map(|seq| Dot::new(one, seq));
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

/// What a donor finds to differ, if it asks and the other answers until nothing is left, and in how
/// many questions.
fn compare(
    dots: &CausalContext,
    (here, there): (&Digest, &Digest),
    (pieces, most): (usize, usize),
) -> (CausalContext, usize) {
    let past = Past::new(dots.clone(), 7);
    let (mut comparison, mut questions) = Comparison::begin(dots.clone(), 7, here, pieces);
    let mut asked = 0;
    while !questions.is_empty() {
        assert!(questions.len() <= most.max(pieces), "{} questions", questions.len());
        let answers = past.answer_of(there, &questions, pieces, most);
        assert!(answers.len() <= most + questions.len(), "{} answers", answers.len());
        questions = comparison.narrow(here, &answers, pieces, most);
        asked += 1;
    }
    (comparison.different(), asked)
}

/// The blocks of the dots, each as a replica and a number.
fn blocks(dots: impl IntoIterator<Item = Dot>) -> BTreeSet<(ReplicaId, u64)> {
    dots.into_iter().map(|dot| (dot.replica, dot.seq / 256)).collect()
}

proptest! {
    #[test]
    fn a_comparison_finds_all_that_differs_and_little_else(
        (here, there) in (steps(), steps()),
        alike in any::<bool>(),
        pieces in 2usize..20,
        few in any::<bool>(),
        from in 1u64..400,
    ) {
        let there = if alike { [&here[..], &there[..5.min(there.len())]].concat() } else { there };
        let ids = [1, 2].map(ReplicaId::from_u128);
        let [mut dots, mut seen] = [(); 2].map(|()| CausalContext::default());
        ids.iter().for_each(|id| { seen.insert_range(*id, 1, 899); });
        dots.insert_range(ids[0], 1, 899);
        for (first, last) in [(from, from + 30), (from + 40, 700)] {
            dots.insert_range(ids[1], first, last);
        }
        let digest = |steps: &[_]| {
            let (mut index, live) = play(steps);
            index.see(0, 1, 899);
            index.see(1, 1, 899);
            let live = live.iter().flat_map(|(&place, live)| {
                live.iter().map(move |&seq| Dot::new(ids[place as usize], seq))
            });
            (index.digest(), live.filter(|dot| dots.contains(*dot)).collect::<BTreeSet<_>>())
        };
        let ((here, live_here), (there, live_there)) = (digest(&here), digest(&there));

        let most = if few { 4 } else { 1_000 };
        let (found, asked) = compare(&dots, (&here, &there), (pieces, most));
        for dot in live_there.difference(&live_here) {
            prop_assert!(found.contains(*dot), "{dot:?} is live there alone");
        }
        prop_assert!(dots.is_superset(&found));
        let different = blocks(live_here.symmetric_difference(&live_there).copied());
        let sent = blocks(live_here.iter().copied().filter(|dot| found.contains(*dot)));
        if asked > 0 && !few {
            prop_assert!(sent.len() <= different.len(), "{sent:?} for {different:?}");
        }
    }
}

/// The figures of a large document: few ranges for few differences, in few messages.
#[test]
fn a_few_differences_among_many_blocks_cost_a_few_ranges() {
    let one = ReplicaId::from_u128(1);
    let (mut here, mut there) = (index(), index());
    for index in [&mut here, &mut there] {
        index.see(0, 1, 1_000_000);
        (1..=1_000_000).step_by(4).for_each(|seq| index.add(0, seq, seq));
    }
    (1..=100).for_each(|n| {
        here.remove(0, 1 + n * 9_996);
    });
    let mut dots = CausalContext::default();
    dots.insert_range(one, 1, 1_000_000);
    let (found, asked) = compare(&dots, (&here.digest(), &there.digest()), (16, 10_000));
    assert!((1..=100).all(|n| found.contains(Dot::new(one, 1 + n * 9_996))));
    assert!(found.len() <= 100 * 256, "{} dots", found.len());
    assert!(asked <= 2, "{asked} questions");
}

/// Contexts that nobody can have: no panic, and nothing is held to be equal that was not looked at.
#[test]
fn a_past_beyond_counting_differs() {
    let (mut dots, mut seen) = (CausalContext::default(), index());
    for id in 0..5_000u128 {
        dots.insert_range(ReplicaId::from_u128(id), 1, Dot::MAX_SEQ);
    }
    seen.see(0, 1, Dot::MAX_SEQ);
    [10, 100_000].into_iter().for_each(|seq| seen.add(0, seq, 0));
    let (digest, last) = (seen.digest(), ReplicaId::from_u128(4_999));
    let (found, asked) = compare(&dots, (&digest, &digest), (16, 1_000));
    assert!(asked > 0 && found.contains(Dot::new(last, 3)) && !found.contains(Dot::new(last, 0)));
    assert!(!found.contains(Dot::new(ReplicaId::from_u128(1), 3)), "what can be compared is equal");
}
