//! Many entries at one place, which no honest writer leaves: they cost their number, not its square.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use crdt_core::codec::{Limits, Wire, Writer};
use crdt_core::{Delta, Doc};

use super::samples::{Visit, each};
use super::turn;

/// How many, and ten times as many.
const FEW: usize = 2_000;
const MANY: usize = 10 * FEW;

/// Linear growth is 10, quadratic growth 100; other programs on the machine add to both.
const MOST_GROWTH: u32 = 60;

struct Crowds;

impl Visit for Crowds {
    fn visit<T: Wire + Debug>(&mut self, name: &str, one: &Delta<T>) {
        let bytes = one.encode().unwrap();
        // Version, one id, one live run of one, no run that is gone, then the entry.
        let (head, entry) = bytes.split_at(22);
        assert_eq!(head[18..], [1, 0, 0, 0], "{name}");
        let crowd = |size: usize| [&head[..20], &number(size - 1), &[0], &entry.repeat(size)].concat();
        let gone = |size: usize| [&head[..18], &[0, 1, 0], &number(size - 1)].concat();
        let time = |size: usize| {
            let (crowd, gone) = (crowd(size), gone(size));
            let tries = (0..3).map(|_| come_and_go::<T>(&crowd, &gone, size));
            tries.min().unwrap_or_default()
        };
        let (few, many) = (time(FEW), time(MANY));
        assert!(
            many < MOST_GROWTH * few.max(Duration::from_millis(1)),
            "{name}: {few:?} for {FEW}, {many:?} for {MANY}"
        );
    }
}

/// Decodes and merges a crowd and its removal.
#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
fn come_and_go<T: Wire>(crowd: &[u8], gone: &[u8], size: usize) -> Duration {
    let begun = Instant::now();
    let mut doc = Doc::<T>::decode(crowd, &Limits::default()).unwrap();
    assert_eq!(doc.live_len(), size);
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
