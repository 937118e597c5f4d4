//! What a program can do, one or a few bytes each.

use arbitrary::{Arbitrary, Result, Unstructured};

/// How many replicas there are.
pub const SITES: usize = 3;
/// Keys are below this; there are so few that they meet.
pub const KEYS: u8 = 3;
/// Elements and values are below this.
pub const VALUES: u8 = 4;

const MAX_STEPS: usize = 200;

/// A sequence of steps.
#[derive(Clone, Debug)]
pub struct Program {
    /// In their order.
    pub steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// A replica changes several things at once, or fails in the end.
    Update {
        /// Where.
        at: usize,
        /// What.
        edits: Vec<Edit>,
        /// Whether it fails, and nothing of it happened.
        fails: bool,
    },
    /// A delta arrives, perhaps again.
    Deliver {
        /// Where.
        to: usize,
        /// Which one, counted from the latest.
        which: u8,
    },
    /// Two deltas arrive as one.
    Group {
        /// Where.
        to: usize,
        /// Which ones, counted from the latest.
        which: [u8; 2],
    },
    /// A whole state is joined.
    Join {
        /// Into which.
        to: usize,
        /// Of which.
        from: usize,
    },
    /// A replica sends its digest and gets an answer, in bytes.
    Ask {
        /// Which asks.
        to: usize,
        /// Which answers.
        from: usize,
    },
    /// A walk begins; another one to the same replica is cut.
    Walk {
        /// The receiver.
        to: usize,
        /// The donor.
        from: usize,
        /// How many entries it may keep.
        keep: usize,
    },
    /// Some chunks of a walk arrive.
    Chunks {
        /// The receiver.
        to: usize,
        /// How many.
        count: u8,
        /// The entries of each.
        size: usize,
    },
    /// A replica starts again from its bytes, under a new id.
    Restart {
        /// Which.
        at: usize,
    },
    /// A replica's clock is set, forwards or backwards.
    Clock {
        /// Which.
        at: usize,
        /// To when.
        millis: u64,
    },
}

/// One change.
#[derive(Clone, Copy, Debug)]
pub enum Edit {
    /// An element is added to the set.
    Tag(u8),
    /// An element is removed from the set.
    Untag(u8),
    /// The set is cleared.
    ClearTags,
    /// The register is written.
    Name(u8),
    /// The register is cleared.
    ClearName,
    /// A key of the map of registers is written.
    Profile(u8, u8),
    /// A key of the map of registers is removed.
    Unprofile(u8),
    /// The map of registers is cleared.
    ClearProfile,
    /// The counter moves.
    Sell(i64),
    /// The counter is reset.
    Unsell,
    /// An element is added under a key.
    Cart(u8, u8),
    /// An element is removed under a key.
    Uncart(u8, u8),
    /// A key of the map of sets is removed.
    RemoveCart(u8),
    /// The map of sets is cleared.
    ClearCarts,
    /// The counter under a key moves.
    Stock(u8, i64),
    /// A key of the map of counters is removed.
    RemoveStock(u8),
    /// The map of counters is cleared.
    ClearStock,
    /// The growing counter in a struct under a key moves.
    Visit(u8, u8),
    /// A register in a map in a struct under a key is written.
    Label(u8, bool, u8),
    /// A key of the map in a struct under a key is removed.
    Unlabel(u8, bool),
    /// A key of the map of structs is removed.
    RemoveShelf(u8),
}

impl<'a> Arbitrary<'a> for Program {
    fn arbitrary(from: &mut Unstructured<'a>) -> Result<Self> {
        let mut steps = Vec::new();
        while !from.is_empty() && steps.len() < MAX_STEPS {
            steps.push(from.arbitrary()?);
        }
        Ok(Self { steps })
    }
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(from: &mut Unstructured<'a>) -> Result<Self> {
        let byte: u8 = from.arbitrary()?;
        let at = usize::from(byte / 16) % SITES;
        let other = (at + 1 + usize::from(byte / 16) / SITES % (SITES - 1)) % SITES;
        Ok(match byte % 16 {
            kind @ 0..=5 => {
                let edits = if kind < 4 { 1 } else { 3 };
                let edits = (0..edits).map(|_| from.arbitrary()).collect::<Result<_>>()?;
                Self::Update { at, edits, fails: kind == 5 && other == 0 }
            }
            6..=8 => Self::Deliver { to: at, which: from.arbitrary()? },
            9 => Self::Group { to: at, which: [from.arbitrary()?, from.arbitrary()?] },
            10 => Self::Join { to: at, from: other },
            11 => Self::Ask { to: at, from: other },
            12 => Self::Walk { to: at, from: other, keep: usize::from(from.arbitrary::<u8>()? % 8) },
            13 => {
                let byte: u8 = from.arbitrary()?;
                Self::Chunks { to: at, count: byte / 16, size: usize::from(byte % 4) + 1 }
            }
            14 => Self::Restart { at },
            _ => Self::Clock { at, millis: u64::from(from.arbitrary::<u8>()?) },
        })
    }
}

impl<'a> Arbitrary<'a> for Edit {
    fn arbitrary(from: &mut Unstructured<'a>) -> Result<Self> {
        let (what, operand): (u8, u8) = (from.arbitrary()?, from.arbitrary()?);
        let (key, value, side) = (operand % KEYS, operand / 4 % VALUES, operand & 0x40 != 0);
        Ok(match what % 21 {
            0 => Self::Tag(value),
            1 => Self::Untag(value),
            2 => Self::ClearTags,
            3 => Self::Name(value),
            4 => Self::ClearName,
            5 => Self::Profile(key, value),
            6 => Self::Unprofile(key),
            7 => Self::ClearProfile,
            8 => Self::Sell(amount(operand)),
            9 => Self::Unsell,
            10 => Self::Cart(key, value),
            11 => Self::Uncart(key, value),
            12 => Self::RemoveCart(key),
            13 => Self::ClearCarts,
            14 => Self::Stock(key, amount(operand)),
            15 => Self::RemoveStock(key),
            16 => Self::ClearStock,
            17 => Self::Visit(key, value),
            18 => Self::Label(key, side, value),
            19 => Self::Unlabel(key, side),
            _ => Self::RemoveShelf(key),
        })
    }
}

/// Zero and amounts of both signs, small ones and the largest.
fn amount(byte: u8) -> i64 {
    match byte / 4 {
        0 => i64::MAX,
        1 => i64::MIN,
        small => i64::from(small % 16) - 6,
    }
}
