//! Unique ids.

use std::collections::HashSet;

use crdt_core::clock::Clock;
use crdt_core::{IdGen, Replica, ReplicaId, UniqueId};

struct Stuck(u64);

impl Clock for Stuck {
    fn now_millis(&mut self) -> u64 {
        self.0
    }
}

#[test]
fn three_partitioned_generators_make_a_million_ids_and_no_duplicate() {
    let mut seen = HashSet::new();
    for id in 1..=3 {
        // All three clocks have stopped at the same millisecond.
        let replica = Replica::with_clock(ReplicaId::from_u128(id), Stuck(1_700_000_000_000));
        let ids: Vec<UniqueId> = IdGen::new(replica).take(333_334).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        seen.extend(ids);
    }
    assert_eq!(seen.len(), 3 * 333_334);
}

#[test]
fn ids_sort_as_their_texts_do() {
    let mut early = IdGen::new(Replica::with_clock(ReplicaId::from_u128(u128::MAX), Stuck(5)));
    let mut late = IdGen::new(Replica::with_clock(ReplicaId::from_u128(1), Stuck(6)));
    let (first, second) = (early.id(), late.id());
    assert!(first < second && first.to_string() < second.to_string());
    assert_eq!(first.to_string().len(), 48);
}

#[test]
fn a_clock_at_its_end_makes_no_duplicates() {
    let mut ids = IdGen::new(Replica::with_clock(ReplicaId::from_u128(1), Stuck(u64::MAX)));
    let (first, second) = (ids.id(), ids.id());
    assert!(first < second);
}

#[test]
fn an_id_is_24_bytes_or_48_digits_and_nothing_else_is_one() {
    let id = IdGen::new(Replica::with_clock(ReplicaId::from_u128(7), Stuck(5))).id();
    let bytes = rmp_serde::to_vec(&id).unwrap();
    assert_eq!(bytes.len(), 2 + 24);
    assert_eq!(rmp_serde::from_slice::<UniqueId>(&bytes).unwrap(), id);
    let text = serde_json::to_string(&id).unwrap();
    assert_eq!((text.len(), serde_json::from_str::<UniqueId>(&text).unwrap()), (2 + 48, id));

    let digits = id.to_string();
    assert_eq!(digits.to_uppercase().parse(), Ok(id));
    for wrong in ["", &digits[1..], &format!("0{digits}"), &format!("+{}", &digits[1..]), &"ü".repeat(24)] {
        assert!(wrong.parse::<UniqueId>().is_err(), "{wrong}");
    }
    assert!(rmp_serde::from_slice::<UniqueId>(&bytes[..25]).is_err());
    let short = [&[0xc4, 23][..], &bytes[3..]].concat();
    assert!(rmp_serde::from_slice::<UniqueId>(&short).is_err(), "23 bytes");
}
