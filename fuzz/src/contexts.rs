//! Sets of dots, in whatever bytes, against sets of ranges that are kept naively.

use crdt_core::clock::{CausalContext, VersionVector};
use crdt_core::{Dot, OrSet, ReplicaId};
use crdt_sync::proto::Token;

use crate::envelope::{Ranges, normal, without};
use crate::history;

/// Two sets in MessagePack: what is accepted is in canonical form, and the operations on sets are
/// those of sets.
///
/// # Panics
/// When a promise is broken.
pub fn run(bytes: &[u8]) {
    let Ok((a, b)) = rmp_serde::from_slice::<(CausalContext, CausalContext)>(bytes) else { return };
    let (here, there) = (ranges(&a), ranges(&b));
    assert_eq!((&normal(here.clone()), &normal(there.clone())), (&here, &there), "runs are maximal");
    let packed = rmp_serde::to_vec(&(&a, &b)).expect("a set has bytes");
    let back: (Token, CausalContext) = rmp_serde::from_slice(&packed).expect("own bytes are accepted");
    assert_eq!(back, (Token::new(a.clone()), b.clone()));

    let mut union = a.clone();
    let grew = union.union_with(&b);
    let mut expected = here.clone();
    there.iter().for_each(|(id, runs)| expected.entry(*id).or_default().extend(runs));
    assert_eq!(ranges(&union), normal(expected));
    assert_eq!(grew, union != a);
    assert_eq!(ranges(&a.difference(&b)), without(&here, &there));
    assert_eq!(ranges(&a.intersection(&b)), without(&here, &without(&here, &there)));
    assert_eq!(a.is_superset(&b), without(&there, &here).is_empty());
    edges(&a, &b);
}

/// Every number at an edge of a run is in the set, and its neighbour is not.
fn edges(a: &CausalContext, b: &CausalContext) {
    for (id, runs) in a.iter() {
        for (first, last) in runs.iter() {
            let inside = [first, last].map(|seq| Dot::new(id, seq));
            assert!(inside.iter().all(|dot| a.contains(*dot)));
            let outside =
                [first.checked_sub(1), last.checked_add(1)].map(|seq| seq.map(|seq| Dot::new(id, seq)));
            assert!(!outside.iter().flatten().any(|dot| a.contains(*dot)));
            assert!(!b.difference(a).contains(inside[0]));
        }
        assert_eq!(a.max(id), runs.iter().last().map_or(0, |(_, last)| last));
    }
    let (left, right) = (VersionVector::from(a), VersionVector::from(b));
    assert!(!a.is_superset(b) || left.covers(&right));
}

/// A walk to a receiver with any context: nothing goes out that the receiver has seen live, and
/// everything else does.
///
/// # Panics
/// When a promise is broken.
pub fn walk(bytes: &[u8], size: u8) {
    let Ok(context) = rmp_serde::from_slice::<CausalContext>(bytes) else { return };
    let donor = history::doc::<OrSet<u8>>();
    let mut live = CausalContext::default();
    let mut dead = CausalContext::default();
    for chunk in history::chunks(&donor, &context, usize::from(size % 8)) {
        assert!(chunk.entries().is_empty() || dead.is_empty(), "what is gone goes out last");
        live.union_with(&chunk.entries().iter().map(|(dot, _)| *dot).collect());
        dead.union_with(chunk.dead());
    }
    let state = donor.to_delta();
    let entries: CausalContext = state.entries().iter().map(|(dot, _)| *dot).collect();
    assert_eq!(live, entries.difference(&context));
    assert_eq!(&dead, state.dead());
}

fn ranges(context: &CausalContext) -> Ranges {
    let of = |id: ReplicaId| *id.as_bytes();
    context.iter().map(|(id, runs)| (of(id), runs.iter().collect())).collect()
}
