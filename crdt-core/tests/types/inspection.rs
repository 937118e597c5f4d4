//! Conflicts, sizes, tombstones.

use crdt_core::clock::CausalContext;
use crdt_core::{
    BoundedCounter, Crdt, Doc, DwFlag, Holder, LwwMap, MvRegister, OrMap, OrSet, PnCounter, ReplicaId, RwSet,
};

use super::replica;

#[derive(Crdt)]
struct Account {
    email: MvRegister<String>,
    settings: OrMap<String, LwwMap<String, u8>>,
    tags: OrSet<u8>,
    logins: PnCounter,
}

#[test]
fn conflicts_are_found_in_every_depth_and_only_where_somebody_could_choose() {
    let (mut a, mut b) = (replica(1), replica(2));
    let (mut here, mut there) = (Doc::<Account>::default(), Doc::<Account>::default());
    let write = |account: AccountEditor<'_>, n: u8| {
        account.email.set(format!("from {n}"));
        account.settings.entry("tv").insert("volume".to_owned(), n);
        account.settings.entry("tv").insert(format!("of {n}"), n);
        account.tags.insert(7);
        account.logins.add(1);
    };
    let _ = here.update(&mut a, |account| write(account, 1));
    let theirs = there.update(&mut b, |account| write(account, 2));
    assert!(here.find_conflicts().is_empty());
    here.merge(theirs);
    let conflicts = here.find_conflicts();
    assert_eq!(conflicts.len(), 2);
    assert!(conflicts.iter().all(|conflict| conflict.others.len() == 1));
    assert!(conflicts.is_sorted_by_key(|conflict| conflict.shown.0));
    for conflict in &conflicts {
        let (shown, other) = (conflict.shown.0, conflict.others[0].0);
        let part = |dot| here.conflict_of(dot).map(|conflict| (conflict.shown.0, conflict.others[0].0));
        assert_eq!((part(shown), part(other)), (Some((shown, other)), Some((shown, other))));
    }
    let live = here.to_delta().entries().iter().map(|(dot, _)| *dot).collect::<Vec<_>>();
    assert_eq!(live.iter().filter(|dot| here.is_contested(**dot)).count(), 4, "two at each of two places");

    let _ = here.update(&mut a, |account| {
        account.email.resolve(|emails| emails[0].clone());
        account.settings.entry("tv").remove("volume");
    });
    assert!(here.find_conflicts().is_empty());
}

#[test]
fn stats_count_the_memory_of_entries_that_lie_far_apart_and_need_no_slot() {
    let mut me = replica(1);
    let mut stock = Doc::<BoundedCounter>::default();
    let _ = stock.update(&mut me, |stock| stock.add(1));
    let given = stock.try_update(&mut me, |stock| stock.transfer(replica(2).id(), 1));
    assert!(given.is_ok());
    (0..300).for_each(|_| _ = stock.update(&mut me, |stock| stock.add(1)));
    let stats = stock.stats();
    assert_eq!((stats.live, stats.seen), (2, 302));
    assert!((200..4_000).contains(&stats.bytes), "{stats:?}");
}

#[test]
fn stats_count_replicas_dots_and_gaps() {
    let mut me = replica(1);
    let mut source = Doc::<OrSet<u8>>::default();
    let deltas: Vec<_> = (0..5).map(|n| source.update(&mut me, |set| set.insert(n))).collect();
    let mut doc = Doc::<OrSet<u8>>::default();
    for at in [1, 3] {
        doc.merge(deltas[at].clone());
    }
    let stats = doc.stats();
    assert_eq!((stats.replicas, stats.live, stats.seen, stats.gaps), (1, 2, 2, 2));
    let stats = source.stats();
    assert_eq!((stats.replicas, stats.live, stats.seen, stats.gaps), (1, 5, 5, 0));
}

#[test]
fn stable_tombstones_go_together_with_what_they_won_over() {
    let (mut a, mut b) = (replica(1), replica(2));
    let mut here = Doc::<LwwMap<String, u8>>::default();
    let mut there = Doc::<LwwMap<String, u8>>::default();
    let _ = here.update(&mut a, |map| map.insert("k".to_owned(), 1));
    let theirs = there.update(&mut b, |map| map.insert("k".to_owned(), 2));
    let _ = here.update(&mut a, |map| map.remove("k"));
    // The removal's stamp is the larger one: it shows, and the insertion lost to it.
    here.merge(theirs);
    assert!(!here.contains_key("k"));
    assert_eq!(here.live_len(), 2);

    let of_a: CausalContext =
        here.context().iter().filter(|(id, _)| *id == a.id()).map(|(id, dots)| (id, dots.clone())).collect();
    assert!(here.collect_tombstones(&of_a).is_empty(), "the write that lost could come up again");
    let collected = here.collect_tombstones(&here.context());
    here.merge(collected.clone());
    there.merge(here.to_delta());
    assert_eq!((here.live_len(), there.live_len()), (0, 0));
    assert!(!there.contains_key("k"));
}

#[test]
fn flags_and_remove_wins_sets_leave_tombstones_that_can_be_collected() {
    let mut me = replica(1);
    let mut sets = Doc::<OrMap<String, RwSet<u8>>>::default();
    let _ = sets.update(&mut me, |sets| {
        sets.entry("members").insert(1);
        sets.entry("members").remove(&2);
    });
    let collected = sets.collect_tombstones(&sets.context());
    assert_eq!(collected.dead().len(), 1);
    sets.merge(collected);
    assert_eq!((sets.live_len(), sets.get("members").map(RwSet::len)), (1, Some(1)));

    let mut flag = Doc::<DwFlag>::default();
    let _ = flag.update(&mut me, |flag| flag.enable());
    assert!(flag.collect_tombstones(&flag.context()).is_empty());
    let _ = flag.update(&mut me, |flag| flag.disable());
    assert_eq!(flag.collect_tombstones(&flag.context()).dead().len(), 1);
}

/// What each of two documents has alone, and whether the other has seen it go.
#[test]
fn disagreements_name_what_arrives_late_and_what_was_removed_on_one_side() {
    let (mut a, mut b) = (replica(1), replica(2));
    let (mut here, mut there) = (Doc::<OrSet<u64>>::default(), Doc::<OrSet<u64>>::default());
    there.merge(here.update(&mut a, |set| (0..600).for_each(|n| set.insert(n))));
    assert!(here.disagreements(&there).is_empty());
    let removal = here.update(&mut a, |set| set.remove(&300));
    let _ = here.update(&mut a, |set| set.insert(1_000));
    let _ = there.update(&mut b, |set| set.insert(2_000));

    let found = here.disagreements(&there);
    let facts: Vec<_> = found.iter().map(|found| (found.entry, found.holder, found.seen_by_other)).collect();
    let expected = [(300, Holder::There, true), (1_000, Holder::Here, false), (2_000, Holder::There, false)];
    assert_eq!(facts, expected);
    assert_eq!(found[0].dot.seq, 301);
    let mirrored = there.disagreements(&here);
    assert!(
        mirrored.iter().zip(&found).all(|(one, other)| one.dot == other.dot && one.holder != other.holder)
    );

    there.merge(removal);
    assert_eq!(here.disagreements(&there).len(), 2);
    let all = here.to_delta();
    there.merge(all);
    here.merge(there.to_delta());
    assert!(here.disagreements(&there).is_empty());
}

/// What stands in a log says what a person would ask: values, not entries.
#[test]
fn types_print_what_they_show() {
    #[derive(Crdt, Debug)]
    struct Shown {
        stock: BoundedCounter,
        sold: PnCounter,
        open: DwFlag,
        email: MvRegister<String>,
        settings: OrMap<u8, LwwMap<String, u8>>,
        tags: OrSet<u8>,
    }

    let mut me = replica(1);
    let mut doc = Doc::<Shown>::default();
    let _ = doc.update(&mut me, |doc| {
        doc.stock.add(7);
        doc.stock.transfer(ReplicaId::from_u128(2), 3).expect("seven are held");
        doc.sold.sub(2);
        doc.open.enable();
        doc.email.set("a@x".to_owned());
        doc.settings.entry(&1).insert("tv".to_owned(), 3);
        doc.tags.insert(9);
    });
    let printed = "Shown { stock: BoundedCounter { value: 7, rights: [(1, 4), (2, 3)] }, sold: PnCounter(-2), \
                   open: DwFlag(true), email: MvRegister[\"a@x\"], settings: {1: {\"tv\": 3}}, tags: {9} }";
    assert_eq!(format!("{:?}", *doc), printed);
    assert_eq!(format!("{doc:?}"), format!("Doc {{ value: {printed}, context: {{1: {{1-7}}}} }}"));
}
