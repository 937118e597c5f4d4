//! The hot frame: numbered updates, several to a frame.
//!
//! Each is: place of its origin (0 says that the 16 bytes of a new id follow, n the n-th id of this
//! frame); its seq, as the difference to the one after the last of this origin in the frame, at first
//! to 1, in the zigzag code; twice the length of the bytes that follow, plus one if they are short; the
//! bytes. Short ones lack their beginning, which most updates share: version 1 and one replica id,
//! that of the origin. Whatever begins so is short, so that an update has one form.
//!
//! Ids are named once a frame, not once a connection, so that a frame can be read without those
//! before it.

use crdt_core::{Dot, ReplicaId};

use super::{FrameError, Kind, start};
use crate::proto::config::Config;
use crate::proto::error::PeerError;
use crate::proto::log::Update;
use crate::proto::wire::{Reader, Writer, number_len};

/// Updates in one frame, so that who applies it under a lock does not hold it for long.
const MAX_UPDATES: u64 = 256;
/// Ids that one frame may name: its reader looks them up one by one.
const MAX_ORIGINS: usize = 256;
/// What comes before the id in an update of its origin's dots alone: the version of the envelope, and
/// how many ids there are.
const BEGIN: [u8; 2] = [1, 1];
/// Bytes that a short form lacks.
const LACKING: usize = BEGIN.len() + 16;

/// A frame of updates under construction.
pub(crate) struct UpdatesWriter {
    to: Writer,
    origins: Vec<Origin>,
    count: u64,
}

/// An id named in the frame.
#[derive(Clone, Copy)]
struct Origin {
    id: ReplicaId,
    /// The seq that is expected next.
    next: u64,
}

impl UpdatesWriter {
    pub(crate) fn new() -> Self {
        Self { to: start(Kind::Updates), origins: Vec::new(), count: 0 }
    }

    /// Adds an update unless the frame would grow beyond `budget`; the first is always taken.
    pub(crate) fn push(&mut self, update: &Update<'_>, budget: usize) -> bool {
        let Dot { replica, seq } = update.number;
        let place = self.origins.iter().position(|origin| origin.id == replica);
        let (rest, short) = shortened(update.bytes, replica);
        let head = (rest.len() as u64) << 1 | u64::from(short);
        let step = zigzag(seq, place.map_or(1, |place| self.origins[place].next));
        let origin = place.map_or(17, |place| number_len(place as u64 + 1));
        let size = origin + number_len(step) + number_len(head) + rest.len();
        let full = self.to.len() + size > budget || self.count == MAX_UPDATES;
        if self.count > 0 && (full || place.is_none() && self.origins.len() == MAX_ORIGINS) {
            return false;
        }
        match place {
            Some(place) => self.to.count(place + 1),
            None => {
                self.to.u8(0);
                self.to.id(replica);
                self.origins.push(Origin { id: replica, next: 1 });
            }
        }
        let place = place.unwrap_or(self.origins.len() - 1);
        self.origins[place].next = seq + 1;
        self.to.number(step);
        self.to.number(head);
        self.to.raw(rest);
        self.count += 1;
        true
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.to.finish()
    }
}

/// The bytes without the beginning that most updates share, and whether they had it.
fn shortened(bytes: &[u8], origin: ReplicaId) -> (&[u8], bool) {
    let rest = bytes.strip_prefix(&BEGIN).and_then(|rest| rest.strip_prefix(origin.as_bytes()));
    rest.map_or((bytes, false), |rest| (rest, true))
}

/// The difference of two numbers, small for small ones of either sign.
fn zigzag(number: u64, expected: u64) -> u64 {
    let difference = number.wrapping_sub(expected).cast_signed();
    (difference << 1 ^ difference >> 63).cast_unsigned()
}

/// The number at this difference.
fn unzigzag(step: u64, expected: u64) -> u64 {
    expected.wrapping_add(step >> 1 ^ (step & 1).wrapping_neg())
}

/// The updates of a frame, read one by one.
pub(crate) struct Updates<'a> {
    from: Reader<'a>,
    origins: Vec<Origin>,
    max_update_bytes: usize,
}

/// The bytes of an update as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed<'a> {
    origin: ReplicaId,
    rest: &'a [u8],
    short: bool,
}

impl Packed<'_> {
    /// Writes the bytes of the update in the place of what `to` holds.
    pub(crate) fn unpack(&self, to: &mut Vec<u8>) {
        to.clear();
        if self.short {
            to.extend_from_slice(&BEGIN);
            to.extend_from_slice(self.origin.as_bytes());
        }
        to.extend_from_slice(self.rest);
    }
}

impl<'a> Updates<'a> {
    /// `from` stands behind the kind.
    pub(crate) fn new(from: Reader<'a>, config: &Config) -> Result<Self, PeerError> {
        if from.is_empty() {
            return Err(FrameError::Truncated.into());
        }
        Ok(Self { from, origins: Vec::new(), max_update_bytes: config.max_update_bytes })
    }

    fn read(&mut self) -> Result<(Dot, Packed<'a>), PeerError> {
        let place = self.place()?;
        let Origin { id, next } = self.origins[place];
        let seq = unzigzag(self.from.number()?, next);
        if seq == 0 || seq > Dot::MAX_SEQ {
            return Err(FrameError::Number.into());
        }
        self.origins[place].next = seq + 1;
        Ok((Dot::new(id, seq), self.packed(id)?))
    }

    fn packed(&mut self, origin: ReplicaId) -> Result<Packed<'a>, PeerError> {
        let head = self.from.number()?;
        let short = head & 1 == 1;
        let rest = self.from.take(head >> 1)?;
        let len = rest.len() + if short { LACKING } else { 0 };
        if len > self.max_update_bytes {
            let (found, allowed) = (len as u64, self.max_update_bytes as u64);
            return Err(PeerError::LimitExceeded { limit: "max_update_bytes", found, allowed });
        }
        if !short && shortened(rest, origin).1 {
            return Err(FrameError::Value.into());
        }
        Ok(Packed { origin, rest, short })
    }

    /// Where the origin stands in the table.
    fn place(&mut self) -> Result<usize, PeerError> {
        let place = self.from.number()?;
        if place == 0 {
            return self.new_origin();
        }
        let index = usize::try_from(place - 1).map_err(|_| FrameError::Number)?;
        if index < self.origins.len() { Ok(index) } else { Err(FrameError::Number.into()) }
    }

    fn new_origin(&mut self) -> Result<usize, PeerError> {
        let id = self.from.id()?;
        if self.origins.iter().any(|origin| origin.id == id) || self.origins.len() == MAX_ORIGINS {
            return Err(FrameError::Order.into());
        }
        self.origins.push(Origin { id, next: 1 });
        Ok(self.origins.len() - 1)
    }
}

impl<'a> Iterator for Updates<'a> {
    type Item = Result<(Dot, Packed<'a>), PeerError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.from.is_empty()).then(|| self.read())
    }
}
