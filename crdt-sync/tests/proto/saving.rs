//! A state that goes to the store in pieces, and crashes between any two of them.

use std::cell::Cell;
use std::collections::BTreeSet;

use crdt_core::OrSet;
use crdt_sync::proto::{Batch, Config, Engine, Now, Token};
use crdt_sync::store::{DiskFault, FaultyStore, Store};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};

use crate::lab::short_log;

/// One edit of a set, under a number of its own.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Insert(u64),
    Remove(u64),
}

/// What the set shows after these edits.
fn shown(edits: &[Edit]) -> BTreeSet<u64> {
    let mut set = BTreeSet::new();
    for edit in edits {
        match edit {
            Edit::Insert(element) => set.insert(*element),
            Edit::Remove(element) => set.remove(element),
        };
    }
    set
}

/// One node, its disk, and all edits that are not lost.
struct Site {
    config: Config,
    disk: FaultyStore,
    engine: Engine<OrSet<u64>>,
    edits: Vec<Edit>,
    /// After how many edits, and what waits for those to be durable.
    tokens: Vec<(usize, Token)>,
    starts: u8,
    flight: Option<Batch>,
}

impl Site {
    fn new(config: Config) -> Self {
        let disk = FaultyStore::default();
        let engine = start(&config, &disk, 0);
        Self { config, disk, engine, edits: Vec::new(), tokens: Vec::new(), starts: 0, flight: None }
    }

    fn edit(&mut self, edit: Edit) {
        let written = self.engine.update(Now::default(), |set| match edit {
            Edit::Insert(element) => set.insert(element),
            Edit::Remove(element) => drop(set.remove(&element)),
        });
        let written = written.expect("a small write");
        if written.update.is_some() {
            self.edits.push(edit);
            self.tokens.push((self.edits.len(), written.token));
        }
    }

    /// Begins a batch with up to so many pieces, or ends the one under way. Returns how many pieces
    /// there were, and whether they were the last ones.
    fn persist(&mut self, pieces: usize) -> Option<(usize, bool)> {
        let Some(batch) = self.flight.take() else {
            self.flight = self.engine.poll_persist().map(|mut batch| {
                (1..pieces).take_while(|_| self.engine.extend_persist(&mut batch)).count();
                batch
            });
            return None;
        };
        match self.disk.commit(&batch) {
            Ok(()) => self.engine.persisted(Now::default()),
            Err(_) => self.engine.persist_failed(Now::default()),
        }
        batch.snapshot.map(|snapshot| (snapshot.pieces.len(), snapshot.keep_from.is_some()))
    }

    /// Goes on until there is nothing more to write.
    fn persist_all(&mut self) {
        let done = (0..10_000).any(|_| {
            let polls = self.flight.is_none();
            self.persist(1);
            polls && self.flight.is_none()
        });
        assert!(done, "it never ends");
        assert_eq!(self.acknowledged(), self.edits.len());
    }

    /// How many edits are acknowledged: with each one, all before it.
    fn acknowledged(&self) -> usize {
        let durable = |(_, token): &&(usize, Token)| self.engine.covers_durably(token);
        self.tokens.iter().rev().find(durable).map_or(0, |(edits, _)| *edits)
    }

    /// The power fails and comes back. What the node then shows is what it showed after some edit, at
    /// or after the last one acknowledged; returns after which.
    fn crash(&mut self) -> usize {
        let acknowledged = self.acknowledged();
        self.starts += 1;
        self.engine = start(&self.config, &self.disk, self.starts);
        self.flight = None;
        let now: BTreeSet<u64> = self.engine.doc().iter().copied().collect();
        let edits = (acknowledged..=self.edits.len()).find(|edits| shown(&self.edits[..*edits]) == now);
        assert!(edits.is_some(), "{acknowledged} were acknowledged, and it shows {now:?}");
        let edits = edits.unwrap_or_default();
        self.edits.truncate(edits);
        // Everything there is now is durable.
        self.tokens = vec![(edits, self.engine.token())];
        edits
    }
}

fn start(config: &Config, disk: &FaultyStore, starts: u8) -> Engine<OrSet<u64>> {
    let recovered = Engine::recover(config.clone(), [starts; 32], Now::default(), &disk.content());
    recovered.expect("the disk is good")
}

/// A log of some twenty updates, pieces of one entry, one piece to a batch, and records that outgrow
/// the state soon.
fn config() -> Config {
    let mut config = short_log();
    config.log_bytes = 2 * 1024;
    (config.store_log_bytes, config.store_batch_bytes, config.batch_bytes) = (1_000, 1, 1);
    config
}

/// Goes on until twenty pieces of a state of some sixty are out.
fn half_out(site: &mut Site) {
    let mut pieces = 0;
    for element in 1_000.. {
        site.edit(Edit::Insert(element));
        site.persist(1);
        pieces = match site.persist(1) {
            Some((_, true)) | None => 0,
            Some((more, false)) => pieces + more,
        };
        if pieces == 20 && element > 1_060 {
            return;
        }
    }
}

#[test]
fn writes_become_durable_while_a_state_goes_out_and_a_crash_meanwhile_loses_none() {
    let mut site = Site::new(config());
    half_out(&mut site);
    let before = site.edits.len();
    for element in 0..5 {
        site.edit(Edit::Insert(element));
        site.edit(Edit::Remove(1_003 + element));
    }
    let mut batches = 0;
    while site.acknowledged() < before + 10 {
        assert!(site.persist(1).is_none_or(|(pieces, last)| pieces <= 1 && !last), "it is not whole");
        batches += 1;
        assert!(batches < 50, "writes wait for the state");
    }
    assert_eq!(site.crash(), before + 10);
}

#[test]
fn a_state_in_pieces_takes_the_place_of_records() {
    let mut site = Site::new(config());
    half_out(&mut site);
    let records = site.disk.content().records.len();
    while !matches!(site.persist(1), Some((_, true))) {}
    let after = site.disk.content();
    assert!(after.state.len() > 20 && after.unfinished.is_empty());
    assert!(after.records.len() < records, "{} of {records} records", after.records.len());
    // Records from before it are no reason for the next one.
    site.persist_all();
    let edits = site.edits.len();
    assert_eq!(site.crash(), edits);
}

/// All that dies before its turn would have to be kept.
#[test]
fn a_state_that_changes_too_fast_goes_out_in_one_go() {
    let mut config = config();
    config.walk_stash = 2;
    let mut site = Site::new(config);
    half_out(&mut site);
    (1_030..1_050).for_each(|element| site.edit(Edit::Remove(element)));
    let ended = (0..100).filter_map(|_| site.persist(1)).find(|(_, last)| *last);
    assert!(ended.is_some_and(|(pieces, _)| pieces > 40), "{ended:?}");
    let edits = site.edits.len();
    assert_eq!(site.crash(), edits);
}

#[test]
fn a_state_whose_log_was_lost_meanwhile_goes_out_again() {
    let mut site = Site::new(config());
    half_out(&mut site);
    (0..500).for_each(|element| site.edit(Edit::Insert(element)));
    let ended = (0..2_000).filter_map(|_| site.persist(1)).find(|(_, last)| *last);
    assert!(ended.is_some(), "it is never whole");
    site.persist_all();
    let edits = site.edits.len();
    assert_eq!(site.crash(), edits);
}

/// What a crash left half written is not continued by the next start.
#[test]
fn an_unfinished_state_of_an_earlier_start_counts_for_nothing() {
    let mut site = Site::new(config());
    half_out(&mut site);
    site.crash();
    assert!(site.disk.content().unfinished.len() >= 20);
    let live: Vec<u64> = site.engine.doc().iter().copied().collect();
    live.iter().for_each(|element| site.edit(Edit::Remove(*element)));
    site.persist_all();
    while !matches!(site.persist(1), Some((_, true))) {
        site.edit(Edit::Insert(7));
        site.edit(Edit::Remove(7));
    }
    assert!(site.disk.content().state.len() < 10, "of entries that are gone");
    site.crash();
    assert!(site.edits.len() > 100);
}

/// What random weather went through, to be sure that there was any.
#[derive(Default)]
struct Seen {
    crashes: usize,
    half_written: usize,
    whole: usize,
    lost: usize,
}

thread_local! {
    static REFUSES: Cell<bool> = const { Cell::new(false) };
}

/// An element that, as the fault of a user's type, sometimes cannot be written though it was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
struct Fickle(u64);

impl Serialize for Fickle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == 13 && REFUSES.get() {
            return Err(S::Error::custom("not now"));
        }
        self.0.serialize(serializer)
    }
}

/// How many states began to go to the disk until there was nothing more to write, and how many went whole.
fn persist_all(engine: &mut Engine<OrSet<Fickle>>, disk: &mut FaultyStore) -> (usize, usize) {
    let (mut begun, mut whole) = (0, 0);
    while let Some(mut batch) = engine.poll_persist() {
        while engine.extend_persist(&mut batch) {}
        disk.commit(&batch).expect("the disk is good");
        engine.persisted(Now::default());
        begun += usize::from(batch.snapshot.as_ref().is_some_and(|snapshot| snapshot.first));
        whole += usize::from(batch.snapshot.is_some_and(|snapshot| snapshot.keep_from.is_some()));
        assert!(begun < 10, "it begins again and again");
    }
    (begun, whole)
}

#[test]
fn a_state_of_which_a_part_cannot_be_written_takes_the_place_of_nothing() {
    let (mut disk, now) = (FaultyStore::default(), Now::default());
    let start = |disk: &FaultyStore, seed| {
        Engine::<OrSet<Fickle>>::recover(config(), [seed; 32], now, &disk.content())
            .expect("the disk is good")
    };
    let mut engine = start(&disk, 0);
    engine.update(now, |set| set.insert(Fickle(13))).unwrap();
    assert_eq!(persist_all(&mut engine, &mut disk).1, 1);

    REFUSES.set(true);
    let (mut begun, mut whole) = (0, 0);
    for element in 100..200 {
        engine.update(now, |set| set.insert(Fickle(element))).unwrap();
        let states = persist_all(&mut engine, &mut disk);
        (begun, whole) = (begun + states.0, whole + states.1);
        assert!(engine.covers_durably(&engine.token()), "records hold what was written");
    }
    assert_eq!((begun, whole), (2, 0), "in pieces, and in one go");
    REFUSES.set(false);
    assert_eq!(start(&disk, 1).doc().sorted(), engine.doc().sorted());

    for number in 0..5_000 {
        engine.update(now, |set| set.insert(Fickle(number % 100))).unwrap();
        whole += persist_all(&mut engine, &mut disk).1;
    }
    assert!(whole > 0, "it can be written again");
    assert_eq!(start(&disk, 2).doc().sorted(), engine.doc().sorted());
}

fn weather(seed: u64, seen: &mut Seen) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut config = config();
    config.walk_stash = [1, 8, 1_000][rng.random_range(0..3)];
    config.log_bytes = [1_024, 8 * 1_024, 1 << 20][rng.random_range(0..3)];
    config.store_batch_bytes = [1, 200, 1 << 20][rng.random_range(0..3)];
    let mut site = Site::new(config);
    for _ in 0..400 {
        match rng.random_range(0..100) {
            0..50 => site.edit(Edit::Insert(rng.random_range(0..30))),
            50..65 => site.edit(Edit::Remove(rng.random_range(0..30))),
            65..95 => {
                let whole = site.persist(rng.random_range(1..4)).is_some_and(|(_, whole)| whole);
                seen.whole += usize::from(whole);
            }
            95..97 => site.disk.fail(
                [None, None, Some(DiskFault::FsyncAfterWrite), Some(DiskFault::Full)][rng.random_range(0..4)],
            ),
            _ => {
                let before = site.edits.len();
                if let Some(batch) = site.flight.take().filter(|_| rng.random()) {
                    // It was under way, and may have got there.
                    let _ = site.disk.commit(&batch);
                }
                seen.crashes += 1;
                seen.half_written += usize::from(!site.disk.content().unfinished.is_empty());
                seen.lost += before - site.crash();
            }
        }
    }
}

#[test]
fn whatever_the_moment_of_a_crash_a_node_shows_a_moment_of_its_past_after_the_last_acknowledged() {
    let mut seen = Seen::default();
    (0..300).for_each(|seed| weather(seed, &mut seen));
    let Seen { crashes, half_written, whole, lost } = seen;
    assert!(
        crashes > 2_000 && half_written > 300 && whole > 500 && lost > 500,
        "{crashes} {half_written} {whole} {lost}"
    );
}
