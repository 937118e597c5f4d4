//! Registers.

use crdt_core::{
    Doc, Max, Min, MvRegister, OrMap, RankedRegister, RankedRegisterEditor, Resolve, ResolvedRegister,
};

use super::{at_once, replica};

fn values(register: &MvRegister<u8>) -> Vec<u8> {
    let mut values: Vec<u8> = register.values().into_iter().copied().collect();
    values.sort_unstable();
    values
}

#[test]
fn a_multi_value_register_keeps_both_of_two_concurrent_values() {
    let both = at_once::<MvRegister<u8>, _>(&|r| r.set(0), &|r| r.set(1), &|r| r.set(2), values);
    assert_eq!(both, [1, 2]);
}

#[test]
fn equal_concurrent_values_show_once_and_are_no_conflict() {
    let read = |r: &MvRegister<u8>| (values(r), r.get().copied(), r.is_conflicting(), r.siblings().len());
    let shown = at_once::<MvRegister<u8>, _>(&|_| (), &|r| r.set(5), &|r| r.set(5), read);
    assert_eq!(shown, (vec![5], Some(5), false, 2));
}

#[test]
fn a_lone_value_that_does_not_equal_itself_is_no_conflict() {
    let mut doc = Doc::<MvRegister<f64>>::default();
    let _ = doc.update(&mut replica(1), |r| r.set(f64::NAN));
    assert!(doc.get().is_some_and(|value| value.is_nan()));
    assert!(!doc.is_conflicting());
}

#[test]
fn a_clearing_beside_a_write_leaves_the_write() {
    let left = at_once::<MvRegister<u8>, _>(&|r| r.set(0), &|r| r.clear(), &|r| r.set(2), values);
    assert_eq!(left, [2]);
}

#[test]
fn a_resolution_settles_the_conflict_and_two_make_a_smaller_one() {
    let conflict = || {
        let mut doc = Doc::<MvRegister<u8>>::default();
        let others =
            (3..6).map(|id| Doc::<MvRegister<u8>>::default().update(&mut replica(id), |r| r.set(id as u8)));
        others.for_each(|delta| _ = doc.merge(delta));
        doc
    };
    let (mut here, mut there) = (conflict(), conflict());
    assert_eq!(values(&here), [3, 4, 5]);
    let ours = here.update(&mut replica(1), |r| r.resolve(|values| **values.iter().max().unwrap()));
    assert_eq!(values(&here), [5]);
    let theirs = there.update(&mut replica(2), |r| r.resolve(|values| **values.iter().min().unwrap()));
    here.merge(theirs);
    there.merge(ours);
    assert_eq!((values(&here), values(&there)), (vec![3, 5], vec![3, 5]));
}

#[test]
fn resolving_what_is_no_conflict_ships_nothing() {
    let mut me = replica(1);
    let mut doc = Doc::<MvRegister<u8>>::default();
    assert!(doc.update(&mut me, |r| r.resolve(|_| 1)).is_empty());
    let _ = doc.update(&mut me, |r| r.set(7));
    assert!(doc.update(&mut me, |r| r.resolve(|_| 1)).is_empty());
    assert_eq!(doc.get(), Some(&7));
}

#[test]
fn ten_thousand_read_modify_writes_of_two_writers_leave_two_siblings_at_most() {
    let (mut a, mut b) = (replica(1), replica(2));
    let (mut here, mut there) = (Doc::<MvRegister<u32>>::default(), Doc::<MvRegister<u32>>::default());
    for round in 0..5_000 {
        let ours = here.update(&mut a, |r| r.set(r.to_vec().into_iter().max().unwrap_or(0) + 1));
        let theirs = there.update(&mut b, |r| r.set(r.to_vec().into_iter().max().unwrap_or(0) + 1));
        here.merge(theirs);
        if round % 3 == 0 {
            there.merge(ours);
        }
        assert!(here.siblings().len() <= 2 && there.siblings().len() <= 2);
    }
}

type Ranked = RankedRegister<(u8, &'static str)>;

#[test]
fn the_higher_rank_wins_among_concurrent_writes_whatever_the_clocks_say() {
    let later_but_lower = |r: RankedRegisterEditor<'_, (u8, u8)>| {
        r.set((0, 1));
        r.set((1, 2));
    };
    let read = |r: &RankedRegister<(u8, u8)>| r.siblings().copied().collect::<Vec<_>>();
    let shown = at_once::<RankedRegister<(u8, u8)>, _>(
        &|r| r.set((0, 0)),
        &|r| r.set((2, 9)),
        &later_but_lower,
        read,
    );
    assert_eq!(shown, [(2, 9), (1, 2)]);
}

#[test]
fn whoever_has_seen_a_high_rank_may_write_a_lower_one() {
    let mut me = replica(1);
    let mut doc = Doc::<Ranked>::default();
    let _ = doc.update(&mut me, |r| r.set((9, "typed")));
    let _ = doc.update(&mut me, |r| r.set((1, "import")));
    assert_eq!(doc.get(), Some(&(1, "import")));
}

/// Two versions of one document: the longer text, but never an empty title.
struct Longest;

impl Resolve<String> for Longest {
    fn resolve(siblings: &[&String]) -> String {
        siblings.iter().max_by_key(|text| text.len()).map(|text| (*text).clone()).unwrap_or_default()
    }
}

#[test]
fn a_resolver_reads_the_same_everywhere_and_loses_no_sibling() {
    let read = |r: &ResolvedRegister<String, Longest>| {
        let mut siblings: Vec<String> = r.siblings().cloned().collect();
        siblings.sort_unstable();
        (r.get().map(|text| text.into_owned()), siblings)
    };
    let shown = at_once::<ResolvedRegister<String, Longest>, _>(
        &|r| r.set("old".to_owned()),
        &|r| r.set("a".to_owned()),
        &|r| r.set("bb".to_owned()),
        read,
    );
    assert_eq!(shown, (Some("bb".to_owned()), vec!["a".to_owned(), "bb".to_owned()]));
}

#[test]
fn a_maximum_is_the_largest_of_concurrent_values_and_ships_nothing_smaller() {
    let largest = at_once::<Max<u8>, _>(&|m| _ = m.raise(3), &|m| _ = m.raise(9), &|m| _ = m.raise(7), |m| {
        m.get().copied()
    });
    assert_eq!(largest, Some(9));
    let mut me = replica(1);
    let mut doc = Doc::<Max<u8>>::default();
    let _ = doc.update(&mut me, |m| m.raise(9));
    assert!(doc.update(&mut me, |m| m.raise(9)).is_empty());
    assert!(doc.update(&mut me, |m| m.raise(8)).is_empty());
}

#[test]
fn a_minimum_is_the_smallest_of_concurrent_values() {
    let least =
        at_once::<Min<i8>, _>(&|_| (), &|m| _ = m.lower(-9), &|m| _ = m.lower(7), |m| m.get().copied());
    assert_eq!(least, Some(-9));
}

#[test]
fn a_removed_maximum_keeps_what_the_removal_had_not_seen() {
    let read = |map: &OrMap<String, Max<u8>>| map.get("x").and_then(|max| max.get().copied());
    let left = at_once::<OrMap<String, Max<u8>>, _>(
        &|map| _ = map.entry("x").raise(5),
        &|map| _ = map.remove("x"),
        &|map| _ = map.entry("x").raise(8),
        read,
    );
    assert_eq!(left, Some(8));
}
