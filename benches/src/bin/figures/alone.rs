//! What one addition takes on the stream when nothing else is written.
//!
//! Between engines, without sockets: the same at every run.

use std::time::Duration;

use crdt_benches::load::Failure;
use crdt_core::OrSet;
use crdt_sync::proto::{Config, Engine, Now, PeerId};

use crate::report::Figure;

type Set = Engine<OrSet<String>>;

const ELEMENTS: u64 = 100_000;
const BUDGET: usize = 16 << 10;
const LINK: PeerId = PeerId(0);

pub(crate) fn run(_quick: bool) -> Result<Vec<Figure>, Failure> {
    let mut now = Now { wall_ms: 1_700_000_000_000, ..Now::default() };
    let (mut writer, mut reader) = (engine(1, now)?, engine(2, now)?);
    writer.connected(LINK, "reader", now);
    reader.connected(LINK, "writer", now);
    pass(&mut reader, &mut writer, now)?;
    for number in 0..ELEMENTS {
        writer.update(now, |set| set.insert(element(number)))?;
        pass(&mut writer, &mut reader, now)?;
    }
    writer.update(now, |set| set.insert(element(ELEMENTS)))?;
    let cold = pass(&mut writer, &mut reader, now)?;
    // From now on the writer knows that the reader knows it.
    now = now.after(Duration::from_secs(1));
    reader.handle_timeout(now);
    pass(&mut reader, &mut writer, now)?;
    writer.update(now, |set| set.insert(element(ELEMENTS + 1)))?;
    let warm = pass(&mut writer, &mut reader, now)?;
    if !(0..=ELEMENTS + 1).all(|number| reader.doc().contains(element(number).as_str())) {
        return Err("not what was written".into());
    }
    let what = |when| format!("one addition to {ELEMENTS}, on the stream, {when}");
    Ok(vec![
        Figure::new(what("its writer not yet reported"), cold as f64, "B").at_most(42.0),
        Figure::new(what("its writer known"), warm as f64, "B").at_most(20.0),
    ])
}

fn engine(seed: u8, now: Now) -> Result<Set, Failure> {
    Ok(Engine::new(Config::new("alone"), [seed; 32], now)?)
}

fn element(number: u64) -> String {
    format!("user:{number:06}")
}

/// Passes everything that one has for the other; returns the bytes, with the length before each frame.
fn pass(from: &mut Set, to: &mut Set, now: Now) -> Result<usize, Failure> {
    let mut bytes = 0;
    while let Some(frame) = from.poll_transmit(LINK, BUDGET, now) {
        let length = (frame.len().ilog2() / 7 + 1) as usize;
        bytes += length + frame.len();
        to.handle_frame(LINK, &frame, now)?;
    }
    Ok(bytes)
}
