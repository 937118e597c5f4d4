//! The nodes, and what happens next.

mod disks;
mod nodes;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crdt_core::codec::Wire;
use rand::Rng;

use super::SimRng;
use super::chance::{Chance, draws};
use super::config::SimConfig;
use super::error::{NotConverged, Refusal, SimError};
use super::network::{Link, Traffic, between};
use super::trace::Trace;
use crate::proto::{Batch, Engine, Event, Now, PeerId, Written};
use crate::store::FaultyStore;

/// Engines over a simulated network, in virtual time.
///
/// Nodes are numbered from 0 and all connected to all, as far as partitions allow. A node that
/// crashes loses its memory; when it restarts it is a new replica that knows what its disk holds, if
/// nodes have disks ([`SimConfig::disk`]), or nothing.
///
/// ```
/// use crdt_core::OrSet;
/// use crdt_sync::sim::{Cluster, SimConfig};
/// use std::time::Duration;
///
/// let mut cluster = Cluster::<OrSet<String>>::new(SimConfig::quic(3), 7)?;
/// cluster.run_for(Duration::from_secs(1));
///
/// cluster.partition(&[&[0], &[1, 2]]);
/// cluster.write(0, |set| set.insert("book".to_owned()))?;
/// cluster.write(1, |set| set.insert("pen".to_owned()))?;
/// cluster.run_for(Duration::from_secs(60));
///
/// cluster.heal();
/// cluster.converge(Duration::from_secs(60))?;
/// let set = cluster.engine(2).expect("it is up").doc();
/// assert_eq!(set.sorted(), ["book", "pen"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cluster<T: Wire> {
    config: SimConfig,
    seed: u64,
    now: Duration,
    nodes: Vec<Node<T>>,
    /// By (lower, higher) node.
    links: BTreeMap<(usize, usize), Link>,
    /// By time, then in the order in which they were planned.
    agenda: BTreeMap<(Duration, u64), Happening>,
    planned: u64,
    connections: u64,
    /// The group of each node; messages pass within groups only.
    groups: Vec<usize>,
    trace: Trace,
    traffic: Traffic,
    events: Vec<(usize, Event)>,
    refusals: VecDeque<Refusal>,
}

struct Node<T: Wire> {
    engine: Option<Engine<T>>,
    disk: Option<FaultyStore>,
    /// By how much its wall clock is ahead of the slowest that there can be.
    ahead: Duration,
    starts: usize,
    wake: Option<Duration>,
}

/// Something on the agenda.
enum Happening {
    Wake {
        node: usize,
    },
    Connect {
        pair: (usize, usize),
    },
    /// The side notices that its connection is gone.
    Notice {
        pair: (usize, usize),
        epoch: u64,
        side: usize,
    },
    /// The disk is done with a batch.
    Stored {
        node: usize,
        batch: Batch,
    },
    /// `settles` says how much of the window this gives back to the other side.
    Frame {
        pair: (usize, usize),
        epoch: u64,
        side: usize,
        bytes: Option<Vec<u8>>,
        settles: usize,
    },
    Datagram {
        pair: (usize, usize),
        epoch: u64,
        side: usize,
        bytes: Vec<u8>,
    },
}

/// What one step of a simulation brought.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// When it was, since the beginning.
    pub at: Duration,
    /// What the engines told, each with its node.
    pub events: Vec<(usize, Event)>,
}

impl<T: Wire> Cluster<T> {
    /// A cluster whose nodes have just started and connect during the first moments.
    ///
    /// # Errors
    ///
    /// The engines' configuration cannot work.
    pub fn new(config: SimConfig, seed: u64) -> Result<Self, SimError> {
        let mut cluster = Self {
            seed,
            now: Duration::ZERO,
            nodes: Vec::new(),
            links: BTreeMap::new(),
            agenda: BTreeMap::new(),
            planned: 0,
            connections: 0,
            groups: vec![0; config.nodes],
            trace: Trace::default(),
            traffic: Traffic::default(),
            events: Vec::new(),
            refusals: VecDeque::new(),
            config,
        };
        for node in 0..cluster.config.nodes {
            let skew = cluster.config.skew;
            let ahead = between((Duration::ZERO, skew), &mut cluster.draws(Chance::Skew, (node, node)));
            let disk = cluster.config.disk.map(|_| FaultyStore::default());
            cluster.nodes.push(Node { engine: None, disk, ahead, starts: 0, wake: None });
        }
        for node in 0..cluster.config.nodes {
            cluster.start(node)?;
        }
        Ok(cluster)
    }

    /// How much virtual time has passed.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// How many nodes there are, crashed ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The engine of a node, unless it is down.
    #[must_use]
    pub fn engine(&self, node: usize) -> Option<&Engine<T>> {
        self.nodes.get(node)?.engine.as_ref()
    }

    /// The engines of all nodes that are up.
    pub fn engines(&self) -> impl Iterator<Item = (usize, &Engine<T>)> {
        self.nodes.iter().enumerate().filter_map(|(node, it)| Some((node, it.engine.as_ref()?)))
    }

    /// Which node is at the other end of a node's connection.
    #[must_use]
    pub fn other_end(&self, node: usize, peer: PeerId) -> Option<usize> {
        let ends = |(a, b): (usize, usize)| [(a, b), (b, a)];
        let mut links = self.links.iter().flat_map(|(pair, link)| ends(*pair).into_iter().zip(link.sides));
        links.find(|((here, _), side)| *here == node && *side == Some(peer)).map(|((_, there), _)| there)
    }

    /// Whether messages pass between two nodes.
    #[must_use]
    pub fn is_linked(&self, a: usize, b: usize) -> bool {
        self.links.get(&(a.min(b), a.max(b))).is_some_and(|link| link.alive)
    }

    /// What the network did so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// A hash of everything that happened so far: equal for equal seeds and calls.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// The next connection that an engine refused although all are honest: an error in the protocol,
    /// if it ever returns something.
    #[must_use]
    pub fn next_refusal(&mut self) -> Option<String> {
        self.refusals.pop_front().map(|refusal| refusal.to_string())
    }

    /// Writes at a node.
    ///
    /// # Errors
    ///
    /// The node is down, or its engine refuses the write.
    pub fn write<R>(
        &mut self,
        node: usize,
        edit: impl FnOnce(T::Editor<'_>) -> R,
    ) -> Result<Written<R>, SimError> {
        let now = self.time(node);
        let engine = self.nodes.get_mut(node).and_then(|it| it.engine.as_mut());
        let written = engine.ok_or(SimError::Down { node })?.update(now, edit)?;
        self.trace.note(self.now, node, b'w', &[]);
        self.pump(node);
        Ok(written)
    }

    /// Lets a node prepare for its end, as before an orderly stop: see [`Engine::leave`]. Let time pass,
    /// then stop it with [`crash`](Self::crash).
    pub fn leave(&mut self, node: usize) {
        let now = self.time(node);
        if let Some(engine) = self.nodes.get_mut(node).and_then(|it| it.engine.as_mut()) {
            engine.leave(now);
            self.pump(node);
        }
    }

    /// Lets messages pass only within each of these groups; nodes that are not named are one more.
    /// Connections between groups are cut.
    pub fn partition(&mut self, groups: &[&[usize]]) {
        self.groups = vec![groups.len(); self.nodes.len()];
        for (group, nodes) in groups.iter().enumerate() {
            for node in nodes.iter().filter(|node| **node < self.nodes.len()) {
                self.groups[*node] = group;
            }
        }
        let apart = |pair: &(usize, usize)| self.groups[pair.0] != self.groups[pair.1];
        let cut: Vec<(usize, usize)> = self.links.keys().copied().filter(apart).collect();
        cut.into_iter().for_each(|pair| self.cut(pair.0, pair.1));
        self.connect_all();
    }

    /// Ends every partition.
    pub fn heal(&mut self) {
        self.groups.fill(0);
        self.connect_all();
    }

    /// Cuts the connection between two nodes: what is in flight is lost, both sides notice after a
    /// while, and then connect again.
    pub fn cut(&mut self, a: usize, b: usize) {
        let pair = (a.min(b), a.max(b));
        let Some(link) = self.links.get_mut(&pair).filter(|link| link.alive) else { return };
        link.alive = false;
        let epoch = link.epoch;
        self.traffic.cuts += 1;
        self.trace.note(self.now, pair.0, b'x', &(pair.1 as u64).to_le_bytes());
        let mut rng = self.draws(Chance::Notice, pair);
        for side in 0..2 {
            let at = self.now + between((Duration::ZERO, self.config.detection), &mut rng);
            self.plan(at, Happening::Notice { pair, epoch, side });
        }
    }

    /// Stops a node. Its memory is lost; what it was just writing is on its disk, or not.
    pub fn crash(&mut self, node: usize) {
        let Some(it) = self.nodes.get_mut(node) else { return };
        it.engine = None;
        it.wake = None;
        self.interrupt(node);
        self.trace.note(self.now, node, b'c', &[]);
        let links = self.links.keys().copied().filter(|pair| pair.0 == node || pair.1 == node);
        for pair in links.collect::<Vec<_>>() {
            self.cut(pair.0, pair.1);
        }
    }

    /// Starts a crashed node again, with its configuration and what its disk holds.
    ///
    /// # Errors
    ///
    /// None that [`Cluster::new`] did not return, unless the disk was another cluster's.
    pub fn restart(&mut self, node: usize) -> Result<(), SimError> {
        if self.nodes.get(node).is_some_and(|it| it.engine.is_none()) {
            self.start(node)?;
        }
        Ok(())
    }

    /// Lets this much time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now.saturating_add(duration);
        while self.step(end).is_some() {}
    }

    /// Runs until all nodes that are up have applied the same updates and hold the same state;
    /// returns how long it took.
    ///
    /// # Errors
    ///
    /// They do not within `max`. The cluster stays as it is.
    pub fn converge(&mut self, max: Duration) -> Result<Duration, NotConverged> {
        const CHECK_EVERY: Duration = Duration::from_millis(20);
        let begin = self.now;
        while !self.is_converged() {
            let left = (begin + max).saturating_sub(self.now);
            if left.is_zero() {
                return Err(self.not_converged(max));
            }
            self.run_for(CHECK_EVERY.min(left));
        }
        Ok(self.now - begin)
    }

    /// Whether all nodes that are up have applied the same updates and hold the same state.
    #[must_use]
    pub fn is_converged(&self) -> bool {
        let mut engines = self.engines().map(|(_, engine)| engine);
        let Some(first) = engines.next() else { return true };
        engines.all(|engine| engine.vector() == first.vector() && engine.fingerprint() == first.fingerprint())
    }

    fn not_converged(&self, after: Duration) -> NotConverged {
        let updates = self.engines().map(|(node, engine)| (node, engine.vector().len())).collect();
        let mut fingerprints: Vec<u128> = self.engines().map(|(_, engine)| engine.fingerprint()).collect();
        fingerprints.sort_unstable();
        fingerprints.dedup();
        NotConverged { after, updates, fingerprints: fingerprints.len() }
    }

    /// Lets the next thing happen, if there is one before `end`; otherwise moves to `end` and returns
    /// nothing.
    pub fn step(&mut self, end: Duration) -> Option<Step> {
        let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
        if next.is_none_or(|at| at > end) && self.events.is_empty() {
            self.now = self.now.max(end);
            return None;
        }
        if let Some(at) = next.filter(|at| *at <= end)
            && let Some((_, happening)) = self.agenda.pop_first()
        {
            self.now = at;
            self.happen(happening);
        }
        Some(Step { at: self.now, events: std::mem::take(&mut self.events) })
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Wake { node } => self.wake(node),
            Happening::Connect { pair } => self.connect(pair),
            Happening::Notice { pair, epoch, side } => self.notice(pair, epoch, side),
            Happening::Stored { node, batch } => self.stored(node, &batch),
            Happening::Frame { pair, epoch, side, bytes, settles } => {
                self.arrive(pair, epoch, side, bytes, settles);
            }
            Happening::Datagram { pair, epoch, side, bytes } => {
                if let Some(link) = self.live_link(pair, epoch)
                    && let Some(peer) = link.sides[side]
                {
                    self.deliver(pair, side, peer, &bytes, true);
                }
            }
        }
    }

    fn start(&mut self, node: usize) -> Result<(), SimError> {
        let it = &mut self.nodes[node];
        // Two starts within one moment must not give one replica id twice.
        it.starts += 1;
        let (starts, mut seed) = (it.starts, [0; 32]);
        self.draws(Chance::Start, (node, starts)).fill_bytes(&mut seed);
        self.trace.note(self.now, node, b's', &seed);
        let (config, now) = (self.config.engine.clone(), self.time(node));
        let it = &mut self.nodes[node];
        it.engine = Some(match &it.disk {
            Some(disk) => Engine::recover(config, seed, now, &disk.content())?,
            None => Engine::new(config, seed, now)?,
        });
        self.connect_all();
        Ok(())
    }

    fn time(&self, node: usize) -> Now {
        let ahead = self.nodes.get(node).map_or(Duration::ZERO, |it| it.ahead);
        let wall = Now { mono: Duration::ZERO, wall_ms: EPOCH_MS }.after(self.now.saturating_add(ahead));
        Now { mono: self.now, ..wall }
    }

    fn draws(&self, what: Chance, who: (usize, usize)) -> SimRng {
        draws(self.seed, what, who, self.now)
    }

    fn plan(&mut self, at: Duration, happening: Happening) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), happening);
    }

    /// Plans a connection for every pair that could have one and has none.
    fn connect_all(&mut self) {
        let pairs = (0..self.nodes.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        for pair in pairs.collect::<Vec<_>>() {
            if !self.links.contains_key(&pair) && self.may_connect(pair) {
                let delay = between(self.config.reconnect, &mut self.draws(Chance::Reconnect, pair));
                let at = self.now + delay;
                self.plan(at, Happening::Connect { pair });
            }
        }
    }

    fn may_connect(&self, (a, b): (usize, usize)) -> bool {
        let up = |node: usize| self.nodes[node].engine.is_some();
        up(a) && up(b) && self.groups[a] == self.groups[b]
    }

    fn connect(&mut self, pair: (usize, usize)) {
        if self.links.contains_key(&pair) || !self.may_connect(pair) {
            return;
        }
        self.connections += 1;
        self.traffic.connections += 1;
        let epoch = self.connections;
        let sides = [PeerId(2 * epoch), PeerId(2 * epoch + 1)];
        let rng = self.draws(Chance::Link, pair);
        self.links.insert(pair, Link::new(epoch, sides, rng));
        self.trace.note(self.now, pair.0, b'l', &(pair.1 as u64).to_le_bytes());
        for (node, other, peer) in [(pair.0, pair.1, sides[0]), (pair.1, pair.0, sides[1])] {
            let now = self.time(node);
            if let Some(engine) = &mut self.nodes[node].engine {
                engine.connected(peer, &format!("node-{other}"), now);
            }
            self.pump(node);
        }
    }

    fn live_link(&self, pair: (usize, usize), epoch: u64) -> Option<&Link> {
        self.links.get(&pair).filter(|link| link.alive && link.epoch == epoch)
    }

    /// A side notices the end of its connection; when both have, they may connect again.
    fn notice(&mut self, pair: (usize, usize), epoch: u64, side: usize) {
        let node = if side == 0 { pair.0 } else { pair.1 };
        let now = self.time(node);
        let Some(link) = self.links.get_mut(&pair).filter(|link| link.epoch == epoch) else { return };
        let Some(peer) = link.sides[side].take() else { return };
        let both = link.sides == [None, None];
        self.trace.note(self.now, node, b'n', &peer.0.to_le_bytes());
        if both {
            self.links.remove(&pair);
            self.connect_all();
        }
        // After a crash there may be a new engine here, which never heard of the connection.
        if let Some(engine) = &mut self.nodes[node].engine {
            engine.disconnected(peer, now);
            self.pump(node);
        }
    }

    fn wake(&mut self, node: usize) {
        let now = self.time(node);
        let it = &mut self.nodes[node];
        if it.wake != Some(self.now) {
            return;
        }
        it.wake = None;
        if let Some(engine) = &mut it.engine {
            engine.handle_timeout(now);
            self.pump(node);
        }
    }

    /// A frame is there, or is lost; either way its sender may send more.
    fn arrive(
        &mut self,
        pair: (usize, usize),
        epoch: u64,
        side: usize,
        bytes: Option<Vec<u8>>,
        settles: usize,
    ) {
        let alive = self.live_link(pair, epoch).is_some();
        self.traffic.frames_lost += u64::from(settles > 0 && (bytes.is_none() || !alive));
        let Some(link) = self.links.get_mut(&pair).filter(|link| link.epoch == epoch) else { return };
        link.settle(1 - side, settles);
        let peer = link.sides[side];
        let (node, sender) = if side == 0 { pair } else { (pair.1, pair.0) };
        if let (true, Some(bytes), Some(peer)) = (alive, bytes, peer) {
            debug_assert!(self.nodes[node].engine.is_some(), "a crash cuts links");
            self.deliver(pair, side, peer, &bytes, false);
        }
        self.pump(sender);
    }

    fn deliver(&mut self, pair: (usize, usize), side: usize, peer: PeerId, bytes: &[u8], datagram: bool) {
        let node = if side == 0 { pair.0 } else { pair.1 };
        let now = self.time(node);
        let what = if datagram { b'd' } else { b'f' };
        self.trace.note(self.now, node, what, bytes);
        let Some(engine) = &mut self.nodes[node].engine else { return };
        let taken = match datagram {
            true => engine.handle_datagram(peer, bytes, now),
            false => engine.handle_frame(peer, bytes, now),
        };
        if let Err(error) = taken {
            self.refusals.push_back(Refusal { node, error });
            self.cut(pair.0, pair.1);
        }
        self.pump(node);
    }

    /// Takes everything from an engine that it has to give, in the order of its contract.
    fn pump(&mut self, node: usize) {
        let now = self.time(node);
        let Some(mut engine) = self.nodes[node].engine.take() else { return };
        while let Some((peer, error)) = engine.poll_refused() {
            self.refusals.push_back(Refusal { node, error });
            let pair = self.links.iter().find(|(_, link)| link.sides.contains(&Some(peer)));
            if let Some(pair) = pair.map(|(pair, _)| *pair) {
                self.cut(pair.0, pair.1);
            }
        }
        while let Some(event) = engine.poll_event() {
            self.events.push((node, event));
        }
        for other in (0..self.nodes.len()).filter(|other| *other != node) {
            self.transmit((node, other), &mut engine, now);
        }
        self.persist(node, &mut engine);
        self.reschedule(node, &engine);
        self.nodes[node].engine = Some(engine);
    }

    fn transmit(&mut self, (node, other): (usize, usize), engine: &mut Engine<T>, now: Now) {
        let (pair, side) = ((node.min(other), node.max(other)), usize::from(node > other));
        let Some(link) = self.links.get_mut(&pair) else { return };
        let (Some(peer), epoch, alive) = (link.sides[side], link.epoch, link.alive) else { return };
        let (mut frames, mut datagrams) = (Vec::new(), Vec::new());
        while link.takes(side, &self.config) {
            let Some(bytes) = engine.poll_transmit(peer, self.config.frame_budget, now) else { break };
            let fate = link.send_frame(side, bytes.len(), self.now, &self.config, &mut self.traffic);
            frames.push((fate, bytes));
        }
        while let Some(bytes) = engine.poll_datagram(peer, now) {
            self.traffic.datagrams += 1;
            let fate = link.send_datagram(self.now, &self.config);
            self.traffic.datagrams_lost += u64::from(fate.lost || !alive);
            datagrams.push((fate, bytes));
        }
        let side = 1 - side;
        for (fate, bytes) in frames {
            let settles = bytes.len();
            if let Some(again) = fate.again {
                let bytes = Some(bytes.clone());
                self.plan(again, Happening::Frame { pair, epoch, side, bytes, settles: 0 });
            }
            let bytes = (!fate.lost).then_some(bytes);
            self.plan(fate.arrives, Happening::Frame { pair, epoch, side, bytes, settles });
        }
        for (fate, bytes) in datagrams {
            let arrivals = fate.again.into_iter().chain((!fate.lost).then_some(fate.arrives));
            for at in arrivals.collect::<Vec<_>>() {
                self.plan(at, Happening::Datagram { pair, epoch, side, bytes: bytes.clone() });
            }
        }
    }

    fn reschedule(&mut self, node: usize, engine: &Engine<T>) {
        let wake = engine.poll_timeout().map(|at| at.max(self.now));
        if wake != self.nodes[node].wake {
            self.nodes[node].wake = wake;
            if let Some(at) = wake {
                self.plan(at, Happening::Wake { node });
            }
        }
    }
}

/// Virtual time begins at a plausible wall time.
const EPOCH_MS: u64 = 1_700_000_000_000;
