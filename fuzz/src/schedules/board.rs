//! The document that the nodes share, and what is done to it.
//!
//! Everything that is added is unique, so that each addition is seen by name, and taking it away is
//! for ever.

use std::collections::BTreeSet;

use crdt_core::{Crdt, LwwRegister, OrMap, OrSet, PnCounter};

/// Keys are below this: there are so few that they meet.
const KEYS: u8 = 3;

/// A bit of each kind of state: what comes and goes, what is replaced, and what adds up.
#[derive(Clone, Crdt, Debug)]
pub struct Board {
    /// Sets that come and go with their keys.
    #[crdt(tag = 1)]
    pub notes: OrMap<u8, OrSet<u16>>,
    /// The last one wins, and the others stay for a while. A name, and filling.
    #[crdt(tag = 2)]
    pub title: LwwRegister<String>,
    /// A sum.
    #[crdt(tag = 3)]
    pub score: PnCounter,
}

/// One change.
#[derive(Clone, Copy, Debug)]
pub enum Edit {
    /// Adds a note.
    Note(u8),
    /// Takes one note away, if there is one.
    Tear(u8),
    /// Takes all notes of a key away.
    Clear(u8),
    /// Replaces the title.
    Title,
    /// Replaces the title by one that fills most of a log.
    Banner,
    /// Takes the title away.
    Untitle,
    /// Adds to the sum.
    Score(i8),
}

impl From<u8> for Edit {
    fn from(byte: u8) -> Self {
        let key = byte / 16 % KEYS;
        match byte % 16 {
            0..=4 => Self::Note(key),
            5..=6 => Self::Tear(key),
            7..=8 => Self::Clear(key),
            9..=10 => Self::Title,
            11 => Self::Banner,
            12 => Self::Untitle,
            _ => Self::Score((byte / 16).cast_signed() - 6),
        }
    }
}

/// Something that was added and can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Note(u8, u16),
    Title(u16),
}

impl Mark {
    /// Whether adding one and taking the other away meet.
    pub(super) fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Note(a, _), Self::Note(b, _)) => a == b,
            (Self::Title(_), Self::Title(_)) => true,
            _ => false,
        }
    }
}

/// What an update did.
#[derive(Clone, Debug, Default)]
pub(super) struct Act {
    pub(super) added: Option<Mark>,
    pub(super) taken: BTreeSet<Mark>,
    pub(super) amount: i128,
}

impl Act {
    /// What an edit does to a board that shows these, naming what it adds `name`.
    pub(super) fn of(edit: Edit, shown: &BTreeSet<Mark>, name: u16) -> Self {
        let of = |kind: Mark| shown.iter().copied().filter(move |mark| mark.meets(kind));
        let (note, title) = (|key| Mark::Note(key, name), Mark::Title(name));
        match edit {
            Edit::Note(key) => Self { added: Some(note(key)), ..Self::default() },
            Edit::Tear(key) => Self { taken: of(note(key)).take(1).collect(), ..Self::default() },
            Edit::Clear(key) => Self { taken: of(note(key)).collect(), ..Self::default() },
            Edit::Title | Edit::Banner => {
                Self { added: Some(title), taken: of(title).collect(), ..Self::default() }
            }
            Edit::Untitle => Self { taken: of(title).collect(), ..Self::default() },
            Edit::Score(amount) => Self { amount: amount.into(), ..Self::default() },
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.added.is_none() && self.taken.is_empty() && self.amount == 0
    }

    /// Does it: what is taken away is named where the type can name it, or goes with its key.
    pub(super) fn perform(&self, edit: Edit, board: &BoardEditor<'_>, name: u16) {
        match edit {
            Edit::Note(key) => board.notes.entry(&key).insert(name),
            Edit::Tear(key) => {
                if let Some(Mark::Note(_, note)) = self.taken.first() {
                    assert!(board.notes.entry(&key).remove(note));
                }
            }
            Edit::Clear(key) => assert_eq!(board.notes.remove(&key), !self.taken.is_empty()),
            Edit::Title => board.title.set(title(name, 0)),
            Edit::Banner => board.title.set(title(name, 600)),
            Edit::Untitle => board.title.clear(),
            Edit::Score(amount) if amount < 0 => board.score.sub(amount.unsigned_abs().into()),
            Edit::Score(amount) => board.score.add(amount.unsigned_abs().into()),
        }
    }
}

fn title(name: u16, filling: usize) -> String {
    format!("{name}{}", "!".repeat(filling))
}

/// Everything that a board shows, but for the sum.
pub(super) fn marks(board: &Board) -> BTreeSet<Mark> {
    let name = |title: &String| Mark::Title(title.trim_end_matches('!').parse().expect("a name"));
    let mut marks: BTreeSet<Mark> = board.title.siblings().map(name).collect();
    assert_eq!(board.title.get(), board.title.siblings().next(), "the winner comes first");
    for key in 0..KEYS {
        let notes = board.notes.get(&key).into_iter().flat_map(OrSet::iter);
        marks.extend(notes.map(|note| Mark::Note(key, *note)));
    }
    marks
}
