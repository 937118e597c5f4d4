//! A disk that is full, as the operating system tells it.
//!
//! A child process writes into a file system of its own that holds four megabytes, where a process may
//! mount one, and in any case under a limit on the size of its files.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;

use crdt_core::OrSet;
use crdt_sync::proto::{Config, Engine, Now};
use crdt_sync::store::{RedbStore, Store, StoreError, StoreFault};

/// Where a child of the test writes.
const CHILD: &str = "CRDT_SYNC_FULL_CHILD";
const TEST: &str = "full::a_full_disk_refuses_and_nothing_acknowledged_is_lost";

type Set = Engine<OrSet<String>>;

fn config() -> Config {
    let mut config = Config::new("full");
    // No snapshot makes room.
    config.store_log_bytes = 1 << 30;
    config
}

fn open(path: &Path) -> Result<(RedbStore, Set), StoreError> {
    let mut store = RedbStore::open(path)?;
    let stored = store.load()?;
    let engine = Set::recover(config(), [7; 32], Now::default(), &stored).expect("what was written");
    Ok((store, engine))
}

fn write(engine: &mut Set, element: u64) {
    let element = format!("{element:06} {}", "x".repeat(40_000));
    engine.update(Now::default(), |set| set.insert(element)).expect("a small write");
}

fn persist(engine: &mut Set, store: &mut RedbStore) -> Result<(), StoreError> {
    while let Some(batch) = engine.poll_persist() {
        if let Err(error) = store.commit(&batch) {
            engine.persist_failed(Now::default());
            return Err(error);
        }
        engine.persisted(Now::default());
    }
    Ok(())
}

/// Writes until the disk is full. Says how many elements were acknowledged, and whether more were when
/// there was room again.
fn child(dir: &Path) {
    let (path, filler) = (dir.join("full.redb"), dir.join("filler"));
    let (mut store, mut engine) = open(&path).expect("there is room for a store");
    let (mut next, mut refused) = (0, None);
    while refused.is_none() && next < 1_000 {
        write(&mut engine, next);
        refused = persist(&mut engine, &mut store).err();
        next += u64::from(refused.is_none());
    }
    let refused = refused.expect("it is full in the end");
    assert!(matches!(refused.fault, StoreFault::Disk { .. }), "{refused}");
    assert_eq!(engine.doc().len() as u64, next + 1, "what is not durable can be read all the same");
    assert!(persist(&mut engine, &mut store).is_err(), "it still is full");
    println!("acknowledged {next}");
    if filler.exists() {
        std::fs::remove_file(filler).expect("it was there");
        persist(&mut engine, &mut store).expect("there is room again, and nobody started anything anew");
        drop(store);
        let (_, engine) = open(&path).expect("it is whole");
        assert_eq!(engine.doc().len() as u64, next + 1);
        println!("recovered");
    }
}

/// Runs the child by a shell that prepares its world; returns what it said, unless the shell could not.
fn run(prepared: &mut Command, dir: &Path) -> Option<String> {
    let test = std::env::current_exe().expect("the test itself can be run");
    let output = prepared.arg(test).args(["--exact", TEST, "--nocapture"]).env(CHILD, dir).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || !said.contains("running 1 test"), "{said}{complained}");
    output.status.success().then_some(said)
}

fn acknowledged(said: &str) -> u64 {
    let number = said.lines().find_map(|line| line.split("acknowledged ").nth(1));
    number.expect("the child says so").parse().expect("a number")
}

/// A file system of four megabytes, one of which is taken; it goes with the child.
fn in_a_small_file_system(dir: &Path) -> Option<String> {
    let script =
        r#"mount -t tmpfs -o size=4m tmpfs "$0" && head -c 1000000 /dev/zero >"$0/filler" && exec "$@""#;
    let mut shell = Command::new("unshare");
    shell.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(dir);
    run(&mut shell, dir)
}

/// No file may be longer than 8,192 blocks of 512 or 1,024 bytes, depending on the shell.
fn under_a_limit(dir: &Path) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap "" XFSZ; ulimit -f 8192 && exec "$@""#, "sh"]);
    run(&mut shell, dir).expect("every shell can do this")
}

#[test]
fn a_full_disk_refuses_and_nothing_acknowledged_is_lost() {
    if let Ok(dir) = std::env::var(CHILD) {
        return child(dir.as_ref());
    }
    let dir: PathBuf = std::env::temp_dir().join(format!("crdt-sync-full-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("there is a place for temporary files");
    if let Some(said) = in_a_small_file_system(&dir) {
        assert!(acknowledged(&said) > 10 && said.contains("recovered"), "{said}");
    }
    let acknowledged = acknowledged(&under_a_limit(&dir));
    let (mut store, mut engine) = open(&dir.join("full.redb")).expect("it is whole");
    let lost = (0..acknowledged)
        .find(|n| !engine.doc().iter().any(|element| element.starts_with(&format!("{n:06}"))));
    assert!(acknowledged > 10 && lost.is_none(), "{lost:?} of {acknowledged}");
    write(&mut engine, acknowledged + 1);
    persist(&mut engine, &mut store).expect("without a limit");
    std::fs::remove_dir_all(dir).expect("it is ours");
}
