//! What goes to the store, and what is known to be there.

use super::Machine;
use crate::proto::error::RecoverError;
use crate::proto::persist::{Batch, Disk, Snapshot, Stored};
use crate::proto::saving::Saved;
use crate::proto::time::Now;

impl Machine {
    /// Takes what a store holds into a new machine.
    pub(crate) fn recover(&mut self, now: Now, stored: &Stored) -> Result<(), RecoverError> {
        let snapshot = self.state.recover(stored, now, &self.config)?;
        let after = stored.records.iter().filter(|record| record.index >= snapshot);
        let records = after.map(|record| record.bytes.len()).sum();
        let snapshot = stored.state.iter().map(Vec::len).sum();
        let sizes = (!stored.state.is_empty()).then_some((snapshot, records));
        self.disk = Some(Disk::new(self.state.applied().as_ref().clone(), self.state.log().end(), sizes));
        self.trim();
        Ok(())
    }

    pub(crate) fn assume_volatile(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.set_volatile();
        }
    }

    pub(crate) fn poll_persist(&mut self) -> Option<Batch> {
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

    pub(crate) fn extend_persist(&mut self, batch: &mut Batch) -> bool {
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
        if snapshot.keep_from.is_some() || !self.state.is_saving() {
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
            disk.missed_snapshot(self.state.log());
        }
        false
    }

    pub(crate) fn persisted(&mut self, now: Now) {
        self.now = now.mono;
        if self.disk.as_mut().is_some_and(Disk::written) {
            self.peers.values_mut().for_each(|peer| peer.waiting.durable = true);
        }
    }

    pub(crate) fn persist_failed(&mut self, now: Now) {
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
