//! The hot frame: numbered updates, several to a frame.
//!
//! Each begins with a number, its head. An even head says that the update is an addition where all is as
//! expected: it is of the origin of the update before it, with the next seq and the next dot. Half of the
//! head is the length of what follows, the entry. So most updates take one byte beside their content.
//!
//! An odd head says, from its lowest bit but one on: whether this update is the last of the frame (1 bit),
//! the form of its bytes (2 bits: whole, own, an addition with the dot expected, an addition; see
//! [`packed`](super::packed)), and its origin (0 an id that is new to the frame, of which 16 bytes follow;
//! 1 the same, of which the first two bytes follow, see [`names`](super::names); 2 that of the update
//! before it; from 3 on the ids of the frame in their order). Then come the seq, as the difference to the
//! one after the last of this origin, at first to 1; for an addition how many numbers come before the dot, as
//! the difference to how many are expected; the length of the bytes, unless it is the last; the bytes.
//! Differences are in the zigzag code. The dot expected is the one after that of the last addition of the
//! origin in this frame, at first the one whose number is the seq.
//!
//! The head of the first update has the top bit set, which no other frame begins with: there is neither a
//! version nor a kind before it. What can be said in a shorter way is refused, so that an update has one
//! form but for how an id that is new to the frame is named.
//!
//! Nothing is remembered from one frame to the next, so that a frame can be read without those before it.

use std::ops::Range;

use crdt_core::clock::CausalContext;
use crdt_core::{Dot, ReplicaId};

use super::names::{resolve, short};
use super::packed::{Form, Packed};
use super::{FrameError, UPDATES};
use crate::proto::config::Config;
use crate::proto::error::PeerError;
use crate::proto::log::Update;
use crate::proto::wire::{Reader, Writer};

/// Updates in one frame, so that who applies it under a lock does not hold it for long.
const MAX_UPDATES: u64 = 256;
/// Ids that one frame may name: its reader looks them up one by one.
const MAX_ORIGINS: usize = 256;

/// The bit of an odd head that says that nothing follows.
const LAST: u8 = 2;

/// Forms in an odd head.
const WHOLE: u64 = 0;
const OWN: u64 = 1;
const EXPECTED: u64 = 2;
const ADDITION: u64 = 3;

/// Origins in an odd head.
const NEW: u64 = 0;
const SHORT: u64 = 1;
const SAME: u64 = 2;
const FIRST: u64 = 3;

/// An id named in the frame.
#[derive(Clone, Copy)]
struct Origin {
    id: ReplicaId,
    /// The seq that is expected next.
    next: u64,
    /// How many numbers come before the dot that is expected next, if there was an addition.
    before: Option<u64>,
}

impl Origin {
    fn new(id: ReplicaId) -> Self {
        Self { id, next: 1, before: None }
    }

    /// How many numbers should come before the dot of an addition with this seq.
    fn expected(&self, seq: u64) -> u64 {
        self.before.unwrap_or(seq - 1)
    }

    /// An update went by.
    fn pass(&mut self, seq: u64, form: Form) {
        self.next = seq + 1;
        if let Form::Addition { before } = form {
            self.before = Some(before.wrapping_add(1));
        }
    }
}

/// A frame of updates under construction.
pub(crate) struct UpdatesWriter {
    to: Writer,
    origins: Vec<Origin>,
    /// Where the origin of the last update is among them.
    current: Option<usize>,
    /// Where the head of the last update is, if it is odd, and its length.
    last: Option<(usize, Range<usize>)>,
    count: u64,
}

impl UpdatesWriter {
    pub(crate) fn new() -> Self {
        Self { to: Writer::default(), origins: Vec::new(), current: None, last: None, count: 0 }
    }

    /// Adds an update unless the frame would grow beyond `budget`; the first is always taken. `is_told`
    /// says whether the reader is told by the first bytes of an id which is meant.
    pub(crate) fn push(
        &mut self,
        update: &Update<'_>,
        budget: usize,
        is_told: impl FnOnce(ReplicaId) -> bool,
    ) -> bool {
        let Dot { replica, seq } = update.number;
        let place = self.origins.iter().position(|origin| origin.id == replica);
        if place.is_none() && self.origins.len() == MAX_ORIGINS || self.count == MAX_UPDATES {
            return false;
        }
        let mut origin = place.map_or(Origin::new(replica), |place| self.origins[place]);
        let packed = Packed::new(update.bytes, replica);
        let at = self.to.len();
        let length = self.head(place, &origin, seq, &packed, is_told);
        if self.count > 0 && self.to.len() + packed.rest.len() > budget {
            self.to.truncate(at);
            return false;
        }
        self.to.raw(packed.rest);
        origin.pass(seq, packed.form);
        match place {
            Some(place) => self.origins[place] = origin,
            None => self.origins.push(origin),
        }
        self.current = place.or(Some(self.origins.len() - 1));
        self.last = length.map(|length| (at, length));
        self.count += 1;
        true
    }

    /// Writes what comes before the bytes. Returns where their length is, if the head is odd.
    fn head(
        &mut self,
        place: Option<usize>,
        origin: &Origin,
        seq: u64,
        packed: &Packed<'_>,
        is_told: impl FnOnce(ReplicaId) -> bool,
    ) -> Option<Range<usize>> {
        let (len, step) = (packed.rest.len() as u64, zigzag(seq, origin.next));
        let (form, skipped) = match packed.form {
            Form::Whole => (WHOLE, 0),
            Form::Own => (OWN, 0),
            Form::Addition { before } => match zigzag(before, origin.expected(seq)) {
                0 => (EXPECTED, 0),
                skipped => (ADDITION, skipped),
            },
        };
        let name = match place {
            None if is_told(origin.id) => SHORT,
            None => NEW,
            Some(_) if place == self.current => SAME,
            Some(place) => FIRST + place as u64,
        };
        if (name, step, form) == (SAME, 0, EXPECTED) {
            self.to.number(len << 1);
            return None;
        }
        self.to.number(1 | form << 2 | name << 4);
        match name {
            NEW => self.to.id(origin.id),
            SHORT => self.to.raw(&short(origin.id)),
            _ => {}
        }
        self.to.number(step);
        if form == ADDITION {
            self.to.number(skipped);
        }
        let begin = self.to.len();
        self.to.number(len);
        Some(begin..self.to.len())
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut bytes = self.to.finish();
        if let Some((head, length)) = self.last {
            bytes[head] |= LAST;
            bytes.drain(length);
        }
        if let Some(first) = bytes.first_mut() {
            *first |= UPDATES;
        }
        bytes
    }
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
    current: Option<usize>,
    max_update_bytes: usize,
    unresolved: bool,
}

impl<'a> Updates<'a> {
    /// `from` stands at the beginning of the frame.
    pub(crate) fn new(from: Reader<'a>, config: &Config) -> Self {
        let max_update_bytes = config.max_update_bytes;
        Self { from, origins: Vec::new(), current: None, max_update_bytes, unresolved: false }
    }

    /// The next update, if there is one. `ids` are those that are here.
    pub(crate) fn next(&mut self, ids: &CausalContext) -> Option<Result<(Dot, Packed<'a>), PeerError>> {
        let over = self.unresolved || self.from.is_empty();
        if over { None } else { self.read(ids).transpose() }
    }

    /// Whether an origin was named by what begins none, or several, of the ids that are here: what was
    /// left of the frame is as lost.
    pub(crate) fn is_unresolved(&self) -> bool {
        self.unresolved
    }

    fn read(&mut self, ids: &CausalContext) -> Result<Option<(Dot, Packed<'a>)>, PeerError> {
        let head = match self.current {
            None => u64::from(self.from.u8()? & !UPDATES),
            Some(_) => self.from.number()?,
        };
        if head & 1 == 0 {
            let place = self.current.ok_or(FrameError::Number)?;
            let (Origin { next, .. }, rest) = (self.origins[place], self.from.take(head >> 1)?);
            let before = self.origins[place].expected(next);
            return self.passed(place, next, Form::Addition { before }, rest).map(Some);
        }
        let (last, form, name) = (head & u64::from(LAST) != 0, head >> 2 & 3, head >> 4);
        let Some(place) = self.place(name, ids)? else { return Ok(None) };
        let (seq, form) = self.number(place, name, form)?;
        let rest = if last { self.from.rest() } else { self.from.bytes()? };
        if !last && self.from.is_empty() {
            return Err(FrameError::Value.into());
        }
        self.passed(place, seq, form, rest).map(Some)
    }

    /// The seq of an update with an odd head, and its form.
    fn number(&mut self, place: usize, name: u64, form: u64) -> Result<(u64, Form), PeerError> {
        let (origin, step) = (self.origins[place], self.from.number()?);
        let seq = unzigzag(step, origin.next);
        if seq == 0 {
            return Err(FrameError::Number.into());
        }
        let expected = origin.expected(seq);
        let form = match form {
            WHOLE => Form::Whole,
            OWN => Form::Own,
            EXPECTED if (name, step) == (SAME, 0) => return Err(FrameError::Value.into()),
            EXPECTED => Form::Addition { before: expected },
            _ => match self.from.number()? {
                0 => return Err(FrameError::Value.into()),
                skipped => Form::Addition { before: unzigzag(skipped, expected) },
            },
        };
        Ok((seq, form))
    }

    /// The update, once it was looked at.
    fn passed(
        &mut self,
        place: usize,
        seq: u64,
        form: Form,
        rest: &'a [u8],
    ) -> Result<(Dot, Packed<'a>), PeerError> {
        let id = self.origins[place].id;
        let packed = Packed { origin: id, form, rest };
        if packed.len() > self.max_update_bytes {
            let (found, allowed) = (packed.len() as u64, self.max_update_bytes as u64);
            return Err(PeerError::LimitExceeded { limit: "max_update_bytes", found, allowed });
        }
        if seq > Dot::MAX_SEQ {
            return Err(FrameError::Number.into());
        }
        if !packed.is_shortest() {
            return Err(FrameError::Value.into());
        }
        self.origins[place].pass(seq, form);
        self.current = Some(place);
        Ok((Dot::new(id, seq), packed))
    }

    /// Where the origin stands in the table, if its name could be resolved.
    fn place(&mut self, name: u64, ids: &CausalContext) -> Result<Option<usize>, PeerError> {
        let id = match name {
            NEW => Some(self.from.id()?),
            SHORT => resolve(self.from.array()?, ids),
            _ => return self.named_before(name).map(Some),
        };
        self.unresolved = id.is_none();
        id.map(|id| self.new_origin(id)).transpose()
    }

    fn named_before(&self, name: u64) -> Result<usize, PeerError> {
        let current = self.current.ok_or(FrameError::Number)?;
        if name == SAME {
            return Ok(current);
        }
        let place = usize::try_from(name - FIRST).map_err(|_| FrameError::Number)?;
        if place >= self.origins.len() {
            return Err(FrameError::Number.into());
        }
        if place == current {
            return Err(FrameError::Value.into());
        }
        Ok(place)
    }

    fn new_origin(&mut self, id: ReplicaId) -> Result<usize, PeerError> {
        if self.origins.iter().any(|origin| origin.id == id) || self.origins.len() == MAX_ORIGINS {
            return Err(FrameError::Order.into());
        }
        self.origins.push(Origin::new(id));
        Ok(self.origins.len() - 1)
    }
}

#[cfg(test)]
mod tests;
