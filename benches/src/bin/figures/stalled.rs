//! A peer whose stream takes nothing for a quarter of an hour, in virtual time, beside one that follows.

use std::time::{Duration, Instant};

use crdt_benches::load::Failure;
use crdt_core::LwwMap;
use crdt_sync::proto::{Config, Engine, Now, PeerId};

use crate::machine::resident;
use crate::report::Figure;

type Map = Engine<LwwMap<u64, String>>;

const FOLLOWER: PeerId = PeerId(0);
const STALLED: PeerId = PeerId(1);
/// Writes a second, in virtual time.
const RATE: u64 = 10_000;
/// Keys that are written in turn.
const KEYS: u64 = 10_000;
/// The log is full after forty seconds. Then its older half becomes groups, each of another length, and the
/// allocator has found room for all of them when they have been replaced a few times.
const FULL: u64 = 300;
/// From then on memory is to be flat for so long.
const FLAT: u64 = 600;
const BUDGET: usize = 16 << 10;

pub(crate) fn run(quick: bool) -> Result<Vec<Figure>, Failure> {
    let seconds = if quick { FULL + FLAT / 10 } else { FULL + FLAT };
    let begun = Instant::now();
    let mut lab = Lab::new()?;
    let (mut full, mut most) = (0, 0);
    for second in 0..seconds {
        lab.second()?;
        if second + 1 == FULL {
            full = resident()?;
        } else if second >= FULL {
            most = resident()?.max(most);
        }
    }
    lab.check(seconds)?;
    let grown = most.saturating_sub(full) as f64 / f64::from(1 << 20);
    let each = begun.elapsed().as_secs_f64() * 1e6 / (seconds * RATE) as f64;
    let log = lab.writer.status().log_bytes as f64 / f64::from(1 << 20);
    Ok(vec![
        Figure::new(
            format!("a peer stalled for {seconds} s at 10,000 writes/s: growth after the first {FULL}"),
            grown,
            "MiB",
        )
        .at_most(1.0),
        Figure::new("the log then", log, "MiB").at_most(64.0),
        Figure::new("write, send, receive and apply one update, on one core", each, "µs"),
    ])
}

/// Whoever writes, and the peer that follows; the other peer said hello, and nothing since.
struct Lab {
    writer: Map,
    follower: Map,
    now: Now,
    written: u64,
}

impl Lab {
    fn new() -> Result<Self, Failure> {
        let now = Now { wall_ms: 1_700_000_000_000, ..Now::default() };
        let engine = |seed| Engine::new(Config::new("stalled"), [seed; 32], now);
        let (mut writer, mut follower, mut stalled): (Map, Map, Map) = (engine(1)?, engine(2)?, engine(3)?);
        for (engine, peer) in [(&mut follower, FOLLOWER), (&mut stalled, STALLED)] {
            writer.connected(peer, "peer", now);
            engine.connected(peer, "writer", now);
            let hello = engine.poll_transmit(peer, BUDGET, now).ok_or("no hello")?;
            writer.handle_frame(peer, &hello, now)?;
        }
        Ok(Self { writer, follower, now, written: 0 })
    }

    /// A second of writes; the follower takes them every ten milliseconds.
    fn second(&mut self) -> Result<(), Failure> {
        for _ in 0..100 {
            for _ in 0..RATE / 100 {
                let (key, value) = (self.written % KEYS, value(self.written));
                self.writer.update(self.now, |map| map.insert(key, value))?;
                self.written += 1;
            }
            self.pass()?;
            self.now = self.now.after(Duration::from_millis(10));
        }
        Ok(())
    }

    fn pass(&mut self) -> Result<(), Failure> {
        let now = self.now;
        for engine in [&mut self.writer, &mut self.follower] {
            if engine.poll_timeout().is_some_and(|due| due <= now.mono) {
                engine.handle_timeout(now);
            }
            while engine.poll_event().is_some() {}
        }
        while let Some(frame) = self.writer.poll_transmit(FOLLOWER, BUDGET, now) {
            self.follower.handle_frame(FOLLOWER, &frame, now)?;
        }
        while let Some(frame) = self.follower.poll_transmit(FOLLOWER, BUDGET, now) {
            self.writer.handle_frame(FOLLOWER, &frame, now)?;
        }
        Ok(())
    }

    fn check(&self, seconds: u64) -> Result<(), Failure> {
        let first = seconds * RATE - KEYS;
        let map = self.follower.doc();
        let last = (first..self.written).all(|number| map.get(&(number % KEYS)) == Some(&value(number)));
        let equal = self.writer.fingerprint() == self.follower.fingerprint();
        if last && equal && map.len() as u64 == KEYS { Ok(()) } else { Err("a value was lost".into()) }
    }
}

fn value(number: u64) -> String {
    format!("{number:060}")
}
