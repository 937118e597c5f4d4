//! What a store keeps, what it may forget, and what peers are told of it.

use std::collections::BTreeSet;
use std::time::Duration;

use crdt_core::clock::CausalContext;
use crdt_core::{LwwMap, OrSet};
use crdt_sync::proto::{Config, Engine, Now, RecoverError, Stored, Token};
use crdt_sync::store::{DiskFault, FaultyStore, Store};

use crate::lab::{Lab, SetLab, config, short_log};

/// Writes batches until there is nothing more; returns how many succeeded.
fn persist(lab: &mut SetLab, name: &str, disk: &FaultyStore) -> usize {
    let now = lab.now;
    let mut disk = disk.clone();
    let mut written = 0;
    while let Some(batch) = lab.engine(name).poll_persist() {
        if disk.commit(&batch).is_err() {
            lab.engine(name).persist_failed(now);
            break;
        }
        lab.engine(name).persisted(now);
        written += 1;
    }
    written
}

fn token(number: crdt_core::Dot) -> Token {
    Token::new(CausalContext::from_iter([number]))
}

fn all(elements: impl IntoIterator<Item = u64>) -> Vec<u64> {
    elements.into_iter().collect()
}

/// A node with a store and a peer without one, linked.
fn pair(config: &Config) -> (SetLab, FaultyStore) {
    let (mut lab, disk) = (SetLab::new(&["peer"], config), FaultyStore::default());
    lab.start_from("kept", config, &disk);
    lab.link("kept", "peer");
    (lab, disk)
}

#[test]
fn a_restart_keeps_what_was_durable_and_peers_give_back_the_rest() {
    let (mut lab, disk) = pair(&config());
    let first = lab.insert("kept", 1);
    persist(&mut lab, "kept", &disk);
    let second = lab.insert("kept", 2);
    assert!(lab.engine("kept").covers_durably(&token(first)));
    assert!(!lab.engine("kept").covers_durably(&token(second)));
    lab.settle();
    lab.start_from("kept", &config(), &disk);
    assert_eq!(lab.shown("kept"), [1]);
    assert!(lab.engine("kept").covers_durably(&token(first)));
    let third = lab.insert("kept", 3);
    assert_ne!(third.replica, first.replica, "an id for each start");
    lab.link("kept", "peer");
    lab.settle();
    assert_eq!((lab.shown("kept"), lab.shown("peer")), (all(1..=3), all(1..=3)));
    assert_eq!(lab.engine("kept").fingerprint(), lab.engine("peer").fingerprint());
}

/// Restore an old backup, and write other things while nobody is there to object.
#[test]
fn an_old_backup_reuses_no_number_and_gets_its_past_back() {
    let (mut lab, disk) = pair(&config());
    let mut numbers = BTreeSet::new();
    for element in 0..10 {
        numbers.insert(lab.insert("kept", element));
        persist(&mut lab, "kept", &disk);
    }
    lab.settle();
    let backup = disk.as_of(7);
    lab.start_from("kept", &config(), &backup);
    assert_eq!(lab.shown("kept"), all(0..3), "as it was then");
    for element in 100..110 {
        assert!(numbers.insert(lab.insert("kept", element)), "a number used twice");
    }
    persist(&mut lab, "kept", &backup);
    lab.link("kept", "peer");
    lab.settle();
    assert_eq!(lab.shown("peer"), all((0..10).chain(100..110)));
    assert_eq!(lab.shown("kept"), lab.shown("peer"));
    assert_eq!(lab.engine("kept").fingerprint(), lab.engine("peer").fingerprint());
}

#[test]
fn two_starts_from_one_disk_and_a_lost_disk_lose_nothing() {
    let (mut lab, disk) = pair(&config());
    lab.insert_all("kept", 0..5);
    persist(&mut lab, "kept", &disk);
    lab.settle();
    lab.stop("kept");
    lab.start_from("twin", &config(), &disk.as_of(0));
    lab.start_from("kept", &config(), &disk);
    lab.start_from("empty", &config(), &FaultyStore::default());
    let numbers = [lab.insert("twin", 10), lab.insert("kept", 11), lab.insert("empty", 12)];
    assert_eq!(numbers.iter().map(|number| number.replica).collect::<BTreeSet<_>>().len(), 3);
    for name in ["kept", "twin", "empty"] {
        lab.link("peer", name);
    }
    lab.settle();
    for name in ["kept", "twin", "empty", "peer"] {
        assert_eq!(lab.shown(name), [0, 1, 2, 3, 4, 10, 11, 12], "{name}");
    }
}

#[test]
fn a_peer_counts_when_its_store_has_it_and_one_without_a_store_when_it_shows_it() {
    let (mut lab, disk) = pair(&config());
    let number = token(lab.insert("peer", 1));
    lab.run_for(Duration::from_millis(50));
    assert!(lab.shows("kept", 1), "applied there");
    assert_eq!(lab.engine("peer").replicas_covering(&number), 0, "and not durable");
    persist(&mut lab, "kept", &disk);
    lab.settle();
    assert_eq!(lab.engine("peer").replicas_covering(&number), 1);
    let number = token(lab.insert("kept", 2));
    lab.run_for(Duration::from_millis(50));
    assert_eq!(lab.engine("kept").replicas_covering(&number), 1, "a peer without a store");
}

#[test]
fn what_is_durable_is_told_to_those_who_come_later_and_again_if_that_was_lost() {
    let (mut lab, disk) = pair(&config());
    let number = token(lab.insert("kept", 1));
    persist(&mut lab, "kept", &disk);
    lab.settle();
    lab.start("late", &config());
    lab.link("late", "kept");
    lab.settle();
    assert_eq!(lab.engine("late").replicas_covering(&number), 1);

    let number = token(lab.insert("peer", 2));
    lab.run_for(Duration::from_millis(50));
    persist(&mut lab, "kept", &disk);
    lab.lose("kept", "peer");
    assert_eq!(lab.engine("peer").replicas_covering(&number), 0, "the report was lost");
    lab.run_for(Duration::from_secs(60));
    assert_eq!(lab.engine("peer").replicas_covering(&number), 1, "an exchange repairs it");
}

/// A disk that fails costs neither memory nor service, and gets everything when it works again.
#[test]
fn while_the_disk_fails_nothing_becomes_durable_and_nothing_piles_up() {
    for fault in
        [DiskFault::Full, DiskFault::ReadOnly, DiskFault::FsyncBeforeWrite, DiskFault::FsyncAfterWrite]
    {
        let (mut lab, disk) = pair(&short_log());
        let kept = token(lab.insert("kept", 999));
        persist(&mut lab, "kept", &disk);
        disk.fail(Some(fault));
        let mut last = kept.clone();
        for element in 0..100 {
            last = token(lab.insert("kept", element));
            assert_eq!(persist(&mut lab, "kept", &disk), 0);
            lab.settle();
        }
        let engine = lab.engine("kept");
        assert!(engine.covers_durably(&kept) && !engine.covers_durably(&last), "{fault:?}");
        assert!(engine.status().log_bytes <= short_log().log_bytes, "{fault:?}");
        assert_eq!(lab.shown("kept").len(), 101, "it goes on");
        disk.fail(None);
        persist(&mut lab, "kept", &disk);
        assert!(lab.engine("kept").covers_durably(&last), "{fault:?}");
        lab.start_from("kept", &short_log(), &disk);
        assert_eq!(lab.shown("kept").len(), 101, "{fault:?}");
    }
}

/// What a walk brought is kept with the donor's vector, in one batch, or not at all.
#[test]
fn a_walk_is_durable_whole_or_not_at_all() {
    let (mut lab, disk) = (SetLab::new(&["donor"], &short_log()), FaultyStore::default());
    lab.fill("donor");
    lab.start_from("kept", &short_log(), &disk);
    lab.insert("kept", 1);
    persist(&mut lab, "kept", &disk);
    lab.link("donor", "kept");
    lab.until("donor", "kept", |lab| lab.shows("kept", 105));
    assert!(lab.engine("kept").is_partial());
    lab.insert("kept", 2);
    persist(&mut lab, "kept", &disk);
    lab.start_from("half", &short_log(), &disk.as_of(0));
    assert_eq!(lab.engine("half").vector().len(), 2, "nothing of the walk is claimed");
    lab.settle();
    let whole = lab.shown("kept");
    assert_eq!(whole.len(), 22);
    persist(&mut lab, "kept", &disk);
    lab.start_from("kept", &short_log(), &disk);
    assert_eq!(lab.shown("kept"), whole);
    let donor = lab.engine("donor").vector().clone();
    assert_eq!(lab.engine("kept").vector(), &donor);
    assert!(!lab.engine("kept").is_partial());
}

#[test]
fn records_give_way_to_a_snapshot_and_a_restart_shows_the_same() {
    let mut config = short_log();
    config.store_log_bytes = 2_000;
    let (mut lab, disk) = (SetLab::new(&[], &config), FaultyStore::default());
    lab.start_from("kept", &config, &disk);
    let mut most = 0;
    for round in 0..500u64 {
        lab.insert("kept", round % 10);
        persist(&mut lab, "kept", &disk);
        most = most.max(disk.content().records.len());
    }
    assert!(most < 100, "{most} records of 500 updates");
    let (shown, print) = (lab.shown("kept"), lab.engine("kept").fingerprint());
    lab.start_from("kept", &config, &disk);
    assert_eq!((lab.shown("kept"), lab.engine("kept").fingerprint()), (shown, print));
    assert_eq!(lab.engine("kept").vector().len(), 500);
}

/// What stays in the log for peers is older than the snapshot, and no reason for another one.
#[test]
fn a_start_alone_writes_nothing() {
    let mut config = config();
    config.store_log_bytes = 500;
    let (mut lab, disk) = pair(&config);
    for element in 0..100 {
        lab.insert("kept", element);
        persist(&mut lab, "kept", &disk);
    }
    lab.start_from("kept", &config, &disk);
    if persist(&mut lab, "kept", &disk) > 0 {
        // The last snapshot was due in any case.
        lab.start_from("kept", &config, &disk);
    }
    assert_eq!(disk.content().records.len(), 100);
    assert_eq!(persist(&mut lab, "kept", &disk), 0);
}

/// A node that was down, not away: its peers need no walk, and neither does it.
#[test]
fn a_restart_serves_its_peers_from_the_log() {
    let (mut lab, disk) = pair(&config());
    lab.insert_all("kept", 0..50);
    persist(&mut lab, "kept", &disk);
    lab.start_from("kept", &config(), &disk);
    lab.link("kept", "peer");
    lab.settle();
    assert_eq!(lab.shown("peer"), all(0..50));
    assert_eq!(lab.engine("peer").status().counters.walks_in, 0);
}

/// The wall clock went back over the restart: what is written then, at another key, is later still.
#[test]
fn a_restart_writes_later_than_what_it_holds() {
    let at = |wall_ms| Now { mono: Duration::ZERO, wall_ms };
    let map = |disk: &FaultyStore, seed, now| {
        let stored = disk.content();
        Engine::<LwwMap<u64, u64>>::recover(config(), [seed; 32], now, &stored).expect("a good store")
    };
    let mut disk = FaultyStore::default();
    let mut engine = map(&disk, 1, at(1_000_000));
    engine.update(at(1_000_000), |map| map.insert(1, 1)).expect("a small write");
    disk.commit(&engine.poll_persist().expect("a batch")).expect("a good disk");
    let mut engine = map(&disk, 2, at(990_000));
    engine.update(at(990_000), |map| map.insert(2, 2)).expect("a small write");
    let stamps: Vec<u64> = engine.doc().to_delta().stamps().map(|stamp| stamp.millis()).collect();
    assert_eq!(stamps.len(), 2);
    assert!(stamps.iter().all(|stamp| *stamp >= 1_000_000), "{stamps:?}");
}

#[test]
fn what_is_no_store_of_this_node_is_refused() {
    let (mut lab, disk) = pair(&config());
    lab.insert_all("kept", 0..5);
    persist(&mut lab, "kept", &disk);
    lab.insert_all("kept", 5..9);
    persist(&mut lab, "kept", &disk);
    let good = disk.content();
    assert_eq!(good.records.len(), 9, "five came with the snapshot");
    let refused = |stored: &Stored, cluster: &str| {
        let mut config = config();
        config.cluster = cluster.to_owned();
        Engine::<OrSet<u64>>::recover(config, [1; 32], Now::default(), stored)
            .map(|_| ())
            .expect_err("refused")
    };
    assert_eq!(refused(&good, "other"), RecoverError::OtherCluster { found: "lab".to_owned() });
    let changed = |change: &dyn Fn(&mut Stored)| {
        let mut stored = good.clone();
        change(&mut stored);
        refused(&stored, "lab")
    };
    let head =
        |change: &dyn Fn(&mut Vec<u8>)| changed(&|stored| change(stored.state.first_mut().expect("a state")));
    assert_eq!(head(&|bytes| bytes[0] = 9), RecoverError::Version { found: 9 });
    assert!(matches!(head(&|bytes| bytes.truncate(20)), RecoverError::Corrupt { .. }));
    assert!(matches!(head(&Vec::clear), RecoverError::Corrupt { .. }));
    assert!(matches!(changed(&|stored| stored.state.clear()), RecoverError::Corrupt { .. }));
    assert!(matches!(changed(&|stored| drop(stored.records.remove(7))), RecoverError::Corrupt { .. }));
    assert!(matches!(
        changed(&|stored| stored.records[6].bytes = [1, 2].into()),
        RecoverError::Corrupt { .. }
    ));
    let mut other = Lab::<OrSet<u64>>::new(&["x"], &config());
    let stranger = other.insert("x", 1);
    assert!(matches!(changed(&|stored| stored.records[0].number = stranger), RecoverError::Corrupt { .. }));
}
