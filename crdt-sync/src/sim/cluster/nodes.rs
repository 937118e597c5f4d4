//! What is done to single nodes that are up.

use std::fmt;
use std::time::Duration;

use crdt_core::codec::Wire;

use super::Cluster;

impl<T: Wire> Cluster<T> {
    /// Sets the wall clock of a node: it is this much ahead of the slowest that there can be, from now
    /// on. It may jump forwards and backwards.
    pub fn set_clock(&mut self, node: usize, ahead: Duration) {
        if let Some(it) = self.nodes.get_mut(node) {
            it.ahead = ahead;
            let millis = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
            self.trace.note(self.now, node, b't', &millis.to_le_bytes());
        }
    }

    /// Freezes a node that is up: it holds what others write, until it is thawed or starts again.
    pub fn freeze(&mut self, node: usize) {
        let now = self.time(node);
        let Some(engine) = self.nodes.get_mut(node).and_then(|it| it.engine.as_mut()) else { return };
        engine.freeze(now);
        self.trace.note(self.now, node, b'z', &[]);
        self.pump(node);
    }

    /// Thaws a node: it applies everything that it holds.
    pub fn thaw(&mut self, node: usize) {
        let now = self.time(node);
        while self.nodes.get_mut(node).and_then(|it| it.engine.as_mut()).is_some_and(|it| it.thaw(now)) {
            self.pump(node);
        }
        if node < self.nodes.len() {
            self.trace.note(self.now, node, b'u', &[]);
            self.pump(node);
        }
    }
}

impl<T: Wire> fmt::Debug for Cluster<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cluster = f.debug_struct("Cluster");
        cluster.field("nodes", &self.nodes.len()).field("seed", &self.seed).field("now", &self.now);
        cluster.finish_non_exhaustive()
    }
}
