//! Subjects that are made field by field.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, Ordering};

use crdt_core::laws::proptest::strategy::{Strategy, ValueTree};
use crdt_core::laws::proptest::test_runner::TestRunner;
use crdt_core::laws::{Law, Subject, check};
use crdt_core::{
    Crdt, Doc, EwFlag, LwwRegister, OrMap, OrSet, Replica, ReplicaId, Resolve, ResolvedRegister,
};

#[derive(Crdt)]
struct Place {
    city: LwwRegister<String>,
}

#[derive(Crdt)]
struct Person {
    home: Place,
    tags: OrSet<u8>,
    active: EwFlag,
}

crdt_core::crdt_subject!(PlaceLaws: Place { city: LwwRegister<String> });
crdt_core::crdt_subject!(PersonLaws: Person { home: PlaceLaws, tags: OrSet<u8>, active: EwFlag });

#[test]
fn a_made_subject_edits_and_shows_every_field() {
    let (mut runner, edits) = (TestRunner::deterministic(), PersonLaws::edits());
    let mut me = Replica::new(ReplicaId::from_u128(1));
    let (mut seen, mut facts) = ([false; 3], BTreeSet::new());
    for _ in 0..200 {
        let edit = edits.new_tree(&mut runner).unwrap().current();
        let mut doc = Doc::<Person>::default();
        let _ = doc.update(&mut me, |person| PersonLaws::apply(&person, &edit));
        let ((cities,), tags, active) = PersonLaws::show(&doc);
        let shows = [!cities.is_empty(), format!("{tags:?}") != "{}", active];
        seen.iter_mut().zip(shows).for_each(|(seen, shows)| *seen |= shows);
        facts.extend(PersonLaws::facts(&doc));
    }
    assert_eq!(seen, [true; 3]);
    assert!(
        facts.contains("home: city: a value") && facts.iter().any(|fact| fact.starts_with("tags: ")),
        "{facts:?}"
    );
    check::<OrMap<u8, PersonLaws>>(Law::AnyOrder).unwrap();
}

/// A resolver that is none: it answers otherwise each time.
struct Fickle;

impl Resolve<u8> for Fickle {
    fn resolve(_: &[&u8]) -> u8 {
        static TURN: AtomicU8 = AtomicU8::new(0);
        TURN.fetch_add(1, Ordering::Relaxed)
    }
}

#[derive(Crdt)]
struct Titled {
    title: ResolvedRegister<u8, Fickle>,
}

crdt_core::crdt_subject!(TitledLaws: Titled { title: ResolvedRegister<u8, Fickle> });

#[test]
fn a_resolver_that_is_no_function_is_found_within_a_made_subject() {
    let broken = check::<TitledLaws>(Law::Idempotent).unwrap_err();
    assert!(broken.to_string().starts_with("TitledLaws breaks the law"), "{broken}");
}
