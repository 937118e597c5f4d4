//! What the engine tells its user.

use std::collections::VecDeque;
use std::time::Duration;

use crdt_core::Dot;

use super::id::PeerId;

/// Something that happened inside the engine, from [`Engine::poll_event`](super::Engine::poll_event).
///
/// Events report; nothing has to be done about them for the protocol to work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A peer said hello and agrees on everything: updates flow.
    PeerUp {
        /// The connection.
        peer: PeerId,
        /// Who it is.
        name: String,
    },
    /// A peer that was up is gone.
    PeerDown {
        /// The connection, not used again.
        peer: PeerId,
        /// Who it was.
        name: String,
    },
    /// A numbered update was applied, one's own included. Of several that came joined to one, each is
    /// told that is new; what is shown changes once.
    Applied {
        /// Its number: the origin's replica id and the update's place among that origin's updates.
        update: Dot,
        /// Who sent it, or nothing for a write of this node.
        from: Option<PeerId>,
    },
    /// A walk began.
    WalkStarted {
        /// The other side.
        peer: PeerId,
        /// Which side this node is on.
        role: WalkRole,
    },
    /// A walk changed this node's state: entries arrived that no numbered update brought.
    WalkMerged {
        /// The donor.
        peer: PeerId,
    },
    /// A walk is over.
    WalkFinished {
        /// The other side.
        peer: PeerId,
        /// Which side this node is on.
        role: WalkRole,
        /// How it ended.
        outcome: WalkOutcome,
    },
    /// Two nodes have applied the same updates and hold different states, though neither holds parts
    /// of a walk. This must not happen: memory or code is faulty. A walk in each direction repairs
    /// both.
    Diverged {
        /// The other side.
        peer: PeerId,
        /// This node's fingerprint.
        ours: u128,
        /// The peer's.
        theirs: u128,
    },
    /// An entry of a peer contradicts another one, of which its writer did not know: two wrote at one
    /// place, where only one can show. Both are there until a write that has seen both;
    /// [`Doc::conflict_of`](crdt_core::Doc::conflict_of) tells of them as long as they are, and of none
    /// if an update that was still on its way had settled the matter. Nothing has to be done: every
    /// node shows the same one. Conflicts that a walk brings are not told of one by one.
    Conflict {
        /// The update that brought the entry; if several came joined to one, the last of its writer.
        update: Dot,
        /// The entry.
        dot: Dot,
    },
    /// A stamp runs ahead of this node's wall clock by more than
    /// [`Config::max_drift`](super::Config::max_drift). It was merged, and does not move this node's
    /// clock. Somebody's clock is wrong, possibly this node's.
    Drift {
        /// The update that carried the stamp, or nothing if a walk brought it, or several joined to one.
        update: Option<Dot>,
        /// By how much the stamp is ahead.
        ahead: Duration,
    },
    /// This many older events were dropped because nobody polled them.
    Lost {
        /// How many since the last time that this was reported.
        events: u64,
    },
}

/// A side of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WalkRole {
    /// This node's state is sent.
    Donor,
    /// The peer's state is received.
    Receiver,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WalkOutcome {
    /// Everything was sent, or arrived: the receiver claims what the donor had at the start.
    Complete,
    /// It was cut by a lost connection, a lost frame or a standstill, or since its receiver was frozen.
    /// Nothing of it is claimed, and a new one begins with any donor.
    Cut,
    /// The donor could not keep what the walk needs: more entries died, or more was written, than
    /// the configuration allows. A new one begins.
    Overflow,
    /// The donor serves as many walks as it may. Another is asked, or the same one later.
    Busy,
}

/// Events that wait to be polled.
#[derive(Debug, Default)]
pub(super) struct Events {
    waiting: VecDeque<Event>,
    lost: u64,
}

impl Events {
    /// Keeps at most `limit` events: the oldest give way. Returns whether one was dropped.
    pub(super) fn push(&mut self, event: Event, limit: usize) -> bool {
        let full = self.waiting.len() >= limit;
        if full {
            self.waiting.pop_front();
            self.lost += 1;
        }
        self.waiting.push_back(event);
        full
    }

    /// The next event; a loss is reported where the lost ones were.
    pub(super) fn pop(&mut self) -> Option<Event> {
        match std::mem::take(&mut self.lost) {
            0 => self.waiting.pop_front(),
            events => Some(Event::Lost { events }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_polls_is_dropped_and_counted() {
        let mut events = Events::default();
        let up = |peer| Event::PeerUp { peer: PeerId(peer), name: String::new() };
        let dropped: Vec<bool> = (0..5).map(|peer| events.push(up(peer), 3)).collect();
        assert_eq!(dropped, [false, false, false, true, true]);
        assert_eq!(events.pop(), Some(Event::Lost { events: 2 }));
        let left: Vec<Event> = std::iter::from_fn(|| events.pop()).collect();
        assert_eq!(left, [up(2), up(3), up(4)]);
    }
}
