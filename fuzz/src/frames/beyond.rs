//! Frames that no node may accept: each goes beyond one limit, and is well-formed otherwise.
//!
//! They are written by hand from the table of frames in `crdt-sync`, which shares no code with this.

use arbitrary::Arbitrary;
use crdt_sync::proto::Config;

const VERSION: u8 = 1;
/// The only update of a frame, in full, of an origin that is named in full.
const LONE: u8 = 0x83;
const APPLIED: u8 = 3;
const BEGIN: u8 = 8;
const CHUNK: u8 = 9;
const DURABLE: u8 = 12;

/// A limit, and how it is exceeded.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Beyond {
    /// A frame is longer than any may be.
    Frame,
    /// One update is larger than agreed.
    Update,
    /// One vector names too many replicas.
    Replicas,
    /// One vector has too many runs.
    Runs,
    /// Report after report names another replica.
    Reports(bool),
    /// The number of an update is zero, or beyond the last one.
    Number(bool),
}

impl Beyond {
    /// Frames of which a node refuses one at least.
    pub(super) fn frames(self, config: &Config) -> Vec<Vec<u8>> {
        let (replicas, runs) = (config.max_replicas as u64 + 1, config.max_runs as u64 + 1);
        match self {
            Self::Frame => vec![piece(0, 0, config.max_frame)],
            Self::Update => vec![update(0, config.max_update_bytes as u64 / 2)],
            Self::Replicas => vec![vector(APPLIED, replicas, 1)],
            Self::Runs => vec![vector(APPLIED, 1, runs)],
            Self::Reports(durable) => (1..=replicas).map(|id| report(durable, id)).collect(),
            Self::Number(zero) => vec![update(if zero { 1 } else { 1 << 63 }, 1)],
        }
    }
}

/// The id of the walk that this frame begins, if it begins one.
pub(super) fn begun(frame: &[u8]) -> Option<u64> {
    let [VERSION, BEGIN, rest @ ..] = frame else { return None };
    let len = rest.iter().position(|byte| byte & 0x80 == 0)?;
    Some(rest[..=len].iter().rev().fold(0, |id, byte| id << 7 | u64::from(byte & 0x7f)))
}

/// Pieces of one chunk of this walk that never ends.
pub(super) fn endless_chunk(walk: u64, config: &Config) -> Vec<Vec<u8>> {
    (0..2).map(|index| piece(walk, index, config.max_chunk_bytes / 2 + 1)).collect()
}

/// A piece of a chunk, and not the last.
fn piece(walk: u64, index: u64, len: usize) -> Vec<u8> {
    let mut frame = vec![VERSION, CHUNK];
    [walk, index, 0].iter().for_each(|field| number(&mut frame, *field));
    frame.resize(frame.len() + len, 0);
    frame
}

/// An update that takes away so many dots of another replica than its origin, every second one, of
/// two bytes each. `step` is its number less one, in the zigzag code.
fn update(step: u64, runs: u64) -> Vec<u8> {
    let mut delta = vec![1, 1];
    delta.extend([0xdd; 16]);
    delta.push(0);
    number(&mut delta, runs);
    delta.extend([0, 0].repeat(runs as usize));
    let mut frame = vec![LONE];
    frame.extend([0xee; 16]);
    number(&mut frame, step);
    frame.extend(delta);
    frame
}

/// A report that one update of one more replica was applied, or stored.
fn report(durable: bool, id: u64) -> Vec<u8> {
    let mut frame = vec![VERSION, if durable { DURABLE } else { APPLIED }, 1];
    frame.extend(u128::from(id).to_be_bytes());
    frame.extend([1, 0, 0]);
    frame
}

/// So many replicas, with so many runs each: every second number.
fn vector(kind: u8, replicas: u64, runs: u64) -> Vec<u8> {
    let mut frame = vec![VERSION, kind];
    number(&mut frame, replicas);
    for id in 1..=replicas {
        frame.extend(u128::from(id).to_be_bytes());
        number(&mut frame, runs);
        frame.extend([0, 0].repeat(runs as usize));
    }
    frame
}

fn number(to: &mut Vec<u8>, mut rest: u64) {
    while rest >= 0x80 {
        to.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}
