//! Writes of one node.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crdt_core::{LwwRegister, OrSetEditor};
use crdt_sync::proto::{Engine, TryUpdateError, UpdateError};
use serde::{Deserialize, Serialize, Serializer};

use crate::lab::{Lab, SetLab, config, short_log};

#[test]
fn updates_are_numbered_from_one_and_removals_get_numbers_too() {
    let mut lab = SetLab::new(&["a"], &config());
    let first = lab.insert("a", 1);
    let second = lab.remove("a", 1);
    assert_eq!((first.seq, second.seq), (1, 2));
    assert_eq!(first.replica, second.replica);
    assert_eq!(lab.engine("a").vector().len(), 2);
}

#[test]
fn a_closure_that_changes_nothing_makes_no_update() {
    let mut lab = SetLab::new(&["a"], &config());
    let now = lab.now;
    let written = lab.engine("a").update(now, |set| set.remove(&1)).expect("nothing to refuse");
    assert_eq!((written.value, written.update), (false, None));
    assert!(lab.engine("a").vector().is_empty());
    assert!(lab.events("a").is_empty());
}

#[test]
fn a_token_covers_what_its_writer_had_seen() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    let theirs = lab.insert("a", 1);
    lab.settle();
    let now = lab.now;
    let written = lab.engine("b").update(now, |set| set.insert(2)).expect("a small write");
    let own = written.update.expect("an insertion");
    let updates = written.token.updates();
    assert!(updates.contains(theirs) && updates.contains(own));
    assert!(lab.engine("b").covers(&written.token));
    assert!(!lab.engine("a").covers(&written.token));
}

#[test]
fn an_error_of_the_closure_leaves_everything_as_it_was() {
    let mut lab = SetLab::new(&["a"], &config());
    lab.insert("a", 1);
    let (now, before) = (lab.now, lab.engine("a").fingerprint());
    let fails = |set: OrSetEditor<'_, u64>| {
        set.insert(2);
        set.remove(&1);
        Err::<(), _>("no")
    };
    let refused = lab.engine("a").try_update(now, fails);
    assert_eq!(refused, Err(TryUpdateError::Closure("no")));
    assert_eq!(lab.engine("a").fingerprint(), before);
    assert_eq!(lab.insert("a", 3).seq, 2, "no number is used up");
}

#[test]
fn a_panic_in_the_closure_leaves_everything_as_it_was() {
    let mut lab = SetLab::new(&["a"], &config());
    lab.insert("a", 1);
    let (now, before) = (lab.now, lab.engine("a").fingerprint());
    let panics = || {
        lab.engine("a").update(now, |set| {
            set.insert(2);
            assert!(!set.contains(&2), "on purpose");
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(lab.engine("a").fingerprint(), before);
    assert_eq!(lab.insert("a", 3).seq, 2);
    assert_eq!(lab.shown("a"), [1, 3]);
}

#[test]
fn an_update_over_the_agreed_size_is_refused_where_it_is_written() {
    let mut lab = SetLab::new(&["a"], &short_log());
    let now = lab.now;
    let refused = lab.engine("a").update(now, |set| set.extend(0..1_000));
    assert!(matches!(refused, Err(UpdateError::TooLarge { size, allowed: 1024 }) if size > 1024));
    assert!(lab.shown("a").is_empty());
    assert!(lab.engine("a").vector().is_empty());
    assert_eq!(lab.insert("a", 1).seq, 1);
}

/// A value that writes itself as what it cannot read.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
struct OneWay(u64);

impl Serialize for OneWay {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("not a number")
    }
}

#[test]
fn a_value_that_no_node_could_read_is_refused_where_it_is_written() {
    let mut lab = Lab::<LwwRegister<OneWay>>::new(&["a"], &config());
    let now = lab.now;
    let refused = lab.engine("a").update(now, |register| register.set(OneWay(1)));
    assert!(matches!(refused, Err(UpdateError::Unencodable { .. })), "{refused:?}");
    assert_eq!(lab.engine("a").doc().get(), None);
}

#[test]
fn equal_seeds_and_inputs_give_equal_bytes() {
    let run = |seed: u8| {
        let lab = SetLab::new(&[], &config());
        let engine = || Engine::<crdt_core::OrSet<u64>>::new(config(), [seed; 32], lab.now);
        let mut engine = engine().expect("a configuration that works");
        let peer = crdt_sync::proto::PeerId(1);
        engine.connected(peer, "b", lab.now);
        engine.update(lab.now, |set| set.insert(1)).expect("a small write");
        let hello = engine.poll_transmit(peer, 1_000, lab.now).expect("a hello");
        (hello, engine.vector().clone())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// A stale screen takes away what it showed, here and elsewhere, and nothing that has come since.
#[test]
fn an_observed_write_leaves_what_arrived_after_the_look() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.insert("b", 1);
    lab.settle();
    let screen = lab.engine("a").doc().observe();
    lab.insert("b", 2);
    lab.settle();
    let now = lab.now;
    let cleared = lab.engine("a").update_observed(now, &screen, |set| set.clear()).expect("a small write");
    assert!(cleared.update.is_some());
    lab.settle();
    assert_eq!((lab.shown("a"), lab.shown("b")), (vec![2], vec![2]));

    // What can fail sees no more, and writes nothing where it does.
    let take = |set: OrSetEditor<'_, u64>| if set.remove(&2) { Ok(()) } else { Err("not on the screen") };
    let refused = lab.engine("a").try_update_observed(now, &screen, take);
    assert!(matches!(refused, Err(TryUpdateError::Closure("not on the screen"))), "{refused:?}");
    let screen = lab.engine("a").doc().observe();
    let taken = lab.engine("a").try_update_observed(now, &screen, take).expect("it is on the screen now");
    assert!(taken.update.is_some());
    lab.settle();
    assert_eq!((lab.shown("a"), lab.shown("b")), (vec![], vec![]));
}
