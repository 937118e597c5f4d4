//! Runs one file of cases on one type.

use std::collections::BTreeMap;

use crdt_core::clock::Clock;
use crdt_core::codec::Limits;
use crdt_core::{Delta, Doc, Replica, ReplicaId};
use serde::Deserialize;
use serde_json::Value;

use crate::subject::{Fail, Ids, Subject};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    ids_matter: bool,
    replicas: BTreeMap<String, Writer>,
    steps: Vec<Step>,
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
    #[serde(rename = "as")]
    name: Option<String>,
    #[serde(default)]
    refused: bool,
    deliver: Option<Vec<String>>,
    to: Option<String>,
    merge: Option<String>,
    into: Option<String>,
    expect: Option<BTreeMap<String, Value>>,
    siblings: Option<BTreeMap<String, Value>>,
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
    deltas: BTreeMap<String, Delta<T>>,
    through_bytes: bool,
}

/// Runs every case of the file, and says how many there are.
pub(crate) fn file<T: Subject>(text: &str) -> usize {
    let cases: Vec<Case> = serde_json::from_str(text).expect("the file follows the format");
    for case in &cases {
        run::<T>(case, false, false);
        run::<T>(case, false, true);
        if !case.ids_matter {
            run::<T>(case, true, false);
        }
    }
    cases.len()
}

fn run<T: Subject>(case: &Case, swapped: bool, through_bytes: bool) {
    let mut world = World::<T>::new(case, swapped, through_bytes);
    for (number, step) in case.steps.iter().enumerate() {
        let place = format!("{}, step {number}, ids swapped: {swapped}", case.name);
        world.step(step, &place);
    }
    world.converges(&case.name);
}

impl<T: Subject> World<T> {
    fn new(case: &Case, swapped: bool, through_bytes: bool) -> Self {
        let mut numbers: Vec<u64> = case.replicas.values().map(|writer| writer.id).collect();
        if swapped {
            numbers.reverse();
        }
        let ids: Ids = case
            .replicas
            .keys()
            .cloned()
            .zip(numbers.iter().map(|n| ReplicaId::from_u128((*n).into())))
            .collect();
        let writer = |(name, writer): (&String, &Writer)| {
            (name.clone(), Replica::with_clock(ids[name], Fixed(writer.clock_ms)))
        };
        let writers = case.replicas.iter().map(writer).collect();
        let docs = ids.keys().map(|name| (name.clone(), Doc::default())).collect();
        Self { ids, writers, docs, deltas: BTreeMap::new(), through_bytes }
    }

    fn step(&mut self, step: &Step, place: &str) {
        match (&step.at, &step.call, &step.deliver, &step.to, &step.merge, &step.into) {
            (Some(at), Some(call), None, None, None, None) => self.operate(at, call, step, place),
            (None, None, Some(names), Some(to), None, None) => {
                for name in names {
                    let delta = self.deltas[name].clone();
                    self.doc(to).merge(delta);
                }
            }
            (None, None, None, None, Some(from), Some(into)) => {
                let from = self.docs[from].clone();
                self.doc(into).merge_from(&from);
            }
            (None, None, None, None, None, None) => assert!(step.expect.is_some(), "{place}: nothing to do"),
            _ => unreachable!("{place}: not one kind of step"),
        }
        self.check(step, place);
    }

    fn doc(&mut self, name: &str) -> &mut Doc<T> {
        self.docs.get_mut(name).expect("the case names a replica of its own")
    }

    fn operate(&mut self, at: &str, call: &str, step: &Step, place: &str) {
        let call: Vec<Value> = std::iter::once(call.into()).chain(step.args.iter().cloned()).collect();
        let doc = self.docs.get_mut(at).expect("the case names a replica of its own");
        let me = self.writers.get_mut(at).expect("every replica writes");
        let before = doc.clone();
        match doc.try_update(me, |editor| T::apply(editor, &call, &self.ids)) {
            Ok(((), delta)) => {
                assert!(!step.refused, "{place}: should be refused");
                self.keep(step.name.as_ref(), delta);
            }
            Err(fail) => {
                assert!(step.refused && matches!(fail, Fail::Refused), "{place}: {fail:?}");
                assert!(*doc == before, "{place}: refused, and yet changed");
            }
        }
    }

    fn keep(&mut self, name: Option<&String>, delta: Delta<T>) {
        let Some(name) = name else { return };
        let delta = if self.through_bytes {
            Delta::decode(&delta.encode().expect("small deltas encode"), &Limits::default())
                .expect("own bytes decode")
        } else {
            delta
        };
        assert!(self.deltas.insert(name.clone(), delta).is_none(), "two deltas named {name}");
    }

    fn check(&self, step: &Step, place: &str) {
        for (name, value) in step.expect.iter().flatten() {
            assert_eq!(self.docs[name].read(), *value, "{place}, at {name}");
        }
        for (name, value) in step.siblings.iter().flatten() {
            assert_eq!(self.docs[name].listed().as_ref(), Some(value), "{place}, siblings at {name}");
        }
    }

    /// Full states merged in every rotation are one state.
    fn converges(&self, case: &str) {
        let docs: Vec<&Doc<T>> = self.docs.values().collect();
        let all = |start: usize| {
            let mut sum = Doc::<T>::default();
            for doc in docs.iter().cycle().skip(start).take(docs.len()) {
                sum.merge_from(doc);
            }
            sum
        };
        let first = all(0);
        for other in (1..docs.len()).map(all) {
            assert_eq!(other.read(), first.read(), "{case}");
            assert_eq!(other.listed(), first.listed(), "{case}");
            assert_eq!(other.fingerprint(), first.fingerprint(), "{case}");
        }
    }
}
