//! A bench on which every frame is passed, held back or lost by hand.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use crdt_core::codec::Wire;
use crdt_core::{Dot, OrSet};
use crdt_sync::proto::{Config, Engine, Event, Now, PeerError, PeerId};
use crdt_sync::store::FaultyStore;

/// The budget of frames unless a test wants another.
pub(crate) const BUDGET: usize = 16 * 1024;

/// Engines side by side. Nothing moves unless a test says so.
pub(crate) struct Lab<T: Wire> {
    pub(crate) now: Now,
    pub(crate) engines: Vec<(&'static str, Engine<T>)>,
    pub(crate) budget: usize,
    links: BTreeMap<(&'static str, &'static str), PeerId>,
    /// Frames on their way, by (from, to).
    wires: BTreeMap<(&'static str, &'static str), VecDeque<Vec<u8>>>,
    next: u64,
}

pub(crate) type SetLab = Lab<OrSet<u64>>;

/// Nothing is held back: most tests let no time pass.
pub(crate) fn config() -> Config {
    let mut config = Config::new("lab");
    config.relay_delay = Duration::ZERO;
    config
}

/// A log of about ten small updates, and walks in chunks of one entry.
pub(crate) fn short_log() -> Config {
    let mut config = config();
    (config.max_update_bytes, config.log_bytes) = (1024, 1024);
    config.walk_entries = 1;
    config
}

impl<T: Wire> Lab<T> {
    pub(crate) fn new(names: &[&'static str], config: &Config) -> Self {
        let mut lab = Self {
            now: Now { mono: Duration::ZERO, wall_ms: 1_700_000_000_000 },
            engines: Vec::new(),
            budget: BUDGET,
            links: BTreeMap::new(),
            wires: BTreeMap::new(),
            next: 0,
        };
        names.iter().for_each(|name| lab.start(name, config));
        lab
    }

    /// Starts a node, or starts it again with nothing; every start has a seed of its own.
    pub(crate) fn start(&mut self, name: &'static str, config: &Config) {
        let seed = self.restart(name);
        let engine = Engine::new(config.clone(), seed, self.now).expect("a configuration that works");
        self.engines.push((name, engine));
    }

    /// Starts a node, or starts it again, with what a disk holds.
    pub(crate) fn start_from(&mut self, name: &'static str, config: &Config, disk: &FaultyStore) {
        let seed = self.restart(name);
        let stored = disk.content();
        let engine = Engine::recover(config.clone(), seed, self.now, &stored).expect("a good disk");
        self.engines.push((name, engine));
    }

    fn restart(&mut self, name: &'static str) -> [u8; 32] {
        self.stop(name);
        self.next += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.next.to_le_bytes());
        seed
    }

    /// Stops a node: its links are cut, and its memory is lost.
    pub(crate) fn stop(&mut self, name: &'static str) {
        let others: Vec<_> = self.links.keys().filter(|(a, _)| *a == name).map(|(_, b)| *b).collect();
        others.into_iter().for_each(|other| self.cut(name, other));
        self.engines.retain(|(other, _)| *other != name);
    }

    pub(crate) fn engine(&mut self, name: &str) -> &mut Engine<T> {
        let engine = self.engines.iter_mut().find(|(other, _)| *other == name);
        &mut engine.expect("a node of this name").1
    }

    pub(crate) fn peer(&self, at: &'static str, other: &'static str) -> PeerId {
        self.links[&(at, other)]
    }

    /// Connects two nodes and lets them greet.
    pub(crate) fn link(&mut self, a: &'static str, b: &'static str) {
        self.connect(a, b);
        for (from, to) in [(a, b), (b, a)] {
            self.take(from, to, 1);
        }
        for (from, to) in [(a, b), (b, a)] {
            self.pass(from, to, 1);
        }
    }

    /// Connects two nodes.
    pub(crate) fn connect(&mut self, a: &'static str, b: &'static str) {
        let now = self.now;
        for (here, there) in [(a, b), (b, a)] {
            self.next += 1;
            let peer = PeerId(self.next);
            self.links.insert((here, there), peer);
            self.engine(here).connected(peer, there, now);
        }
    }

    /// Cuts a link: both sides notice at once, and what is on its way is lost.
    pub(crate) fn cut(&mut self, a: &'static str, b: &'static str) {
        let now = self.now;
        for (here, there) in [(a, b), (b, a)] {
            self.wires.remove(&(here, there));
            let peer = self.links.remove(&(here, there)).expect("they are linked");
            self.engine(here).disconnected(peer, now);
        }
    }

    /// Lets a node put up to `frames` frames on the wire; returns how many it did.
    pub(crate) fn take(&mut self, from: &'static str, to: &'static str, frames: usize) -> usize {
        let (peer, now, budget) = (self.peer(from, to), self.now, self.budget);
        for taken in 0..frames {
            let Some(frame) = self.engine(from).poll_transmit(peer, budget, now) else { return taken };
            self.wires.entry((from, to)).or_default().push_back(frame);
        }
        frames
    }

    /// Passes up to `frames` frames that are on the wire; returns how many there were.
    pub(crate) fn pass(&mut self, from: &'static str, to: &'static str, frames: usize) -> usize {
        let (peer, now) = (self.peer(to, from), self.now);
        for passed in 0..frames {
            let Some(frame) = self.wires.entry((from, to)).or_default().pop_front() else { return passed };
            self.engine(to).handle_frame(peer, &frame, now).expect("an honest frame");
        }
        frames
    }

    /// Lets one frame from a node arrive; returns whether there was one.
    pub(crate) fn one(&mut self, from: &'static str, to: &'static str) -> bool {
        self.take(from, to, 1) == 1 && self.pass(from, to, 1) == 1
    }

    /// Loses the next frame from a node; returns it.
    pub(crate) fn lose(&mut self, from: &'static str, to: &'static str) -> Vec<u8> {
        self.take(from, to, 1);
        self.unwire(from, to)
    }

    /// Takes the next frame off the wire.
    pub(crate) fn unwire(&mut self, from: &'static str, to: &'static str) -> Vec<u8> {
        self.wires.entry((from, to)).or_default().pop_front().expect("a frame on the wire")
    }

    /// Loses everything on the wire from a node.
    pub(crate) fn drop_wire(&mut self, from: &'static str, to: &'static str) {
        self.wires.remove(&(from, to));
    }

    /// Gives bytes to a node as if another had sent them.
    pub(crate) fn forge(
        &mut self,
        from: &'static str,
        to: &'static str,
        frame: &[u8],
    ) -> Result<(), PeerError> {
        let (peer, now) = (self.peer(to, from), self.now);
        self.engine(to).handle_frame(peer, frame, now)
    }

    /// Passes one frame each way between two nodes, again and again, until `done`.
    pub(crate) fn until(
        &mut self,
        a: &'static str,
        b: &'static str,
        mut done: impl FnMut(&mut Self) -> bool,
    ) {
        for _ in 0..1_000 {
            if done(self) {
                return;
            }
            let (there, back) = (self.one(a, b), self.one(b, a));
            assert!(there || back || done(self), "nothing more is said");
        }
        unreachable!("it never happens");
    }

    /// Passes everything until nobody has anything more to send. No time passes.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            let pairs: Vec<_> = self.links.keys().copied().collect();
            let mut quiet = true;
            for (from, to) in pairs {
                quiet &= !self.one(from, to) & !self.datagram(from, to);
            }
            if quiet {
                return;
            }
        }
        unreachable!("the nodes talk for ever");
    }

    /// Lets one datagram from a node arrive; returns whether there was one.
    pub(crate) fn datagram(&mut self, from: &'static str, to: &'static str) -> bool {
        let (sender, receiver, now) = (self.peer(from, to), self.peer(to, from), self.now);
        let Some(bytes) = self.engine(from).poll_datagram(sender, now) else { return false };
        self.engine(to).handle_datagram(receiver, &bytes, now).expect("an honest datagram");
        true
    }

    /// Lets time pass, in the steps in which the engines want to be woken. Everything arrives.
    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now.mono + duration;
        self.settle();
        while let Some(due) = self.due().filter(|due| *due <= end) {
            self.now = self.now.after(due.saturating_sub(self.now.mono));
            self.wake();
            self.settle();
        }
        self.now = self.now.after(end.saturating_sub(self.now.mono));
        self.wake();
        self.settle();
    }

    /// Lets time pass, and nothing arrive.
    pub(crate) fn wait(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
        self.wake();
    }

    pub(crate) fn due(&self) -> Option<Duration> {
        self.engines.iter().filter_map(|(_, engine)| engine.poll_timeout()).min()
    }

    fn wake(&mut self) {
        let now = self.now;
        for (_, engine) in &mut self.engines {
            if engine.poll_timeout().is_some_and(|due| due <= now.mono) {
                engine.handle_timeout(now);
                let due = engine.poll_timeout();
                assert!(due.is_none_or(|due| due > now.mono), "a timer that never lets the driver sleep");
            }
        }
    }

    pub(crate) fn events(&mut self, name: &str) -> Vec<Event> {
        let engine = self.engine(name);
        std::iter::from_fn(|| engine.poll_event()).collect()
    }
}

impl SetLab {
    pub(crate) fn insert(&mut self, name: &str, element: u64) -> Dot {
        let now = self.now;
        let written = self.engine(name).update(now, |set| set.insert(element)).expect("a small write");
        written.update.expect("an insertion changes something")
    }

    pub(crate) fn insert_all(&mut self, name: &str, elements: Range<u64>) {
        for element in elements {
            self.insert(name, element);
        }
    }

    pub(crate) fn remove_all(&mut self, name: &str, elements: Range<u64>) {
        for element in elements {
            self.remove(name, element);
        }
    }

    /// Twenty writes, more than a short log holds.
    pub(crate) fn fill(&mut self, name: &str) {
        self.insert_all(name, 100..120);
    }

    pub(crate) fn shows(&mut self, name: &str, element: u64) -> bool {
        self.engine(name).doc().contains(&element)
    }

    pub(crate) fn remove(&mut self, name: &str, element: u64) -> Dot {
        let now = self.now;
        let written = self.engine(name).update(now, |set| set.remove(&element)).expect("a small write");
        assert!(written.value, "{element} is there");
        written.update.expect("a removal changes something")
    }

    pub(crate) fn shown(&mut self, name: &str) -> Vec<u64> {
        self.engine(name).doc().sorted().into_iter().copied().collect()
    }
}
