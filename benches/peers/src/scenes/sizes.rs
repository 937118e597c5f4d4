//! What states weigh, on the heap and as bytes. It does not vary, and is counted once.

use super::{Scale, Sheet, Wrong, check, filled, items};
use crate::contender::Contender;
use crate::items::{Items, Shape};
use crate::measure::heap;
use crate::rows::Row;

/// How many keys stay while others come and go.
const LIVE: usize = 1_000;
/// How many come before as many go.
const BATCH: usize = 100;

/// Counts every row of bytes.
pub fn sizes<C: Contender>(scale: Scale, shape: Shape) -> Result<Sheet, Wrong> {
    let mut sheet = Sheet::new();
    whole::<C>(scale, shape, &mut sheet)?;
    halved::<C>(scale, shape, &mut sheet)?;
    churned::<C>(scale, shape, &mut sheet)?;
    Ok(sheet)
}

fn whole<C: Contender>(scale: Scale, shape: Shape, sheet: &mut Sheet) -> Result<(), Wrong> {
    let (items, _) = items(scale, shape);
    let n = items.len() as f64;
    let (bytes, state) = heap(|| filled::<C>(1, &items));
    sheet.push((Row::Heap, bytes / n));
    sheet.push((Row::Bytes, state.encode().len() as f64 / n));
    check(Row::Heap, &state, &[&items])
}

/// After half of the keys are gone, over a state that has never held them.
fn halved<C: Contender>(scale: Scale, shape: Shape, sheet: &mut Sheet) -> Result<(), Wrong> {
    let (items, _) = items(scale, shape);
    let (kept, removed) = items.halve();
    let (after, state) = heap(|| {
        let mut state = filled::<C>(1, &items);
        state.remove(&removed);
        state
    });
    check(Row::HalfHeap, &state, &[&kept])?;
    let (fresh, _state) = heap(|| filled::<C>(1, &kept));
    sheet.push((Row::HalfHeap, after / fresh));
    Ok(())
}

/// After many keys came and went, over a state that has never held any but those that stay.
fn churned<C: Contender>(scale: Scale, shape: Shape, sheet: &mut Sheet) -> Result<(), Wrong> {
    let first = scale.churn;
    let stay = Items::numbered(first, LIVE, shape);
    let (after, state) = heap(|| {
        let mut state = C::new(1);
        for batch in (0..first + LIVE).step_by(BATCH) {
            state.fill(Items::numbered(batch, BATCH, shape).take());
            if let Some(oldest) = batch.checked_sub(LIVE) {
                state.remove(&Items::numbered(oldest, BATCH, shape).keys());
            }
        }
        state
    });
    check(Row::ChurnHeap, &state, &[&stay])?;
    let (fresh, other) = heap(|| filled::<C>(1, &stay));
    sheet.push((Row::ChurnHeap, after / fresh));
    sheet.push((Row::ChurnBytes, state.encode().len() as f64 / other.encode().len() as f64));
    Ok(())
}
