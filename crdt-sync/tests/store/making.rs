//! A file that is made while the power fails, the process is killed, or another one makes it too.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::time::Duration;

use crdt_sync::proto::{Batch, Stored};
use crdt_sync::sim::SimRng;
use crdt_sync::store::{RedbStore, Store, StoreFault};
use rand::{RngExt, SeedableRng};
use redb::Database;

use crate::disk::Disk;
use crate::file::path;

/// Where a child of the test makes files.
const CHILD: &str = "CRDT_SYNC_MAKING_CHILD";

fn beside(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.making", path.display()))
}

/// A new store, which takes a batch, and nothing is left of its making.
fn works(path: &Path) {
    let mut store = RedbStore::open(path).expect("it is made anew");
    assert_eq!(store.load(), Ok(Stored::default()));
    store.commit(&Batch::default()).expect("it is where it should be");
    assert!(!beside(path).exists());
    drop(store);
    fs::remove_file(path).expect("it is there");
}

/// What is found of a database whose laying out a power failure cut, after so many operations; nothing if
/// there were not as many.
fn torn(operations: u64, rng: &mut SimRng) -> Option<Vec<u8>> {
    let disk = Disk::default();
    disk.fail_after(operations);
    let cut = Database::builder().create_with_backend(disk.clone()).is_err();
    cut.then(|| disk.after_power_failure(rng).bytes())
}

/// Before the file has its place there is an empty one or none, and beside it whatever the cut left.
#[test]
fn a_making_that_the_power_cut_is_done_anew() {
    let path = path("cut.redb");
    let mut rng = SimRng::seed_from_u64(1);
    let mut lefts: Vec<Vec<u8>> = (0..).map_while(|operations| torn(operations, &mut rng)).collect();
    assert!(lefts.len() > 3, "{}", lefts.len());
    drop(Database::create(&path).unwrap());
    lefts.push(fs::read(&path).unwrap());
    fs::remove_file(&path).unwrap();
    let in_place = |left: &&Vec<u8>| {
        fs::write(&path, left).unwrap();
        RedbStore::open(&path).is_err()
    };
    assert!(lefts.iter().filter(in_place).count() > 1, "nobody could tell it from anything else there");
    for (left, is_there) in lefts.iter().flat_map(|left| [(left, true), (left, false)]) {
        fs::remove_file(&path).ok();
        if is_there {
            fs::write(&path, []).unwrap();
        }
        fs::write(beside(&path), left).unwrap();
        works(&path);
    }
}

/// Makes one file after the other, and says how many there are.
fn child(dir: &Path) {
    for n in 0.. {
        drop(RedbStore::open(dir.join(format!("{n}.redb"))).expect("a good disk"));
        println!("made {n}");
    }
}

/// Lets a child make files, and kills it while it makes one; returns how many there may be.
#[expect(clippy::disallowed_methods, reason = "a child is killed in real time")]
fn kill_one(dir: &Path, after: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "making::a_killed_process_leaves_a_file_that_opens", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test itself can be run");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let made = |line: String| line.split("made ").nth(1)?.parse::<u64>().ok();
    lines.by_ref().find_map(made).expect("it makes some");
    std::thread::sleep(after);
    child.kill().expect("it runs");
    child.wait().expect("it is ours");
    lines.filter_map(made).last().unwrap_or(0) + 2
}

#[test]
fn a_killed_process_leaves_a_file_that_opens() {
    if let Ok(dir) = std::env::var(CHILD) {
        return child(dir.as_ref());
    }
    let mut rng = SimRng::seed_from_u64(2);
    for kill in 0..12 {
        let dir = path(&format!("killed-{kill}"));
        fs::create_dir(&dir).unwrap();
        let made = kill_one(&dir, Duration::from_micros(rng.random_range(0..10_000)));
        (0..made).for_each(|n| works(&dir.join(format!("{n}.redb"))));
        assert!(fs::read_dir(&dir).unwrap().next().is_none(), "nothing is left of the one that was cut");
        fs::remove_dir(dir).unwrap();
    }
}

/// Which of them does not matter.
#[test]
fn of_those_who_make_a_file_at_once_one_has_it_and_the_others_are_refused() {
    let path = path("race.redb");
    for round in 0..20 {
        let (start, end) = (Barrier::new(4), Barrier::new(4));
        let racer = || {
            start.wait();
            let opened = RedbStore::open(&path);
            end.wait();
            match opened {
                Ok(mut store) => store.commit(&Batch::default()).map(|()| true).expect("it is in its place"),
                Err(error) if error.fault == StoreFault::InUse => false,
                Err(error) => panic!("round {round}: {error}"),
            }
        };
        let won = std::thread::scope(|scope| {
            let racers = [(); 4].map(|()| scope.spawn(racer));
            racers.into_iter().filter_map(|racer| racer.join().expect("no panic").then_some(())).count()
        });
        assert_eq!(won, 1, "round {round}");
        works_again(&path);
    }
}

fn works_again(path: &Path) {
    let mut store = RedbStore::open(path).expect("the file of the winner");
    assert_eq!(store.load(), Ok(Stored::default()));
    drop(store);
    fs::remove_file(path).unwrap();
}

/// Who prepares the place for a store says by that where it is and who may read it.
#[test]
fn an_empty_file_is_replaced_where_it_is_and_keeps_its_rights() {
    let (link, target) = (path("link.redb"), path("target.redb"));
    symlink(&target, &link).unwrap();
    drop(RedbStore::open(&link).expect("there is nothing yet"));
    assert!(link.symlink_metadata().unwrap().is_symlink() && target.metadata().unwrap().len() > 0);
    fs::write(&target, []).unwrap();
    fs::set_permissions(&target, PermissionsExt::from_mode(0o600)).unwrap();
    drop(RedbStore::open(&link).expect("an empty file"));
    assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_file(link).unwrap();
    fs::remove_file(target).unwrap();
}
