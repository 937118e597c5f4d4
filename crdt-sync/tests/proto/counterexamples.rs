//! Plausible designs that fail, each as the history that breaks it.
//!
//! `(o,1)` is update 1 of the origin o; `x@a1` is the element x under the dot a1.

use std::time::Duration;

use crdt_core::clock::Stamp;
use crdt_core::{Doc, LwwMap, LwwRegister, OrSet, Replica, ReplicaId};
use crdt_sync::proto::{Event, Now, WalkOutcome, WalkRole};

use crate::lab::{Lab, SetLab, config, short_log};

const X: u64 = 7;
const MINUTE: Duration = Duration::from_secs(60);

/// Cutting a numbered update down to what was new leaves a node with a number and without its
/// content.
#[test]
fn an_update_of_which_nothing_was_new_is_passed_on_whole() {
    let mut lab = Lab::<LwwRegister<u64>>::new(&["o", "q", "a", "c"], &config());
    lab.budget = 1; // one update a frame
    let now = lab.now;
    lab.engine("o").update(now, |register| register.set(1)).expect("a small write");
    lab.link("o", "q");
    lab.one("o", "q");
    lab.engine("q").update(now, |register| register.set(2)).expect("a small write");

    // a gets (q,1) first, and then (o,1), which it overwrote: nothing of it is new.
    lab.link("q", "a");
    lab.lose("q", "a");
    lab.one("q", "a");
    assert_eq!(lab.engine("a").doc().get(), Some(&2));
    lab.link("o", "a");
    lab.one("o", "a");
    assert_eq!(lab.engine("a").vector().len(), 2);

    // c gets (o,1) from a and not (q,1); then q and a are gone.
    lab.link("a", "c");
    lab.lose("a", "c");
    lab.one("a", "c");
    lab.stop("a");
    lab.stop("q");
    lab.link("o", "c");
    lab.run_for(MINUTE);
    let vector = lab.engine("o").vector().clone();
    assert_eq!(lab.engine("c").vector(), &vector);
    assert_eq!(lab.engine("c").doc().get(), Some(&1), "the content of (o,1)");
    assert_eq!(lab.engine("o").fingerprint(), lab.engine("c").fingerprint());
    assert!(lab.events("o").iter().all(|event| !matches!(event, Event::Diverged { .. })));
}

/// Claiming the donor's vector at the end of a walk: what was removed meanwhile is shown for ever.
#[test]
fn a_walk_claims_what_the_donor_had_at_its_start_not_at_its_end() {
    let mut lab = SetLab::new(&["donor", "p", "receiver"], &short_log());
    lab.insert("donor", X);
    lab.link("donor", "p");
    lab.settle();
    lab.fill("donor");
    lab.link("donor", "receiver");
    lab.until("donor", "receiver", |lab| lab.shows("receiver", X));

    let removal = lab.remove("p", X);
    lab.until("p", "donor", |lab| !lab.shows("donor", X));
    let complete = |lab: &mut SetLab| lab.engine("receiver").status().counters.walks_in_complete == 1;
    lab.until("donor", "receiver", complete);
    assert!(!lab.engine("receiver").vector().contains(removal), "the walk began before it");
    assert!(lab.shows("receiver", X));

    lab.settle();
    assert!(lab.engine("receiver").vector().contains(removal));
    assert!(!lab.shows("receiver", X));
}

/// A donor where b has put x in again, over a's addition, which is all that the receiver has.
fn readded() -> SetLab {
    let mut lab = SetLab::new(&["a", "b", "donor", "receiver"], &short_log());
    lab.insert("a", X);
    lab.link("a", "b");
    lab.link("a", "receiver");
    lab.settle();
    lab.stop("a");
    lab.insert("b", X);
    lab.fill("b");
    lab.link("b", "donor");
    lab.settle();
    lab.stop("b");
    assert!(lab.shows("donor", X) && lab.shows("receiver", X));
    lab.link("donor", "receiver");
    lab
}

/// Sending a range of dots with the whole range as context: x is gone until its new dot comes.
#[test]
fn what_both_sides_show_is_shown_all_through_a_walk_and_after_every_cut() {
    let mut whole = readded();
    let mut frames = 0;
    while whole.one("receiver", "donor") | whole.one("donor", "receiver") {
        frames += 1;
        assert!(whole.shows("receiver", X), "after {frames} frames");
    }
    assert_eq!(whole.engine("receiver").status().counters.walks_in_complete, 1);
    assert_eq!(whole.engine("receiver").fingerprint(), whole.engine("donor").fingerprint());
    assert!(frames > 10, "the walk has many chunks");
}

/// Entries first and dead dots last, but read as they are when their turn comes: the entry that
/// replaces x lies behind the cursor, and the old x dies.
#[test]
fn an_element_put_in_again_during_a_walk_survives_the_donor() {
    for moment in 0..40 {
        let mut lab = readded();
        lab.start("c", &short_log());
        lab.link("donor", "c");
        lab.until("donor", "c", |lab| lab.shows("c", X));
        lab.insert("c", X);
        for _ in 0..moment {
            let _said = lab.one("receiver", "donor") | lab.one("donor", "receiver");
        }
        // The donor hears of c's addition in the middle of its walk to the receiver.
        while lab.one("c", "donor") {}
        let over = |lab: &mut SetLab| {
            let walk = |event: &Event| matches!(event, Event::WalkFinished { role: WalkRole::Receiver, .. });
            assert!(lab.shows("receiver", X), "the donor heard of it after {moment} frames");
            lab.events("receiver").iter().any(walk) || moment > 30
        };
        lab.until("donor", "receiver", over);
        lab.stop("c");
        lab.stop("donor");
        assert!(lab.shows("receiver", X), "the donor heard of it after {moment} frames");
    }
}

/// Two donors, one claim: only what one donor had at the start of one walk is true.
#[test]
fn a_walk_cut_with_one_donor_begins_anew_with_another_and_claims_only_that_ones_vector() {
    let mut lab = SetLab::new(&["p", "q", "receiver"], &short_log());
    lab.fill("p");
    lab.insert("p", X);
    lab.fill("q");
    let only_p = lab.insert("p", 1);
    lab.link("p", "receiver");
    lab.until("p", "receiver", |lab| lab.shows("receiver", 100));
    lab.cut("p", "receiver");
    assert!(lab.engine("receiver").is_partial());
    assert!(lab.engine("receiver").vector().is_empty(), "nothing of a cut walk is claimed");

    lab.wait(config().walk_retry);
    lab.link("q", "receiver");
    lab.settle();
    let q = lab.engine("q").vector().clone();
    assert_eq!(lab.engine("receiver").vector(), &q);
    assert!(lab.engine("receiver").is_partial(), "it still holds parts of what p had");

    lab.link("p", "receiver");
    lab.run_for(MINUTE);
    assert!(lab.engine("receiver").vector().contains(only_p));
    assert!(!lab.engine("receiver").is_partial());
    assert_eq!(lab.engine("receiver").fingerprint(), lab.engine("p").fingerprint());
}

/// First phase from P, second from Q: x@d0 dies without the addition of Q that replaced it.
#[test]
fn the_second_donor_of_a_cut_walk_sends_its_entries_before_what_is_dead() {
    for moment in 0..30 {
        let mut lab = SetLab::new(&["p", "q", "receiver"], &short_log());
        lab.insert("p", X);
        lab.fill("p");
        lab.link("p", "q");
        lab.settle();
        lab.cut("p", "q");
        lab.insert("q", X);
        lab.fill("q");

        lab.link("p", "receiver");
        lab.until("p", "receiver", |lab| lab.shows("receiver", X));
        for _ in 0..moment {
            let _said = lab.one("receiver", "p") | lab.one("p", "receiver");
        }
        lab.stop("p");
        lab.wait(config().walk_retry);
        lab.link("q", "receiver");
        let mut frames = 0;
        while lab.one("receiver", "q") | lab.one("q", "receiver") {
            frames += 1;
            assert!(lab.shows("receiver", X), "cut after {moment}, then after {frames} frames");
        }
        lab.stop("q");
        assert!(lab.shows("receiver", X));
    }
}

/// Reading the entries that are live when the cursor passes: nothing is sent for x, the receiver
/// claims its addition, and the remover forgets that it removed it.
#[test]
fn what_was_removed_during_a_walk_is_there_under_the_claimed_vector() {
    let mut lab = SetLab::new(&["donor", "receiver"], &short_log());
    lab.fill("donor");
    let addition = lab.insert("donor", X);
    lab.link("donor", "receiver");
    lab.until("donor", "receiver", |lab| lab.shows("receiver", 100));
    lab.remove("donor", X);
    let complete = |lab: &mut SetLab| lab.engine("receiver").status().counters.walks_in_complete == 1;
    lab.until("donor", "receiver", complete);
    lab.stop("donor");
    assert!(lab.engine("receiver").vector().contains(addition));
    assert!(lab.shows("receiver", X), "its addition is claimed, and nobody has removed it");
}

/// The first update of an origin, with dots of another, as a frame of its own.
fn update_frame(origin: ReplicaId, bytes: &[u8]) -> Vec<u8> {
    [&[0x83][..], origin.as_bytes(), &[0], bytes].concat()
}

/// Gives a and b different content under the same number.
fn lie(lab: &mut SetLab) {
    for (victim, element) in [("a", 1u32), ("b", 2)] {
        let mut me = Replica::new(ReplicaId::from_u128(element.into()));
        let mut set = Doc::<OrSet<u64>>::default();
        let delta = set.update(&mut me, |set| set.insert(element.into()));
        let bytes = delta.encode().expect("numbers have bytes");
        let frame = update_frame(ReplicaId::from_u128(99), &bytes);
        lab.forge("liar", victim, &frame).expect("a well-formed frame");
    }
}

/// Equal vectors, unequal states: no vector exchange can find it, and no number is missing.
#[test]
fn equal_vectors_with_unequal_states_are_reported_and_repaired() {
    let mut lab = SetLab::new(&["liar", "a", "b"], &config());
    lab.link("liar", "a");
    lab.link("liar", "b");
    lie(&mut lab);
    lab.stop("liar");
    lab.link("a", "b");
    lab.run_for(MINUTE);
    for name in ["a", "b"] {
        let events = lab.events(name);
        let diverged = events.iter().filter(|event| matches!(event, Event::Diverged { .. }));
        assert_eq!(diverged.count(), 1, "{name} says so once");
        assert_eq!(lab.engine(name).status().counters.diverged, 1);
        assert_eq!(lab.shown(name), [1, 2], "{name} has both");
    }
    assert_eq!(lab.engine("a").fingerprint(), lab.engine("b").fingerprint());
}

/// A removal of every number that the id can ever give, as bytes: version, one id, no entry of it, and
/// one run of dead dots.
fn claim_of_all(id: ReplicaId) -> Vec<u8> {
    let mut me = Replica::new(id);
    let mut set = Doc::<OrSet<u64>>::default();
    let _ = set.update(&mut me, |set| set.insert(1));
    let removal = set.update(&mut me, |set| set.remove(&1)).encode().expect("it has bytes");
    // The run ends with how far it goes beyond its first number: here not at all.
    let (last, rest) = removal.split_last().expect("it is not empty");
    assert_eq!(*last, 0);
    let mut all = rest.to_vec();
    let mut beyond = (1u64 << 62) - 1;
    while beyond >= 128 {
        all.push((beyond & 0x7f) as u8 | 0x80);
        beyond >>= 7;
    }
    all.push(beyond as u8);
    all
}

/// Members are trusted, but one that errs must not silence another.
#[test]
fn a_writer_whose_numbers_somebody_claims_goes_on_under_another_id() {
    let mut lab = SetLab::new(&["liar", "a", "b"], &config());
    let first = lab.insert("a", 1);
    lab.link("liar", "a");
    lab.link("a", "b");
    let frame = update_frame(ReplicaId::from_u128(99), &claim_of_all(first.replica));
    lab.forge("liar", "a", &frame).expect("a well-formed frame");
    assert_eq!(lab.shown("a"), [], "the claim removes what it covers");
    let second = lab.insert("a", 2);
    assert_ne!(second.replica, first.replica);
    lab.run_for(MINUTE);
    assert_eq!((lab.shown("a"), lab.shown("b")), (vec![2], vec![2]));
}

/// A divergence that appears while two nodes are connected is found by their periodic exchange.
#[test]
fn the_periodic_exchange_finds_unequal_states_under_equal_vectors() {
    let mut lab = SetLab::new(&["liar", "a", "b"], &config());
    lab.link("a", "b");
    lab.link("liar", "a");
    lab.link("liar", "b");
    lie(&mut lab);
    lab.stop("liar");
    lab.run_for(MINUTE);
    assert_eq!(lab.shown("a"), [1, 2]);
    assert_eq!(lab.shown("b"), [1, 2]);
    assert!(lab.engine("a").status().counters.diverged > 0);
}

/// A node with parts of a walk has another state under an equal vector, and nothing is wrong.
#[test]
fn parts_of_a_cut_walk_are_no_divergence_but_do_not_stay_unequal() {
    let mut lab = SetLab::new(&["donor", "receiver", "other"], &short_log());
    lab.fill("donor");
    lab.link("donor", "receiver");
    lab.until("donor", "receiver", |lab| lab.shows("receiver", 100));
    lab.stop("donor"); // its updates are lost with it
    lab.link("receiver", "other");
    lab.run_for(2 * MINUTE);
    for name in ["receiver", "other"] {
        assert!(lab.engine(name).vector().is_empty());
        assert!(lab.engine(name).is_partial(), "{name} says that it holds parts");
        assert_eq!(lab.engine(name).status().counters.diverged, 0, "{name}");
    }
    assert_eq!(lab.engine("receiver").fingerprint(), lab.engine("other").fingerprint());
    assert!(lab.shows("other", 100));
}

/// An id used by two starts: what the second wrote under numbers that others know is dropped.
#[test]
fn a_node_that_starts_again_writes_under_a_new_id_and_pulls_its_own_past() {
    let mut lab = SetLab::new(&["i", "peer"], &config());
    lab.link("i", "peer");
    let before: Vec<_> = (0..10).map(|element| lab.insert("i", element)).collect();
    lab.settle();
    assert_eq!(lab.engine("i").status().replica, Some(before[0].replica));

    lab.start("i", &config());
    assert_eq!(lab.engine("i").status().replica, None, "no id before the first write");
    let after: Vec<_> = (10..20).map(|element| lab.insert("i", element)).collect();
    assert!(before.iter().all(|number| !after.contains(number)), "no number has two meanings");
    assert_ne!(before[0].replica, after[0].replica);
    assert!(after.iter().all(|number| number.replica == after[0].replica), "one id a start");

    lab.link("i", "peer");
    lab.settle();
    let all: Vec<u64> = (0..20).collect();
    assert_eq!(lab.shown("peer"), all);
    assert_eq!(lab.shown("i"), all, "an earlier start is one more origin");
}

const DAY: Duration = Duration::from_secs(86_400);

/// Refusing an update because its clock is wrong leaves a hole for ever.
#[test]
fn a_stamp_far_ahead_is_merged_and_reported_and_does_not_move_the_clock() {
    let mut lab = Lab::<LwwMap<u64, u64>>::new(&["a", "b"], &config());
    let now = lab.now;
    let ahead = Now { wall_ms: now.after(DAY).wall_ms, ..now };
    lab.link("a", "b");
    let wrong = lab.engine("b").update(ahead, |map| map.insert(1, 10)).expect("a small write");
    lab.settle();
    assert_eq!(lab.engine("a").doc().get(&1), Some(&10), "merged");
    assert!(lab.engine("a").covers(&wrong.token), "and claimed");
    assert_eq!(lab.engine("a").status().counters.drifts, 1);
    let drift = |event: &Event| match event {
        Event::Drift { update, ahead } => Some((*update, *ahead)),
        _ => None,
    };
    let drifts: Vec<_> = lab.events("a").iter().filter_map(drift).collect();
    assert_eq!(drifts, [(wrong.update, DAY)]);

    lab.engine("a").update(now, |map| map.insert(2, 20)).expect("a small write");
    let stamp = lab.engine("a").doc().stamp(&2);
    assert_eq!(stamp, Some(Stamp::from_millis(now.wall_ms)), "a's clock stands where it stood");
    lab.engine("a").update(now, |map| map.insert(1, 11)).expect("a small write");
    assert_eq!(lab.engine("a").doc().get(&1), Some(&11), "one's own write is visible");
    lab.settle();
    assert_eq!(lab.engine("b").doc().get(&1), Some(&11));
}

#[test]
fn a_stamp_within_the_bound_moves_the_clock_also_before_the_first_write() {
    let mut lab = Lab::<LwwMap<u64, u64>>::new(&["a", "b"], &config());
    let now = lab.now;
    let ahead = now.after(config().max_drift);
    lab.link("a", "b");
    lab.engine("b").update(ahead, |map| map.insert(1, 10)).expect("a small write");
    lab.settle();
    lab.engine("a").update(now, |map| map.insert(2, 20)).expect("a small write");
    let first = lab.engine("a").doc().stamp(&1);
    assert!(lab.engine("a").doc().stamp(&2) > first, "a saw it before it wrote");
    assert_eq!(lab.engine("a").status().counters.drifts, 0);
}

/// What comes in a walk is read by the same clock.
#[test]
fn a_stamp_far_ahead_in_a_walk_is_merged_and_reported() {
    let mut lab = Lab::<LwwMap<u64, u64>>::new(&["a", "b"], &short_log());
    let now = lab.now;
    let ahead = Now { wall_ms: now.after(DAY).wall_ms, ..now };
    for key in 0..20 {
        lab.engine("b").update(ahead, |map| map.insert(key, 1)).expect("a small write");
    }
    lab.link("a", "b");
    lab.settle();
    assert_eq!(lab.engine("a").doc().len(), 20);
    let finished = Event::WalkFinished {
        peer: lab.peer("a", "b"),
        role: WalkRole::Receiver,
        outcome: WalkOutcome::Complete,
    };
    let events = lab.events("a");
    assert!(events.contains(&finished));
    assert!(events.iter().any(|event| matches!(event, Event::Drift { update: None, .. })));
    lab.engine("a").update(now, |map| map.insert(99, 1)).expect("a small write");
    assert_eq!(lab.engine("a").doc().stamp(&99), Some(Stamp::from_millis(now.wall_ms)));
}
