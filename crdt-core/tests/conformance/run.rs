//! Runs one file of cases on one type.

use std::collections::BTreeMap;

use crdt_core::clock::Clock;
use crdt_core::codec::Limits;
use crdt_core::{Delta, Doc, Observed, Replica, ReplicaId};
use serde::Deserialize;
use serde_json::Value;

use crate::settle::{self, orders};
use crate::subject::{Fail, Ids, Subject};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    ids_matter: bool,
    replicas: BTreeMap<String, Writer>,
    steps: Vec<Step>,
    finally: Value,
    finally_siblings: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Writer {
    id: u64,
    clock_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at: Option<String>,
    #[serde(rename = "do")]
    call: Option<String>,
    #[serde(default)]
    args: Vec<Value>,
    all: Option<Vec<Vec<Value>>>,
    #[serde(rename = "as")]
    name: Option<String>,
    #[serde(default)]
    refused: bool,
    observe: Option<String>,
    by: Option<String>,
    deliver: Option<Vec<String>>,
    to: Option<String>,
    merge: Option<String>,
    into: Option<String>,
    expect: Option<BTreeMap<String, Value>>,
    siblings: Option<BTreeMap<String, Value>>,
}

/// The ways of a delta from where it was written to where it is merged.
#[derive(Clone, Copy, Debug)]
enum Wire {
    Memory,
    Plain,
    Compact,
}

struct Fixed(u64);

impl Clock for Fixed {
    fn now_millis(&mut self) -> u64 {
        self.0
    }
}

/// One run of one case.
struct World<T: Subject> {
    ids: Ids,
    writers: BTreeMap<String, Replica>,
    docs: BTreeMap<String, Doc<T>>,
    /// All that was written, in that order.
    said: Vec<Delta<T>>,
    named: BTreeMap<String, usize>,
    screens: BTreeMap<String, Observed>,
    wire: Wire,
}

/// Runs every case of the file, and says how many there are.
pub(crate) fn file<T: Subject>(text: &str) -> usize {
    let cases: Vec<Case> = serde_json::from_str(text).expect("the file follows the format");
    for case in &cases {
        let all = orders(case.replicas.len());
        for (number, order) in all.iter().take(if case.ids_matter { 1 } else { all.len() }).enumerate() {
            // Bytes do not depend on who has which id; the first and the last order are enough for them.
            let wires: &[Wire] = if number == 0 || number == all.len() - 1 {
                &[Wire::Memory, Wire::Plain, Wire::Compact]
            } else {
                &[Wire::Memory]
            };
            wires.iter().for_each(|wire| run::<T>(case, order, *wire));
        }
    }
    cases.len()
}

fn run<T: Subject>(case: &Case, order: &[usize], wire: Wire) {
    let mut world = World::<T>::new(case, order, wire);
    for (number, step) in case.steps.iter().enumerate() {
        let place = format!("{}, step {number}, order of ids {order:?}, {wire:?}", case.name);
        world.step(step, &place);
    }
    let place = format!("{}, in the end, order of ids {order:?}, {wire:?}", case.name);
    let docs: Vec<&Doc<T>> = world.docs.values().collect();
    let end = settle::every_way(&docs, &world.said, &place);
    assert_eq!(end.read(), case.finally, "{place}");
    if let Some(siblings) = &case.finally_siblings {
        assert_eq!(end.listed().as_ref(), Some(siblings), "{place}: siblings");
    }
}

impl<T: Subject> World<T> {
    fn new(case: &Case, order: &[usize], wire: Wire) -> Self {
        let numbers: Vec<u64> = case.replicas.values().map(|writer| writer.id).collect();
        let numbers = order.iter().map(|place| ReplicaId::from_u128(numbers[*place].into()));
        let ids: Ids = case.replicas.keys().cloned().zip(numbers).collect();
        let writer = |(name, writer): (&String, &Writer)| {
            (name.clone(), Replica::with_clock(ids[name], Fixed(writer.clock_ms)))
        };
        let writers = case.replicas.iter().map(writer).collect();
        let docs = ids.keys().map(|name| (name.clone(), Doc::default())).collect();
        let (said, named, screens) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self { ids, writers, docs, said, named, screens, wire }
    }

    fn step(&mut self, step: &Step, place: &str) {
        match step {
            Step {
                at: Some(at),
                call: Some(call),
                all: None,
                observe: None,
                deliver: None,
                merge: None,
                ..
            } => {
                let call = std::iter::once(call.as_str().into()).chain(step.args.iter().cloned()).collect();
                self.operate(at, &[call], step, place);
            }
            Step {
                at: Some(at),
                call: None,
                all: Some(calls),
                observe: None,
                deliver: None,
                merge: None,
                ..
            } => {
                self.operate(at, calls, step, place);
            }
            Step { at: Some(at), call: None, all: None, observe: Some(screen), .. } => {
                let observed = self.doc(at).observe();
                assert!(
                    self.screens.insert(screen.clone(), observed).is_none(),
                    "two screens named {screen}"
                );
            }
            Step { at: None, deliver: Some(names), to: Some(to), merge: None, .. } => {
                for name in names {
                    let delta = self.said[self.named[name]].clone();
                    self.doc(to).merge(delta);
                }
            }
            Step { at: None, deliver: None, merge: Some(from), into: Some(into), .. } => {
                let from = self.docs[from].clone();
                self.doc(into).merge_from(&from);
            }
            _ => unreachable!("{place}: not one kind of step"),
        }
        self.check(step, place);
    }

    fn doc(&mut self, name: &str) -> &mut Doc<T> {
        self.docs.get_mut(name).expect("the case names a replica of its own")
    }

    /// One update of all these calls.
    fn operate(&mut self, at: &str, calls: &[Vec<Value>], step: &Step, place: &str) {
        let doc = self.docs.get_mut(at).expect("the case names a replica of its own");
        let me = self.writers.get_mut(at).expect("every replica writes");
        let observed = step.by.as_ref().map(|screen| &self.screens[screen]);
        let before = doc.clone();
        let done = doc.stage_with(me, observed, |editor| {
            calls.iter().try_for_each(|call| T::apply(&editor, call, &self.ids))
        });
        match done {
            Ok(((), delta)) => {
                assert!(!step.refused, "{place}: should be refused");
                doc.merge(delta.clone());
                self.keep(step.name.as_ref(), &delta);
            }
            Err(fail) => {
                assert!(step.refused && matches!(fail, Fail::Refused), "{place}: {fail:?}");
                assert!(*doc == before, "{place}: refused, and yet changed");
            }
        }
    }

    fn keep(&mut self, name: Option<&String>, delta: &Delta<T>) {
        let through = |bytes: Result<Vec<u8>, _>| {
            Delta::decode(&bytes.expect("small deltas encode"), &Limits::default()).expect("own bytes decode")
        };
        if let Some(name) = name {
            assert!(self.named.insert(name.clone(), self.said.len()).is_none(), "two deltas named {name}");
        }
        self.said.push(match self.wire {
            Wire::Memory => delta.clone(),
            Wire::Plain => through(delta.encode()),
            Wire::Compact => through(delta.encode_compact()),
        });
    }

    fn check(&self, step: &Step, place: &str) {
        for (name, value) in step.expect.iter().flatten() {
            assert_eq!(self.docs[name].read(), *value, "{place}, at {name}");
        }
        for (name, value) in step.siblings.iter().flatten() {
            assert_eq!(self.docs[name].listed().as_ref(), Some(value), "{place}, siblings at {name}");
        }
    }
}
