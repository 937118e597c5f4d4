//! Sets of dots that are still to be sent.

use alloc::collections::BTreeMap;

use crate::clock::{BLOCK, Bits};
use crate::dot::{Dot, ReplicaId};

/// Dots, as a bitmap per block of each replica; no empty block.
#[derive(Clone, Debug, Default)]
pub(super) struct Todo(BTreeMap<ReplicaId, BTreeMap<u64, Bits>>);

impl Todo {
    pub(super) fn contains(&self, dot: Dot) -> bool {
        let bits = self.0.get(&dot.replica).and_then(|blocks| blocks.get(&(dot.seq / BLOCK)));
        bits.is_some_and(|bits| bits.contains(dot.seq % BLOCK))
    }

    pub(super) fn first(&self) -> Option<Dot> {
        let (id, blocks) = self.0.first_key_value()?;
        let (number, bits) = blocks.first_key_value()?;
        Some(Dot::new(*id, number * BLOCK + bits.iter().next()?))
    }

    pub(super) fn insert(&mut self, dot: Dot) {
        self.0.entry(dot.replica).or_default().entry(dot.seq / BLOCK).or_default().set(dot.seq % BLOCK);
    }

    /// Takes a dot out; returns whether it was in.
    pub(super) fn remove(&mut self, dot: Dot) -> bool {
        let Some(blocks) = self.0.get_mut(&dot.replica) else { return false };
        let Some(bits) = blocks.get_mut(&(dot.seq / BLOCK)) else { return false };
        let was_in = bits.contains(dot.seq % BLOCK);
        bits.clear(dot.seq % BLOCK);
        if bits.is_empty() {
            blocks.remove(&(dot.seq / BLOCK));
        }
        if blocks.is_empty() {
            self.0.remove(&dot.replica);
        }
        was_in
    }

    pub(super) fn len(&self) -> usize {
        self.0.values().flat_map(BTreeMap::values).map(|bits| bits.len()).sum()
    }
}

/// Blocks by replica; empty ones leave no trace.
impl FromIterator<(ReplicaId, BTreeMap<u64, Bits>)> for Todo {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, BTreeMap<u64, Bits>)>>(replicas: I) -> Self {
        Self(replicas.into_iter().filter(|(_, blocks)| !blocks.is_empty()).collect())
    }
}
