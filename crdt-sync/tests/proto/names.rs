//! Origins that are named by the first bytes of their ids.

use std::collections::BTreeMap;

use crdt_core::OrSet;
use crdt_sync::proto::{Engine, Event};

use crate::lab::{Lab, SetLab, config};

/// Two nodes whose ids begin with the same two bytes, as few pairs do.
fn alike(lab: &SetLab) -> [Engine<OrSet<u64>>; 2] {
    let start = |seed: u64| {
        let mut bytes = [9; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut engine = Engine::<OrSet<u64>>::new(config(), bytes, lab.now).expect("a good configuration");
        let written = engine.update(lab.now, |set| set.insert(0)).expect("a small write");
        (written.update.expect("an insertion changes something").replica.as_u128() >> 112, engine)
    };
    let mut seen = BTreeMap::new();
    for seed in 0..10_000 {
        let (begin, engine) = start(seed);
        if let Some(before) = seen.insert(begin, engine) {
            return [before, seen.remove(&begin).expect("it was just put there")];
        }
    }
    unreachable!("hundreds of ids have two alike among 65,536")
}

/// A writer `a`, a `reader` that said that it has the first write, and `like`, which begins alike.
fn lab() -> SetLab {
    let mut lab = Lab::new(&["reader"], &config());
    let [a, like] = alike(&lab);
    lab.engines.extend([("a", a), ("like", like)]);
    lab.link("a", "reader");
    lab.settle();
    lab.run_for(config().ack_delay);
    lab
}

fn unresolved(lab: &mut SetLab) -> u64 {
    lab.engine("reader").status().counters.unresolved
}

/// The length of the frame that brings one more element.
fn sent(lab: &mut SetLab, element: u64) -> usize {
    lab.insert("a", element);
    let frame = lab.lose("a", "reader");
    lab.forge("a", "reader", &frame).expect("an honest frame");
    frame.len()
}

#[test]
fn an_id_is_named_in_full_until_the_peer_said_that_it_has_updates_of_it() {
    let mut lab = SetLab::new(&["a", "reader"], &config());
    lab.link("a", "reader");
    assert_eq!(sent(&mut lab, 1), 1 + 16 + 1 + 1);
    assert_eq!(sent(&mut lab, 2), 1 + 16 + 1 + 1, "it was sent, and may be lost");
    lab.run_for(config().ack_delay);
    assert_eq!(sent(&mut lab, 3), 1 + 2 + 1 + 1);
    lab.cut("a", "reader");
    lab.start("reader", &config());
    lab.link("a", "reader");
    lab.take("a", "reader", 1);
    let all = lab.unwire("a", "reader").len();
    assert_eq!(all, 1 + 16 + 1 + 1 + 1 + 2 * 2, "another reader, which has nothing");
}

#[test]
fn what_could_be_of_two_ids_is_taken_for_lost_and_comes_again() {
    let mut lab = lab();
    assert_eq!(sent(&mut lab, 1), 5);
    assert!(lab.shows("reader", 1));
    lab.link("like", "reader");
    assert!(lab.one("like", "reader"));
    for element in 2..5 {
        assert_eq!(sent(&mut lab, element), 5, "a has not heard of the other id");
    }
    assert_eq!((lab.shown("reader"), unresolved(&mut lab)), (vec![0, 1], 3));
    lab.events("reader");
    // No time passes: the reader does not wait for the next exchange.
    lab.settle();
    assert_eq!((lab.shown("reader"), unresolved(&mut lab)), ((0..5).collect(), 3));
    let applied = |event: &Event| matches!(event, Event::Applied { .. });
    assert_eq!(lab.events("reader").iter().filter(|event| applied(event)).count(), 3);
    assert_eq!(sent(&mut lab, 5), 19, "now it has");
    lab.settle();
    assert_eq!((lab.shown("like"), unresolved(&mut lab)), ((0..6).collect(), 3));
    assert_eq!(lab.engine("a").fingerprint(), lab.engine("reader").fingerprint());
    assert_eq!(lab.engine("reader").status().counters.duplicates, 0, "only what was lost came again");
}

/// The datagram that asks for an exchange may be lost too.
#[test]
fn the_periodic_exchange_finds_it_where_nothing_else_does() {
    let mut lab = lab();
    lab.link("like", "reader");
    assert!(lab.one("like", "reader"));
    sent(&mut lab, 2);
    let (peer, now) = (lab.peer("reader", "a"), lab.now);
    assert!(lab.engine("reader").poll_datagram(peer, now).is_some());
    lab.settle();
    assert!(!lab.shows("reader", 2));
    lab.run_for(std::time::Duration::from_secs(60));
    assert_eq!((lab.shown("reader"), unresolved(&mut lab)), (vec![0, 2], 1));
}

/// No honest node names an id so that the peer does not have.
#[test]
fn a_short_name_of_nothing_brings_nothing_and_is_answered_by_a_digest() {
    let mut lab = SetLab::new(&["a", "mallory"], &config());
    lab.link("a", "mallory");
    for _ in 0..3 {
        lab.forge("mallory", "a", &[0x9b, 7, 7, 0, 1]).expect("a frame that is as lost");
    }
    let counters = lab.engine("a").status().counters;
    assert_eq!((counters.unresolved, counters.applied, counters.chatter_in), (3, 0, 3));
    assert!(lab.datagram("a", "mallory") && !lab.datagram("a", "mallory"), "one for all of them");
    lab.settle();
    assert!(lab.shown("a").is_empty());
}
