//! A log that is full holds its older part in groups.
//!
//! What a node must show is worked out from the writes alone.

use std::collections::BTreeMap;
use std::time::Duration;

use crdt_core::codec::Wire;
use crdt_core::{Delta, Dot, LwwMap, OrSet, PnCounter};
use crdt_sync::proto::{Config, Counters, Event, Status};
use crdt_sync::store::{FaultyStore, Store};

use crate::lab::{Lab, SetLab, config};

type Counter = Lab<PnCounter>;
type Settings = Lab<LwwMap<u64, u64>>;

/// A log of some ninety small updates, half of it in groups of some twenty.
fn full() -> Config {
    let mut config = config();
    (config.max_update_bytes, config.log_bytes) = (1024, 8 * 1024);
    config
}

/// Adds one, so many times.
fn add(lab: &mut Counter, name: &str, times: u64) -> Vec<Dot> {
    let now = lab.now;
    let mut add = || lab.engine(name).update(now, |counter| counter.add(1)).expect("a small write");
    (0..times).map(|_| add().update.expect("it changes something")).collect()
}

fn value(lab: &mut Counter, name: &str) -> i128 {
    lab.engine(name).doc().value()
}

fn status<T: Wire>(lab: &mut Lab<T>, name: &str) -> Status {
    lab.engine(name).status()
}

fn counters<T: Wire>(lab: &mut Lab<T>, name: &str) -> Counters {
    status(lab, name).counters
}

/// How often each update was told to be applied.
fn told<T: Wire>(lab: &mut Lab<T>, name: &str) -> BTreeMap<Dot, u64> {
    let mut told = BTreeMap::new();
    for event in lab.events(name) {
        if let Event::Applied { update, .. } = event {
            *told.entry(update).or_default() += 1;
        }
    }
    told
}

/// Writes everything that waits to a disk.
fn persist<T: Wire>(lab: &mut Lab<T>, name: &str, disk: &FaultyStore) {
    let (now, mut disk) = (lab.now, disk.clone());
    while let Some(batch) = lab.engine(name).poll_persist() {
        disk.commit(&batch).expect("a good disk");
        lab.engine(name).persisted(now);
    }
}

/// The kinds of the frames that one node has for another, which are lost.
fn kinds<T: Wire>(lab: &mut Lab<T>, from: &'static str, to: &'static str) -> Vec<u8> {
    let frames = lab.take(from, to, 100);
    (0..frames).map(|_| lab.unwire(from, to)[1]).collect()
}

const UPDATES: u8 = 2;
const OFFER: u8 = 6;
const GROUP: u8 = 19;

#[test]
fn a_log_of_counters_or_of_overwritten_values_reaches_back_ten_times_as_far() {
    let (mut counter, mut settings, mut set) =
        (Counter::new(&["a"], &full()), Settings::new(&["a"], &full()), SetLab::new(&["a"], &full()));
    let now = counter.now;
    add(&mut counter, "a", 5_000);
    for write in 0..5_000 {
        settings.engine("a").update(now, |map| map.insert(write % 4, write)).expect("a small write");
    }
    set.insert_all("a", 0..5_000);
    let reach = [status(&mut counter, "a"), status(&mut settings, "a"), status(&mut set, "a")];
    for status in &reach {
        assert!(status.log_bytes <= 8 * 1024, "{status:?}");
        assert_eq!(status.log_len + status.counters.trimmed, 5_000, "{status:?}");
    }
    let [counter, settings, set] = reach.map(|status| status.log_len);
    // An update costs 64 bytes and its own, which are 26 at least.
    let plain = 8 * 1024 / 90;
    assert!(counter > 5 * plain && settings > 4 * plain && set > 3 * plain, "{counter} {settings} {set}");
}

#[test]
fn a_newcomer_gets_everything_in_groups_without_a_walk_and_passes_them_on() {
    let mut lab = Counter::new(&["a", "b", "c"], &full());
    let numbers = add(&mut lab, "a", 400);
    for (from, to) in [("a", "b"), ("b", "c")] {
        lab.link(from, to);
        lab.settle();
        assert_eq!(value(&mut lab, to), 400);
        let once: BTreeMap<Dot, u64> = numbers.iter().map(|number| (*number, 1)).collect();
        assert_eq!(told(&mut lab, to), once);
        let Counters { walks_in, in_groups, applied, duplicates, .. } = counters(&mut lab, to);
        assert_eq!((walks_in, applied, duplicates), (0, 400, 0));
        assert!(in_groups > 300, "{in_groups}");
        lab.stop(from);
    }
}

#[test]
fn a_group_of_which_part_is_known_is_taken_whole_and_told_once() {
    let mut lab = SetLab::new(&["a", "b"], &full());
    lab.link("a", "b");
    lab.insert_all("a", 0..30);
    lab.settle();
    lab.cut("a", "b");
    lab.insert_all("a", 30..150);
    lab.remove_all("a", 20..40);
    lab.link("a", "b");
    lab.settle();
    assert_eq!(lab.shown("b"), (0..20).chain(40..150).collect::<Vec<_>>());
    let told = told(&mut lab, "b");
    assert!(told.len() == 170 && told.values().all(|times| *times == 1), "{told:?}");
    let Counters { walks_in, in_groups, duplicates, .. } = counters(&mut lab, "b");
    assert_eq!(walks_in, 0);
    assert!(in_groups > 50 && (1..30).contains(&duplicates), "{in_groups} {duplicates}");
    assert_eq!(lab.engine("a").fingerprint(), lab.engine("b").fingerprint());
}

/// What was on its way with a group that is lost is missing whole, and comes whole.
#[test]
fn a_group_that_is_lost_is_not_claimed_and_comes_again() {
    let mut lab = SetLab::new(&["a", "b"], &full());
    lab.insert_all("a", 0..200);
    lab.link("a", "b");
    assert_eq!(lab.lose("a", "b")[1], GROUP);
    lab.settle();
    let (shown, vector) = (lab.shown("b"), lab.engine("b").vector().clone());
    assert!(shown.len() < 200 && shown.len() as u64 == vector.len(), "{shown:?} {vector:?}");
    lab.run_for(Duration::from_secs(5));
    assert_eq!(lab.shown("b"), (0..200).collect::<Vec<_>>());
    assert_eq!(counters(&mut lab, "b").walks_in, 0);
}

/// The peer's place is in the middle of what is put into a group.
#[test]
fn who_is_in_the_middle_of_a_group_misses_nothing() {
    for frames in 0..12 {
        let mut lab = SetLab::new(&["a", "b"], &full());
        lab.budget = 100;
        lab.link("a", "b");
        lab.settle();
        lab.insert_all("a", 0..60);
        lab.take("a", "b", frames);
        lab.pass("a", "b", frames);
        lab.insert_all("a", 60..200);
        lab.remove_all("a", 50..70);
        lab.run_for(Duration::from_millis(50));
        assert_eq!(lab.shown("b"), (0..50).chain(70..200).collect::<Vec<_>>(), "{frames}");
        let Counters { walks_in, in_groups, .. } = counters(&mut lab, "b");
        assert!(walks_in == 0 && in_groups > 50, "{walks_in} {in_groups}");
        assert_eq!(status(&mut lab, "a").peers[0].lag_updates, Some(0), "{frames}");
    }
}

/// Many write, and what one wrote rests on what others did.
#[test]
fn groups_of_many_writers_keep_the_order_in_which_they_were_applied() {
    let names = ["a", "b", "c", "d"];
    let mut lab = SetLab::new(&names, &full());
    for (first, second) in [("a", "b"), ("b", "c"), ("a", "c")] {
        lab.link(first, second);
    }
    for element in 0..150 {
        lab.insert(names[element as usize % 3], element);
        lab.settle();
        lab.remove(names[(element as usize + 1) % 3], element);
        lab.settle();
    }
    // Of each element the newcomer sees the insertion before the removal, or neither.
    lab.connect("a", "d");
    lab.until("a", "d", |lab| counters(lab, "d").in_groups > 0);
    let mut frames = 0;
    while lab.take("a", "d", 1) + lab.take("d", "a", 1) > 0 {
        lab.pass("a", "d", 1);
        lab.pass("d", "a", 1);
        frames += 1;
        let (shown, applied) = (lab.shown("d"), lab.engine("d").vector().len());
        assert_eq!(shown.len() as u64, applied % 2, "{shown:?}");
    }
    assert!(frames > 5 && lab.engine("d").vector().len() == 300, "{frames}");
}

#[test]
fn groups_are_kept_by_a_store_and_a_restart_passes_them_on() {
    let (mut lab, disk) = (Counter::new(&["a", "c"], &full()), FaultyStore::default());
    lab.start_from("b", &full(), &disk);
    add(&mut lab, "a", 400);
    lab.link("a", "b");
    lab.settle();
    persist(&mut lab, "b", &disk);
    lab.settle();
    let token = lab.engine("a").token();
    assert_eq!(lab.engine("a").replicas_covering(&token), 1, "it is told what the store has");
    lab.stop("a");
    let grouped = disk.content().records.iter().filter(|record| record.bytes[0] == 0).count();
    assert!(grouped > 10, "{grouped}");

    lab.start_from("b", &full(), &disk);
    assert_eq!((value(&mut lab, "b"), lab.engine("b").vector().len()), (400, 400));
    assert!(lab.engine("b").covers_durably(&token));
    lab.link("b", "c");
    lab.settle();
    assert_eq!(value(&mut lab, "c"), 400);
    assert_eq!((counters(&mut lab, "c").walks_in, counters(&mut lab, "c").in_groups > 300), (0, true));
}

/// What has gone to the store under some place is written again under the same.
#[test]
fn what_a_store_lacks_is_not_put_into_groups() {
    let (mut lab, disk) = (Counter::new(&[], &full()), FaultyStore::default());
    let mut config = full();
    config.store_log_bytes = 1024;
    lab.start_from("a", &config, &disk);
    add(&mut lab, "a", 10);
    persist(&mut lab, "a", &disk);
    add(&mut lab, "a", 60);
    let now = lab.now;
    let lost = lab.engine("a").poll_persist().expect("there is something to write");
    add(&mut lab, "a", 25);
    let Counters { compacted, trimmed, .. } = counters(&mut lab, "a");
    assert!(compacted == 0 && (1..10).contains(&trimmed), "the log is full: {compacted} {trimmed}");
    lab.engine("a").persist_failed(now);
    let again = lab.engine("a").poll_persist().expect("there still is");
    assert_eq!((lost.records.len(), &again.records[..60]), (60, &lost.records[..]));
    lab.engine("a").persist_failed(now);
    persist(&mut lab, "a", &disk);
    for _ in 0..50 {
        add(&mut lab, "a", 10);
        persist(&mut lab, "a", &disk);
    }
    assert!(counters(&mut lab, "a").compacted > 300);
    let kept = disk.content().records.len();
    lab.start_from("a", &config, &disk);
    assert_eq!((value(&mut lab, "a"), lab.engine("a").vector().len()), (595, 595));
    assert!(kept < 200, "it does not hold all that groups stand for: {kept}");
}

#[test]
fn a_frozen_node_holds_groups_passes_them_on_and_applies_them_when_it_thaws() {
    let mut lab = SetLab::new(&["a", "b", "c"], &full());
    lab.link("a", "b");
    lab.link("b", "c");
    lab.insert_all("a", 0..10);
    lab.settle();
    lab.cut("a", "b");
    let now = lab.now;
    lab.engine("b").freeze(now);
    lab.insert_all("a", 10..150);
    lab.remove_all("a", 5..15);
    lab.link("a", "b");
    lab.settle();
    let all: Vec<u64> = (0..5).chain(15..150).collect();
    assert_eq!((lab.shown("b"), lab.shown("c")), ((0..10).collect(), all.clone()));
    let status = status(&mut lab, "b");
    assert_eq!((status.updates, status.counters.held, status.counters.walks_in), (10, 150, 0));
    assert!(status.counters.in_groups > 50, "{status:?}");
    lab.events("b");
    while lab.engine("b").thaw(now) {}
    assert_eq!((lab.shown("b"), told(&mut lab, "b").len()), (all, 150));
    lab.settle();
    assert_eq!(lab.engine("a").fingerprint(), lab.engine("b").fingerprint());
    let vector = lab.engine("a").vector().clone();
    assert_eq!(&vector, lab.engine("b").vector());
}

/// Connects two, the second of which says what nodes said before there were groups.
fn link_older<T: Wire>(lab: &mut Lab<T>, a: &'static str, older: &'static str) {
    lab.connect(a, older);
    lab.take(a, older, 1);
    lab.take(older, a, 1);
    let mut hello = lab.unwire(older, a);
    hello[3] &= !2;
    lab.forge(older, a, &hello).expect("an honest hello");
    lab.pass(a, older, 1);
}

#[test]
fn an_older_peer_gets_a_walk_in_the_place_of_groups_and_none_are_made_while_it_is_there() {
    let mut lab = SetLab::new(&["a", "b"], &full());
    lab.insert_all("a", 0..200);
    link_older(&mut lab, "a", "b");
    let said = kinds(&mut lab, "a", "b");
    assert!(said.contains(&OFFER) && !said.contains(&GROUP) && !said.contains(&UPDATES), "{said:?}");
    lab.run_for(Duration::from_secs(5));
    assert_eq!(lab.shown("b"), (0..200).collect::<Vec<_>>());
    let Counters { walks_in_complete, in_groups, .. } = counters(&mut lab, "b");
    assert_eq!((walks_in_complete, in_groups), (1, 0));

    let before = counters(&mut lab, "a").compacted;
    lab.insert_all("a", 200..270);
    lab.settle();
    lab.insert_all("a", 270..340);
    lab.settle();
    assert_eq!(counters(&mut lab, "a").compacted, before);
    assert_eq!(lab.shown("b"), (0..340).collect::<Vec<_>>());
    assert_eq!(counters(&mut lab, "b").walks_in, 1, "the log served it as ever");
    lab.cut("a", "b");
    lab.insert_all("a", 340..500);
    assert!(counters(&mut lab, "a").compacted > before);
}

/// A group that comes while an older peer is there is no update that it could be sent.
#[test]
fn a_group_that_comes_later_is_a_gap_for_an_older_peer() {
    let mut lab = SetLab::new(&["a", "b", "c"], &full());
    lab.insert_all("a", 0..150);
    link_older(&mut lab, "b", "c");
    lab.settle();
    lab.link("a", "b");
    lab.run_for(Duration::from_secs(5));
    assert_eq!((lab.shown("b"), lab.shown("c")), ((0..150).collect(), (0..150).collect()));
    assert!(counters(&mut lab, "b").in_groups > 0);
    let Counters { walks_in_complete, in_groups, .. } = counters(&mut lab, "c");
    assert!(walks_in_complete > 0 && in_groups == 0, "{walks_in_complete} {in_groups}");
}

/// What is written while a walk goes on follows it, and some of it has been put into groups by then.
#[test]
fn groups_follow_a_walk() {
    let mut config = full();
    config.walk_entries = 8;
    let mut lab = SetLab::new(&["a", "b"], &config);
    lab.insert_all("a", 0..2_000);
    lab.link("a", "b");
    lab.until("a", "b", |lab| !lab.shown("b").is_empty());
    lab.insert_all("a", 2_000..2_300);
    lab.remove_all("a", 1_900..2_100);
    lab.settle();
    assert_eq!(lab.shown("b"), (0..1_900).chain(2_100..2_300).collect::<Vec<_>>());
    let Counters { walks_in, walks_in_complete, in_groups, .. } = counters(&mut lab, "b");
    assert_eq!((walks_in, walks_in_complete), (1, 1));
    assert!(in_groups > 300, "{in_groups}");
    assert_eq!(lab.engine("a").fingerprint(), lab.engine("b").fingerprint());
}

#[test]
fn a_conflict_in_a_group_is_told_once_and_names_an_update_that_was_told() {
    let mut lab = Settings::new(&["a", "b"], &full());
    let now = lab.now;
    let write = |lab: &mut Settings, name: &str, keys: std::ops::Range<u64>| {
        for key in keys {
            lab.engine(name).update(now, |map| map.insert(key, key)).expect("a small write");
        }
    };
    write(&mut lab, "b", 0..1);
    write(&mut lab, "a", 0..10);
    lab.link("a", "b");
    lab.settle();
    lab.cut("a", "b");
    assert_eq!(counters(&mut lab, "b").conflicts, 1);
    write(&mut lab, "b", 50..51);
    write(&mut lab, "a", 10..200);
    lab.events("b");
    lab.link("a", "b");
    lab.settle();
    let events = lab.events("b");
    let conflicts: Vec<Dot> = events
        .iter()
        .filter_map(|event| match event {
            Event::Conflict { update, .. } => Some(*update),
            _ => None,
        })
        .collect();
    assert!(counters(&mut lab, "b").in_groups > 50);
    assert_eq!(conflicts.len(), 1, "the first was told before: {conflicts:?}");
    let told = |event: &Event| matches!(event, Event::Applied { update, .. } if *update == conflicts[0]);
    assert!(events.iter().any(told));
}

/// Numbers that have nothing in common.
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Long values that have nothing in common.
fn blob(number: u64) -> String {
    (1..8).map(|part| format!("{:016x}", scattered(number * 8 + part))).collect()
}

#[test]
fn a_log_of_what_stays_is_left_as_it_is_until_something_is_to_be_gained() {
    let mut config = full();
    config.max_update_bytes = 8 * 1024;
    let mut lab = Lab::<OrSet<String>>::new(&["a"], &config);
    let now = lab.now;
    let insert = |lab: &mut Lab<OrSet<String>>, element: String| {
        lab.engine("a").update(now, |set| set.insert(element)).expect("a small write");
    };
    (0..500).for_each(|number| insert(&mut lab, blob(number)));
    let full = status(&mut lab, "a");
    assert_eq!(full.counters.compacted, 0);
    assert!(full.log_bytes > 7 * 1024, "it is all there for what came last: {full:?}");
    (0..2_000).for_each(|_| insert(&mut lab, "again".to_owned()));
    let after = status(&mut lab, "a");
    assert!(after.counters.compacted > 500 && after.log_len > 300, "{after:?}");
}

/// One update that is larger than what goes into a group does not keep those after it out of any.
#[test]
fn a_large_update_goes_by_itself_and_others_in_groups() {
    let mut config = full();
    (config.max_update_bytes, config.log_bytes) = (8 * 1024, 16 * 1024);
    let mut lab = Lab::<LwwMap<u64, String>>::new(&["a", "b"], &config);
    let now = lab.now;
    let write = |lab: &mut Lab<LwwMap<u64, String>>, key, value: String| {
        lab.engine("a").update(now, |map| map.insert(key, value)).expect("it fits");
    };
    (0..100).for_each(|number| write(&mut lab, number % 3, number.to_string()));
    write(&mut lab, 7, "long".repeat(750));
    (0..200).for_each(|number| write(&mut lab, number % 3, number.to_string()));
    let a = status(&mut lab, "a");
    assert_eq!((a.log_len, a.counters.trimmed), (301, 0), "{a:?}");
    lab.link("a", "b");
    lab.settle();
    assert_eq!(lab.engine("b").doc().get(&7).map(String::len), Some(3_000));
    assert_eq!(lab.engine("b").doc().get(&1), Some(&"199".to_owned()));
    let Counters { walks_in, in_groups, applied, .. } = counters(&mut lab, "b");
    assert!(walks_in == 0 && applied == 301 && in_groups > 150, "{in_groups}");
}

#[test]
fn a_group_that_is_no_delta_or_claims_too_much_is_refused_and_counts_for_nothing() {
    let mut lab = SetLab::new(&["a", "b"], &full());
    lab.insert_all("a", 0..200);
    lab.link("a", "b");
    let group = lab.lose("a", "b");
    assert_eq!(group[1], GROUP);
    // Behind version and kind: a count, an id, a count of runs, a run.
    let mut more = group.clone();
    more.splice(21..22, [0xff, 0x7f]);
    for wrong in [group[..group.len() - 1].to_vec(), group[..10].to_vec(), more] {
        lab.forge("a", "b", &wrong).expect_err("it is wrong");
        assert_eq!(lab.engine("b").vector().len(), 0);
        lab.cut("a", "b");
        lab.link("a", "b");
    }
    let delta = Delta::<OrSet<u64>>::decode(&group[22..], &Default::default());
    assert!(delta.is_ok_and(|delta| delta.entries().len() > 10), "the rest of it is a delta");
    lab.forge("a", "b", &group).expect("it is right");
    assert!(lab.engine("b").vector().len() > 10);
}

/// What all members of a group bring may be more than one update may.
#[test]
fn a_group_that_no_peer_would_take_is_not_made() {
    let mut config = full();
    config.log_bytes = 64 * 1024;
    let mut lab = SetLab::new(&["a", "b"], &config);
    for number in 1..=2_000 {
        lab.insert("a", scattered(number));
    }
    let Counters { compacted, trimmed, .. } = counters(&mut lab, "a");
    assert!(compacted == 0 && trimmed > 1_000, "{compacted} {trimmed}");
    lab.link("a", "b");
    lab.settle();
    assert_eq!(lab.shown("b").len(), 2_000);
}

/// A node that lacks an update has others in groups, and these stand for no more than they bring.
#[test]
fn a_group_with_a_hole_does_not_claim_what_is_missing() {
    let mut lab = SetLab::new(&["a", "b", "c"], &full());
    lab.link("a", "b");
    lab.insert("a", 0);
    lab.settle();
    let missing = lab.insert("a", 1);
    lab.lose("a", "b");
    for element in 2..150 {
        lab.insert("a", element);
        lab.settle();
    }
    assert!(counters(&mut lab, "b").compacted > 50);
    let some: Vec<u64> = (0..150).filter(|element| *element != 1).collect();
    lab.cut("a", "b");
    lab.link("b", "c");
    lab.settle();
    assert_eq!((lab.shown("c"), counters(&mut lab, "c").walks_in), (some, 0));
    assert!(!lab.engine("c").vector().contains(missing));
    lab.link("a", "c");
    lab.settle();
    assert_eq!((lab.shown("c"), lab.shown("b")), ((0..150).collect(), (0..150).collect()));
    assert_eq!(counters(&mut lab, "c").walks_in, 0);
}

/// What is held is applied one by one, as it came.
#[test]
fn what_is_held_is_not_put_into_groups() {
    let mut lab = SetLab::new(&["a", "b"], &full());
    lab.link("a", "b");
    lab.insert_all("a", 0..20);
    lab.settle();
    let now = lab.now;
    lab.engine("b").freeze(now);
    for element in 20..200 {
        lab.insert("a", element);
        lab.settle();
    }
    let b = status(&mut lab, "b");
    assert!(b.counters.compacted == 0 && b.log_bytes > 8 * 1024 && b.held == 180, "{b:?}");
    lab.events("b");
    while lab.engine("b").thaw(now) {}
    assert_eq!((lab.shown("b"), told(&mut lab, "b").len()), ((0..200).collect(), 180));
    assert!(counters(&mut lab, "b").compacted > 100);
}
