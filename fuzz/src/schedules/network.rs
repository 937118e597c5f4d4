//! Connections, from their making until both ends have noticed that they are over.

use std::collections::VecDeque;

use crdt_sync::proto::PeerId;

/// Datagrams that may arrive again are so many at most.
const KEPT: usize = 4;

/// One connection between two nodes; its first end is side 0.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) ends: [usize; 2],
    /// What each end calls it.
    pub(super) peers: [PeerId; 2],
    /// Whether each end believes in it.
    pub(super) up: [bool; 2],
    /// Frames on their way, by the side that sent them.
    pub(super) frames: [VecDeque<Vec<u8>>; 2],
    /// Whether a side's greeting is out: without it there is no connection.
    greeted: [bool; 2],
    datagrams: [Vec<Vec<u8>>; 2],
}

impl Link {
    pub(super) fn new(ends: [usize; 2], peers: [PeerId; 2]) -> Self {
        Self {
            ends,
            peers,
            up: [true; 2],
            frames: Default::default(),
            greeted: [false; 2],
            datagrams: Default::default(),
        }
    }

    /// Whether both ends believe in it.
    pub(super) fn is_whole(&self) -> bool {
        self.up == [true; 2]
    }

    /// Whether nothing is on its way.
    pub(super) fn is_silent(&self) -> bool {
        self.frames.iter().all(VecDeque::is_empty)
    }

    /// The side on which a node is.
    pub(super) fn side_of(&self, node: usize) -> Option<usize> {
        self.ends.iter().position(|end| *end == node)
    }

    /// A frame of this side is on its way, or goes nowhere.
    pub(super) fn send(&mut self, side: usize, frame: Vec<u8>) {
        if self.is_whole() {
            self.frames[side].push_back(frame);
            self.greeted[side] = true;
        }
    }

    /// Loses the next frame of this side, if there is one and it is no greeting.
    pub(super) fn lose(&mut self, side: usize, frame: Vec<u8>) {
        if !std::mem::replace(&mut self.greeted[side], true) {
            self.send(side, frame);
        }
    }

    pub(super) fn send_datagram(&mut self, side: usize, datagram: Vec<u8>) {
        let waiting = &mut self.datagrams[side];
        waiting.truncate(KEPT - 1);
        waiting.insert(0, datagram);
    }

    /// A datagram of this side that arrives, counted from the latest, perhaps not for the last time.
    pub(super) fn arriving(&mut self, side: usize, which: usize, again: bool) -> Option<Vec<u8>> {
        let waiting = &mut self.datagrams[side];
        match waiting.get(which) {
            Some(datagram) if again => Some(datagram.clone()),
            Some(_) => Some(waiting.remove(which)),
            None => None,
        }
    }
}
