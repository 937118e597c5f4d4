//! What a node is sent when it comes back and the log still has what it missed.
//!
//! Between engines, without sockets: bytes of frames, both ways, from the greeting on, the same at
//! every run.

use std::time::Duration;

use crdt_benches::load::Failure;
use crdt_core::OrSet;
use crdt_sync::proto::{Config, Engine, Now, PeerId};

use crate::report::Figure;

type Set = Engine<OrSet<String>>;

/// Who writes.
const WRITERS: u64 = 50;
const ELEMENTS: u64 = 100_000;
/// Of what is missing, each writer has an equal part.
const ADDS: u64 = 1_000;
const REMOVALS: u64 = 100;
/// Bytes of an element, and what MessagePack puts before them.
const ELEMENT: usize = 40;
const ENTRY: u64 = ELEMENT as u64 + 2;
/// What a dot takes in a run of dots.
const DOT: u64 = 2;
const BUDGET: usize = 16 << 10;
/// Between one step and the next.
const AWAY: Duration = Duration::from_secs(60);

pub(crate) fn run(_quick: bool) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for together in [1, 10] {
        let sent = bytes(together)? as f64;
        let floor = (ADDS * (ENTRY + DOT) + REMOVALS * DOT) as f64;
        let what = format!(
            "reconnect: {ADDS} missing of {ELEMENT} B, {REMOVALS} removals, {together} to an update: bytes over payload and dots"
        );
        figures.push(Figure::new(what, sent / floor, "").at_most(1.1));
    }
    Ok(figures)
}

/// What passes between two nodes after one missed so much, written so many at a time.
fn bytes(together: u64) -> Result<u64, Failure> {
    let mut lab = Lab::new()?;
    for writer in 0..WRITERS {
        let own: Vec<u64> = (writer..ELEMENTS).step_by(WRITERS as usize).collect();
        for elements in own.chunks(100) {
            lab.write(writer, elements, &[])?;
        }
    }
    let (mut hub, mut back) = (lab.hub, lab.back);
    lab.now = lab.now.after(AWAY);
    connect((&mut hub, PeerId(WRITERS)), (&mut back, PeerId(0)), lab.now)?;
    back.disconnected(PeerId(0), lab.now);
    hub.disconnected(PeerId(WRITERS), lab.now);
    (lab.hub, lab.back) = (hub, back);
    lab.now = lab.now.after(AWAY);

    for writer in 0..WRITERS {
        let new: Vec<u64> = (ELEMENTS + writer..ELEMENTS + ADDS).step_by(WRITERS as usize).collect();
        let gone: Vec<u64> = (writer..REMOVALS).step_by(WRITERS as usize).collect();
        new.chunks(together as usize).try_for_each(|elements| lab.write(writer, elements, &[]))?;
        gone.chunks(together as usize).try_for_each(|elements| lab.write(writer, &[], elements))?;
    }
    lab.now = lab.now.after(AWAY);
    let bytes = connect((&mut lab.hub, PeerId(WRITERS + 1)), (&mut lab.back, PeerId(1)), lab.now)?;
    lab.check()?;
    Ok(bytes)
}

/// Writers around a hub, and one who comes back.
struct Lab {
    writers: Vec<Set>,
    hub: Set,
    back: Set,
    now: Now,
}

impl Lab {
    fn new() -> Result<Self, Failure> {
        let now = Now { wall_ms: 1_700_000_000_000, ..Now::default() };
        let engine = |seed: u64| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            Engine::new(Config::new("reconnect"), bytes, now)
        };
        let writers: Result<Vec<Set>, _> = (0..WRITERS).map(engine).collect();
        let mut lab = Self { writers: writers?, hub: engine(WRITERS)?, back: engine(WRITERS + 1)?, now };
        for (number, writer) in (0..).zip(&mut lab.writers) {
            connect((&mut lab.hub, PeerId(number)), (writer, PeerId(0)), now)?;
        }
        Ok(lab)
    }

    /// Lets a writer write, and the hub have it.
    fn write(&mut self, writer: u64, added: &[u64], removed: &[u64]) -> Result<(), Failure> {
        let engine = &mut self.writers[writer as usize];
        engine.update(self.now, |set| {
            added.iter().for_each(|number| set.insert(element(*number)));
            for number in removed {
                set.remove(element(*number).as_str());
            }
        })?;
        while let Some(frame) = engine.poll_transmit(PeerId(0), BUDGET, self.now) {
            self.hub.handle_frame(PeerId(writer), &frame, self.now)?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Failure> {
        let (set, gone) = (self.back.doc(), 0..REMOVALS);
        let kept = (REMOVALS..ELEMENTS + ADDS).all(|number| set.contains(element(number).as_str()));
        let absent = !gone.clone().any(|number| set.contains(element(number).as_str()));
        let equal = self.hub.fingerprint() == self.back.fingerprint();
        let walks = self.back.status().counters.walks_in;
        if kept && absent && equal && walks == 0 { Ok(()) } else { Err("not what was written".into()) }
    }
}

fn element(number: u64) -> String {
    format!("{number:0ELEMENT$}")
}

/// Connects two nodes and passes frames until neither has any, its reports included; returns their
/// bytes.
fn connect(
    (one, to_other): (&mut Set, PeerId),
    (other, to_one): (&mut Set, PeerId),
    now: Now,
) -> Result<u64, Failure> {
    one.connected(to_other, "other", now);
    other.connected(to_one, "one", now);
    let mut bytes = 0;
    for now in [now, now.after(one.config().ack_delay)] {
        one.handle_timeout(now);
        other.handle_timeout(now);
        loop {
            let there = one.poll_transmit(to_other, BUDGET, now);
            let back = other.poll_transmit(to_one, BUDGET, now);
            if there.is_none() && back.is_none() {
                break;
            }
            bytes += there.iter().chain(&back).map(|frame| frame.len() as u64).sum::<u64>();
            there.map_or(Ok(()), |frame| other.handle_frame(to_one, &frame, now))?;
            back.map_or(Ok(()), |frame| one.handle_frame(to_other, &frame, now))?;
        }
    }
    Ok(bytes)
}
