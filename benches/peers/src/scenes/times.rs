//! What takes time, on one thread.

use std::hint::black_box;

use super::{Scale, Sheet, Wrong, check, filled, items};
use crate::contender::Contender;
use crate::items::{Items, Shape};
use crate::measure::nanos;
use crate::rows::Row;

/// Measures every row of time once, and the bytes of one write by the way.
pub fn times<C: Contender>(scale: Scale, shape: Shape) -> Result<Sheet, Wrong> {
    let n = scale.keys;
    let (items, others) = items(scale, shape);
    let third = Items::numbered(2 * n, n, shape);
    let more = Items::numbered(3 * n, n / 100, shape);
    let mut sheet = Sheet::new();

    insert::<C>(&items, &mut sheet)?;
    let state: C = filled(1, &items);
    look_up(&state, &items, &others, &mut sheet)?;
    merge_disjoint(&state, [&items, &others, &third], &mut sheet)?;
    merge_identical(&state, &items, &mut sheet)?;
    merge_overwritten::<C>(scale, shape, &mut sheet)?;
    merge_near(&state, &items, n, shape, &mut sheet)?;
    whole_state(&state, &items, &mut sheet)?;
    single_writes(state, &items, &more, &mut sheet)?;
    stream::<C>(&items, &mut sheet)?;

    let (small, large) = scale.growth;
    let grown = one_delta::<C>(large, 1, shape)? / one_delta::<C>(small, 20, shape)?;
    sheet.push((Row::Growth, grown));
    Ok(sheet)
}

/// The writes of a row that fills a state: those made before it, and those that it measures.
fn measured<C: Contender>(items: &Items) -> [Items; 2] {
    let count = items.len().min(C::WRITES);
    items.split((items.len() - count) / 2, count)
}

fn insert<C: Contender>(items: &Items, sheet: &mut Sheet) -> Result<(), Wrong> {
    let [before, items] = measured::<C>(items);
    let (mut state, writes) = (filled::<C>(1, &before), items.take());
    let (time, ()) = nanos(|| {
        for item in writes {
            black_box(state.put(item));
        }
    });
    sheet.push((Row::Insert, time / items.len() as f64));
    check(Row::Insert, &state, &[&before, &items])
}

fn look_up<C: Contender>(state: &C, items: &Items, others: &Items, sheet: &mut Sheet) -> Result<(), Wrong> {
    for (row, keys, all) in [(Row::Hit, items.keys(), true), (Row::Miss, others.keys(), false)] {
        let (time, found) = nanos(|| keys.iter().filter(|key| state.has(key)).count());
        sheet.push((row, time / keys.len() as f64));
        let expected = if all { keys.len() } else { 0 };
        if found != expected {
            return Err(Wrong { row, found, expected });
        }
    }
    Ok(())
}

fn merge_disjoint<C: Contender>(state: &C, parts: [&Items; 3], sheet: &mut Sheet) -> Result<(), Wrong> {
    let (second, third) = (filled::<C>(2, parts[1]), filled::<C>(3, parts[2]));
    let mut merged = state.fork(4);
    let (time, ()) = nanos(|| {
        merged.merge(&second);
        merged.merge(&third);
    });
    let joined = parts[1].len() + parts[2].len();
    sheet.push((Row::MergeDisjoint, time / joined as f64));
    check(Row::MergeDisjoint, &merged, &parts)
}

fn merge_identical<C: Contender>(state: &C, items: &Items, sheet: &mut Sheet) -> Result<(), Wrong> {
    let mut merged = state.fork(2);
    sheet.push((Row::MergeIdentical, merge_again(&mut merged, state) / items.len() as f64));
    check(Row::MergeIdentical, &merged, &[items])
}

/// What a merge takes that changes nothing: the mean of some in a row, since one of them can be quicker than
/// the clock is read.
fn merge_again<C: Contender>(merged: &mut C, state: &C) -> f64 {
    const MERGES: u32 = 16;
    let (time, ()) = nanos(|| (0..MERGES).for_each(|_| merged.merge(state)));
    time / f64::from(MERGES)
}

/// Equal states, in which every key was written by one replica, again by another, and again by it.
fn merge_overwritten<C: Contender>(scale: Scale, shape: Shape, sheet: &mut Sheet) -> Result<(), Wrong> {
    let (items, _) = items(scale, shape);
    let again = ["mail", "town"].map(|word| Items::rewritten(0, scale.keys, shape, word));
    let mut state = filled::<C>(1, &items).fork(2);
    again.iter().for_each(|items| state.fill(items.take()));
    let mut merged = state.fork(3);
    sheet.push((Row::MergeOverwritten, merge_again(&mut merged, &state) / items.len() as f64));
    check(Row::MergeOverwritten, &merged, &[&again[1]])
}

fn merge_near<C: Contender>(
    state: &C,
    items: &Items,
    n: usize,
    shape: Shape,
    sheet: &mut Sheet,
) -> Result<(), Wrong> {
    let few = n / 200;
    let ours = Items::numbered(n, few, shape);
    let theirs = Items::numbered(n + few, few, shape);
    let (mut near, mut other) = (state.fork(2), state.fork(3));
    near.fill(ours.take());
    other.fill(theirs.take());
    let (time, ()) = nanos(|| near.merge(&other));
    sheet.push((Row::MergeNear, time / items.len() as f64));
    check(Row::MergeNear, &near, &[items, &ours, &theirs])
}

fn whole_state<C: Contender>(state: &C, items: &Items, sheet: &mut Sheet) -> Result<(), Wrong> {
    let n = items.len() as f64;
    let (time, bytes) = nanos(|| state.encode());
    sheet.push((Row::Encode, time / n));
    let (time, decoded) = nanos(|| C::decode(&bytes, 2));
    sheet.push((Row::Decode, time / n));
    check(Row::Decode, &decoded, &[items])
}

/// More writes, each encoded, then each decoded and joined by another replica.
fn single_writes<C: Contender>(
    mut state: C,
    items: &Items,
    more: &Items,
    sheet: &mut Sheet,
) -> Result<(), Wrong> {
    let [_, more] = more.split(0, more.len().min(C::WRITES));
    let count = more.len() as f64;
    let mut receiver = state.fork(2);

    let writes = more.take();
    let (time, frames) =
        nanos(|| writes.into_iter().map(|item| C::encode_delta(state.put(item))).collect::<Vec<_>>());
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
    let [before, items] = measured::<C>(items);
    let mut sender = filled::<C>(1, &before);
    let mut receiver = sender.fork(2);
    let writes = items.take();
    let (time, ()) = nanos(|| {
        for item in writes {
            let frame = C::encode_delta(sender.put(item));
            receiver.merge_delta(C::decode_delta(&frame));
        }
    });
    sheet.push((Row::Stream, time / items.len() as f64));
    check(Row::Stream, &receiver, &[&before, &items])
}

/// What a state of this size takes to join a one-element delta, over as many states as asked for.
fn one_delta<C: Contender>(keys: usize, states: usize, shape: Shape) -> Result<f64, Wrong> {
    let items = Items::numbered(0, keys, shape);
    let more = Items::numbered(keys, (keys / 1_000).max(100), shape);
    let [_, more] = more.split(0, more.len().min(C::WRITES));
    let mut writer = C::new(2);
    let deltas: Vec<_> = more.take().into_iter().map(|item| writer.put(item)).collect();
    let mut total = 0.0;
    for _ in 0..states {
        let (mut state, deltas) = (filled::<C>(1, &items), deltas.clone());
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
