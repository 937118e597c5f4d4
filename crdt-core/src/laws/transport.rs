//! The laws of deltas on their way.

use alloc::format;
use alloc::vec::Vec;
use core::convert::Infallible;

use super::algebra::{each, holds, same, same_delta};
use super::bytes::through_bytes;
use super::history::{Dice, History};
use super::subject::Subject;
use super::world::{Check, DeltaOf, DocOf, Merges, Prefix, Update, Watch, World, copy};
use crate::clock::{CausalContext, Intervals};
use crate::doc::Delta;
use crate::dot::ReplicaId;
use crate::replica::Replica;

/// Checks each edit by itself.
pub(super) struct Edits<S: Subject>(pub(super) Merges<S::Crdt>);

impl<S: Subject> Watch<S> for Edits<S> {
    fn edited(&mut self, before: &DocOf<S>, update: &Update<S>, after: &DocOf<S>) -> Check {
        let mut joined = copy(before);
        let changed = (self.0.merge)(&mut joined, update.delta.clone());
        holds("merging an edit's delta reports its change", changed == (joined != *before))?;
        same::<S>("x ⊔ mδ(x) and m(x)", &joined, after)?;
        only_what_it_saw(before, update)?;

        // The same by the door that users take, as another writer.
        let mut by_update = copy(before);
        let mut other = Replica::new(ReplicaId::from_u128(0xff));
        let delta = by_update.update(&mut other, |editor| {
            update.edits.iter().for_each(|edit| S::apply(&editor, edit));
        });
        let mut by_merge = copy(before);
        (self.0.merge)(&mut by_merge, delta);
        same::<S>("x ⊔ mδ(x) and `update`", &by_merge, &by_update)?;
        an_error_changes_nothing(before, update)
    }
}

/// A delta speaks of dots that were seen, and of new ones without a gap.
fn only_what_it_saw<S: Subject>(before: &DocOf<S>, update: &Update<S>) -> Check {
    let (seen, about) = (before.context(), update.delta.context());
    let new = about.difference(&seen);
    let strangers = update.delta.dead().difference(&seen).difference(&new);
    holds("an edit supersedes only what it saw", strangers.is_empty() && new.replicas() <= 1)?;
    let next = |(id, dots): (ReplicaId, &Intervals)| {
        let first = dots.iter().next().map_or(0, |(first, _)| first);
        dots.runs() == 1 && seen.get(id).is_none_or(|own| own.max() + 1 == first)
    };
    holds(&format!("an edit mints {new:?} and does not use all of these"), new.iter().all(next))
}

fn an_error_changes_nothing<S: Subject>(before: &DocOf<S>, update: &Update<S>) -> Check {
    let mut doc = copy(before);
    let mut writer = Replica::new(ReplicaId::from_u128(0xfe));
    let failed = doc.try_update(&mut writer, |editor| {
        update.edits.iter().for_each(|edit| S::apply(&editor, edit));
        Err::<Infallible, ()>(())
    });
    holds("a failing edit fails", failed.is_err())?;
    same::<S>("a document after a failing edit and before", &doc, before)
}

/// Checks that each edit travels on every path, above all those that only remove.
pub(super) struct Paths<S: Subject>(pub(super) Merges<S::Crdt>);

impl<S: Subject> Watch<S> for Paths<S> {
    fn edited(&mut self, before: &DocOf<S>, update: &Update<S>, after: &DocOf<S>) -> Check {
        let delta = &update.delta;
        let mut group = before.to_delta();
        group.merge(delta.clone());
        let ways: [(&str, DeltaOf<S>); 7] = [
            ("a delta", delta.clone()),
            ("a delta as bytes", through_bytes(delta)?),
            ("a group with the past", group),
            ("the whole state", after.to_delta()),
            ("the whole state as bytes", through_bytes(&after.to_delta())?),
            ("the difference", after.difference(before)),
            ("what is new since a digest", after.delta_since(&before.digest())),
        ];
        for (way, delta) in ways {
            let mut there = copy(before);
            (self.0.merge)(&mut there, delta);
            same::<S>(&format!("an edit on the way of {way}, there and here"), &there, after)?;
        }
        let mut there = copy(before);
        (self.0.merge_from)(&mut there, after);
        same::<S>("an edit by `merge_from`, there and here", &there, after)?;
        let mut there = copy(before);
        let mut walk = after.walk(&before.context(), usize::MAX);
        while let Some(part) = walk.next_chunk(after, 1, usize::MAX, |_| 0) {
            (self.0.merge)(&mut there, part);
        }
        same::<S>("an edit on the way of a walk, there and here", &there, after)
    }
}

pub(super) fn any_order<S: Subject>(world: &mut World<'_, S>, history: &History) -> Check {
    world.play(history, &mut ())?;
    let full = world.full();
    let mut states = DocOf::<S>::default();
    world.nodes.iter().for_each(|node| {
        world.merge_from(&mut states, &node.doc);
    });
    same::<S>("all states and all deltas", &states, &full)?;
    let deltas: Vec<_> = world.updates.iter().map(|update| update.delta.clone()).collect();
    let mut dice = Dice::new(world.setting.seed);
    for turn in 0..3 {
        let mut order = deltas.clone();
        order.extend(deltas.iter().take(turn * 2).cloned());
        dice.shuffle(&mut order);
        if turn == 0 {
            order.reverse();
        }
        let (mut one_by_one, mut in_groups) = (DocOf::<S>::default(), DocOf::<S>::default());
        let mut group = DeltaOf::<S>::default();
        for delta in order {
            world.merge(&mut one_by_one, delta.clone());
            group.merge(delta);
            if dice.below(3) == 0 {
                world.merge(&mut in_groups, core::mem::take(&mut group));
            }
        }
        world.merge(&mut in_groups, group);
        same::<S>("deltas in any order, some twice, and in theirs", &one_by_one, &full)?;
        same::<S>("deltas in groups and one by one", &in_groups, &full)?;
    }
    let group = deltas.into_iter().fold(DeltaOf::<S>::default(), |mut group, delta| {
        group.merge(delta);
        group
    });
    same_delta::<S>("all deltas as one and the whole state", &group, &full.to_delta())
}

/// Deltas are lost; a whole state, a difference or a walk makes up for that.
pub(super) fn lost<S: Subject>(world: &mut World<'_, S>, history: &History) -> Check {
    world.play(history, &mut ())?;
    let full = world.full();
    let mut dice = Dice::new(world.setting.seed);
    let mut part = DocOf::<S>::default();
    for update in &world.updates {
        if dice.below(2) == 0 {
            world.merge(&mut part, update.delta.clone());
        }
    }
    let repairs = [
        ("the whole state", full.to_delta()),
        ("the difference", full.difference(&part)),
        ("what is new since a digest", full.delta_since(&part.digest())),
    ];
    for (way, repair) in repairs {
        let mut repaired = copy(&part);
        world.merge(&mut repaired, repair);
        same::<S>(&format!("{way} after lost deltas, and all deltas"), &repaired, &full)?;
    }
    let mut repaired = copy(&part);
    let mut walk = full.walk(&part.context(), usize::MAX);
    while let Some(chunk) = walk.next_chunk(&full, 2, usize::MAX, |_| 0) {
        world.merge(&mut repaired, chunk);
    }
    same::<S>("a walk after lost deltas, and all deltas", &repaired, &full)
}

pub(super) fn difference<S: Subject>(world: &mut World<'_, S>, history: &History) -> Check {
    world.play(history, &mut ())?;
    let docs: Vec<_> = world.nodes.iter().map(|node| copy(&node.doc)).collect();
    for x in &docs {
        holds("a state differs from itself", x.difference(x).is_empty())?;
        for y in &docs {
            let least = y.difference(x);
            same_delta::<S>("difference and delta_since", &least, &y.delta_since(&x.digest()))?;
            let mut joined = copy(x);
            world.merge(&mut joined, least.clone());
            same::<S>("x ⊔ difference(y, x) and x ⊔ y", &joined, &world.joined(x, y))?;
            minimal(world, x, &least, &joined)?;
        }
    }
    Ok(())
}

/// Nothing can be taken out of a difference.
fn minimal<S: Subject>(world: &World<'_, S>, x: &DocOf<S>, least: &DeltaOf<S>, joined: &DocOf<S>) -> Check {
    let without_an_entry = (0..least.entries().len()).map(|at| {
        let mut entries = least.entries.clone().into_vec();
        entries.remove(at);
        Delta { entries: entries.into(), dead: least.dead.clone() }
    });
    let without_a_dot = each(least.dead()).map(|dot| {
        let dead = least.dead().difference(&CausalContext::from_iter([dot]));
        Delta { entries: least.entries.clone(), dead }
    });
    for less in without_an_entry.chain(without_a_dot) {
        let mut other = copy(x);
        world.merge(&mut other, less.clone());
        holds(&format!("{less:?} would do for a difference, which is {least:?}"), other != *joined)?;
    }
    Ok(())
}

/// Checks every walk of a history after every chunk.
pub(super) struct Walks;

impl<S: Subject> Watch<S> for Walks {
    fn walked(&mut self, walk: &Prefix<'_, S>) -> Check {
        if walk.complete {
            return same::<S>("a receiver after a walk, and joined with the start", walk.now, walk.whole);
        }
        let (before, after, now) = (S::facts(walk.before), S::facts(walk.whole), S::facts(walk.now));
        let flickers = before.intersection(&after).find(|fact| !now.contains(*fact));
        holds(&format!("in the middle of a walk {flickers:?} is absent"), flickers.is_none())
    }
}
