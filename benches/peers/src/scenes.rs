//! The work: every row measured once, for one contender, and what it ends with compared with what
//! it should.

use std::fmt;
use std::hint::black_box;

use crate::contender::{Contender, Items};
use crate::measure::{heap, nanos};
use crate::rows::Row;

/// How much work.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Elements of a state.
    pub elements: usize,
    /// Elements of the small and the large state, between which a one-element merge grows.
    pub growth: (usize, usize),
}

/// The numbers of one contender in one repetition.
pub type Sheet = Vec<(Row, f64)>;

/// A contender ended with something else than what was written.
#[derive(Debug)]
pub struct Wrong {
    /// During which row.
    row: Row,
    found: usize,
    expected: usize,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, found, expected } = self;
        write!(f, "{}: the contents are wrong ({found} found, {expected} expected)", row.name())
    }
}

/// Measures every row once.
pub fn run<C: Contender>(scale: Scale, valued: bool) -> Result<Sheet, Wrong> {
    let n = scale.elements;
    let items = Items::numbered(0, n, valued);
    let others = Items::numbered(n, n, valued);
    let mut sheet = Sheet::new();

    let (bytes, state) = heap(|| fill::<C>(1, &items));
    sheet.push((Row::Heap, bytes / n as f64));
    insert::<C>(&items, &mut sheet)?;
    look_up(&state, &items, &others, &mut sheet)?;
    merge_disjoint(&state, [&items, &others, &Items::numbered(2 * n, n, valued)], &mut sheet)?;
    merge_similar(&state, &items, valued, &mut sheet)?;
    whole_state(&state, &items, &mut sheet)?;
    single_writes(state, &items, valued, &mut sheet)?;
    stream::<C>(&items, &mut sheet)?;

    let (small, large) = scale.growth;
    let grown = one_delta::<C>(large, 1, valued)? / one_delta::<C>(small, 20, valued)?;
    sheet.push((Row::Growth, grown));
    Ok(sheet)
}

/// A state with these elements; also the copies of the keys are made here.
fn fill<C: Contender>(replica: u32, items: &Items) -> C {
    let mut state = C::new(replica);
    for item in items.iter() {
        state.put(item.clone());
    }
    state
}

fn check<C: Contender>(row: Row, state: &C, parts: &[&Items]) -> Result<(), Wrong> {
    let (found, expected) = (state.contents(), Items::contents(parts));
    if found == expected {
        return Ok(());
    }
    Err(Wrong { row, found: found.len(), expected: expected.len() })
}

fn insert<C: Contender>(items: &Items, sheet: &mut Sheet) -> Result<(), Wrong> {
    let (mut state, writes) = (C::new(1), items.take());
    let (time, ()) = nanos(|| {
        for item in writes {
            black_box(state.put(item));
        }
    });
    sheet.push((Row::Insert, time / items.len() as f64));
    check(Row::Insert, &state, &[items])
}

fn look_up<C: Contender>(state: &C, items: &Items, others: &Items, sheet: &mut Sheet) -> Result<(), Wrong> {
    for (row, items, expected) in [(Row::Hit, items, items.len()), (Row::Miss, others, 0)] {
        let keys = items.keys();
        let (time, found) = nanos(|| keys.iter().filter(|key| state.has(key)).count());
        sheet.push((row, time / keys.len() as f64));
        if found != expected {
            return Err(Wrong { row, found, expected });
        }
    }
    Ok(())
}

fn merge_disjoint<C: Contender>(state: &C, parts: [&Items; 3], sheet: &mut Sheet) -> Result<(), Wrong> {
    let (second, third) = (fill::<C>(2, parts[1]), fill::<C>(3, parts[2]));
    let mut merged = state.fork(4);
    let (time, ()) = nanos(|| {
        merged.merge(&second);
        merged.merge(&third);
    });
    let joined = parts[1].len() + parts[2].len();
    sheet.push((Row::MergeDisjoint, time / joined as f64));
    check(Row::MergeDisjoint, &merged, &parts)
}

fn merge_similar<C: Contender>(
    state: &C,
    items: &Items,
    valued: bool,
    sheet: &mut Sheet,
) -> Result<(), Wrong> {
    let mut merged = state.fork(2);
    let (time, ()) = nanos(|| merged.merge(state));
    sheet.push((Row::MergeIdentical, time / items.len() as f64));
    check(Row::MergeIdentical, &merged, &[items])?;

    let few = items.len() / 200;
    let ours = Items::numbered(items.len(), few, valued);
    let theirs = Items::numbered(items.len() + few, few, valued);
    let (mut near, mut other) = (state.fork(2), state.fork(3));
    ours.take().into_iter().for_each(|item| drop(near.put(item)));
    theirs.take().into_iter().for_each(|item| drop(other.put(item)));
    let (time, ()) = nanos(|| near.merge(&other));
    sheet.push((Row::MergeNear, time / items.len() as f64));
    check(Row::MergeNear, &near, &[items, &ours, &theirs])
}

fn whole_state<C: Contender>(state: &C, items: &Items, sheet: &mut Sheet) -> Result<(), Wrong> {
    let n = items.len() as f64;
    let (time, bytes) = nanos(|| state.encode());
    sheet.push((Row::Encode, time / n));
    sheet.push((Row::Bytes, bytes.len() as f64 / n));
    let (time, decoded) = nanos(|| C::decode(&bytes, 2));
    sheet.push((Row::Decode, time / n));
    check(Row::Decode, &decoded, &[items])
}

/// A hundredth as many writes again, each encoded, then each decoded and joined by another replica.
fn single_writes<C: Contender>(
    mut state: C,
    items: &Items,
    valued: bool,
    sheet: &mut Sheet,
) -> Result<(), Wrong> {
    let more = Items::numbered(2 * items.len(), items.len() / 100, valued);
    let count = more.len() as f64;
    let mut receiver = state.fork(2);

    let writes = more.take();
    let (time, frames) =
        nanos(|| writes.into_iter().map(|item| C::encode_delta(&state.put(item))).collect::<Vec<_>>());
    sheet.push((Row::AddEncode, time / count));
    let bytes: usize = frames.iter().map(Vec::len).sum();
    sheet.push((Row::DeltaBytes, bytes as f64 / count));

    let (time, ()) = nanos(|| {
        for frame in &frames {
            receiver.merge_delta(C::decode_delta(frame));
        }
    });
    sheet.push((Row::DecodeMerge, time / count));
    check(Row::AddEncode, &state, &[items, &more])?;
    check(Row::DecodeMerge, &receiver, &[items, &more])
}

fn stream<C: Contender>(items: &Items, sheet: &mut Sheet) -> Result<(), Wrong> {
    let (mut sender, mut receiver) = (C::new(1), C::new(2));
    let writes = items.take();
    let (time, ()) = nanos(|| {
        for item in writes {
            let frame = C::encode_delta(&sender.put(item));
            receiver.merge_delta(C::decode_delta(&frame));
        }
    });
    sheet.push((Row::Stream, time / items.len() as f64));
    check(Row::Stream, &receiver, &[items])
}

/// What a state of this size takes to join a one-element delta, over as many states as asked for.
fn one_delta<C: Contender>(elements: usize, states: usize, valued: bool) -> Result<f64, Wrong> {
    let items = Items::numbered(0, elements, valued);
    let more = Items::numbered(elements, (elements / 1_000).max(100), valued);
    let mut writer = C::new(2);
    let deltas: Vec<_> = more.take().into_iter().map(|item| writer.put(item)).collect();
    let mut total = 0.0;
    for _ in 0..states {
        let (mut state, deltas) = (fill::<C>(1, &items), deltas.clone());
        let (time, ()) = nanos(|| deltas.into_iter().for_each(|delta| state.merge_delta(delta)));
        total += time;
        // A million contents cost more to compare than the rest of the run.
        let found = items.iter().chain(more.iter()).filter(|item| state.has(&item.key)).count();
        let expected = items.len() + more.len();
        if found != expected {
            return Err(Wrong { row: Row::Growth, found, expected });
        }
    }
    Ok(total / (states * more.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::Item;
    use crate::{floor, ours, rust_crdt};

    const SMALL: Scale = Scale { elements: 1_000, growth: (100, 1_000) };

    fn measures_every_row<C: Contender>(valued: bool) {
        let sheet = run::<C>(SMALL, valued).unwrap();
        for row in Row::ALL {
            let samples: Vec<_> = sheet.iter().filter(|(at, _)| *at == row).collect();
            assert_eq!(samples.len(), 1, "{row:?}");
        }
    }

    #[test]
    fn every_contender_does_all_of_the_work() {
        measures_every_row::<floor::FloorSet>(false);
        measures_every_row::<floor::FloorMap>(true);
        measures_every_row::<rust_crdt::RustCrdtSet>(false);
        measures_every_row::<rust_crdt::RustCrdtMap>(true);
        measures_every_row::<ours::OurSet>(false);
        measures_every_row::<ours::OurMap>(true);
    }

    #[test]
    fn a_contender_that_loses_an_element_is_found_out() {
        let items = Items::numbered(0, 10, false);
        let mut state = fill::<floor::FloorSet>(1, &items);
        assert!(check(Row::Insert, &state, &[&items]).is_ok());
        state.put(Item { key: "user:000010".to_owned(), value: String::new() });
        assert!(check(Row::Insert, &state, &[&items]).is_err());
        assert!(check(Row::Insert, &floor::FloorSet::new(1), &[&items]).is_err());
    }
}
