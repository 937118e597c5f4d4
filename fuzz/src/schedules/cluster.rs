//! The nodes, what happens to them, and what must hold after that.

use std::time::Duration;

use crdt_core::Dot;
use crdt_core::clock::CausalContext;
use crdt_sync::proto::{Config, Engine, Event, Now, PeerError, PeerId, WalkOutcome, WalkRole};

use super::board::{Act, Board, Edit, marks};
use super::network::Link;
use super::oracle::{Numbers, Oracle};
use super::step::{Knobs, Step};

const NAMES: [&str; 3] = ["a", "b", "c"];
/// Connections between two nodes: one, and one that is about to go.
const LINKS_OF_A_PAIR: usize = 2;

/// Two or three nodes.
pub struct Cluster {
    knobs: Knobs,
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<Link>,
    pub(super) now: Duration,
    pub(super) oracle: Oracle,
    /// Names given to nodes' starts, connections and additions.
    given: u16,
    pub(super) frames: usize,
    pub(super) reached: Reached,
}

pub(super) struct Node {
    pub(super) engine: Engine<Board>,
    ahead_ms: u64,
    covered: Numbers,
}

/// How often the hard cases occurred.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reached {
    /// Updates.
    pub writes: usize,
    /// Walks that came whole.
    pub walks: usize,
    /// Walks that were cut.
    pub cut_walks: usize,
    /// Walks that a bound of their donor ended.
    pub overflows: usize,
    /// Nodes that started again.
    pub restarts: usize,
    /// Updates that nobody had when their node started again.
    pub lost: usize,
    /// Additions and removals at one key that did not know of each other.
    pub concurrent: usize,
    /// Whether parts of a lost update stayed.
    pub parts_left: bool,
    /// Frames after everything was healed.
    pub frames_to_settle: usize,
    /// How long that took.
    pub time_to_settle: Duration,
}

impl Cluster {
    /// Nodes that have just started and connect.
    #[must_use]
    pub fn new(knobs: Knobs) -> Self {
        let mut cluster = Self {
            knobs,
            nodes: Vec::new(),
            links: Vec::new(),
            now: Duration::ZERO,
            oracle: Oracle::default(),
            given: 0,
            frames: 0,
            reached: Reached::default(),
        };
        for _ in 0..knobs.nodes {
            let engine = cluster.start(0);
            cluster.nodes.push(Node { engine, ahead_ms: 0, covered: Numbers::new() });
        }
        cluster.connect_all();
        cluster
    }

    /// What was reached so far.
    #[must_use]
    pub fn reached(&self) -> Reached {
        let concurrent = self.oracle.concurrent_add_and_remove();
        Reached { lost: self.oracle.lost(), concurrent, ..self.reached }
    }

    /// Lets one thing happen.
    pub fn perform(&mut self, step: Step) {
        let nodes = self.nodes.len();
        let node = |at: usize| at % nodes;
        match step {
            Step::Write { at, edit } => self.write(node(at), edit),
            Step::Flood { at } => (0..2).for_each(|_| self.write(node(at), Edit::Banner)),
            Step::Clock { at, ahead_ms } => self.nodes[node(at)].ahead_ms = ahead_ms,
            Step::Restart { at, noticed } => self.restart(node(at), noticed),
            Step::Connect { a, b } => self.connect(node(a), node(b)),
            Step::Later { millis } => self.wait(Duration::from_millis(millis)),
            _ => self.perform_on_link(step),
        }
    }

    fn perform_on_link(&mut self, step: Step) {
        self.links.retain(|link| link.up != [false; 2]);
        let links = self.links.len();
        if links == 0 {
            return;
        }
        match step {
            Step::Send { link, side, frames } => {
                let _ = (0..frames).all(|_| self.send(link % links, side));
            }
            Step::Arrive { link, side, frames } => (0..frames).for_each(|_| self.arrive(link % links, side)),
            Step::Talk { link, rounds } => {
                let _ = (0..rounds).all(|_| self.talk(link % links));
            }
            Step::Lag { link, side, rounds } => self.lag(link % links, side, rounds),
            Step::Lose { link, side } => self.lose(link % links, side),
            Step::Datagram { link, side, which, again } => self.datagram(link % links, side, (which, again)),
            Step::Cut { link, noticed } => self.cut(link % links, noticed),
            _ => unreachable!("everything else needs no link"),
        }
    }
}

/// What happens to nodes.
impl Cluster {
    fn start(&mut self, ahead_ms: u64) -> Engine<Board> {
        let mut config = Config::new("fuzz");
        // A log of about ten small updates, or one that is large.
        (config.max_update_bytes, config.log_bytes) = (1_024, 1_024);
        (config.pinned_bytes, config.walk_stash) = (self.knobs.pinned_bytes, self.knobs.walk_stash);
        (config.walk_entries, config.max_donor_walks) = (self.knobs.walk_entries, self.knobs.donor_walks);
        config.walk_ranges = self.knobs.walk_ranges;
        let millis = Duration::from_millis;
        (config.exchange_every, config.exchange_every_idle) = (millis(50), millis(200));
        (config.walk_timeout, config.walk_retry) = (millis(200), millis(20));
        config.hello_timeout = millis(500);
        self.given += 1;
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&self.given.to_le_bytes());
        Engine::new(config, seed, time(self.now, ahead_ms)).expect("a valid configuration")
    }

    /// A node starts again with nothing. Its connections are over for itself.
    fn restart(&mut self, at: usize, noticed: bool) {
        self.reached.restarts += 1;
        for index in 0..self.links.len() {
            let Some(side) = self.links[index].side_of(at) else { continue };
            self.links[index].up[side] = false;
            if noticed {
                self.hang_up(index, 1 - side);
            }
        }
        let others = self.nodes.iter().enumerate().filter(|(other, _)| *other != at);
        let left: Vec<Numbers> = others.map(|(_, node)| node.covered.clone()).collect();
        self.oracle.only_left(&left);
        self.nodes[at].engine = self.start(self.nodes[at].ahead_ms);
        self.nodes[at].covered.clear();
        (0..self.nodes.len()).for_each(|other| self.connect(at, other));
    }

    fn write(&mut self, at: usize, edit: Edit) {
        self.given += 1;
        let (name, now) = (self.given, self.time(at));
        let engine = &mut self.nodes[at].engine;
        let act = Act::of(edit, &marks(engine.doc()), name);
        let written = engine.update(now, |board| act.perform(edit, &board, name)).expect("it is small");
        assert_eq!(written.update.is_none(), act.is_nothing(), "what changes nothing has no number");
        assert_eq!(written.token.updates(), engine.vector());
        if let Some(number) = written.update {
            self.reached.writes += 1;
            self.oracle.record(number, act, numbers(written.token.updates()));
        }
        self.after(at);
    }

    /// Time passes, and those who wanted to be woken are, late.
    pub(super) fn wait(&mut self, duration: Duration) {
        self.now += duration;
        let now = self.now;
        let due = |node: &Node| node.engine.poll_timeout().is_some_and(|due| due <= now);
        for at in 0..self.nodes.len() {
            if due(&self.nodes[at]) {
                self.input(at, |engine, now| engine.handle_timeout(now));
                assert!(!due(&self.nodes[at]), "a timer that never lets the driver sleep");
            }
        }
    }

    fn input<R>(&mut self, at: usize, input: impl FnOnce(&mut Engine<Board>, Now) -> R) -> R {
        let now = self.time(at);
        let answer = input(&mut self.nodes[at].engine, now);
        self.after(at);
        answer
    }

    fn time(&self, at: usize) -> Now {
        time(self.now, self.nodes[at].ahead_ms)
    }
}

/// What happens to connections.
impl Cluster {
    pub(super) fn connect_all(&mut self) {
        let nodes = self.nodes.len();
        (0..nodes).for_each(|b| (0..b).for_each(|a| self.connect(a, b)));
    }

    fn connect(&mut self, a: usize, b: usize) {
        let same = |link: &&Link| link.side_of(a).is_some() && link.side_of(b).is_some();
        if a == b || self.links.iter().filter(same).count() >= LINKS_OF_A_PAIR {
            return;
        }
        self.given += 2;
        let peers = [PeerId((self.given - 1).into()), PeerId(self.given.into())];
        self.links.push(Link::new([a, b], peers));
        self.input(a, |engine, now| engine.connected(peers[0], NAMES[b], now));
        self.input(b, |engine, now| engine.connected(peers[1], NAMES[a], now));
    }

    /// One end notices that the connection is over.
    fn hang_up(&mut self, index: usize, side: usize) {
        let link = &mut self.links[index];
        if std::mem::replace(&mut link.up[side], false) {
            let (at, peer) = (link.ends[side], link.peers[side]);
            self.input(at, |engine, now| engine.disconnected(peer, now));
        }
    }

    pub(super) fn cut(&mut self, index: usize, noticed: [bool; 2]) {
        (0..2).filter(|side| noticed[*side]).for_each(|side| self.hang_up(index, side));
    }

    /// The next frame of a side, if it has one.
    fn take(&mut self, index: usize, side: usize) -> Option<Vec<u8>> {
        let link = self.links.get(index).filter(|link| link.up[side])?;
        let (peer, budget) = (link.peers[side], self.knobs.budget);
        self.input(link.ends[side], |engine, now| engine.poll_transmit(peer, budget, now))
    }

    /// Returns whether there was something to send.
    fn send(&mut self, index: usize, side: usize) -> bool {
        let Some(frame) = self.take(index, side) else { return false };
        self.frames += 1;
        self.links[index].send(side, frame);
        true
    }

    fn lag(&mut self, index: usize, side: usize, rounds: u8) {
        let ends = self.links[index].ends;
        self.cut(index, [true; 2]);
        (0..2).for_each(|_| self.write(ends[side], Edit::Banner));
        self.links.retain(|link| link.up != [false; 2]);
        self.connect(ends[0], ends[1]);
        let last = self.links.len() - 1;
        let _ = (0..rounds).all(|_| self.talk(last));
    }

    fn lose(&mut self, index: usize, side: usize) {
        if self.knobs.lossy
            && let Some(frame) = self.take(index, side)
        {
            self.links[index].lose(side, frame);
        }
    }

    fn arrive(&mut self, index: usize, side: usize) {
        let link = &mut self.links[index];
        if let Some(frame) = link.frames[side].pop_front().filter(|_| link.up[1 - side]) {
            let (to, peer) = (link.ends[1 - side], link.peers[1 - side]);
            self.input(to, |engine, now| engine.handle_frame(peer, &frame, now)).expect("an honest frame");
        }
    }

    /// A frame each way is sent, and one arrives. Returns whether anything moved.
    pub(super) fn talk(&mut self, index: usize) -> bool {
        let mut moved = false;
        for side in 0..2 {
            moved |= self.send(index, side) || !self.links[index].frames[side].is_empty();
            self.arrive(index, side);
        }
        moved
    }

    /// A datagram is sent if there is one, and one of those on their way arrives if there is it.
    pub(super) fn datagram(&mut self, index: usize, side: usize, (which, again): (usize, bool)) {
        let Link { ends, peers, up, .. } = self.links[index];
        if up[side]
            && let Some(datagram) =
                self.input(ends[side], |engine, now| engine.poll_datagram(peers[side], now))
        {
            self.links[index].send_datagram(side, datagram);
        }
        let other = 1 - side;
        if let Some(datagram) = self.links[index].arriving(side, which, again).filter(|_| up[other]) {
            let taken =
                self.input(ends[other], |engine, now| engine.handle_datagram(peers[other], &datagram, now));
            taken.expect("an honest datagram");
        }
    }
}

/// What must hold.
impl Cluster {
    /// Does what a driver does after each input, and looks at the node.
    fn after(&mut self, at: usize) {
        while let Some((peer, error)) = self.nodes[at].engine.poll_refused() {
            assert_eq!(error, PeerError::HelloTimeout, "everybody is honest");
            let found = self
                .links
                .iter()
                .position(|link| link.side_of(at).is_some_and(|side| link.peers[side] == peer));
            let index = found.expect("it is connected");
            let side = self.links[index].side_of(at).expect("it is an end");
            self.hang_up(index, side);
        }
        let mut changed = false;
        while let Some(event) = self.nodes[at].engine.poll_event() {
            changed |= self.note(&event);
        }
        if changed {
            self.check(at);
        }
        self.check_reports(at);
    }

    /// Counts what is rare. Returns whether the node may show something else now.
    fn note(&mut self, event: &Event) -> bool {
        match event {
            Event::Diverged { .. } => panic!("equal updates, unequal states"),
            Event::WalkFinished { role: WalkRole::Receiver, outcome, .. } => match outcome {
                WalkOutcome::Complete => self.reached.walks += 1,
                WalkOutcome::Cut => self.reached.cut_walks += 1,
                WalkOutcome::Overflow => self.reached.overflows += 1,
                _ => {}
            },
            Event::Applied { .. } | Event::WalkMerged { .. } => {}
            _ => return false,
        }
        true
    }

    /// The node shows what its vector says.
    pub(super) fn check(&mut self, at: usize) {
        let Node { engine, covered, .. } = &mut self.nodes[at];
        let now = numbers(engine.vector());
        assert!(now.is_superset(covered), "a vector only grows");
        *covered = now;
        let shown = marks(engine.doc());
        if engine.is_partial() {
            self.oracle.check_partial(covered, &shown);
        } else {
            self.oracle.check_whole(covered, (&shown, engine.doc().score.value()));
        }
    }

    /// Nobody is believed to have what it does not have, unless it is gone and nobody noticed.
    fn check_reports(&self, at: usize) {
        let mut own = self.links.iter().filter(|link| link.side_of(at).is_some_and(|side| link.up[side]));
        if !own.all(Link::is_whole) {
            return;
        }
        let engine = &self.nodes[at].engine;
        let others = self.nodes.iter().enumerate().filter(|(other, _)| *other != at);
        let having = others.filter(|(_, node)| node.engine.vector().is_superset(engine.vector())).count();
        assert!(engine.replicas_covering(&engine.token()) <= having, "reported, and not applied");
    }
}

fn time(elapsed: Duration, ahead_ms: u64) -> Now {
    Now { mono: Duration::ZERO, wall_ms: 1_700_000_000_000 + ahead_ms }.after(elapsed)
}

/// What a vector says, one by one.
pub(super) fn numbers(vector: &CausalContext) -> Numbers {
    let runs = vector.iter().flat_map(|(id, runs)| runs.iter().map(move |run| (id, run)));
    runs.flat_map(|(id, (first, last))| (first..=last).map(move |seq| Dot::new(id, seq))).collect()
}
