//! Updates on their way: push, reports, and the exchange that repairs.

use std::time::Duration;

use crdt_core::OrSetEditor;
use crdt_sync::proto::{Config, Event, PeerId, Token};

use crate::lab::{SetLab, config, short_log};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_write_reaches_a_peer_that_is_connected_and_through_it_the_next() {
    let mut lab = SetLab::new(&["a", "b", "c"], &config());
    lab.link("a", "b");
    lab.link("b", "c");
    let number = lab.insert("a", 1);
    lab.settle();
    assert_eq!(lab.shown("c"), [1]);
    let from = Some(lab.peer("c", "b"));
    assert!(lab.events("c").contains(&Event::Applied { update: number, from }));
    let own = Event::Applied { update: number, from: None };
    assert!(lab.events("a").contains(&own));
}

#[test]
fn an_update_is_never_sent_back_to_who_sent_it() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.insert("a", 1);
    lab.run_for(MINUTE);
    assert_eq!(lab.engine("a").status().counters.sent, 1);
    assert_eq!(lab.engine("b").status().counters.sent, 0);
    assert_eq!(lab.engine("a").status().counters.duplicates, 0);
}

#[test]
fn an_update_is_not_sent_to_who_said_that_it_has_it() {
    let mut lab = SetLab::new(&["a", "b", "c"], &config());
    lab.link("a", "b");
    lab.insert("a", 1);
    lab.settle();
    lab.link("a", "c");
    lab.settle();
    lab.link("b", "c"); // both say so in their hellos
    lab.run_for(MINUTE);
    assert_eq!(lab.engine("b").status().counters.sent, 0);
    assert_eq!(lab.engine("c").status().counters.duplicates, 0);
}

#[test]
fn small_updates_travel_together_within_the_budget() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.insert_all("a", 0..200);
    let (peer, now) = (lab.peer("a", "b"), lab.now);
    let frame = lab.engine("a").poll_transmit(peer, 300, now).expect("there is much to send");
    assert!((290..=300).contains(&frame.len()), "{}", frame.len());
    lab.forge("a", "b", &frame).expect("an honest frame");
    let first = lab.shown("b").len();
    assert!((20..200).contains(&first), "{first}");
    let frame = lab.engine("a").poll_transmit(peer, 100_000, now).expect("the rest");
    lab.forge("a", "b", &frame).expect("an honest frame");
    assert_eq!(lab.shown("b").len(), 200);
    assert_eq!(lab.engine("a").poll_transmit(peer, 100_000, now), None);
}

/// However much a driver asks for, and however large batches may be, the peer takes every frame.
#[test]
fn no_budget_makes_a_frame_larger_than_any() {
    let mut config = config();
    (config.max_replicas, config.max_runs, config.max_update_bytes) = (8, 8, 2_048);
    (config.max_frame, config.batch_bytes) = (3_200, 1 << 20);
    let mut lab = SetLab::new(&["a", "b"], &config);
    lab.link("a", "b");
    let now = lab.now;
    for first in (0..3_000).step_by(150) {
        let many = |set: OrSetEditor<'_, u64>| (first..first + 150).for_each(|n| set.insert(n));
        lab.engine("a").update(now, many).expect("a write of ordinary size");
    }
    lab.budget = usize::MAX;
    lab.settle();
    assert_eq!(lab.shown("b").len(), 3_000);
}

/// What others wrote waits for a moment; see `Config::relay_delay`.
fn holding() -> Config {
    let mut config = config();
    config.relay_delay = DELAY;
    config
}

const DELAY: Duration = Duration::from_millis(50);

#[test]
fn in_a_full_mesh_an_update_comes_from_its_writer_alone() {
    let mut lab = SetLab::new(&["a", "b", "c"], &holding());
    for (one, other) in [("a", "b"), ("b", "c"), ("a", "c")] {
        lab.link(one, other);
    }
    for element in 0..20 {
        lab.insert(["a", "b", "c"][element as usize % 3], element);
        lab.run_for(Duration::from_millis(7));
    }
    lab.run_for(MINUTE);
    for name in ["a", "b", "c"] {
        assert_eq!(lab.shown(name).len(), 20);
        assert_eq!(lab.engine(name).status().counters.duplicates, 0);
    }
    assert_eq!(lab.engine("a").status().counters.sent, 14, "seven updates to two peers");
}

#[test]
fn an_update_that_has_no_other_way_is_passed_on_in_time_and_later_ones_at_once() {
    let mut lab = SetLab::new(&["a", "b", "c"], &holding());
    lab.link("a", "b");
    lab.link("b", "c");
    lab.insert("a", 1);
    lab.settle();
    assert!(lab.shown("c").is_empty(), "c may have it from a");
    let own = lab.insert("b", 2);
    lab.settle();
    assert_eq!(lab.shown("c"), [2], "nobody else has it");
    lab.run_for(DELAY);
    assert_eq!(lab.shown("c"), [1, 2]);
    lab.insert("a", 3);
    lab.run_for(DELAY);
    assert_eq!(lab.shown("c"), [1, 2, 3], "once may be chance");
    lab.insert("a", 4);
    lab.settle();
    assert_eq!(lab.shown("c"), [1, 2, 3, 4]);
    assert!(lab.engine("c").vector().contains(own));
}

#[test]
fn who_is_cut_off_from_the_writer_is_given_its_updates_by_others() {
    let mut lab = SetLab::new(&["a", "b", "c"], &holding());
    for (one, other) in [("a", "b"), ("b", "c"), ("a", "c")] {
        lab.link(one, other);
    }
    lab.insert("a", 1);
    lab.run_for(MINUTE);
    lab.cut("a", "c");
    for element in [2, 3] {
        lab.insert("a", element);
        lab.run_for(DELAY);
    }
    assert_eq!(lab.shown("c"), [1, 2, 3]);
    lab.link("a", "c");
    lab.insert("a", 4);
    lab.run_for(MINUTE);
    let before = lab.engine("c").status().counters.duplicates;
    assert_eq!(before, 1, "b passed on one more, and was told");
    lab.insert("a", 5);
    lab.run_for(MINUTE);
    assert_eq!(lab.engine("c").status().counters.duplicates, before);
    assert_eq!(lab.shown("c"), [1, 2, 3, 4, 5]);
}

#[test]
fn connections_with_nothing_to_send_are_not_ready() {
    let mut lab = SetLab::new(&["a", "b", "c"], &holding());
    lab.link("a", "b");
    lab.link("a", "c");
    lab.insert("b", 1);
    lab.run_for(MINUTE);
    let now = lab.now;
    assert_eq!(lab.engine("a").ready(now), []);
    lab.insert("b", 2);
    lab.settle();
    assert_eq!(lab.engine("a").ready(now), [], "it goes to c at its time, and back to b never");
    lab.insert("a", 3);
    let both = [lab.peer("a", "b"), lab.peer("a", "c")];
    assert_eq!(lab.engine("a").ready(now), both);
}

/// The origin's id is most of it, and stands once in a frame, not once in each update and again
/// inside of it.
#[test]
fn an_addition_costs_few_bytes_beside_its_element() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    let element = 1; // a number below 128 is one byte
    lab.insert("a", 100);
    lab.take("a", "b", 1);
    let alone = lab.unwire("a", "b").len();
    assert!(alone - element <= 26, "{alone} bytes in a frame of its own");
    lab.insert_all("a", 0..100);
    lab.take("a", "b", 1);
    let together = lab.unwire("a", "b").len();
    assert!(together - alone <= (8 + element) * 99, "{together} bytes for a hundred");
}

/// A peer that takes nothing costs a place in the log; when it does take something, it gets the
/// updates in the order in which they were applied.
#[test]
fn what_a_slow_peer_is_sent_is_worked_out_when_it_takes_it() {
    let mut lab = SetLab::new(&["a", "slow"], &config());
    lab.link("a", "slow");
    lab.insert_all("a", 0..50);
    assert_eq!(lab.engine("a").status().counters.sent, 0);
    let lag = &lab.engine("a").status().peers[0];
    assert_eq!(lag.lag_updates, Some(50));
    assert!(lag.lag_bytes.is_some_and(|bytes| bytes > 50 * 20));
    lab.budget = 1;
    for element in 0..50 {
        assert!(lab.one("a", "slow"));
        assert_eq!(lab.shown("slow"), (0..=element).collect::<Vec<u64>>());
    }
}

/// The only change is a removal: it mints no dot, and travels by its number.
#[test]
fn a_removal_alone_is_pushed() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.insert("a", 1);
    lab.settle();
    let removal = lab.remove("a", 1);
    assert!(lab.one("a", "b"), "at once");
    assert!(lab.shown("b").is_empty());
    assert!(lab.engine("b").vector().contains(removal));
}

/// The push of a removal is lost, and nothing else ever changes: the exchange finds it.
#[test]
fn a_removal_alone_is_found_by_the_exchange() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.insert("a", 1);
    lab.settle();
    lab.remove("a", 1);
    lab.lose("a", "b");
    lab.settle();
    assert!(lab.shows("b", 1), "it was lost");
    lab.run_for(MINUTE);
    assert!(!lab.shows("b", 1));
    assert_eq!(lab.engine("a").fingerprint(), lab.engine("b").fingerprint());
    assert_eq!(lab.engine("b").status().counters.walks_in, 0, "from the log");
    assert_eq!(lab.engine("a").status().counters.diverged, 0);
}

/// The number of a removal is not in the donor's log, and nothing else is missing: a walk brings it.
#[test]
fn a_removal_alone_is_brought_by_a_walk() {
    let mut lab = SetLab::new(&["a", "donor", "receiver"], &short_log());
    lab.insert("a", 1);
    lab.fill("a");
    lab.link("a", "receiver");
    lab.settle();
    lab.cut("a", "receiver");
    let removal = lab.remove("a", 1);
    lab.link("a", "donor"); // by a walk: the donor's log never held the removal
    lab.settle();
    lab.stop("a");
    let before = lab.engine("receiver").status();
    let walks = before.counters.walks_in_complete;
    lab.link("donor", "receiver");
    lab.settle();
    assert!(!lab.shows("receiver", 1));
    assert!(lab.engine("receiver").vector().contains(removal));
    assert_eq!(lab.engine("receiver").status().counters.walks_in_complete, walks + 1);
    assert_eq!(lab.engine("receiver").status().counters.applied, before.counters.applied);
    assert_eq!(lab.engine("donor").fingerprint(), lab.engine("receiver").fingerprint());
}

#[test]
fn lost_frames_are_repaired_with_no_new_write() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.budget = 1;
    lab.insert_all("a", 0..10);
    for _ in 0..5 {
        lab.lose("a", "b");
        assert!(lab.one("a", "b"));
    }
    assert_eq!(lab.shown("b").len(), 5);
    lab.run_for(MINUTE);
    assert_eq!(lab.shown("b").len(), 10);
    let counters = lab.engine("b").status().counters;
    assert_eq!((counters.applied, counters.duplicates), (10, 0), "only what was lost is sent again");
}

#[test]
fn frames_that_come_twice_or_late_do_no_harm() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.budget = 1;
    lab.insert("a", 1);
    lab.remove("a", 1);
    let (first, second) = (lab.lose("a", "b"), lab.lose("a", "b"));
    for frame in [&second, &first, &first, &second] {
        lab.forge("a", "b", frame).expect("an honest frame");
        assert!(lab.shown("b").is_empty(), "what is removed does not come back");
    }
    assert_eq!(lab.engine("b").status().counters.duplicates, 2);
    assert_eq!(lab.engine("a").fingerprint(), lab.engine("b").fingerprint());
}

/// A peer that is new knows nothing, whatever was sent to the one before it under the same name.
#[test]
fn what_was_believed_of_a_peer_ends_with_the_connection() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.insert_all("a", 0..5);
    lab.take("a", "b", 10); // on the wire, and never there
    lab.cut("a", "b");
    lab.link("a", "b");
    lab.settle();
    assert_eq!(lab.shown("b").len(), 5);
    lab.start("b", &config());
    lab.link("a", "b");
    lab.settle();
    assert_eq!(lab.shown("b").len(), 5);
}

#[test]
fn a_token_is_covered_when_reports_say_so() {
    let mut lab = SetLab::new(&["a", "b", "c"], &config());
    lab.link("a", "b");
    lab.link("a", "c");
    let now = lab.now;
    let token = lab.engine("a").update(now, |set| set.insert(1)).expect("a small write").token;
    assert_eq!(lab.engine("a").replicas_covering(&token), 0, "others, not oneself");
    lab.settle();
    assert!(lab.engine("b").covers(&token));
    assert_eq!(lab.engine("a").replicas_covering(&token), 0, "not reported yet");
    lab.run_for(config().ack_delay);
    assert_eq!(lab.engine("a").replicas_covering(&token), 2);
    assert_eq!(lab.engine("b").replicas_covering(&token), 1, "b knows of a");
    lab.stop("c");
    assert_eq!(lab.engine("a").replicas_covering(&token), 1, "c may have lost it");
}

#[test]
fn a_report_that_is_lost_is_made_up_for_by_the_exchange() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    let now = lab.now;
    let token = lab.engine("a").update(now, |set| set.insert(1)).expect("a small write").token;
    lab.settle();
    lab.wait(config().ack_delay);
    lab.lose("b", "a");
    lab.settle();
    assert_eq!(lab.engine("a").replicas_covering(&token), 0);
    lab.run_for(MINUTE);
    assert_eq!(lab.engine("a").replicas_covering(&token), 1);
}

#[test]
fn a_name_counts_once_however_many_connections_it_has() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.insert("a", 1);
    lab.run_for(MINUTE);
    let (token, now) = (lab.engine("a").token(), lab.now);
    let (here, there) = (PeerId(1_000), PeerId(1_001));
    lab.engine("a").connected(here, "b", now);
    lab.engine("b").connected(there, "a", now);
    let hello = lab.engine("b").poll_transmit(there, 1_000, now).expect("a hello");
    lab.engine("a").handle_frame(here, &hello, now).expect("an honest frame");
    assert_eq!(lab.engine("a").status().peers.len(), 2);
    assert_eq!(lab.engine("a").replicas_covering(&token), 1);
}

#[test]
fn reports_are_gathered() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    for element in 0..100 {
        lab.insert("a", element);
        lab.settle();
    }
    let before = lab.engine("b").status().counters.frames_out;
    lab.run_for(config().ack_delay);
    assert_eq!(lab.engine("b").status().counters.frames_out, before + 1);
    let token = lab.engine("a").token();
    assert_eq!(lab.engine("a").replicas_covering(&token), 1);
}

/// Who is sent an update knows from that that its sender has it.
#[test]
fn what_a_peer_was_sent_is_not_reported_to_it() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.insert("a", 1);
    lab.settle();
    let before = lab.engine("a").status().counters.frames_out;
    lab.run_for(config().ack_delay);
    assert_eq!(lab.engine("a").status().counters.frames_out, before);
    let token = lab.engine("b").token();
    assert_eq!(lab.engine("b").replicas_covering(&token), 1, "b knows it all the same");
}

/// One digest and its answer, and both sides know.
#[test]
fn a_digest_is_answered_once() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    while lab.engine("a").status().counters.datagrams_out == 0 {
        let due = lab.engine("a").poll_timeout().expect("there is a peer");
        let now = lab.now.after(due.saturating_sub(lab.now.mono));
        lab.now = now;
        lab.engine("a").handle_timeout(now);
        lab.datagram("a", "b");
    }
    assert!(lab.datagram("b", "a"), "an answer");
    assert!(!lab.datagram("a", "b"), "which is not answered");
}

#[test]
fn a_peer_whose_frame_was_refused_vouches_for_nothing() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.insert("a", 1);
    lab.run_for(MINUTE);
    let token = lab.engine("a").token();
    assert_eq!(lab.engine("a").replicas_covering(&token), 1);
    assert!(lab.forge("b", "a", &[1, 77]).is_err());
    assert_eq!(lab.engine("a").replicas_covering(&token), 0);
}

/// Two nodes that are equal and idle say less and less: a digest and its answer each 15 s at most.
#[test]
fn an_idle_cluster_is_quiet_and_wakes_at_a_write() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    lab.insert("a", 1);
    lab.run_for(10 * MINUTE);
    let sent = |lab: &mut SetLab| {
        let (a, b) = (lab.engine("a").status().counters, lab.engine("b").status().counters);
        (a.frames_out + b.frames_out, a.datagrams_out + b.datagrams_out)
    };
    let (frames, datagrams) = sent(&mut lab);
    lab.run_for(60 * MINUTE);
    let (more_frames, more_datagrams) = sent(&mut lab);
    assert_eq!(more_frames, frames, "no frame in an hour");
    let datagrams = more_datagrams - datagrams;
    assert!((2 * 200..2 * 2 * 300).contains(&datagrams), "{datagrams} in an hour");

    lab.insert("a", 2);
    lab.lose("a", "b");
    lab.run_for(Duration::from_secs(5));
    assert!(lab.shows("b", 2), "a write makes exchanges brisk again");
}

#[test]
fn an_update_can_be_looked_at_while_the_log_holds_it() {
    let mut lab = SetLab::new(&["a", "b"], &short_log());
    lab.link("a", "b");
    let first = lab.insert("a", 1);
    let removal = lab.remove("a", 1);
    lab.settle();
    let delta = lab.engine("b").delta_of(first).expect("it is in the log");
    assert_eq!((delta.entries().len(), delta.entries()[0].1, delta.dead().is_empty()), (1, 1, true));
    let inserted = delta.entries()[0].0;
    let delta = lab.engine("b").delta_of(removal).expect("it is in the log");
    assert!(delta.entries().is_empty() && delta.dead().contains(inserted) && delta.dead().len() == 1);
    lab.fill("a");
    lab.settle();
    assert_eq!(lab.engine("a").delta_of(first), None, "the log has forgotten it");
}

#[test]
fn the_log_keeps_to_its_bytes() {
    let mut lab = SetLab::new(&["a"], &short_log());
    lab.insert_all("a", 0..1_000);
    let status = lab.engine("a").status();
    assert!(status.log_bytes <= 1_024 && status.log_len >= 5, "{status:?}");
    assert_eq!(status.counters.trimmed, 1_000 - status.log_len);
    assert_eq!(status.updates, 1_000);
}

#[test]
fn a_token_survives_its_bytes_and_what_is_no_token_is_refused() {
    let mut lab = SetLab::new(&["a"], &config());
    lab.insert("a", 1);
    let token = lab.engine("a").token();
    let bytes = rmp_serde::to_vec(&token).expect("a token has bytes");
    assert_eq!(rmp_serde::from_slice::<Token>(&bytes).ok(), Some(token));
    let id = [vec![0xc4, 16], vec![7; 16]].concat();
    let empty_run = [&[0x91, 0x92][..], &id, &[0x92, 5, 4]].concat();
    assert!(rmp_serde::from_slice::<Token>(&empty_run).is_err());
}
