//! Many entries at one place, which no honest writer leaves: they cost their number, not its square.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use crdt_core::clock::CausalContext;
use crdt_core::codec::{Limits, Wire, Writer};
use crdt_core::{Delta, Doc};

use super::samples::{Visit, each};
use super::turn;

/// How many, and how many times as many.
const FEW: usize = 2_000;
const TIMES: usize = 10;

/// The large crowd takes as long as that many small ones, or if it costs its square ten times as long.
/// Other programs on the machine are in the way of both, so one try of several is enough.
const MOST: u32 = 4;
const TRIES: usize = 5;

struct Crowds;

impl Visit for Crowds {
    fn visit<T: Wire + Debug>(&mut self, name: &str, one: &Delta<T>) {
        let bytes = one.encode().unwrap();
        // Version, one id, one live run of one, no run that is gone, then the entry.
        let (head, entry) = bytes.split_at(22);
        assert_eq!(head[18..], [1, 0, 0, 0], "{name}");
        let crowd = |size: usize| [&head[..20], &number(size - 1), &[0], &entry.repeat(size)].concat();
        let gone = |size: usize| [&head[..18], &[0, 1, 0], &number(size - 1)].concat();
        let time = |size: usize| come_and_go::<T>(&crowd(size), &gone(size), size);
        let tries = (0..TRIES).map(|_| ((0..TIMES).map(|_| time(FEW)).sum::<Duration>(), time(TIMES * FEW)));
        let slow: Vec<_> = tries.take_while(|(few, many)| *many > MOST * *few).collect();
        assert!(slow.len() < TRIES, "{name}: {TIMES} times {FEW}, and {TIMES} times as many, took {slow:?}");
    }
}

/// Decodes a crowd, walks through it, encodes it, and merges its removal.
#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
fn come_and_go<T: Wire>(crowd: &[u8], gone: &[u8], size: usize) -> Duration {
    let begun = Instant::now();
    let mut doc = Doc::<T>::decode(crowd, &Limits::default()).unwrap();
    let chunk = doc.walk(&CausalContext::default(), 0).next_chunk(&doc, size, usize::MAX, |_| 0).unwrap();
    assert_eq!(chunk.entries().len(), size);
    assert_eq!(doc.encode().unwrap(), crowd);
    doc.merge(Delta::decode(gone, &Limits::default()).unwrap());
    assert_eq!(doc.live_len(), 0);
    begun.elapsed()
}

fn number(number: usize) -> Vec<u8> {
    let mut out = Writer::default();
    out.number(number as u64);
    out.into_bytes()
}

#[test]
fn a_crowd_at_one_place_costs_its_number_for_every_type() {
    let _turn = turn();
    each(&mut Crowds);
}
