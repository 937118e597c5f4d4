//! Recent updates, once for all peers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crdt_core::Dot;

/// One numbered update. Its bytes never change and are never cut, merged or encoded again: a node
/// that passes on less than it was given leaves a peer with a number whose content it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Update {
    /// Its number: the origin's replica id and its place among that origin's updates.
    pub(super) number: Dot,
    /// The encoded delta.
    pub(super) bytes: Arc<[u8]>,
    /// When it was applied here.
    pub(super) at: Duration,
    /// Whether it was written here, since the engine started.
    pub(super) own: bool,
}

/// A place in the log: how many updates were applied before it, since the engine started, or since
/// the store that it started from was new.
pub(super) type Position = u64;

/// The updates applied last, in the order in which they were applied, bounded in bytes.
#[derive(Debug, Default)]
pub(super) struct Log {
    updates: VecDeque<Update>,
    /// Position of the first one held.
    start: Position,
    bytes: usize,
}

/// What an update costs beside its bytes; also what makes empty ones count.
const OVERHEAD: usize = 64;

impl Update {
    /// What it costs to keep.
    pub(super) fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

impl Log {
    /// An empty log whose first update will have this position.
    pub(super) fn starting_at(start: Position) -> Self {
        Self { start, ..Self::default() }
    }

    pub(super) fn push(&mut self, update: Update) {
        self.bytes += update.cost();
        self.updates.push_back(update);
    }

    /// Drops the oldest update if the log takes more than `limit` bytes.
    pub(super) fn trim(&mut self, limit: usize) -> Option<Update> {
        if self.bytes <= limit {
            return None;
        }
        let oldest = self.updates.pop_front()?;
        self.start += 1;
        self.bytes -= oldest.cost();
        Some(oldest)
    }

    pub(super) fn get(&self, position: Position) -> Option<&Update> {
        let index = position.checked_sub(self.start)?;
        self.updates.get(usize::try_from(index).ok()?)
    }

    /// The position of the oldest update held.
    pub(super) fn start(&self) -> Position {
        self.start
    }

    /// The position that the next update will have.
    pub(super) fn end(&self) -> Position {
        self.start + self.updates.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The updates from a position on.
    pub(super) fn since(&self, position: Position) -> impl Iterator<Item = &Update> {
        let skipped = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.updates.iter().skip(skipped)
    }
}

#[cfg(test)]
mod tests {
    use crdt_core::ReplicaId;

    use super::*;

    fn update(seq: u64, len: usize) -> Update {
        Update {
            number: Dot::new(ReplicaId::from_u128(1), seq),
            bytes: vec![0; len].into(),
            at: Duration::ZERO,
            own: true,
        }
    }

    #[test]
    fn positions_outlive_trimming() {
        let mut log = Log::default();
        for seq in 1..=4 {
            log.push(update(seq, 10));
        }
        let dropped = log.trim(3 * (OVERHEAD + 10));
        assert_eq!(dropped.map(|update| update.number.seq), Some(1));
        assert_eq!(log.trim(3 * (OVERHEAD + 10)), None);
        assert_eq!((log.start(), log.end(), log.len()), (1, 4, 3));
        assert_eq!(log.get(0), None);
        assert_eq!(log.get(1), Some(&update(2, 10)));
        assert_eq!(log.get(4), None);
    }

    #[test]
    fn an_empty_update_costs_something() {
        let mut log = Log::default();
        log.push(update(1, 0));
        assert!(log.bytes() > 0);
        assert!(log.trim(0).is_some());
        assert_eq!((log.bytes(), log.len()), (0, 0));
    }
}
