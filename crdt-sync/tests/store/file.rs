//! Files that are somebody else's.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use crdt_core::{Dot, OrSet, ReplicaId};
use crdt_sync::proto::{Batch, Config, Engine, Now, Record, RecoverError, Snapshot};
use crdt_sync::store::{RedbStore, Store, StoreFault};
use redb::{Database, TableDefinition};

pub(crate) fn path(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("crdt-sync-store-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir.join(name)
}

#[test]
fn a_file_that_is_no_store_is_named_and_left_as_it_is() {
    let text = path("notes.txt");
    fs::write(&text, "remember the milk\n".repeat(1_000)).unwrap();
    let before = fs::read(&text).unwrap();
    let error = RedbStore::open(&text).map(|_| ()).expect_err("a text");
    assert!(matches!(error.fault, StoreFault::NotAStore { .. }), "{error}");
    assert!(error.to_string().contains("notes.txt") && error.to_string().contains("choose another path"));
    assert_eq!(fs::read(&text).unwrap(), before);
    fs::remove_file(text).unwrap();
}

#[test]
fn a_database_of_another_program_is_left_as_it_is() {
    const THEIRS: TableDefinition<'_, &str, u64> = TableDefinition::new("theirs");
    let path = path("theirs.redb");
    let theirs = Database::create(&path).unwrap();
    let write = theirs.begin_write().unwrap();
    write.open_table(THEIRS).unwrap().insert("x", 1).unwrap();
    write.commit().unwrap();
    drop(theirs);
    let error = RedbStore::open(&path).map(|_| ()).expect_err("somebody else's");
    assert!(matches!(error.fault, StoreFault::NotAStore { .. }), "{error}");
    assert!(Database::open(&path).is_ok(), "they can still open it");
    fs::remove_file(path).unwrap();
}

#[test]
fn a_directory_that_is_not_there_is_an_error_of_the_disk() {
    let error = RedbStore::open(path("no/such/dir/x.redb")).map(|_| ()).expect_err("no directory");
    assert!(matches!(error.fault, StoreFault::Disk { kind: ErrorKind::NotFound, .. }), "{error}");
}

#[test]
fn a_file_that_is_cut_short_is_an_error_and_left_as_it_is() {
    let path = path("short.redb");
    let mut store = RedbStore::open(&path).unwrap();
    store.commit(&Batch::default()).unwrap();
    drop(store);
    let bytes = fs::read(&path).unwrap();
    for len in [1, 300, 4_096, bytes.len() / 2] {
        fs::write(&path, &bytes[..len]).unwrap();
        let error = RedbStore::open(&path).and_then(|mut store| store.load()).map(|_| ());
        let error = error.expect_err("cut short");
        assert!(
            matches!(error.fault, StoreFault::NotAStore { .. } | StoreFault::Damaged { .. }),
            "{len}: {error:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), bytes[..len], "{len}");
    }
    fs::remove_file(path).unwrap();
}

/// Whoever removes the file of a running node, or puts another in its place, must not be told that
/// what is written to it is kept: it would be gone with the process.
#[cfg(unix)]
#[test]
fn a_file_that_is_no_longer_at_its_path_acknowledges_nothing() {
    let path = path("unlinked.redb");
    let elsewhere = path.with_extension("elsewhere");
    let batch = Batch::default();
    let mut store = RedbStore::open(&path).unwrap();
    store.commit(&batch).unwrap();
    fs::rename(&path, &elsewhere).unwrap();
    let error = store.commit(&batch).expect_err("it is gone");
    assert!(
        error.fault == StoreFault::Replaced && error.to_string().contains("start the node again"),
        "{error}"
    );
    let error = store.commit(&batch).expect_err("it still is");
    assert!(matches!(error.fault, StoreFault::Disk { kind: ErrorKind::NotFound, .. }), "{error}");
    assert!(!path.exists(), "none is made: it would hold less than was acknowledged");

    fs::rename(&elsewhere, &path).unwrap();
    store.commit(&batch).expect("it is back, with everything");
    fs::remove_file(&path).unwrap();
    drop(RedbStore::open(&path).expect("a new one"));
    let error = store.commit(&batch).expect_err("another file");
    assert_eq!(error.fault, StoreFault::Replaced);
    assert_eq!(store.commit(&batch).expect_err("and again").fault, StoreFault::Replaced);
    fs::remove_file(path).unwrap();
}

fn len(path: &std::path::Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

fn pieces(first: bool, pieces: &[&[u8]], keep_from: Option<u64>) -> Option<Snapshot> {
    let mut snapshot = Snapshot::default();
    (snapshot.first, snapshot.keep_from) = (first, keep_from);
    snapshot.pieces = pieces.iter().map(|piece| piece.to_vec()).collect();
    Some(snapshot)
}

/// The pieces of a state are written among records, which go when the last piece is there.
#[test]
fn compacting_gives_back_what_is_free_and_keeps_everything() {
    let (path, bytes) = (path("long.redb"), [7; 5_000]);
    let mut store = RedbStore::open(&path).unwrap();
    for round in 0..10 {
        let record = |seq| Record {
            index: seq - 1,
            number: Dot::new(ReplicaId::from_u128(7), seq),
            bytes: bytes.as_slice().into(),
        };
        let mut batch = Batch::default();
        batch.records.extend((round * 50 + 1..=round * 50 + 50).map(record));
        batch.snapshot = pieces(round == 0, &[&bytes], (round == 9).then_some(450));
        store.commit(&batch).unwrap();
    }
    let held = store.load().unwrap();
    assert_eq!((held.state.len(), held.records.len()), (10, 50));
    drop(store);
    let closed = len(&path);
    let mut store = RedbStore::open(&path).unwrap();
    assert_eq!(store.compact(), Ok(true));
    assert!(len(&path) < 1_000_000 && len(&path) * 3 < closed, "from {closed} to {}", len(&path));
    assert_eq!(store.load().as_ref(), Ok(&held));
    store.commit(&Batch::default()).unwrap();
    drop(store);
    assert_eq!(RedbStore::open(&path).and_then(|mut store| store.load()), Ok(held));
    fs::remove_file(path).unwrap();
}

/// What was lost with the state would otherwise come back as if it had never been: nothing is written to
/// such a file.
#[test]
fn records_without_a_state_are_not_taken_for_an_empty_store() {
    let path = path("headless.redb");
    let number = Dot::new(ReplicaId::from_u128(7), 1);
    let mut batch = Batch::default();
    batch.records.push(Record { index: 0, number, bytes: [1, 2, 3].into() });
    let mut store = RedbStore::open(&path).unwrap();
    store.commit(&batch).unwrap();
    let stored = store.load().unwrap();
    assert_eq!((stored.state.len(), &stored.records), (0, &batch.records));
    let refused = Engine::<OrSet<u64>>::recover(Config::new("file"), [1; 32], Now::default(), &stored);
    let Err(RecoverError::Corrupt { reason }) = refused else { panic!("taken for an empty store") };
    assert!(reason.contains("without a state"), "{reason}");
    fs::remove_file(path).unwrap();
}
