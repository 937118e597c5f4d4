//! The laws of a join.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::history::History;
use super::subject::Subject;
use super::world::{Check, DeltaOf, DocOf, Watch, World, copy};
use crate::clock::CausalContext;
use crate::doc::Delta;
use crate::dot::Dot;

/// So many states and deltas of a history are compared with each other.
const STATES: usize = 5;

/// Fails unless two documents are one state: in dots, in what they show, in bytes, in fingerprints.
pub(super) fn same<S: Subject>(what: &str, left: &DocOf<S>, right: &DocOf<S>) -> Check {
    let (shown_left, shown_right) = (S::show(left), S::show(right));
    if shown_left != shown_right {
        return Err(format!("{what}: {shown_left:?} and {shown_right:?}"));
    }
    if left != right {
        let (left, right) = (left.to_delta(), right.to_delta());
        return Err(format!("{what}: the same is shown of {left:?} and {right:?}"));
    }
    let equal_bytes = left.encode().ok() == right.encode().ok();
    if !equal_bytes || left.fingerprint() != right.fingerprint() || left.live_len() != right.live_len() {
        let part = if equal_bytes { "fingerprint" } else { "bytes" };
        return Err(format!("{what}: equal states differ in {part}: {:?}", left.to_delta()));
    }
    Ok(())
}

/// The same for deltas.
pub(super) fn same_delta<S: Subject>(what: &str, left: &DeltaOf<S>, right: &DeltaOf<S>) -> Check {
    if left != right || left.encode().ok() != right.encode().ok() {
        return Err(format!("{what}: {left:?} and {right:?}"));
    }
    Ok(())
}

pub(super) fn holds(what: &str, condition: bool) -> Check {
    if condition { Ok(()) } else { Err(what.into()) }
}

/// Collects states on the way.
struct States<S: Subject>(Vec<DocOf<S>>);

impl<S: Subject> Watch<S> for States<S> {
    fn stepped(&mut self, world: &World<'_, S>, at: usize) -> Check {
        self.0.push(copy(&world.nodes[at].doc));
        Ok(())
    }
}

/// States and deltas that occurred.
type Sampled<S> = (Vec<DocOf<S>>, Vec<DeltaOf<S>>);

/// Plays the history; gives some of the states and updates that occurred.
fn sample<S: Subject>(world: &mut World<'_, S>, history: &History) -> Result<Sampled<S>, String> {
    let mut states = States::<S>(Vec::new());
    world.play(history, &mut states)?;
    states.0.extend(world.nodes.iter().map(|node| copy(&node.doc)));
    let deltas: Vec<_> = world.updates.iter().map(|update| update.delta.clone()).collect();
    Ok((thin(states.0), thin(deltas)))
}

/// Evenly spread ones, the last included.
fn thin<T>(items: Vec<T>) -> Vec<T> {
    let every = items.len().div_ceil(STATES).max(1);
    let offset = (every - items.len() % every) % every;
    items
        .into_iter()
        .enumerate()
        .filter(|(at, _)| (at + 1 + offset).is_multiple_of(every))
        .map(|(_, item)| item)
        .collect()
}

fn grouped<S: Subject>(one: &DeltaOf<S>, other: &DeltaOf<S>) -> DeltaOf<S> {
    let mut group = one.clone();
    group.merge(other.clone());
    group
}

pub(super) fn commutative<S: Subject>(world: &mut World<'_, S>, history: &History) -> Check {
    let (states, deltas) = sample(world, history)?;
    for (at, x) in states.iter().enumerate() {
        for y in &states[at + 1..] {
            same::<S>("x ⊔ y and y ⊔ x", &world.joined(x, y), &world.joined(y, x))?;
        }
    }
    for (at, one) in deltas.iter().enumerate() {
        for other in &deltas[at + 1..] {
            let (group, turned) = (grouped::<S>(one, other), grouped::<S>(other, one));
            same_delta::<S>("two deltas as one, either way", &group, &turned)?;
        }
    }
    Ok(())
}

pub(super) fn associative<S: Subject>(world: &mut World<'_, S>, history: &History) -> Check {
    let (states, deltas) = sample(world, history)?;
    for (first, x) in states.iter().enumerate() {
        let (y, z) = (&states[(first + 1) % states.len()], &states[(first + 2) % states.len()]);
        let left = world.joined(&world.joined(x, y), z);
        let right = world.joined(x, &world.joined(y, z));
        same::<S>("(x ⊔ y) ⊔ z and x ⊔ (y ⊔ z)", &left, &right)?;
    }
    for (first, x) in deltas.iter().enumerate() {
        let (y, z) = (&deltas[(first + 1) % deltas.len()], &deltas[(first + 2) % deltas.len()]);
        let left = grouped::<S>(&grouped::<S>(x, y), z);
        let right = grouped::<S>(x, &grouped::<S>(y, z));
        same_delta::<S>("three deltas as one, either way", &left, &right)?;
        let mut one_by_one = copy(&states[first % states.len()]);
        let mut at_once = copy(&one_by_one);
        [x, y, z].into_iter().for_each(|delta| {
            world.merge(&mut one_by_one, delta.clone());
        });
        world.merge(&mut at_once, left);
        same::<S>("three deltas one by one and as one", &one_by_one, &at_once)?;
    }
    Ok(())
}

pub(super) fn idempotent<S: Subject>(world: &mut World<'_, S>, history: &History) -> Check {
    let (states, deltas) = sample(world, history)?;
    for x in &states {
        let mut twice = copy(x);
        holds("x ⊔ x reports a change", !world.merge_from(&mut twice, x))?;
        holds("x ⊔ x, as a delta, reports a change", !world.merge(&mut twice, x.to_delta()))?;
        same::<S>("x ⊔ x and x", &twice, x)?;
        for delta in &deltas {
            let mut once = copy(x);
            world.merge(&mut once, delta.clone());
            let mut again = copy(&once);
            holds("a duplicate reports a change", !world.merge(&mut again, delta.clone()))?;
            same::<S>("a duplicate and a single", &again, &once)?;
        }
    }
    deltas.iter().try_for_each(|delta| same_delta::<S>("d ⊔ d and d", &grouped::<S>(delta, delta), delta))
}

pub(super) fn bottom<S: Subject>(world: &mut World<'_, S>, history: &History) -> Check {
    let (states, deltas) = sample(world, history)?;
    let empty = DocOf::<S>::default();
    holds("a fresh document has entries or dots", empty.live_len() == 0 && empty.to_delta().is_empty())?;
    holds("a fresh value is not bottom", crate::view::Crdt::is_bottom(&*empty))?;
    for x in &states {
        let mut joined = copy(x);
        let changed = world.merge_from(&mut joined, &empty) | world.merge(&mut joined, Delta::default());
        holds("x ⊔ ⊥ reports a change", !changed)?;
        same::<S>("x ⊔ ⊥ and x", &joined, x)?;
        same::<S>("⊥ ⊔ x and x", &world.joined(&empty, x), x)?;
        let is_bottom = crate::view::Crdt::is_bottom(&**x);
        holds("a value without entries is bottom, and no other", is_bottom == (x.live_len() == 0))?;
    }
    for node in &world.nodes {
        // Not a copy: what has come and gone may have left something behind.
        let is_bottom = crate::view::Crdt::is_bottom(&*node.doc);
        holds("a value whose entries are gone is bottom", is_bottom == (node.doc.live_len() == 0))?;
    }
    for delta in &deltas {
        same_delta::<S>("d ⊔ ⊥ and d", &grouped::<S>(delta, &Delta::default()), delta)?;
        same_delta::<S>("⊥ ⊔ d and d", &grouped::<S>(&Delta::default(), delta), delta)?;
    }
    Ok(())
}

pub(super) fn inflationary<S: Subject>(world: &mut World<'_, S>, history: &History) -> Check {
    let (states, _) = sample(world, history)?;
    for x in &states {
        for y in &states {
            let mut joined = copy(x);
            let changed = world.merge_from(&mut joined, y);
            holds("a merge reports a change, or none, that is not so", changed == (joined != *x))?;
            let mut by_delta = copy(x);
            let changed = world.merge(&mut by_delta, y.to_delta());
            holds(
                "a merge of a delta reports a change, or none, that is not so",
                changed == (by_delta != *x),
            )?;
            for part in [x, y] {
                holds("x ⊔ y has not all dots of both", joined.context().is_superset(&part.context()))?;
                let lost = part.difference(&joined);
                holds(&format!("x ⊔ y lacks {lost:?} of its parts"), lost.is_empty())?;
            }
        }
    }
    Ok(())
}

/// The specification of the merge, computed with plain sets of dots.
pub(super) fn set_algebra<S: Subject>(world: &mut World<'_, S>, history: &History) -> Check {
    let (states, deltas) = sample(world, history)?;
    let states: Vec<_> = states.into_iter().map(|state| state.to_delta()).collect();
    for x in &states {
        for y in states.iter().chain(&deltas) {
            let mut joined: DocOf<S> = x.clone().into();
            world.merge(&mut joined, y.clone());
            let ((live_x, seen_x), (live_y, seen_y)) = (dots::<S>(x), dots::<S>(y));
            let mut live: BTreeSet<Dot> = live_x.intersection(&live_y).copied().collect();
            live.extend(live_x.difference(&seen_y));
            live.extend(live_y.difference(&seen_x));
            let expected = (live, seen_x.union(&seen_y).copied().collect());
            let got = dots::<S>(&joined.to_delta());
            holds(&format!("x ⊔ y has {got:?}, and should have {expected:?}"), got == expected)?;
        }
    }
    Ok(())
}

/// The live dots and the seen dots, one by one.
fn dots<S: Subject>(delta: &DeltaOf<S>) -> (BTreeSet<Dot>, BTreeSet<Dot>) {
    let live: BTreeSet<Dot> = delta.entries().iter().map(|(dot, _)| *dot).collect();
    let seen = live.iter().copied().chain(each(delta.dead())).collect();
    (live, seen)
}

/// Every dot of a context.
pub(super) fn each(context: &CausalContext) -> impl Iterator<Item = Dot> + '_ {
    let runs = context.iter().flat_map(|(id, seen)| seen.iter().map(move |run| (id, run)));
    runs.flat_map(|(id, (first, last))| (first..=last).map(move |seq| Dot::new(id, seq)))
}

/// Watches that no replica forgets a dot, and none shows one again that is gone.
#[derive(Default)]
pub(super) struct Dead(Vec<(CausalContext, CausalContext)>);

impl<S: Subject> Watch<S> for Dead {
    fn stepped(&mut self, world: &World<'_, S>, at: usize) -> Check {
        self.0.resize_with(world.nodes.len(), Default::default);
        let (seen, dead) = &mut self.0[at];
        let state = world.nodes[at].doc.to_delta();
        holds("a replica forgot a dot", state.context().is_superset(seen))?;
        let back = state.entries().iter().find(|(dot, _)| dead.contains(*dot));
        holds(&format!("{:?} is back", back.map(|(dot, _)| *dot)), back.is_none())?;
        (*seen, *dead) = (state.context(), state.dead().clone());
        Ok(())
    }
}
