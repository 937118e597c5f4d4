//! Power that fails in the middle of everything, and disks that refuse.

use crdt_core::OrSet;
use crdt_sync::proto::{Config, Engine, Now, Stored, Token, Written};
use crdt_sync::sim::SimRng;
use crdt_sync::store::{RedbStore, Store, StoreError, StoreFault};
use rand::{RngExt, SeedableRng};

use crate::disk::{Disk, Fault};

type Set = Engine<OrSet<u64>>;

fn open(disk: &Disk) -> RedbStore {
    try_open(disk).expect("a store")
}

fn try_open(disk: &Disk) -> Result<RedbStore, StoreError> {
    let disk = disk.clone();
    RedbStore::with_backend("disk", move || disk.clone())
}

/// Opens the disk while its power fails again and again, and then does not; if there ever was a store
/// on it.
fn open_in_the_end(mut disk: Disk, life: u64, rng: &mut SimRng, failed: &mut u64) -> (Disk, RedbStore) {
    for operations in 0..rng.random_range(0..4u64).min(life * 4) {
        disk.fail_after(operations);
        *failed += u64::from(try_open(&disk).and_then(|mut store| store.load()).is_err());
        disk = disk.after_power_failure(rng);
    }
    let store = open(&disk);
    (disk, store)
}

fn config() -> Config {
    let mut config = Config::new("disk");
    config.max_update_bytes = 1024;
    (config.log_bytes, config.store_log_bytes) = (1_500, 1_000);
    config
}

fn recover(stored: &Stored, seed: u64) -> Set {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Engine::recover(config(), bytes, Now::default(), stored).expect("what was written")
}

fn insert(engine: &mut Set, element: u64) -> Written<()> {
    engine.update(Now::default(), |set| set.insert(element)).expect("a small write")
}

/// Writes everything there is; returns whether it is durable.
fn persist(engine: &mut Set, store: &mut RedbStore) -> bool {
    while let Some(batch) = engine.poll_persist() {
        if store.commit(&batch).is_err() {
            engine.persist_failed(Now::default());
            return false;
        }
        engine.persisted(Now::default());
    }
    true
}

/// Whenever the power fails and whatever part of the cache reached the disk, in whatever pieces:
/// everything acknowledged is there. Then it fails again, while the store is opened, compacted or written.
#[test]
fn no_power_failure_loses_what_was_acknowledged() {
    let (mut failed_in_commit, mut failed_in_opening, mut failed_in_compacting) = (0, 0, 0);
    for seed in 0..100u64 {
        let mut rng = SimRng::seed_from_u64(seed);
        let (mut disk, mut acknowledged, mut next) = (Disk::default(), Vec::new(), 0u64);
        for life in 0..4 {
            let mut store;
            (disk, store) = open_in_the_end(disk, life, &mut rng, &mut failed_in_opening);
            let mut engine = recover(&store.load().expect("whole"), seed * 10 + life);
            assert!(acknowledged.iter().all(|element| engine.doc().contains(element)), "seed {seed}");
            disk.fail_after(rng.random_range(0..120));
            if life == 2 {
                failed_in_compacting += u64::from(store.compact().is_err());
            }
            loop {
                let batch = next..next + rng.random_range(1..20);
                next = batch.end;
                batch.clone().for_each(|element| drop(insert(&mut engine, element)));
                if !persist(&mut engine, &mut store) {
                    failed_in_commit += 1;
                    break;
                }
                acknowledged.extend(batch);
            }
            drop(store);
            disk = disk.after_power_failure(&mut rng);
        }
    }
    assert_eq!(failed_in_commit, 400);
    assert!(failed_in_opening > 200, "{failed_in_opening}");
    assert!((10..90).contains(&failed_in_compacting), "{failed_in_compacting}");
}

/// The same handle: it refuses while the disk does, and works when the disk does.
#[test]
fn a_disk_that_refuses_is_an_error_until_it_does_not() {
    for fault in [Fault::Full, Fault::ReadOnly, Fault::Sync] {
        let disk = Disk::default();
        let mut store = open(&disk);
        let mut engine = recover(&store.load().expect("new"), 1);
        insert(&mut engine, 0);
        assert!(persist(&mut engine, &mut store));
        disk.fail(fault);
        let mut refused: Option<Token> = None;
        // A file has room within: only one that has to grow is full.
        for element in 1..100_000 {
            let token = insert(&mut engine, element).token;
            if element % 1_000 == 0 && !persist(&mut engine, &mut store) {
                refused = Some(token);
                break;
            }
        }
        let refused = refused.expect("it refuses");
        assert!(!persist(&mut engine, &mut store), "{fault:?}: and again");
        assert!(!engine.covers_durably(&refused));
        disk.fail(Fault::Nothing);
        assert!(persist(&mut engine, &mut store), "{fault:?}: and works again");
        assert!(engine.covers_durably(&refused));
        drop(store);
        let again = recover(&open(&disk).load().expect("whole"), 2);
        assert_eq!(again.doc().len(), engine.doc().len(), "{fault:?}");
    }
}

/// Who put another disk in its place must start the node again: it would claim what is not there.
#[test]
fn a_disk_that_lost_what_it_had_acknowledged_is_told_and_not_written() {
    let (disk, backup) = (Disk::default(), Disk::default());
    let slot = std::sync::Arc::new(std::sync::Mutex::new(disk.clone()));
    let seen = slot.clone();
    let mut store = RedbStore::with_backend("disk", move || seen.lock().unwrap().clone()).expect("a store");
    let mut engine = recover(&store.load().expect("new"), 1);
    insert(&mut engine, 1);
    assert!(persist(&mut engine, &mut store));
    disk.fail(Fault::Sync);
    insert(&mut engine, 2);
    assert!(!persist(&mut engine, &mut store));
    *slot.lock().unwrap() = backup;
    insert(&mut engine, 3);
    let batch = engine.poll_persist().expect("it waits");
    let error = store.commit(&batch).expect_err("replaced");
    assert_eq!(error.fault, StoreFault::Replaced);
    assert!(error.to_string().contains("start the node again"));
}

/// A flipped bit is an error or does no harm; nothing wrong comes back, and nothing panics.
#[test]
fn a_flipped_bit_brings_back_nothing_wrong() {
    let disk = Disk::default();
    let mut store = open(&disk);
    let mut engine = recover(&store.load().expect("new"), 1);
    for element in 0..40 {
        insert(&mut engine, element);
        assert!(persist(&mut engine, &mut store));
    }
    let good = store.load().expect("whole");
    drop(store);
    let (bytes, mut rng, mut refused) = (disk.bytes(), SimRng::seed_from_u64(1), 0);
    for _ in 0..150 {
        let mut bytes = bytes.clone();
        let at = rng.random_range(0..bytes.len().min(60_000));
        bytes[at] ^= 1 << rng.random_range(0..8u32);
        let flipped = Disk::of(bytes);
        let opened = RedbStore::with_backend("disk", move || flipped.clone());
        match opened.and_then(|mut store| store.load()) {
            Ok(stored) if stored == good => {}
            Ok(stored) => refused += u64::from(checked(&stored)),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0, "some flips hit what is in use");
}

/// What the database did not notice.
fn checked(stored: &Stored) -> bool {
    Set::recover(config(), [9; 32], Now::default(), stored).is_err()
}
