//! What a program can do, one or two bytes each: all bytes are a program.

use arbitrary::{Arbitrary, Result, Unstructured};

use super::board::Edit;

const MAX_STEPS: usize = 120;

/// A cluster, and what happens to it.
#[derive(Clone, Debug)]
pub struct Program {
    /// Of the cluster.
    pub knobs: Knobs,
    /// In their order.
    pub steps: Vec<Step>,
}

/// What differs between clusters.
#[derive(Clone, Copy, Debug)]
pub struct Knobs {
    /// Two or three.
    pub nodes: usize,
    /// Whether streams may lose frames, against what a driver promises: nodes converge even then.
    pub lossy: bool,
    /// Entries in a chunk of a walk.
    pub walk_entries: usize,
    /// Entries that a walk may keep.
    pub walk_stash: usize,
    /// Bytes of log that a walk may keep.
    pub pinned_bytes: usize,
    /// Walks given at once.
    pub donor_walks: usize,
    /// Bytes that a stream takes at once.
    pub budget: usize,
    /// Ranges that a walk compares at once: so few that it has to ask again, or enough for all.
    pub walk_ranges: usize,
}

/// One thing that happens. Links and sides that are not there do nothing.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A node writes.
    Write {
        /// Where.
        at: usize,
        /// What.
        edit: Edit,
    },
    /// A node writes more than its log holds.
    Flood {
        /// Where.
        at: usize,
    },
    /// A stream takes frames.
    Send {
        /// Which.
        link: usize,
        /// From which end.
        side: usize,
        /// At most so many.
        frames: u8,
    },
    /// Frames arrive, in order.
    Arrive {
        /// On which connection.
        link: usize,
        /// From which end.
        side: usize,
        /// At most so many.
        frames: u8,
    },
    /// A frame each way is sent and arrives, again and again.
    Talk {
        /// On which connection.
        link: usize,
        /// How often.
        rounds: u8,
    },
    /// Two nodes lose each other while one writes more than its log holds; they meet again, and the
    /// other needs a walk, which gets as far as these rounds take it.
    Lag {
        /// Their connection.
        link: usize,
        /// The end that writes.
        side: usize,
        /// How often a frame each way is sent and arrives.
        rounds: u8,
    },
    /// The next frame is lost.
    Lose {
        /// On which connection.
        link: usize,
        /// From which end.
        side: usize,
    },
    /// A datagram is sent if there is one, and one of those that are on their way arrives.
    Datagram {
        /// On which connection.
        link: usize,
        /// From which end.
        side: usize,
        /// Which one arrives, if any.
        which: usize,
        /// Whether it may arrive again.
        again: bool,
    },
    /// A connection is lost, with what its ends have not taken.
    Cut {
        /// Which.
        link: usize,
        /// Which ends notice now; the others go on for a while.
        noticed: [bool; 2],
    },
    /// Two nodes connect, perhaps once more.
    Connect {
        /// One.
        a: usize,
        /// Another.
        b: usize,
    },
    /// A node starts again, with nothing.
    Restart {
        /// Which.
        at: usize,
        /// Whether the others notice.
        noticed: bool,
    },
    /// Time passes.
    Later {
        /// How much.
        millis: u64,
    },
    /// A node's wall clock jumps.
    Clock {
        /// Which.
        at: usize,
        /// To so far ahead of the others.
        ahead_ms: u64,
    },
}

impl<'a> Arbitrary<'a> for Program {
    fn arbitrary(from: &mut Unstructured<'a>) -> Result<Self> {
        let knobs = Knobs::arbitrary(from)?;
        let mut steps = Vec::new();
        while !from.is_empty() && steps.len() < MAX_STEPS {
            steps.push(Step::arbitrary(from)?);
        }
        Ok(Self { knobs, steps })
    }
}

impl<'a> Arbitrary<'a> for Knobs {
    fn arbitrary(from: &mut Unstructured<'a>) -> Result<Self> {
        let byte: u8 = from.arbitrary()?;
        let bit = |place: u8, off: usize, on: usize| if byte & 1 << place == 0 { off } else { on };
        Ok(Self {
            nodes: bit(0, 3, 2),
            lossy: bit(1, 0, 1) == 1,
            walk_entries: bit(2, 1, 3),
            walk_stash: bit(3, 16, 1),
            pinned_bytes: bit(4, 4_096, 0),
            donor_walks: bit(5, 4, 1),
            budget: bit(6, 2_000, 100),
            walk_ranges: bit(7, 2, 1_024),
        })
    }
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(from: &mut Unstructured<'a>) -> Result<Self> {
        let byte: u8 = from.arbitrary()?;
        let (kind, at) = (byte % 16, usize::from(byte / 16));
        let (link, side) = (at / 2, at % 2);
        let mut operand = || from.arbitrary::<u8>();
        Ok(match kind {
            0..=2 => Self::Write { at, edit: Edit::from(operand()?) },
            3 => Self::Flood { at },
            4 => Self::Send { link, side, frames: 1 + operand()? % 8 },
            5 => Self::Arrive { link, side, frames: 1 + operand()? % 8 },
            6..=8 => Self::Talk { link: at, rounds: 1 + operand()? % 16 },
            9 => Self::Lose { link, side },
            10 => {
                let byte = operand()?;
                Self::Datagram { link, side, which: usize::from(byte % 4), again: byte & 4 != 0 }
            }
            11 => {
                let notice = operand()? % 4;
                Self::Cut { link: at, noticed: [notice != 1, notice != 2] }
            }
            12 => Self::Connect { a: at / 4, b: at % 4 },
            // Rarer than the rest: most of what was built up is gone with it.
            13 if at < 6 => Self::Restart { at: link, noticed: side == 0 },
            13 => Self::Lag { link: at / 2, side, rounds: operand()? % 16 },
            14 => Self::Later { millis: 1 << (at * 10 / 16) },
            _ => Self::Clock { at, ahead_ms: u64::from(operand()?) * 1_000 },
        })
    }
}
