//! The hot frame: numbered updates, several to a frame.
//!
//! Each is: place of its origin (0 says that the 16 bytes of a new id follow, n the n-th id of this
//! frame), seq, length, bytes. Ids are named once a frame, not once a connection, so that a frame
//! can be read without those before it.

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

/// A frame of updates under construction.
pub(crate) struct UpdatesWriter {
    to: Writer,
    origins: Vec<ReplicaId>,
    count: u64,
}

impl UpdatesWriter {
    pub(crate) fn new() -> Self {
        Self { to: start(Kind::Updates), origins: Vec::new(), count: 0 }
    }

    /// Adds an update unless the frame would grow beyond `budget`; the first is always taken.
    pub(crate) fn push(&mut self, update: &Update, budget: usize) -> bool {
        let place = self.origins.iter().position(|id| *id == update.number.replica);
        let head = place.map_or(17, |place| number_len(place as u64 + 1));
        let body = update.bytes.len();
        let size = head + number_len(update.number.seq) + number_len(body as u64) + body;
        let full = self.to.len() + size > budget || self.count == MAX_UPDATES;
        if self.count > 0 && (full || place.is_none() && self.origins.len() == MAX_ORIGINS) {
            return false;
        }
        match place {
            Some(place) => self.to.count(place + 1),
            None => {
                self.to.u8(0);
                self.to.id(update.number.replica);
                self.origins.push(update.number.replica);
            }
        }
        self.to.number(update.number.seq);
        self.to.bytes(&update.bytes);
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

/// The updates of a frame, read one by one.
pub(crate) struct Updates<'a> {
    from: Reader<'a>,
    origins: Vec<ReplicaId>,
    max_update_bytes: usize,
}

impl<'a> Updates<'a> {
    /// `from` stands behind the kind.
    pub(crate) fn new(from: Reader<'a>, config: &Config) -> Result<Self, PeerError> {
        if from.is_empty() {
            return Err(FrameError::Truncated.into());
        }
        Ok(Self { from, origins: Vec::new(), max_update_bytes: config.max_update_bytes })
    }

    fn read(&mut self) -> Result<(Dot, &'a [u8]), PeerError> {
        let origin = self.origin()?;
        let seq = self.from.number()?;
        let bytes = self.from.bytes()?;
        if seq == 0 || seq > Dot::MAX_SEQ {
            return Err(FrameError::Number.into());
        }
        if bytes.len() > self.max_update_bytes {
            let (found, allowed) = (bytes.len() as u64, self.max_update_bytes as u64);
            return Err(PeerError::LimitExceeded { limit: "max_update_bytes", found, allowed });
        }
        Ok((Dot::new(origin, seq), bytes))
    }

    fn origin(&mut self) -> Result<ReplicaId, PeerError> {
        let place = self.from.number()?;
        if place == 0 {
            return self.new_origin();
        }
        let index = usize::try_from(place - 1).map_err(|_| FrameError::Number)?;
        Ok(*self.origins.get(index).ok_or(FrameError::Number)?)
    }

    fn new_origin(&mut self) -> Result<ReplicaId, PeerError> {
        let id = self.from.id()?;
        if self.origins.contains(&id) {
            return Err(FrameError::Order.into());
        }
        if self.origins.len() == MAX_ORIGINS {
            return Err(FrameError::Order.into());
        }
        self.origins.push(id);
        Ok(id)
    }
}

impl<'a> Iterator for Updates<'a> {
    type Item = Result<(Dot, &'a [u8]), PeerError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.from.is_empty()).then(|| self.read())
    }
}
