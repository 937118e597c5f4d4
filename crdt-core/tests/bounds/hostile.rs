//! Bytes that lie, of every type.

use std::fmt::{Debug, Write};

use crdt_core::codec::{Limits, Wire};
use crdt_core::{Delta, Doc, Dot};

use super::samples::{Visit, each};
use super::{requested, turn};

/// What stands in place of a byte, or before it: the ends of ranges, heads of MessagePack values that
/// claim to be long, numbers of 64 and of 128 bits, and values in values.
fn lies() -> Vec<Vec<u8>> {
    let bytes = [0, 1, 2, 0x7f, 0x80, 0xc0, 0xc1, 0xc3, 0xe0, 0xff].map(|byte| vec![byte]);
    let heads = [0xc6, 0xc9, 0xdb, 0xdd, 0xdf].map(|head| vec![head, 0xff, 0xff, 0xff, 0xff]);
    let numbers = [9, 10, 18, 19].map(|ones| [vec![0xff; ones], vec![1]].concat());
    let counts = [vec![0xff, 0x0f], vec![0xff, 0xff, 0x03]];
    let deep = [0x91, 0x81].map(|nest| vec![nest; 3_000]);
    bytes.into_iter().chain(heads).chain(numbers).chain(counts).chain(deep).collect()
}

struct Hostile;

impl Visit for Hostile {
    fn visit<T: Wire + Debug>(&mut self, name: &str, one: &Delta<T>) {
        let compact = one.encode_compact().unwrap();
        for honest in [one.encode().unwrap(), twice(&compact), compact] {
            let decoded = Delta::<T>::decode(&honest, &Limits::default()).expect(name);
            assert!(decoded.context().is_superset(&one.context()), "{name}");
            for at in 0..honest.len() {
                assert!(Delta::<T>::decode(&honest[..at], &Limits::default()).is_err(), "{name} cut at {at}");
                for lie in lies() {
                    survive::<T>(name, &[&honest[..at], &lie, &honest[at + 1..]].concat());
                    survive::<T>(name, &[&honest[..at], &lie, &honest[at..]].concat());
                }
            }
        }
    }
}

/// Version 3 of a delta with this entry under two dots, of which the second one comes first.
fn twice(compact: &[u8]) -> Vec<u8> {
    // Version, one id, one live run of one, no run that is gone, then the entry, which shares nothing.
    let (head, entry) = compact.split_at(22);
    let bytes = &entry[2..];
    let shared = bytes.len().min(63);
    let again = [&[shared as u8 * 2 + 1][..], &bytes[shared..]].concat();
    [&[3], &head[1..20], &[1, 0], &[1], entry, &[0], &again].concat()
}

/// It is refused, or is a delta like any other; and it takes no more memory than its length allows.
fn survive<T: Wire + Debug>(name: &str, bytes: &[u8]) {
    let limits = Limits { max_entries: 1 << 12, max_replicas: 1 << 6, ..Limits::default() };
    let (asked, decoded) = requested(|| Delta::<T>::decode(bytes, &limits));
    let bound = (256 + 4 * size_of::<(Dot, T::Entry)>()) * (bytes.len() + 16);
    assert!(asked <= bound, "{name}: {asked} bytes of memory for {} of input", bytes.len());
    let (asked, read) = requested(|| Doc::<T>::decode(bytes, &limits));
    assert!(asked <= bound, "{name}: {asked} bytes of memory for {} of input", bytes.len());
    assert_eq!(decoded.as_ref().err(), read.as_ref().err(), "{name}: {bytes:?}");
    let Ok(delta) = decoded else { return };
    let mut doc = Doc::<T>::default();
    doc.merge(delta.clone());
    assert_eq!(read.as_ref(), Ok(&doc), "{name}: {bytes:?}");
    assert_eq!(doc.live_len(), delta.entries().len(), "{name}: {bytes:?}");
    let mut printed = String::new();
    write!(printed, "{doc:?} {:?} {:?}", doc.stats(), doc.find_conflicts().len()).unwrap();
    assert_eq!(Doc::<T>::decode(&doc.encode().unwrap(), &limits).as_ref(), Ok(&doc), "{name}: {bytes:?}");
}

#[test]
fn bytes_that_lie_are_refused_or_harmless_for_every_type() {
    let _turn = turn();
    each(&mut Hostile);
}
