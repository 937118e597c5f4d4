//! A process that is killed while it writes, again and again.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crdt_core::OrSet;
use crdt_sync::proto::{Config, Engine, Now};
use crdt_sync::store::{RedbStore, Store};

/// Where a child of the test writes, and from which element on.
const CHILD: &str = "CRDT_SYNC_KILLED_CHILD";
const FROM: &str = "CRDT_SYNC_KILLED_FROM";
/// How often the test kills; more for a long run.
const KILLS: &str = "CRDT_SYNC_KILLS";

fn config() -> Config {
    let mut config = Config::new("killed");
    config.max_update_bytes = 1024;
    // Snapshots all the time: kills fall into them, too.
    (config.log_bytes, config.store_log_bytes) = (2_000, 500);
    config
}

fn recover(path: &Path, seed: u8) -> (RedbStore, Engine<OrSet<u64>>) {
    let mut store = RedbStore::open(path).expect("it opens after every kill");
    let stored = store.load().expect("it is whole");
    let engine = Engine::recover(config(), [seed; 32], Now::default(), &stored).expect("it is a state");
    (store, engine)
}

/// Writes for ever, and says what is durable.
fn child(path: &Path, mut next: u64) {
    let (mut store, mut engine) = recover(path, next as u8);
    let mut out = std::io::stdout().lock();
    loop {
        for _ in 0..=next % 3 {
            engine.update(Now::default(), |set| set.insert(next)).expect("a small write");
            next += 1;
        }
        while let Some(batch) = engine.poll_persist() {
            store.commit(&batch).expect("a good disk");
            engine.persisted(Now::default());
        }
        if writeln!(out, "durable {next}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

/// Lets a child write from `next` on and kills it after so many acknowledgements; returns before
/// which element everything was acknowledged.
fn kill_one(path: &Path, next: u64, after: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::a_killed_process_finds_everything_acknowledged", "--nocapture"])
        .env(CHILD, path)
        .env(FROM, next.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test itself can be run");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let durable = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("durable ")?.parse().ok());
    let last = durable.take(after).last().expect("it writes");
    child.kill().expect("it runs");
    child.wait().expect("it is ours");
    last
}

#[test]
fn a_killed_process_finds_everything_acknowledged() {
    if let (Ok(path), Ok(from)) = (std::env::var(CHILD), std::env::var(FROM)) {
        return child(path.as_ref(), from.parse().expect("a number"));
    }
    let kills: u64 = std::env::var(KILLS).map_or(12, |kills| kills.parse().expect("a number"));
    let path = std::env::temp_dir().join(format!("crdt-sync-kill-{}.redb", std::process::id()));
    let (mut from, mut acknowledged) = (0, Vec::new());
    for kill in 0..kills {
        let before = kill_one(&path, from, 1 + kill as usize % 9);
        acknowledged.extend(from..before);
        let (_, engine) = recover(&path, 0);
        let lost = acknowledged.iter().find(|element| !engine.doc().contains(element));
        assert_eq!(lost, None, "after kill {kill}");
        // What was written and not acknowledged may be there.
        from = engine.doc().iter().max().map_or(0, |last| last + 1).max(before);
    }
    assert!(acknowledged.len() as u64 >= kills);
    std::fs::remove_file(path).unwrap();
}
