//! A replicated type written by hand: the best three scores, of which no one is lost that belongs there.
//!
//! Most types need none of this: a struct that derives `Crdt`, with methods on its editor, does. This
//! one forgets what no longer counts, which no combination of the others does.
//!
//! `cargo run -p crdt-examples --example leaderboard`

use std::cell::RefCell;
use std::cmp::Reverse;
use std::error::Error;

use crdt_core::clock::Stamp;
use crdt_core::codec::{DecodeError, EncodeError, Reader, Wire, Writer};
use crdt_core::laws::proptest::prelude::*;
use crdt_core::laws::{self, Subject};
use crdt_core::view::{At, LocalDot, Look, Tx};
use crdt_core::{Crdt, Doc, OrMap, Replica};
use serde::{Deserialize, Serialize};

const PLACES: usize = 3;

/// What travels under one dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Score {
    points: u64,
    player: String,
}

/// The view: every live entry, in no particular order. Reads make up what shows, so that it is a function
/// of the set of entries, however they came.
#[derive(Debug, Default)]
struct Leaderboard {
    entries: Vec<(LocalDot, Score)>,
}

impl Leaderboard {
    fn best(&self) -> Vec<&Score> {
        best(self.entries.iter().map(|(_, score)| score))
    }
}

fn best<'a>(scores: impl Iterator<Item = &'a Score>) -> Vec<&'a Score> {
    let mut scores: Vec<&Score> = scores.collect();
    scores.sort_unstable_by_key(|score| Reverse(*score));
    scores.truncate(PLACES);
    scores
}

/// What an update's closure gets: it reads the view, and writes the scratch only.
struct LeaderboardEditor<'a> {
    base: Option<&'a Leaderboard>,
    scratch: &'a Scratch,
    tx: &'a Tx<'a>,
}

type Scratch = RefCell<Vec<(LocalDot, Score)>>;

impl LeaderboardEditor<'_> {
    /// Enters a score; one that is none of the best ships nothing.
    fn report(&self, points: u64, player: &str) {
        let score = Score { points, player: player.to_owned() };
        let mut known = self.known();
        if known.iter().filter(|(_, better)| *better >= score).count() >= PLACES {
            return;
        }
        self.scratch.borrow_mut().push((self.tx.mint(), score));
        // One place fewer for what was there. What no longer shows goes, a concurrent one stays.
        known.sort_unstable_by(|(_, one), (_, other)| other.cmp(one));
        for (dot, _) in known.drain(..).skip(PLACES - 1) {
            self.tx.supersede(dot);
            self.scratch.borrow_mut().retain(|(own, _)| *own != dot);
        }
    }

    /// The entries with the changes so far.
    fn known(&self) -> Vec<(LocalDot, Score)> {
        let base = self.base.into_iter().flat_map(|base| &base.entries);
        let kept = base.filter(|(dot, _)| !self.tx.is_superseded(*dot));
        kept.chain(&*self.scratch.borrow()).cloned().collect()
    }
}

impl Crdt for Leaderboard {
    type Entry = Score;
    /// Entries are few: they are found by their dots.
    type Slot = ();
    type Scratch = Scratch;
    type Editor<'a> = LeaderboardEditor<'a>;

    fn take_in(&mut self, _at: &mut At<'_>, dot: LocalDot, score: Score) {
        self.entries.push((dot, score));
    }

    fn take_out(&mut self, _at: &mut At<'_>, dot: LocalDot, (): ()) {
        self.entries.retain(|(entry, _)| *entry != dot);
    }

    fn entry_at(&self, _at: Look<'_>, dot: LocalDot, (): ()) -> Score {
        let found = self.entries.iter().find(|(entry, _)| *entry == dot);
        found.expect("a live dot has its entry").1.clone()
    }

    /// All entries are at one place.
    fn siblings(&self, _dot: LocalDot, (): (), each: &mut dyn FnMut(LocalDot)) {
        self.entries.iter().for_each(|(dot, _)| each(*dot));
    }

    fn is_bottom(&self) -> bool {
        self.entries.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// No clock takes part.
    fn stamp(_: &Score) -> Option<Stamp> {
        None
    }

    fn edit<'a>(base: Option<&'a Self>, scratch: &'a Scratch, tx: &'a Tx<'a>) -> LeaderboardEditor<'a> {
        LeaderboardEditor { base, scratch, tx }
    }

    fn reads_empty(editor: &LeaderboardEditor<'_>) -> bool {
        editor.known().is_empty()
    }

    fn drain(scratch: &mut Scratch, mut out: impl FnMut(u64, Score)) {
        scratch.get_mut().drain(..).for_each(|(dot, score)| out(dot.seq(), score));
    }
}

/// For documents that are stored or sent.
impl Wire for Leaderboard {
    fn encode_entry(score: &Score, out: &mut Writer) -> Result<(), EncodeError> {
        out.value(score)
    }

    fn decode_entry(input: &mut Reader<'_>) -> Result<Score, DecodeError> {
        input.value()
    }
}

/// How the property kit writes and reads it.
struct LeaderboardLaws;

impl Subject for LeaderboardLaws {
    type Crdt = Leaderboard;
    type Edit = (u64, String);
    type Shown = Vec<Score>;

    fn edits() -> BoxedStrategy<Self::Edit> {
        (0..6u64, "[ab]").boxed()
    }

    fn apply(board: &LeaderboardEditor<'_>, (points, player): &Self::Edit) {
        board.report(*points, player);
    }

    fn show(board: &Leaderboard) -> Vec<Score> {
        board.best().into_iter().cloned().collect()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // In a test: `crdt_core::crdt_laws! { board: LeaderboardLaws }`.
    let coverage = laws::check_all::<LeaderboardLaws>()?;
    println!("the laws hold; histories reached {coverage}");

    // By hand, too: two arcades, and a map of boards, as if it were one of the types that come with it.
    type Boards = OrMap<String, Leaderboard>;
    let (mut here, mut there) = (Doc::<Boards>::default(), Doc::<Boards>::default());
    let (mut us, mut them) = (Replica::random(), Replica::random());
    let ours = here.update(&mut us, |boards| {
        for (points, player) in [(10, "ana"), (30, "bob"), (20, "cy"), (5, "dan")] {
            boards.entry("pinball").report(points, player);
        }
    });
    assert_eq!(ours.entries().len(), PLACES, "what is none of the best ships nothing");
    let theirs = there.update(&mut them, |boards| boards.entry("pinball").report(25, "eve"));
    here.merge(theirs);
    there.merge(ours);
    assert_eq!(here, there);
    let board = here.get("pinball").ok_or("the board is there")?;
    assert_eq!(board.best().iter().map(|score| score.points).collect::<Vec<_>>(), [30, 25, 20]);
    board.best().iter().for_each(|Score { points, player }| println!("{points:>3} {player}"));
    Ok(())
}
