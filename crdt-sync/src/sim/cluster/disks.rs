//! The disks of simulated nodes.

use crdt_core::codec::Wire;
use rand::RngExt;

use super::{Cluster, Happening};
use crate::proto::{Batch, Engine};
use crate::sim::chance::Chance;
use crate::sim::network::between;
use crate::store::{DiskFault, FaultyStore, Store};

impl<T: Wire> Cluster<T> {
    /// The disk of a node, if nodes have disks: a handle by which it can be made to fail.
    #[must_use]
    pub fn disk(&self, node: usize) -> Option<&FaultyStore> {
        self.nodes.get(node)?.disk.as_ref()
    }

    /// Puts another disk into a node that is down, from which it will start: an older copy of its own
    /// ([`FaultyStore::as_of`]), a copy of another node's, or a new one. Returns whether it did: a
    /// node that is up keeps its disk.
    pub fn replace_disk(&mut self, node: usize, disk: FaultyStore) -> bool {
        let down = |it: &&mut super::Node<T>| it.engine.is_none() && it.disk.is_some();
        let Some(it) = self.nodes.get_mut(node).filter(down) else { return false };
        it.disk = Some(disk);
        self.trace.note(self.now, node, b'r', &[]);
        true
    }

    /// Undoes the last writes to the disk of a node that is down: a backup is restored, or a disk
    /// loses what it had acknowledged. A node that is up, or has no disk, is left alone.
    pub fn restore(&mut self, node: usize, commits: usize) {
        if let Some(older) = self.disk(node).map(|disk| disk.as_of(commits)) {
            self.replace_disk(node, older);
        }
    }

    /// Lets the disk of a node fail, or work again. One that fails is tried again and again.
    pub fn fail_disk(&mut self, node: usize, fault: Option<DiskFault>) {
        if let Some(disk) = self.disk(node) {
            disk.fail(fault);
        }
    }

    /// Begins to write what the engine has for its disk.
    pub(super) fn persist(&mut self, node: usize, engine: &mut Engine<T>) {
        if let Some(writes) = self.config.disk
            && let Some(batch) = engine.poll_persist()
        {
            let at = self.now + between(writes, &mut self.draws(Chance::Disk, (node, node)));
            self.plan(at, Happening::Stored { node, batch });
        }
    }

    /// The disk is done with a batch, one way or the other.
    pub(super) fn stored(&mut self, node: usize, batch: &Batch) {
        let now = self.time(node);
        let it = &mut self.nodes[node];
        let (Some(disk), Some(engine)) = (&mut it.disk, &mut it.engine) else { return };
        match disk.commit(batch) {
            Ok(()) => engine.persisted(now),
            Err(_) => engine.persist_failed(now),
        }
        self.trace.note(self.now, node, b'p', &(batch.records.len() as u64).to_le_bytes());
        self.pump(node);
    }

    /// The node is down: what it was writing is on its disk, or not.
    pub(super) fn interrupt(&mut self, node: usize) {
        let of_node =
            |happening: &Happening| matches!(happening, Happening::Stored { node: it, .. } if *it == node);
        let key = self.agenda.iter().find(|(_, happening)| of_node(happening)).map(|(key, _)| *key);
        let Some(Happening::Stored { batch, .. }) = key.and_then(|key| self.agenda.remove(&key)) else {
            return;
        };
        let lands = self.draws(Chance::Crash, (node, node)).random_bool(0.5);
        if let Some(disk) = self.nodes[node].disk.as_mut().filter(|_| lands) {
            // A disk that fails takes nothing.
            let _ = disk.commit(&batch);
        }
    }
}
