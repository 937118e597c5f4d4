//! The end: everything is connected, and the nodes agree.

use std::time::Duration;

use super::board::marks;
use super::cluster::{Cluster, numbers};

/// Frames that a cluster of this size may exchange to agree, and for how long. Of 100,000 random
/// programs none took more than 274, and 0.28 s.
const ENOUGH: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(5);

impl Cluster {
    /// Connects everything, runs until all agree, and compares them with what was written.
    ///
    /// # Panics
    /// When they do not agree, on something else, or only after too long.
    pub fn settle(&mut self) {
        self.heal();
        let (begin, before) = (self.now, self.frames);
        while self.talk_all(before) || !self.agree() {
            let due = self.nodes.iter().filter_map(|node| node.engine.poll_timeout()).min();
            let due = due.expect("who is connected compares from time to time");
            self.wait(due.saturating_sub(self.now));
            assert!(self.now - begin < PATIENCE, "they do not agree: {:?}", self.reached);
        }
        self.reached.frames_to_settle = self.frames - before;
        self.reached.time_to_settle = self.now - begin;
        self.check_end();
    }

    /// Connections that are over for one end are for both, and all nodes connect.
    fn heal(&mut self) {
        for index in 0..self.links.len() {
            if !self.links[index].is_whole() {
                self.cut(index, [true; 2]);
            }
        }
        self.links.retain(|link| link.is_whole());
        self.connect_all();
    }

    /// Everything that can be said is said. Returns whether anything was.
    fn talk_all(&mut self, before: usize) -> bool {
        let mut moved = false;
        loop {
            let frames = self.frames;
            for index in 0..self.links.len() {
                self.talk(index);
                (0..2).for_each(|side| self.datagram(index, side, (0, false)));
            }
            if self.frames == frames && self.links.iter().all(|link| link.is_silent()) {
                return moved;
            }
            moved = true;
            assert!(self.frames - before < ENOUGH, "they talk without end: {:?}", self.reached);
        }
    }

    fn agree(&self) -> bool {
        let first = &self.nodes[0].engine;
        self.nodes.iter().all(|node| {
            let status = node.engine.status();
            let walks = status.receiving_walk.is_some() || status.donor_walks > 0;
            let equal =
                node.engine.vector() == first.vector() && node.engine.fingerprint() == first.fingerprint();
            equal && !walks
        })
    }

    /// All show the same, which holds what could be saved. Parts of what was lost may have stayed.
    fn check_end(&mut self) {
        let first = &self.nodes[0].engine;
        let (covered, shown) = (numbers(first.vector()), marks(first.doc()));
        self.oracle.check_saved(&covered);
        self.reached.parts_left = first.is_partial();
        let lost = self.oracle.missing(&covered).next().is_some();
        for at in 0..self.nodes.len() {
            let engine = &self.nodes[at].engine;
            assert_eq!(marks(engine.doc()), shown, "all show the same");
            assert_eq!(engine.doc().score.value(), self.nodes[0].engine.doc().score.value());
            assert!(lost || !engine.is_partial(), "whoever has everything holds no parts");
            self.check(at);
        }
    }
}
