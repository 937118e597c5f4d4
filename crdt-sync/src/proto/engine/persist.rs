//! What goes to the store, and what is known to be there.

use crdt_core::codec::Wire;

use super::{Engine, fingerprint_key};
use crate::proto::config::Config;
use crate::proto::error::RecoverError;
use crate::proto::persist::{Batch, Disk, Snapshot, Stored};
use crate::proto::saving::Saved;
use crate::proto::state::State;
use crate::proto::time::Now;

impl<T: Wire> Engine<T> {
    /// A node that goes on from what its store holds, and writes to that store from now on.
    ///
    /// What the store holds is applied and durable; whatever else this node ever had, its own writes
    /// included, peers give back. Its first write takes a new replica id, so a store that is older
    /// than the last start, or a copy of another's, does no harm.
    ///
    /// # Errors
    ///
    /// The configuration cannot work, or what the store holds is not of this cluster, this type or
    /// any known version, or damaged. Nothing was changed.
    ///
    /// ```
    /// use crdt_core::OrSet;
    /// use crdt_sync::proto::{Config, Engine, Now, Stored};
    ///
    /// let (config, now, mut disk) = (Config::new("shop"), Now::default(), Stored::default());
    /// let mut engine = Engine::<OrSet<String>>::recover(config.clone(), [1; 32], now, &disk)?;
    /// let written = engine.update(now, |set| set.insert("book".to_owned()))?;
    /// assert!(!engine.covers_durably(&written.token));
    ///
    /// // A driver writes the batch to disk, and says so.
    /// let batch = engine.poll_persist().expect("there is something to write");
    /// disk.apply(&batch);
    /// engine.persisted(now);
    /// assert!(engine.covers_durably(&written.token));
    ///
    /// let again = Engine::<OrSet<String>>::recover(config, [2; 32], now, &disk)?;
    /// assert!(again.doc().contains("book"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recover(config: Config, seed: [u8; 32], now: Now, stored: &Stored) -> Result<Self, RecoverError> {
        let mut engine = Self::new(config, seed, now)?;
        let key = fingerprint_key(&engine.config.cluster);
        let (state, snapshot) = State::recover(key, stored, now, &engine.config)?;
        let after = stored.records.iter().filter(|record| record.index >= snapshot);
        let records = after.map(|record| record.bytes.len()).sum();
        let snapshot = stored.state.iter().map(Vec::len).sum();
        let sizes = (!stored.state.is_empty()).then_some((snapshot, records));
        engine.disk = Some(Disk::new(state.applied().as_ref().clone(), state.log().end(), sizes));
        engine.state = state;
        engine.trim();
        Ok(engine)
    }

    /// The store is gone with the process: it is written to, and counts for nothing. Say so before
    /// the first connection, since peers are told in the hello.
    pub fn assume_volatile(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.set_volatile();
        }
    }

    /// What the store is to write next, whole or not at all; nothing while it is writing, and
    /// nothing if everything is there.
    ///
    /// Poll it after every input. What waits meanwhile goes together into the next batch. A snapshot
    /// of the whole document is asked for when a walk brought what the log never had, when the store
    /// fell behind the log, and when its records outgrow [`Config::store_log_bytes`]. It is the state
    /// as it was when the snapshot began, and goes out in pieces over as many batches as it takes,
    /// between which the node works on.
    #[must_use]
    pub fn poll_persist(&mut self) -> Option<Batch> {
        let (state, disk) = (&mut self.state, self.disk.as_mut()?);
        if disk.is_writing() {
            return None;
        }
        let first = !state.is_saving() && disk.wants_snapshot(state.log(), state.claims(), &self.config);
        if first {
            disk.begins_snapshot();
            state.save(&self.config);
        }
        let records = disk.begin(state.log(), &self.config);
        let snapshot = state.is_saving().then(|| Snapshot { first, ..Snapshot::default() });
        if snapshot.is_none() && records.is_empty() {
            disk.cancel();
            return None;
        }
        let mut batch = Batch { snapshot, records };
        self.extend_persist(&mut batch);
        Some(batch)
    }

    /// Adds about [`Config::batch_bytes`] of a state to the batch that was polled last. Returns
    /// whether there is more that the batch has room for.
    ///
    /// A driver may leave it, write the batch, and get as much in the next one; but full batches save
    /// syncs of the disk. Let go of the engine between two calls, so that others get at it.
    pub fn extend_persist(&mut self, batch: &mut Batch) -> bool {
        // A state that came to nothing when it was interrupted is not interrupted.
        let hurry = self.disk.as_ref().is_some_and(Disk::is_in_a_hurry);
        let (room, before) = (self.config.store_batch_bytes, size(batch));
        while self.add_piece(batch) {
            let size = if hurry { 0 } else { size(batch) };
            if size >= room || size - before.min(size) >= self.config.batch_bytes {
                return size < room;
            }
        }
        false
    }

    /// Adds a piece of the state; returns whether there is another one.
    fn add_piece(&mut self, batch: &mut Batch) -> bool {
        let Some((disk, snapshot)) = self.disk.as_mut().zip(batch.snapshot.as_mut()) else { return false };
        if snapshot.keep_from.is_some() {
            return false;
        }
        let finished = match self.state.next_saved(&self.config) {
            Saved::Piece(piece) => {
                snapshot.pieces.push(piece);
                return true;
            }
            Saved::Whole(whole) => disk.finish(&whole, self.state.log()),
            Saved::Missed => None,
        };
        if let Some((records, keep_from)) = finished {
            batch.records.extend(records);
            snapshot.keep_from = Some(keep_from);
        } else {
            disk.missed_snapshot();
        }
        false
    }

    /// The batch is in the store, and will be there after any crash: it counts for
    /// [`covers_durably`](Self::covers_durably), and peers are told.
    pub fn persisted(&mut self, now: Now) {
        self.now = now.mono;
        if self.disk.as_mut().is_some_and(Disk::written) {
            self.peers.values_mut().for_each(|peer| peer.waiting.durable = true);
        }
    }

    /// The batch may be in the store or not. It does not count, and the next batch brings what it
    /// held again. Nothing else is kept for the store: however long it fails, it costs no memory.
    pub fn persist_failed(&mut self, now: Now) {
        self.now = now.mono;
        self.state.stop_saving();
        if let Some(disk) = &mut self.disk {
            disk.failed();
        }
    }
}

/// Bytes of a state in the batch.
fn size(batch: &Batch) -> usize {
    batch.snapshot.iter().flat_map(|snapshot| &snapshot.pieces).map(Vec::len).sum()
}
