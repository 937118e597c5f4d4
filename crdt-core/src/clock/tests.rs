//! Sets of numbers and dots against standard sets.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{BLOCK, Bits, CausalContext, Hlc, Intervals, Stamp};
use crate::dot::{Dot, ReplicaId};

fn ranges() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0u64..600, 0u64..40).prop_map(|(first, len)| (first, first + len)), 0..24)
}

fn model(ranges: &[(u64, u64)]) -> BTreeSet<u64> {
    ranges.iter().flat_map(|&(first, last)| first.max(1)..=last).collect()
}

fn set(ranges: &[(u64, u64)]) -> Intervals {
    let mut set = Intervals::default();
    for &(first, last) in ranges {
        set.insert_range(first, last);
    }
    set
}

fn members(set: &Intervals) -> BTreeSet<u64> {
    set.iter().flat_map(|(first, last)| first..=last).collect()
}

proptest! {
    #[test]
    fn an_interval_set_is_the_set_of_its_numbers(ranges in ranges(), probe in 0u64..700) {
        let (set, model) = (set(&ranges), model(&ranges));
        prop_assert_eq!(members(&set), model.clone());
        prop_assert_eq!(set.contains(probe), model.contains(&probe));
        prop_assert_eq!(set.len(), model.len() as u64);
        prop_assert_eq!(set.max(), model.last().copied().unwrap_or(0));
        prop_assert_eq!(set.prefix(), (1..).take_while(|n| model.contains(n)).count() as u64);
        let runs: Vec<_> = set.iter().collect();
        prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "runs are maximal: {:?}", runs);
    }

    #[test]
    fn insertion_reports_growth(ranges in ranges(), first in 0u64..600, len in 0u64..60) {
        let (mut set, mut model) = (set(&ranges), model(&ranges));
        let before = model.len();
        model.extend(first.max(1)..=first + len);
        prop_assert_eq!(set.insert_range(first, first + len), model.len() > before);
        prop_assert_eq!(members(&set), model);
    }

    #[test]
    fn set_algebra_on_intervals(left in ranges(), right in ranges()) {
        let (a, b) = (set(&left), set(&right));
        let (x, y) = (model(&left), model(&right));
        prop_assert_eq!(members(&a.difference(&b)), &x - &y);
        prop_assert_eq!(members(&a.intersection(&b)), &x & &y);
        prop_assert_eq!(a.is_superset(&b), x.is_superset(&y));
        let mut union = a.clone();
        prop_assert_eq!(union.union_with(&b), !x.is_superset(&y));
        prop_assert_eq!(members(&union), &x | &y);
        prop_assert_eq!(union, set(&[left, right].concat()));
    }

    #[test]
    fn the_mask_of_a_block_is_its_members(ranges in ranges(), block in 0u64..3) {
        let set = set(&ranges);
        let mask = set.mask(block);
        for bit in 0..BLOCK {
            prop_assert_eq!(mask.contains(bit), set.contains(block * BLOCK + bit));
        }
    }

    #[test]
    fn a_bitmap_is_the_set_of_its_bits(bits in prop::collection::btree_set(0u64..BLOCK, 0..80), at in 0u64..BLOCK) {
        let mut map = Bits::default();
        bits.iter().for_each(|&bit| map.set(bit));
        prop_assert_eq!(map.iter().collect::<BTreeSet<_>>(), bits.clone());
        prop_assert_eq!(map.rank(at), bits.range(..at).count());
        prop_assert_eq!(map.len(), bits.len());
        prop_assert_eq!(map.last(), bits.last().copied());
        map.clear(at);
        prop_assert!(!map.contains(at));
    }

    #[test]
    fn a_context_is_the_set_of_its_dots(dots in prop::collection::vec((1u128..4, 0u64..30), 0..60)) {
        let dots: Vec<_> = dots.into_iter().map(|(id, seq)| Dot::new(ReplicaId::from_u128(id), seq)).collect();
        let context: CausalContext = dots.iter().copied().collect();
        // There is no dot with the number 0.
        let model: BTreeSet<_> = dots.iter().copied().filter(|dot| dot.seq > 0).collect();
        prop_assert_eq!(context.len(), model.len() as u64);
        let ids: BTreeSet<_> = model.iter().map(|dot| dot.replica).collect();
        prop_assert!(context.iter().map(|(id, _)| id).eq(ids));
        for replica in (1..4).map(ReplicaId::from_u128) {
            for dot in (0..30).map(|seq| Dot::new(replica, seq)) {
                prop_assert_eq!(context.contains(dot), model.contains(&dot));
            }
        }
    }
}

#[test]
fn ranges_at_the_end_of_numbers_do_not_overflow() {
    let mut set = set(&[(u64::MAX, u64::MAX), (1, 3)]);
    assert!(set.insert_range(5, u64::MAX - 1));
    assert_eq!(set.iter().collect::<Vec<_>>(), [(1, 3), (5, u64::MAX)]);
    assert!(set.insert(4));
    assert_eq!(set.len(), u64::MAX);
    assert_eq!(set.mask(u64::MAX / BLOCK).len(), BLOCK as usize);
}

#[test]
fn zero_is_not_a_number() {
    let mut set = Intervals::default();
    assert!(!set.insert(0));
    assert!(set.is_empty() && !set.contains(0));
}

#[test]
fn stamps_grow_through_a_frozen_clock_and_a_step_back() {
    let mut clock = Hlc::default();
    let mut last = Stamp::default();
    for now in core::iter::repeat_n(1_000, 70_000).chain([1_000 - 500; 100]) {
        let stamp = clock.tick(now);
        assert!(stamp > last);
        last = stamp;
    }
    clock.observe(Stamp::MAX);
    assert_eq!(clock.tick(2_000), Stamp::MAX);
}
