//! What a store is given and gives back, and how far it is.

use std::sync::Arc;

use crdt_core::Dot;
use crdt_core::clock::CausalContext;

use super::config::Config;
use super::error::{FrameError, RecoverError};
use super::frame::group;
use super::log::{Log, Position, Update};
use super::vector;
use super::wire::{Reader, Writer};

/// One numbered update, or several joined to one, as they are kept.
///
/// ```
/// use crdt_core::{Dot, ReplicaId};
/// use crdt_sync::proto::Record;
///
/// let number = Dot::new(ReplicaId::from_u128(7), 1);
/// let record = Record { index: 0, number, bytes: [1, 2, 3].into() };
/// assert_eq!(record.bytes.len(), 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place among all that this node ever applied, over all its starts.
    pub index: u64,
    /// The number of the update; of several, one of theirs.
    pub number: Dot,
    /// The encoded update, never changed; of several, their numbers and their join.
    pub bytes: Arc<[u8]>,
}

/// What the bytes of a record begin with if it is of several updates. No delta begins so.
const GROUP: u8 = 0;

impl Record {
    fn new(index: u64, update: &Update<'_>) -> Self {
        let Update { number, bytes, .. } = *update;
        let bytes = update.group.map_or_else(|| bytes.into(), |numbers| group_bytes(numbers, bytes));
        Self { index, number, bytes }
    }

    /// If it is of several updates, their numbers and the bytes of their join.
    pub(super) fn group(&self, config: &Config) -> Result<Option<(CausalContext, &[u8])>, RecoverError> {
        let Some((&GROUP, body)) = self.bytes.split_first() else { return Ok(None) };
        let read = group::read(Reader::new(body), config);
        read.map(Some).map_err(|error| RecoverError::Corrupt { reason: error.to_string() })
    }
}

fn group_bytes(numbers: &CausalContext, bytes: &[u8]) -> Arc<[u8]> {
    let mut to = Writer::default();
    to.u8(GROUP);
    group::write(numbers, bytes, &mut to);
    to.finish().into()
}

/// What a store is to write, whole or not at all, from
/// [`Engine::poll_persist`](super::Engine::poll_persist).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch {
    /// Pieces of a whole state.
    pub snapshot: Option<Snapshot>,
    /// Records to add, in this order. A record that is there already, under the same index, is the
    /// same: a batch whose fate is unknown can be written again.
    pub records: Vec<Record>,
}

/// Pieces of a whole state, which takes many batches if it is large, so that neither node nor store is
/// held up by it. The state before counts until the last piece is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Whether these are the first: pieces of a state that was never whole are dropped.
    pub first: bool,
    /// The next pieces, as bytes that mean something to the engine only.
    pub pieces: Vec<Vec<u8>>,
    /// Stands with the last pieces: the state takes the place of the one before, and records with a
    /// lower index than this are dropped. Those that stay let a node that starts again serve its peers
    /// from the log.
    pub keep_from: Option<u64>,
}

/// What a store holds, for [`Engine::recover`](super::Engine::recover).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The pieces of the last state that is whole; none if there never was one.
    pub state: Vec<Vec<u8>>,
    /// The pieces of one that is not whole yet, which count for nothing.
    pub unfinished: Vec<Vec<u8>>,
    /// The records, by index, ascending.
    pub records: Vec<Record>,
}

impl Stored {
    /// What is held after a batch was written: for stores that keep it so.
    pub fn apply(&mut self, batch: &Batch) {
        if let Some(snapshot) = &batch.snapshot {
            if snapshot.first {
                self.unfinished.clear();
            }
            self.unfinished.extend_from_slice(&snapshot.pieces);
            if let Some(keep_from) = snapshot.keep_from {
                self.state = std::mem::take(&mut self.unfinished);
                self.records.retain(|record| record.index >= keep_from);
            }
        }
        // What is written again takes the place of what may be there.
        if let Some(first) = batch.records.first() {
            self.records.retain(|record| record.index < first.index);
        }
        self.records.extend_from_slice(&batch.records);
    }
}

/// What is known of the state in a snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// How many updates were applied before.
    pub(super) end: Position,
    pub(super) updates: CausalContext,
    /// What the document may hold in part.
    pub(super) parts: CausalContext,
}

/// A state of which all pieces are out.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) head: Head,
    /// How often numbers had been claimed without the log.
    pub(super) claims: u64,
    /// Bytes of its pieces.
    pub(super) bytes: usize,
}

/// The form of a state in pieces: the head, then deltas.
const VERSION: u8 = 2;

impl Head {
    pub(super) fn encode(&self, config: &Config) -> Vec<u8> {
        let mut to = Writer::default();
        to.u8(VERSION);
        to.bytes(config.cluster.as_bytes());
        to.number(self.end);
        vector::encode(&self.updates, &mut to);
        vector::encode(&self.parts, &mut to);
        to.finish()
    }

    pub(super) fn decode(bytes: &[u8], config: &Config) -> Result<Self, RecoverError> {
        let corrupt = |error: FrameError| RecoverError::Corrupt { reason: error.to_string() };
        let mut from = Reader::new(bytes);
        let version = from.u8().map_err(corrupt)?;
        if version != VERSION {
            return Err(RecoverError::Version { found: version });
        }
        let cluster = from.str().map_err(corrupt)?;
        if cluster != config.cluster {
            return Err(RecoverError::OtherCluster { found: cluster.to_owned() });
        }
        let end = from.number().map_err(corrupt)?;
        let refused = |error: super::error::PeerError| RecoverError::Corrupt { reason: error.to_string() };
        let updates = vector::decode(&mut from, config).map_err(refused)?;
        let parts = vector::decode(&mut from, config).map_err(refused)?;
        from.finish().map_err(corrupt)?;
        Ok(Self { end, updates, parts })
    }
}

/// After how many updates it is tried again to write a state that could not be.
const PATIENCE: Position = 4_096;

/// How far the store is: one more reader of the log.
///
/// A store that is slow or failing costs a place in the log and nothing else. What the log lost
/// before the store had it, and what a walk brought without the log, a snapshot brings.
#[derive(Debug)]
pub(super) struct Disk {
    /// Whether everything in it is gone with the process: then it counts for nothing.
    volatile: bool,
    durable: Arc<CausalContext>,
    /// Everything in the log before this is durable.
    cursor: Position,
    /// How often numbers were claimed without the log when the last snapshot was made; nothing while
    /// the store holds none.
    claims: Option<u64>,
    /// Bytes of records since the last snapshot, and of that snapshot.
    logged: usize,
    snapshot_bytes: usize,
    /// Bytes of records that there were when the snapshot on its way began.
    logged_before: usize,
    /// Whether the next snapshot is made in one go, because one in pieces came to nothing.
    hurry: bool,
    /// Where the log ended when that came to nothing, too.
    in_vain: Option<Position>,
    flight: Option<Flight>,
}

/// A batch that the store is writing.
#[derive(Debug)]
struct Flight {
    updates: CausalContext,
    cursor: Position,
    /// Bytes of its records.
    bytes: usize,
    /// How often numbers had been claimed in the state that it makes whole, and the bytes of that.
    whole: Option<(u64, usize)>,
}

impl Disk {
    /// A store that holds these, in a snapshot of some size and in records behind it.
    pub(super) fn new(durable: CausalContext, end: Position, stored: Option<(usize, usize)>) -> Self {
        let (snapshot_bytes, logged) = stored.unwrap_or_default();
        Self {
            volatile: false,
            durable: Arc::new(durable),
            cursor: end,
            claims: stored.map(|_| 0),
            logged,
            snapshot_bytes,
            logged_before: 0,
            hurry: false,
            in_vain: None,
            flight: None,
        }
    }

    /// What it holds, unless it is gone with the process.
    pub(super) fn durable(&self) -> Option<&Arc<CausalContext>> {
        (!self.volatile).then_some(&self.durable)
    }

    pub(super) fn holds(&self, updates: &CausalContext) -> bool {
        self.durable.is_superset(updates)
    }

    /// Everything in the log before this is durable.
    pub(super) fn cursor(&self) -> Position {
        self.cursor
    }

    pub(super) fn set_volatile(&mut self) {
        self.volatile = true;
    }

    pub(super) fn is_writing(&self) -> bool {
        self.flight.is_some()
    }

    /// Whether records alone would not bring everything, or there are too many of them. A snapshot
    /// is made when the records outgrow the last one, so that it costs no more than they did.
    pub(super) fn wants_snapshot(&self, log: &Log, claims: u64, config: &Config) -> bool {
        let outgrown = self.logged > config.store_log_bytes.max(self.snapshot_bytes);
        let due = self.claims != Some(claims) || self.cursor < log.start_as_came() || outgrown;
        due && self.in_vain.is_none_or(|then| log.end() >= then + PATIENCE)
    }

    /// A state begins to go to the store.
    pub(super) fn begins_snapshot(&mut self) {
        self.logged_before = self.logged;
    }

    /// A state in pieces came to nothing: too much changed meanwhile. Where nothing can have changed, a part
    /// of it cannot be written, and that is not tried again at once.
    pub(super) fn missed_snapshot(&mut self, log: &Log) {
        self.in_vain = self.hurry.then(|| log.end());
        self.hurry = true;
    }

    /// Whether a state goes to the store in one go.
    pub(super) fn is_in_a_hurry(&self) -> bool {
        self.hurry
    }

    /// Begins a batch with updates that the store lacks, as many as one may hold. There are none while
    /// it has no state that they go on from, or lacks some that the log has lost.
    pub(super) fn begin(&mut self, log: &Log, config: &Config) -> Vec<Record> {
        let goes_on = self.claims.is_some() && self.cursor >= log.start_as_came();
        let mut updates = CausalContext::default();
        let (records, bytes) = match goes_on {
            true => records(log, self.cursor, config.store_batch_bytes, &mut updates),
            false => Default::default(),
        };
        let cursor = self.cursor + records.len() as u64;
        self.flight = Some(Flight { updates, cursor, bytes, whole: None });
        records
    }

    /// Nothing is to be written after all.
    pub(super) fn cancel(&mut self) {
        self.flight = None;
    }

    /// The last piece of a state goes with the batch, and so does the rest of the log. Returns that and
    /// which records stay; nothing if the state and the log leave a gap between them.
    pub(super) fn finish(&mut self, state: &Whole, log: &Log) -> Option<(Vec<Record>, u64)> {
        let flight = self.flight.as_mut()?;
        if log.start_as_came() > flight.cursor.max(state.head.end) {
            return None;
        }
        let (records, bytes) = records(log, flight.cursor, usize::MAX, &mut flight.updates);
        flight.updates.union_with(&state.head.updates);
        (flight.cursor, flight.bytes) = (log.end(), flight.bytes + bytes);
        flight.whole = Some((state.claims, state.bytes));
        // Groups reach back further than a store is to hold. It has what they were made of, or had it.
        Some((records, log.start_as_came().min(state.head.end)))
    }

    /// The batch is durable. Returns whether there was one.
    pub(super) fn written(&mut self) -> bool {
        let Some(flight) = self.flight.take() else { return false };
        Arc::make_mut(&mut self.durable).union_with(&flight.updates);
        self.cursor = flight.cursor;
        self.logged += flight.bytes;
        if let Some((claims, bytes)) = flight.whole {
            self.logged -= self.logged_before;
            (self.snapshot_bytes, self.claims) = (bytes, Some(claims));
            (self.hurry, self.in_vain) = (false, None);
        }
        true
    }

    /// Nobody knows what became of the batch: what it held is written again.
    pub(super) fn failed(&mut self) {
        self.flight = None;
    }
}

/// The log from a position on, as records of at least one update and about so many bytes, and these.
/// Their numbers are added to `numbers`.
fn records(log: &Log, from: Position, limit: usize, numbers: &mut CausalContext) -> (Vec<Record>, usize) {
    let first = from.max(log.start_as_came());
    let mut bytes = 0usize;
    let fits = |update: &Update<'_>| {
        let before = bytes;
        bytes = bytes.saturating_add(update.cost());
        before == 0 || bytes <= limit
    };
    let updates: Vec<Update<'_>> = log.since(first).take_while(fits).collect();
    let bytes = updates.iter().map(Update::cost).sum();
    updates.iter().for_each(|update| update.add_to(numbers));
    ((first..).zip(&updates).map(|(index, update)| Record::new(index, update)).collect(), bytes)
}
