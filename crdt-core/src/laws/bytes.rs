//! The laws of bytes, fingerprints and views.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::algebra::{each, holds, same, same_delta};
use super::history::{Dice, History};
use super::subject::Subject;
use super::world::{Check, DeltaOf, DocOf, Watch, World, copy};
use crate::clock::CausalContext;
use crate::codec::{EncodeError, Limits, Wire};
use crate::doc::Delta;
use crate::dot::Dot;
use crate::few::Few;

/// A delta that was bytes in between.
pub(super) fn through_bytes<T: Wire>(delta: &Delta<T>) -> Result<Delta<T>, String> {
    from_bytes(delta, delta.encode())
}

/// A delta that was bytes in between, of the version that is smaller for many entries.
fn through_compact_bytes<T: Wire>(delta: &Delta<T>) -> Result<Delta<T>, String> {
    from_bytes(delta, delta.encode_compact())
}

fn from_bytes<T: Wire>(delta: &Delta<T>, bytes: Result<Vec<u8>, EncodeError>) -> Result<Delta<T>, String> {
    let bytes = bytes.map_err(|error| format!("{delta:?} has no bytes: {error}"))?;
    Delta::decode(&bytes, &Limits::default()).map_err(|error| format!("{delta:?} does not decode: {error}"))
}

pub(super) fn round_trip<S: Subject>(world: &mut World<'_, S>, history: &History) -> Check {
    world.play(history, &mut ())?;
    for update in &world.updates {
        let back = through_bytes(&update.delta)?;
        same_delta::<S>("a delta decoded and encoded", &back, &update.delta)?;
        let bytes = update.delta.encode().unwrap_or_default();
        let cut =
            (0..bytes.len()).find(|len| DeltaOf::<S>::decode(&bytes[..*len], &Limits::default()).is_ok());
        holds(&format!("the first {cut:?} bytes of {:?} decode", update.delta), cut.is_none())?;
    }
    for node in &world.nodes {
        let whole = node.doc.to_delta();
        for bytes in [node.doc.encode(), node.doc.encode_compact()] {
            let bytes = bytes.map_err(|error| format!("{whole:?} has no bytes as a document: {error}"))?;
            let back = DocOf::<S>::decode(&bytes, &Limits::default());
            let back = back.map_err(|error| format!("{whole:?} does not decode as a document: {error}"))?;
            same::<S>("a document encoded and decoded", &back, &node.doc)?;
            let again = [back.encode(), back.encode_compact()].map(Result::ok);
            holds("a document decoded has other bytes", again.contains(&Some(bytes.clone())))?;
            same_delta::<S>("a document encoded, and its delta", &from_bytes(&whole, Ok(bytes))?, &whole)?;
        }
        for back in [through_bytes(&whole)?, through_compact_bytes(&whole)?] {
            same_delta::<S>("a document's delta decoded and encoded", &back, &whole)?;
            same::<S>("a document encoded and decoded", &back.into(), &node.doc)?;
        }
    }
    Ok(())
}

/// Entries come and go in random orders; what is left decides.
pub(super) fn view<S: Subject>(world: &mut World<'_, S>, history: &History) -> Check {
    world.play(history, &mut ())?;
    let full = world.full();
    let entries = world.updates.iter().flat_map(|update| update.delta.entries().iter().cloned());
    let entries: Vec<_> = entries
        .map(|entry| Delta { entries: Few::One(Some(entry)), dead: CausalContext::default() })
        .collect();
    let deaths: Vec<Dot> = each(full.to_delta().dead()).collect();
    let mut dice = Dice::new(world.setting.seed);
    for _ in 0..4 {
        let (mut entries, mut deaths) = (entries.clone(), deaths.clone());
        dice.shuffle(&mut entries);
        dice.shuffle(&mut deaths);
        let mut doc = DocOf::<S>::default();
        while !entries.is_empty() || !deaths.is_empty() {
            // A view never sees what is dead before it comes, so most wait until they have lived.
            let ripe =
                deaths.iter().position(|dot| entries.is_empty() || doc.is_live(*dot) || dice.below(30) == 0);
            let next = match ripe {
                Some(at) if entries.is_empty() || dice.below(2) == 0 => Some(death(deaths.swap_remove(at))),
                _ => entries.pop(),
            };
            world.merge(&mut doc, next.unwrap_or_default());
        }
        same::<S>("entries in a random order, and in theirs", &doc, &full)?;
    }
    Ok(())
}

fn death<T: Wire>(dot: Dot) -> Delta<T> {
    Delta { dead: [dot].into_iter().collect(), ..Delta::default() }
}

/// Collects fingerprints with the bytes of what they are of.
pub(super) struct Prints<S: Subject>(Vec<(u128, Vec<u8>, DocOf<S>)>);

impl<S: Subject> Default for Prints<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S: Subject> Watch<S> for Prints<S> {
    fn stepped(&mut self, world: &World<'_, S>, at: usize) -> Check {
        let doc = &world.nodes[at].doc;
        let print = doc.fingerprint();
        let bytes = doc.encode().map_err(|error| format!("{error}"))?;
        for (other_print, other_bytes, other) in &self.0 {
            let equal = [print == *other_print, bytes == *other_bytes, doc == other];
            let agree = equal == [true; 3] || equal == [false; 3];
            let what = || {
                format!(
                    "fingerprints, bytes, states are equal: {equal:?}, of {:?}, {:?}",
                    doc.to_delta(),
                    other.to_delta()
                )
            };
            holds(&if agree { String::new() } else { what() }, agree)?;
        }
        self.0.push((print, bytes, copy(doc)));
        Ok(())
    }
}
