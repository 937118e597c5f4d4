//! Walks: who asks, what waits, what gives way, and how they end.

use std::time::Duration;

use crdt_core::OrSet;
use crdt_sync::proto::{Config, Event, PeerError, PeerState, WalkOutcome, WalkRole};

use crate::lab::{SetLab, config, short_log};

const MINUTE: Duration = Duration::from_secs(60);

fn finished(lab: &mut SetLab, name: &str, wanted: WalkRole) -> Vec<WalkOutcome> {
    let outcome = |event: Event| match event {
        Event::WalkFinished { role, outcome, .. } if role == wanted => Some(outcome),
        _ => None,
    };
    lab.events(name).into_iter().filter_map(outcome).collect()
}

#[test]
fn a_new_node_gets_a_state_that_no_log_holds_any_more() {
    let mut lab = SetLab::new(&["donor", "new"], &short_log());
    lab.insert_all("donor", 0..200);
    lab.remove_all("donor", 0..100);
    lab.link("donor", "new");
    lab.settle();
    assert_eq!(lab.shown("new"), (100..200).collect::<Vec<u64>>());
    assert_eq!(lab.engine("new").fingerprint(), lab.engine("donor").fingerprint());
    let vector = lab.engine("donor").vector().clone();
    assert_eq!(lab.engine("new").vector(), &vector);
    assert!(!lab.engine("new").is_partial());
    assert_eq!(finished(&mut lab, "new", WalkRole::Receiver), [WalkOutcome::Complete]);
    assert_eq!(finished(&mut lab, "donor", WalkRole::Donor), [WalkOutcome::Complete]);
}

/// What was written during a walk follows from the log, which waits for it.
#[test]
fn writes_go_on_during_a_walk_and_follow_it() {
    let mut lab = SetLab::new(&["donor", "new"], &short_log());
    lab.fill("donor");
    lab.link("donor", "new");
    lab.until("donor", "new", |lab| lab.shows("new", 100));
    let mut most = 0;
    for element in 0..30 {
        lab.insert("donor", element);
        let _said = lab.one("donor", "new") | lab.one("new", "donor");
        most = most.max(lab.engine("donor").status().log_bytes);
    }
    assert!(most > short_log().log_bytes, "{most} bytes kept for the walk");
    lab.settle();
    assert_eq!(lab.shown("new").len(), 50);
    assert_eq!(finished(&mut lab, "new", WalkRole::Receiver), [WalkOutcome::Complete], "one is enough");
    assert_eq!(lab.engine("new").status().counters.applied, 30, "from the log");
    assert!(lab.engine("donor").status().log_bytes <= short_log().log_bytes, "kept no longer");
}

/// Nothing newer than what the log lost is pushed: the walk goes first.
#[test]
fn updates_wait_for_the_walk_that_is_due() {
    let mut lab = SetLab::new(&["donor", "new"], &short_log());
    lab.fill("donor");
    lab.link("donor", "new");
    lab.until("donor", "new", |lab| lab.engine("new").status().receiving_walk.is_some());
    for element in 0..5 {
        lab.insert("donor", element);
        assert!(lab.one("donor", "new"));
        assert!(lab.engine("new").vector().is_empty());
    }
    assert_eq!(lab.engine("donor").status().peers[0].state, PeerState::Reconciling);
    assert_eq!(lab.engine("donor").status().peers[0].lag_bytes, None);
    assert_eq!(lab.engine("donor").status().counters.sent, 0);
    lab.settle();
    assert_eq!(lab.engine("donor").status().peers[0].state, PeerState::Live);
    assert_eq!(lab.engine("donor").status().counters.sent, 5);
}

#[test]
fn a_donor_that_writes_more_than_it_may_keep_begins_again() {
    let mut bounded = short_log();
    bounded.pinned_bytes = 500;
    let mut lab = SetLab::new(&["donor", "new"], &bounded);
    lab.fill("donor");
    lab.link("donor", "new");
    lab.until("donor", "new", |lab| lab.shows("new", 100));
    lab.insert_all("donor", 0..30);
    assert!(lab.engine("donor").status().log_bytes <= 1_024 + 500);
    lab.run_for(MINUTE);
    assert_eq!(lab.shown("new").len(), 50);
    let outcomes = finished(&mut lab, "new", WalkRole::Receiver);
    assert_eq!(outcomes, [WalkOutcome::Overflow, WalkOutcome::Complete]);
    assert_eq!(lab.engine("donor").status().counters.walk_overflows, 1);
}

#[test]
fn a_donor_whose_entries_die_faster_than_it_may_keep_begins_again() {
    let mut bounded = short_log();
    bounded.walk_stash = 2;
    let mut lab = SetLab::new(&["donor", "new"], &bounded);
    lab.fill("donor");
    lab.link("donor", "new");
    lab.until("donor", "new", |lab| lab.shows("new", 100));
    lab.remove_all("donor", 110..115);
    lab.run_for(MINUTE);
    assert_eq!(lab.engine("new").fingerprint(), lab.engine("donor").fingerprint());
    let outcomes = finished(&mut lab, "new", WalkRole::Receiver);
    assert_eq!(outcomes, [WalkOutcome::Overflow, WalkOutcome::Complete]);
}

/// Large chunks travel in pieces of the frames' size.
#[test]
fn a_chunk_may_be_larger_than_a_frame_budget() {
    let mut config = short_log();
    config.walk_entries = 1_000;
    let mut lab = SetLab::new(&["donor", "new"], &config);
    lab.insert_all("donor", 0..300);
    lab.budget = 50;
    lab.link("donor", "new");
    lab.settle();
    assert_eq!(lab.shown("new").len(), 300);
    assert!(lab.engine("new").status().counters.frames_in > 20);
}

#[test]
fn one_walk_is_received_at_a_time_and_others_are_not_needed() {
    let mut lab = SetLab::new(&["a", "b", "new"], &short_log());
    lab.fill("a");
    lab.link("a", "b");
    lab.settle();
    lab.link("a", "new");
    lab.link("b", "new");
    lab.run_for(MINUTE);
    assert_eq!(lab.engine("new").fingerprint(), lab.engine("a").fingerprint());
    assert_eq!(lab.engine("new").status().counters.walks_in, 1);
}

#[test]
fn a_donor_serves_as_many_walks_as_it_may_and_the_others_afterwards() {
    let mut config = short_log();
    config.max_donor_walks = 1;
    let mut lab = SetLab::new(&["donor", "x", "y"], &config);
    lab.fill("donor");
    lab.link("donor", "x");
    lab.link("donor", "y");
    lab.until("donor", "x", |lab| lab.shows("x", 100));
    for _ in 0..5 {
        let _said = lab.one("donor", "y") | lab.one("y", "donor");
    }
    assert_eq!(lab.engine("donor").status().donor_walks, 1);
    assert_eq!(finished(&mut lab, "y", WalkRole::Receiver), [WalkOutcome::Busy]);
    lab.run_for(MINUTE);
    assert_eq!(lab.shown("x").len(), 20);
    assert_eq!(lab.shown("y").len(), 20);
}

#[test]
fn a_lost_piece_cuts_a_walk_and_another_one_completes() {
    let mut lab = SetLab::new(&["donor", "new"], &short_log());
    lab.fill("donor");
    lab.link("donor", "new");
    lab.until("donor", "new", |lab| lab.shows("new", 100));
    lab.lose("donor", "new");
    lab.settle();
    assert_eq!(finished(&mut lab, "new", WalkRole::Receiver), [WalkOutcome::Cut]);
    assert!(lab.engine("new").vector().is_empty(), "nothing of it is claimed");
    assert!(lab.engine("new").is_partial());
    lab.run_for(MINUTE);
    assert_eq!(finished(&mut lab, "new", WalkRole::Receiver), [WalkOutcome::Complete]);
    assert_eq!(lab.engine("new").fingerprint(), lab.engine("donor").fingerprint());
    assert!(!lab.engine("new").is_partial());
}

/// Every single frame of a walk is lost once, from its request to its end.
#[test]
fn whichever_frame_of_a_walk_is_lost_another_walk_completes() {
    for lost in 0..30 {
        let mut lab = SetLab::new(&["donor", "new"], &short_log());
        lab.fill("donor");
        lab.link("donor", "new");
        for turn in 0..lost {
            let _said = if turn % 2 == 0 { lab.one("donor", "new") } else { lab.one("new", "donor") };
        }
        for (from, to) in [("donor", "new"), ("new", "donor")] {
            if lab.take(from, to, 1) == 1 {
                lab.drop_wire(from, to);
            }
        }
        lab.run_for(2 * MINUTE);
        assert_eq!(lab.shown("new").len(), 20, "a frame lost after {lost}");
        assert_eq!(lab.engine("new").fingerprint(), lab.engine("donor").fingerprint());
    }
}

#[test]
fn a_walk_that_stands_still_gives_its_place_to_another() {
    let mut config = short_log();
    config.max_donor_walks = 1;
    let mut lab = SetLab::new(&["donor", "stuck", "new"], &config);
    lab.fill("donor");
    lab.link("donor", "stuck");
    lab.until("donor", "stuck", |lab| lab.shows("stuck", 100));
    lab.wait(config.walk_timeout); // nothing is taken from the donor's stream
    assert_eq!(lab.engine("donor").status().donor_walks, 0);
    assert_eq!(finished(&mut lab, "donor", WalkRole::Donor), [WalkOutcome::Cut]);
    assert_eq!(finished(&mut lab, "stuck", WalkRole::Receiver), [WalkOutcome::Cut]);
    lab.link("donor", "new");
    lab.run_for(MINUTE);
    assert_eq!(lab.shown("new").len(), 20);
    assert_eq!(lab.shown("stuck").len(), 20, "also who was stuck");
}

#[test]
fn a_receiver_of_a_walk_gives_walks_itself() {
    let mut lab = SetLab::new(&["a", "b", "c"], &short_log());
    lab.fill("a");
    lab.fill("b");
    lab.link("b", "c");
    lab.until("b", "c", |lab| lab.shows("c", 100));
    lab.link("a", "b"); // both lack what the other's log lost
    lab.run_for(MINUTE);
    for name in ["a", "b", "c"] {
        assert_eq!(lab.engine(name).vector().len(), 40, "{name}");
        assert_eq!(lab.engine(name).status().counters.diverged, 0);
    }
    assert_eq!(lab.engine("a").fingerprint(), lab.engine("c").fingerprint());
}

#[test]
fn a_chunk_that_is_no_delta_ends_the_connection() {
    let mut lab = SetLab::new(&["donor", "new"], &short_log());
    lab.fill("donor");
    lab.link("donor", "new");
    lab.until("donor", "new", |lab| lab.engine("new").status().receiving_walk.is_some());
    let garbage = [1, 9, 1, 0, 1, 0xff];
    let refused = lab.forge("donor", "new", &garbage);
    assert!(matches!(refused, Err(PeerError::Undecodable { update: None, .. })), "{refused:?}");
    assert_eq!(finished(&mut lab, "new", WalkRole::Receiver), [WalkOutcome::Cut]);
    assert!(lab.engine("new").vector().is_empty());
}

/// A stash or a log so small that a walk could hardly ever be kept open is still a configuration
/// under which nodes become equal once the writing stops.
#[test]
fn walks_complete_under_the_smallest_bounds_once_writing_stops() {
    let mut config: Config = short_log();
    (config.walk_stash, config.pinned_bytes) = (0, 0);
    let mut lab = SetLab::new(&["donor", "new"], &config);
    lab.link("donor", "new");
    for element in 0..200 {
        lab.insert("donor", element);
        if element % 3 == 0 {
            lab.remove("donor", element);
        }
    }
    lab.run_for(MINUTE);
    assert_eq!(lab.engine("new").fingerprint(), lab.engine("donor").fingerprint());
}

#[test]
fn a_walk_is_not_needed_while_the_log_reaches_back() {
    let mut lab = crate::lab::Lab::<OrSet<u64>>::new(&["a", "b"], &config());
    lab.insert_all("a", 0..500);
    lab.link("a", "b");
    lab.settle();
    assert_eq!(lab.shown("b").len(), 500);
    assert_eq!(lab.engine("b").status().counters.walks_in, 0);
}

/// A request that comes again, late, does not end the walk that it once began.
#[test]
fn an_old_request_does_not_end_a_walk() {
    let mut lab = SetLab::new(&["donor", "new"], &short_log());
    lab.fill("donor");
    lab.link("donor", "new");
    assert!(lab.one("donor", "new"), "an offer");
    let request = lab.lose("new", "donor");
    lab.forge("new", "donor", &request).expect("an honest frame");
    lab.until("donor", "new", |lab| lab.shows("new", 100));
    lab.forge("new", "donor", &request).expect("an honest frame");
    lab.settle();
    assert_eq!(finished(&mut lab, "donor", WalkRole::Donor), [WalkOutcome::Complete]);
    assert_eq!(lab.shown("new").len(), 20);
}

/// Beginning a walk looks at the whole document: a peer that asks all the time is put off.
#[test]
fn a_peer_that_asks_for_walks_all_the_time_gets_one_now_and_then() {
    let mut lab = SetLab::new(&["donor", "greedy"], &short_log());
    lab.fill("donor");
    lab.link("donor", "greedy");
    for id in 1..=50 {
        lab.forge("greedy", "donor", &[1, 7, id, 0]).expect("a well-formed frame");
    }
    assert_eq!(lab.engine("donor").status().counters.walks_out, 1);
    lab.wait(short_log().walk_retry);
    lab.forge("greedy", "donor", &[1, 7, 51, 0]).expect("a well-formed frame");
    assert_eq!(lab.engine("donor").status().counters.walks_out, 2);
}
