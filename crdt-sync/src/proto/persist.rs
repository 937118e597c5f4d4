//! What a store is given and gives back, and how far it is.

use std::sync::Arc;

use crdt_core::Dot;
use crdt_core::clock::CausalContext;

use super::config::Config;
use super::error::{FrameError, RecoverError};
use super::log::{Log, Position, Update};
use super::vector;
use super::wire::{Reader, Writer};

/// One numbered update, as it is kept.
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
    /// The number of the update.
    pub number: Dot,
    /// The encoded update, never changed.
    pub bytes: Arc<[u8]>,
}

/// What a store is to write, whole or not at all, from
/// [`Engine::poll_persist`](super::Engine::poll_persist).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch {
    /// A state that takes the place of the one before and of the records that it names.
    pub snapshot: Option<Snapshot>,
    /// Records to add, in this order. A record that is there already, under the same index, is the
    /// same: a batch whose fate is unknown can be written again.
    pub records: Vec<Record>,
}

/// A whole state as bytes that mean something to the engine only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The document, and what is known of it.
    pub state: Vec<u8>,
    /// Records with a lower index are dropped. Those that stay let a node that starts again serve
    /// its peers from the log.
    pub keep_from: u64,
}

/// What a store holds, for [`Engine::recover`](super::Engine::recover).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The last snapshot's state; nothing if nothing was ever written.
    pub state: Option<Vec<u8>>,
    /// The records, by index, ascending.
    pub records: Vec<Record>,
}

impl Stored {
    /// What is held after a batch was written: for stores that keep it so.
    pub fn apply(&mut self, batch: &Batch) {
        if let Some(snapshot) = &batch.snapshot {
            self.state = Some(snapshot.state.clone());
            self.records.retain(|record| record.index >= snapshot.keep_from);
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

/// The form of a snapshot's state.
const VERSION: u8 = 1;

impl Head {
    /// The head, and the encoded document behind it.
    pub(super) fn encode(&self, document: &[u8], config: &Config) -> Vec<u8> {
        let mut to = Writer::default();
        to.u8(VERSION);
        to.bytes(config.cluster.as_bytes());
        to.number(self.end);
        vector::encode(&self.updates, &mut to);
        vector::encode(&self.parts, &mut to);
        to.raw(document);
        to.finish()
    }

    pub(super) fn decode<'a>(bytes: &'a [u8], config: &Config) -> Result<(Self, &'a [u8]), RecoverError> {
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
        Ok((Self { end, updates, parts }, from.rest()))
    }
}

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
    flight: Option<Flight>,
}

/// A batch that the store is writing.
#[derive(Debug)]
struct Flight {
    updates: CausalContext,
    cursor: Position,
    bytes: usize,
    /// How often numbers had been claimed, if it holds a snapshot.
    claims: Option<u64>,
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
        self.claims != Some(claims) || self.cursor < log.start() || outgrown
    }

    /// The updates that the store lacks, as many as one batch may hold.
    pub(super) fn records(&mut self, log: &Log, config: &Config) -> Option<Batch> {
        let (records, bytes) = records(log, self.cursor, config.store_batch_bytes);
        if records.is_empty() {
            return None;
        }
        let updates = records.iter().map(|record| record.number).collect();
        let cursor = self.cursor + records.len() as u64;
        self.flight = Some(Flight { updates, cursor, bytes, claims: None });
        Some(Batch { snapshot: None, records })
    }

    /// A state that holds all these updates, and the log, which goes with it.
    pub(super) fn snapshot(
        &mut self,
        state: Vec<u8>,
        updates: CausalContext,
        log: &Log,
        claims: u64,
    ) -> Batch {
        let (records, _) = records(log, self.cursor, usize::MAX);
        self.flight = Some(Flight { updates, cursor: log.end(), bytes: state.len(), claims: Some(claims) });
        Batch { snapshot: Some(Snapshot { state, keep_from: log.start() }), records }
    }

    /// The batch is durable. Returns whether there was one.
    pub(super) fn written(&mut self) -> bool {
        let Some(flight) = self.flight.take() else { return false };
        Arc::make_mut(&mut self.durable).union_with(&flight.updates);
        self.cursor = flight.cursor;
        match flight.claims {
            None => self.logged += flight.bytes,
            Some(claims) => {
                (self.logged, self.snapshot_bytes, self.claims) = (0, flight.bytes, Some(claims));
            }
        }
        true
    }

    /// Nobody knows what became of the batch: what it held is written again.
    pub(super) fn failed(&mut self) {
        self.flight = None;
    }
}

/// The log from a position on, as records of at least one update and about so many bytes.
fn records(log: &Log, from: Position, limit: usize) -> (Vec<Record>, usize) {
    let first = from.max(log.start());
    let mut bytes = 0usize;
    let fits = |update: &Update<'_>| {
        let before = bytes;
        bytes = bytes.saturating_add(update.cost());
        before == 0 || bytes <= limit
    };
    let updates: Vec<Update<'_>> = log.since(first).take_while(fits).collect();
    let bytes = updates.iter().map(Update::cost).sum();
    let record = |(index, update): (u64, Update<'_>)| Record {
        index,
        number: update.number,
        bytes: update.bytes.into(),
    };
    ((first..).zip(updates).map(record).collect(), bytes)
}
