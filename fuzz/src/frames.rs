//! A node among frames and datagrams that nobody honest sends.
//!
//! A second engine plays the peer. Its frames arrive as they are, twisted in a byte, or replaced by
//! noise, in every state of a connection. Whatever comes, the node answers with an error for that
//! connection or goes on; it never panics, never sends more than a frame may hold, and what it is
//! asked to send comes to an end. What goes beyond a limit it refuses, in every state.

mod beyond;

use std::time::Duration;

use arbitrary::Arbitrary;
use crdt_core::OrSet;
use crdt_sync::proto::{Config, Engine, Now, PeerId};

pub use beyond::Beyond;

/// One thing that happens to the node.
#[derive(Arbitrary, Debug)]
pub enum Step {
    /// Both sides say all they have to say.
    Talk,
    /// The peer's next frame arrives with one byte changed, and perhaps cut.
    Twisted {
        /// Which byte.
        at: u16,
        /// What it becomes.
        to: u8,
        /// How many bytes are missing at the end.
        cut: u8,
    },
    /// A frame of noise, after two bytes that may be a version and a kind.
    Noise(u8, u8, Vec<u8>),
    /// Frames that go beyond a limit.
    Beyond(Beyond),
    /// Both talk until a walk to the node begins, if one does, and then a chunk never ends.
    Endless,
    /// A datagram of noise, or the peer's with one byte changed.
    Datagram(Option<(u8, u8)>, Vec<u8>),
    /// The node writes, or removes.
    Write(u8, bool),
    /// The peer writes.
    PeerWrites(u8),
    /// The peer writes more than its log holds: who has missed it needs a walk.
    PeerFloods,
    /// The connection is lost, and there is another.
    Reconnect,
    /// Time passes.
    Later(u16),
}

/// What a stream takes at once: more than a frame may hold.
const ROOM: usize = 8192;
/// The most frames that two engines with this little to say may exchange at once.
const ENOUGH: usize = 1_000;

struct Scene {
    node: Engine<OrSet<u8>>,
    peer: Engine<OrSet<u8>>,
    link: PeerId,
    now: Now,
}

/// Plays the steps.
///
/// # Panics
/// When the node does not keep to what the module says.
pub fn run(steps: &[Step]) {
    let now = Now { mono: Duration::ZERO, wall_ms: 1_700_000_000_000 };
    let mut config = Config::new("fuzz");
    // A log this short makes walks.
    (config.max_update_bytes, config.log_bytes) = (1024, 1024);
    // Limits this low can be reached.
    (config.max_replicas, config.max_runs, config.walk_ranges) = (16, 32, 2);
    (config.max_frame, config.max_chunk_bytes) = (5120, 1024);
    let engine = |seed| Engine::new(config.clone(), [seed; 32], now).expect("a valid configuration");
    let mut scene = Scene { node: engine(1), peer: engine(2), link: PeerId(0), now };
    scene.connect();
    for step in steps {
        scene.play(step);
    }
    scene.reconnect();
    scene.talk();
    let written = scene.node.update(scene.now, |set| set.insert(0));
    assert!(written.is_ok() || steps.iter().any(twists), "only a hostile peer can use up a node's numbers");
}

/// Whether the step may bring the node what no engine writes.
fn twists(step: &Step) -> bool {
    use Step::{Later, PeerFloods, PeerWrites, Reconnect, Talk, Write};
    !matches!(step, Talk | Write(..) | PeerWrites(_) | PeerFloods | Reconnect | Later(_))
}

impl Scene {
    fn connect(&mut self) {
        self.node.connected(self.link, "peer", self.now);
        self.peer.connected(self.link, "node", self.now);
    }

    fn reconnect(&mut self) {
        self.node.disconnected(self.link, self.now);
        self.peer.disconnected(self.link, self.now);
        self.link = PeerId(self.link.0 + 1);
        self.connect();
    }

    fn play(&mut self, step: &Step) {
        match step {
            Step::Talk => self.talk(),
            Step::Twisted { at, to, cut } => self.twist(*at, *to, *cut),
            Step::Noise(version, kind, bytes) => self.take(&[&[*version, *kind], &bytes[..]].concat()),
            Step::Beyond(limit) => self.refuse(&limit.frames(self.node.config())),
            Step::Endless => self.endless(),
            Step::Datagram(change, bytes) => self.datagram(*change, bytes),
            Step::Write(element, true) => drop(self.node.update(self.now, |set| set.insert(*element))),
            Step::Write(element, false) => drop(self.node.update(self.now, |set| set.remove(element))),
            Step::PeerWrites(element) => drop(self.peer.update(self.now, |set| set.insert(*element))),
            Step::PeerFloods => {
                (0..20).for_each(|element| drop(self.peer.update(self.now, |set| set.insert(element))));
            }
            Step::Reconnect => self.reconnect(),
            Step::Later(millis) => {
                self.now = self.now.after(Duration::from_millis((*millis).into()));
                self.node.handle_timeout(self.now);
                self.peer.handle_timeout(self.now);
            }
        }
        while self.node.poll_event().is_some() || self.node.poll_refused().is_some() {}
    }

    /// Both sides send until neither has anything to send.
    fn talk(&mut self) {
        for _ in 0..ENOUGH {
            let (spoke, heard) = (self.speak(), self.hear());
            if !spoke && heard.is_none() {
                return;
            }
        }
        panic!("two engines talk without end");
    }

    /// The node's next frame arrives, if there is one.
    fn speak(&mut self) -> bool {
        let Some(frame) = self.node.poll_transmit(self.link, ROOM, self.now) else { return false };
        assert!(frame.len() <= self.node.config().max_frame);
        // The peer may object to what it never asked for, after a twist.
        let _ = self.peer.handle_frame(self.link, &frame, self.now);
        true
    }

    /// The peer's next frame arrives, if there is one.
    fn hear(&mut self) -> Option<Vec<u8>> {
        let frame = self.peer.poll_transmit(self.link, ROOM, self.now)?;
        self.take(&frame);
        Some(frame)
    }

    fn twist(&mut self, at: u16, to: u8, cut: u8) {
        let Some(mut frame) = self.peer.poll_transmit(self.link, ROOM, self.now) else { return };
        let at = usize::from(at) % frame.len().max(1);
        if let Some(byte) = frame.get_mut(at) {
            *byte = to;
        }
        frame.truncate(frame.len() - usize::from(cut % 8).min(frame.len()));
        self.take(&frame);
    }

    /// The node takes a frame, or the driver closes the connection.
    fn take(&mut self, frame: &[u8]) {
        if self.node.handle_frame(self.link, frame, self.now).is_err() {
            self.reconnect();
        }
    }

    /// The node refuses one of these frames, at the latest the last.
    fn refuse(&mut self, frames: &[Vec<u8>]) {
        let refused = frames.iter().any(|frame| self.node.handle_frame(self.link, frame, self.now).is_err());
        assert!(refused, "a limit is no limit");
        self.reconnect();
    }

    fn endless(&mut self) {
        for _ in 0..ENOUGH {
            let (spoke, heard) = (self.speak(), self.hear());
            let begun = heard.as_deref().and_then(beyond::begun);
            if let Some(walk) = begun.filter(|_| self.node.status().receiving_walk.is_some()) {
                return self.refuse(&beyond::endless_chunk(walk, self.node.config()));
            }
            if !spoke && heard.is_none() {
                return;
            }
        }
    }

    fn datagram(&mut self, change: Option<(u8, u8)>, noise: &[u8]) {
        let mut datagram = noise.to_vec();
        if let Some((at, to)) = change
            && let Some(real) = self.peer.poll_datagram(self.link, self.now)
        {
            datagram = real;
            let at = usize::from(at) % datagram.len().max(1);
            if let Some(byte) = datagram.get_mut(at) {
                *byte = to;
            }
        }
        if self.node.handle_datagram(self.link, &datagram, self.now).is_err() {
            self.reconnect();
        }
    }
}
