//! The older part of the log: updates joined to fewer.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use crdt_core::clock::CausalContext;

use super::{Position, Update};

/// Consecutive updates of the log, joined to one.
#[derive(Debug)]
pub(in crate::proto) struct Group {
    /// What it stands for: the numbers of its members, and no other.
    pub(in crate::proto) numbers: CausalContext,
    /// The join of what its members bring.
    pub(in crate::proto) bytes: Box<[u8]>,
    /// When the oldest member was applied here.
    pub(in crate::proto) at: Duration,
    /// Whether all members were written here.
    pub(in crate::proto) own: bool,
}

/// Groups, oldest first. Each keeps the places of its members: a reader who was in the middle gets all
/// of it, and goes on behind it.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Each with the position behind it.
    list: VecDeque<(Position, Group)>,
    /// Position of the first one.
    start: Position,
    pub(super) bytes: usize,
}

impl Group {
    /// A group of one is what it was.
    pub(in crate::proto) fn as_update(&self) -> Update<'_> {
        let update = Update::group(&self.numbers, &self.bytes, self.at, self.own);
        if update.count() == 1 { Update { group: None, ..update } } else { update }
    }
}

impl Groups {
    /// Adds a group that takes these places, right behind the last one.
    pub(super) fn push(&mut self, places: Range<Position>, group: Group) {
        if self.list.is_empty() {
            self.start = places.start;
        }
        self.bytes += group.as_update().cost();
        self.list.push_back((places.end, group));
    }

    pub(super) fn pop(&mut self) -> Option<Group> {
        let (end, group) = self.list.pop_front()?;
        self.start = end;
        self.bytes -= group.as_update().cost();
        Some(group)
    }

    /// Position of the oldest, if there is one.
    pub(super) fn start(&self) -> Option<Position> {
        (!self.list.is_empty()).then_some(self.start)
    }

    /// The group at a position, and the position behind it.
    pub(super) fn get(&self, position: Position) -> Option<(Update<'_>, Position)> {
        let (end, group) = self.list.get(self.place(position)).filter(|_| position >= self.start)?;
        Some((group.as_update(), *end))
    }

    /// The groups from a position on.
    pub(super) fn since(&self, position: Position) -> impl Iterator<Item = Update<'_>> {
        self.list.range(self.place(position)..).map(|(_, group)| group.as_update())
    }

    fn place(&self, position: Position) -> usize {
        self.list.partition_point(|(end, _)| *end <= position)
    }
}
