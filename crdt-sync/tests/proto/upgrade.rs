//! Nodes of one cluster that were built from different versions of a struct.

// What the derive defines beside a struct is as public as the struct.
#![allow(unreachable_pub, reason = "the derive's items follow the visibility of the struct")]

use std::time::Duration;

use crdt_core::{Crdt, OrSet};
use crdt_sync::proto::{Counters, Engine, Event, Now, PeerId};

use crate::lab::{BUDGET, short_log};

/// The older build.
#[derive(Crdt)]
pub(crate) struct Old {
    seen: OrSet<u64>,
}

/// The newer one, with a field that the older does not know.
#[derive(Crdt)]
pub(crate) struct New {
    seen: OrSet<u64>,
    added: OrSet<u64>,
}

const LINK: PeerId = PeerId(1);

/// Lets two engines of any builds talk until both are silent.
fn talk<A, B>(a: &mut Engine<A>, b: &mut Engine<B>, link: PeerId, now: Now)
where
    A: crdt_core::codec::Wire,
    B: crdt_core::codec::Wire,
{
    a.connected(link, "b", now);
    b.connected(link, "a", now);
    loop {
        let (there, back) = (a.poll_transmit(link, BUDGET, now), b.poll_transmit(link, BUDGET, now));
        if there.is_none() && back.is_none() {
            break;
        }
        if let Some(frame) = there {
            b.handle_frame(link, &frame, now).expect("an honest frame");
        }
        if let Some(frame) = back {
            a.handle_frame(link, &frame, now).expect("an honest frame");
        }
    }
    a.disconnected(link, now);
    b.disconnected(link, now);
}

fn engine<T: crdt_core::codec::Wire>(seed: u8, log_bytes: usize) -> Engine<T> {
    let mut config = short_log();
    config.log_bytes = log_bytes;
    Engine::new(config, [seed; 32], Now::default()).expect("a configuration that works")
}

fn diverged<T: crdt_core::codec::Wire>(engine: &mut Engine<T>) -> bool {
    let mut events = std::iter::from_fn(|| engine.poll_event());
    events.any(|event| matches!(event, Event::Diverged { .. }))
}

/// Counting a number whose content was dropped: equal vectors, unequal states, for ever.
fn a_field_outlives_its_writer_in_an_older_node(writes: u64, log_bytes: usize) -> Counters {
    let now = Now::default().after(Duration::from_secs(1));
    let (mut author, mut relay) = (engine::<New>(1, 1 << 20), engine::<Old>(2, log_bytes));
    for element in 0..writes {
        author.update(now, |it| it.added.insert(element)).expect("a small write");
        author.update(now, |it| it.seen.insert(element)).expect("a small write");
    }
    talk(&mut author, &mut relay, LINK, now);
    assert_eq!(relay.doc().seen.len() as u64, writes, "it shows what it knows");
    assert_eq!(relay.fingerprint(), author.fingerprint(), "and counts what it does not show");
    drop(author);

    // Only the older build is left; it hands on what it cannot read.
    let mut upgraded = engine::<New>(3, log_bytes);
    talk(&mut relay, &mut upgraded, LINK, now);
    assert_eq!(upgraded.vector(), relay.vector());
    assert_eq!(upgraded.doc().added.len() as u64, writes);
    assert_eq!(upgraded.fingerprint(), relay.fingerprint());
    assert!(!diverged(&mut upgraded) && !diverged(&mut relay));
    upgraded.status().counters
}

#[test]
fn an_older_node_hands_on_updates_of_a_field_that_it_does_not_know() {
    let counters = a_field_outlives_its_writer_in_an_older_node(2, 1024);
    assert_eq!((counters.walks_in, counters.in_groups), (0, 0));
}

#[test]
fn an_older_node_gives_walks_over_a_field_that_it_does_not_know() {
    assert_eq!(a_field_outlives_its_writer_in_an_older_node(30, 1024).walks_in, 1);
}

#[test]
fn an_older_node_joins_updates_of_a_field_that_it_does_not_know() {
    let counters = a_field_outlives_its_writer_in_an_older_node(100, 8 * 1024);
    assert!(counters.walks_in == 0 && counters.in_groups > 100, "{counters:?}");
}
