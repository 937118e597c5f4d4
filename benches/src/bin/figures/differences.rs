//! Two large states that are nearly equal, and a log that no longer reaches back.
//!
//! Between engines, without sockets: bytes and turns are the same at every run.

use std::time::Duration;

use crdt_benches::load::Failure;
use crdt_core::LwwMap;
use crdt_sync::proto::{Config, Engine, Now, PeerId};

use crate::machine::processor_time;
use crate::report::Figure;

type Map = Engine<LwwMap<u64, u64>>;

/// How often a key was written, on average: once, and then again as chance has it.
const ROUNDS: u64 = 4;
/// Writes in one update while the states are built.
const TOGETHER: usize = 20;
/// Keys that are written again while the two are apart.
const DIFFERENCES: u64 = 100;
const PEER: PeerId = PeerId(0);
const AGAIN: PeerId = PeerId(1);
const BUDGET: usize = 16 << 10;

pub(crate) fn run(quick: bool) -> Result<Vec<Figure>, Failure> {
    let keys = if quick { 100_000 } else { 1_000_000 };
    let mut lab = Lab::new()?;
    lab.fill(keys)?;
    lab.talk(PEER)?;
    lab.here.disconnected(PEER, lab.now);
    lab.there.disconnected(PEER, lab.now);
    for n in 0..DIFFERENCES {
        // A prime, so that they lie anywhere.
        lab.write(&[n * 7_368_787 % keys])?;
    }
    let talk = lab.talk(AGAIN)?;
    lab.check()?;
    let what =
        |what| format!("{DIFFERENCES} differences in {keys} keys written {ROUNDS} times, log gone: {what}");
    let worst = talk.busy[0].max(talk.busy[1]).as_secs_f64() * 1e3;
    Ok(vec![
        Figure::new(what("bytes both ways"), talk.bytes as f64 / 1024.0, "KiB").at_most(64.0),
        Figure::new(what("half-rounds, greeting and all"), talk.turns as f64, ""),
        Figure::new(what("half-rounds from the request to the end"), talk.walk as f64, "").at_most(6.0),
        Figure::new(what("processor time of the busier side"), worst, "ms").at_most(50.0),
    ])
}

/// What two nodes said until both were silent.
#[derive(Default)]
struct Talk {
    bytes: usize,
    turns: usize,
    /// Turns from the receiver's request on, to the donor's last word of the walk.
    walk: usize,
    busy: [Duration; 2],
}

struct Lab {
    here: Map,
    there: Map,
    now: Now,
    /// The value of each key, as it must be in the end, and how many writes there were.
    values: Vec<u64>,
    writes: u64,
}

impl Lab {
    fn new() -> Result<Self, Failure> {
        let now = Now { wall_ms: 1_700_000_000_000, ..Now::default() };
        let mut config = Config::new("differences");
        // The least log that there can be: about a dozen updates.
        (config.max_update_bytes, config.log_bytes) = (1024, 1024);
        let engine = |seed| Engine::new(config.clone(), [seed; 32], now);
        Ok(Self { here: engine(1)?, there: engine(2)?, now, values: Vec::new(), writes: 0 })
    }

    fn fill(&mut self, keys: u64) -> Result<(), Failure> {
        self.values = vec![0; keys as usize];
        let mut state = 1;
        let mut keys: Vec<u64> =
            (0..ROUNDS * keys).map(|n| if n < keys { n } else { random(&mut state) % keys }).collect();
        // In any order, so that what is written again lies anywhere.
        (1..keys.len())
            .rev()
            .for_each(|end| keys.swap(end, (random(&mut state) % (end as u64 + 1)) as usize));
        keys.chunks(TOGETHER).try_for_each(|keys| self.write(keys))
    }

    /// Writes these keys here, in one update.
    fn write(&mut self, keys: &[u64]) -> Result<(), Failure> {
        let before = self.writes;
        self.writes += keys.len() as u64;
        for (&key, value) in keys.iter().zip(before..) {
            self.values[key as usize] = value;
        }
        self.here.update(self.now, |map| {
            keys.iter().zip(before..).for_each(|(key, value)| map.insert(*key, value))
        })?;
        Ok(())
    }

    /// Connects the two and lets them speak in turns.
    fn talk(&mut self, peer: PeerId) -> Result<Talk, Failure> {
        self.here.connected(peer, "there", self.now);
        self.there.connected(peer, "here", self.now);
        let (mut talk, mut silent, mut requested) = (Talk::default(), 0, None);
        let walks = (self.here.status().counters.walks_out, self.there.status().counters.walks_in_complete);
        while silent < 2 {
            for side in [0, 1] {
                let said = self.turn(side, peer, &mut talk)?;
                silent = if said { 0 } else { silent + 1 };
                talk.turns += usize::from(said);
                if self.here.status().counters.walks_out > walks.0 {
                    requested.get_or_insert(talk.turns - 1);
                }
                if self.there.status().counters.walks_in_complete > walks.1 && talk.walk == 0 {
                    talk.walk = talk.turns - requested.unwrap_or(0);
                }
            }
        }
        Ok(talk)
    }

    /// Lets one side say all that it has to say. Returns whether that is anything.
    fn turn(&mut self, side: usize, peer: PeerId, talk: &mut Talk) -> Result<bool, Failure> {
        let (from, to) = match side {
            0 => (&mut self.here, &mut self.there),
            _ => (&mut self.there, &mut self.here),
        };
        let mut frames = Vec::new();
        let begun = processor_time()?;
        while let Some(frame) = from.poll_transmit(peer, BUDGET, self.now) {
            frames.push(frame);
        }
        let said = processor_time()?;
        for frame in &frames {
            to.handle_frame(peer, frame, self.now)?;
        }
        talk.busy[side] += said - begun;
        talk.busy[1 - side] += processor_time()? - said;
        talk.bytes += frames.iter().map(Vec::len).sum::<usize>();
        Ok(!frames.is_empty())
    }

    fn check(&self) -> Result<(), Failure> {
        let (here, there) = (self.here.doc(), self.there.doc());
        let kept = there.len() == self.values.len()
            && self.values.iter().zip(0..).all(|(value, key)| there.get(&key) == Some(value));
        let equal = here.fingerprint() == there.fingerprint() && self.here.vector() == self.there.vector();
        if kept && equal { Ok(()) } else { Err("a write was lost".into()) }
    }
}

/// The next number of a sequence that looks random. (Marsaglia 2003: xorshift.)
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
