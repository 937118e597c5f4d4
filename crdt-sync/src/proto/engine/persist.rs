//! What goes to the store, and what is known to be there.

use crdt_core::codec::Wire;

use super::{Engine, fingerprint_key};
use crate::proto::config::Config;
use crate::proto::error::RecoverError;
use crate::proto::persist::{Batch, Disk, Stored};
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
    /// disk.state = batch.snapshot.map(|snapshot| snapshot.state);
    /// disk.records.extend(batch.records);
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
        let sizes = stored.state.as_ref().map(|snapshot| (snapshot.len(), records));
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
    /// Poll it after every input. What waits meanwhile goes together into the next batch. A batch
    /// with a snapshot costs the whole document, and is asked for when a walk brought what the log
    /// never had, when the store fell behind the log, and when its records outgrow
    /// [`Config::store_log_bytes`].
    #[must_use]
    pub fn poll_persist(&mut self) -> Option<Batch> {
        let (state, disk) = (&self.state, self.disk.as_mut()?);
        if disk.is_writing() {
            return None;
        }
        let (log, claims) = (state.log(), state.claims());
        if !disk.wants_snapshot(log, claims, &self.config) {
            return disk.records(log, &self.config);
        }
        // Whatever is in the document was encoded or decoded before.
        let bytes = state.snapshot(&self.config)?;
        Some(disk.snapshot(bytes, state.applied().as_ref().clone(), log, claims))
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
        if let Some(disk) = &mut self.disk {
            disk.failed();
        }
    }
}
