//! Peers that say a great deal and bring nothing.

use std::time::Duration;

use crdt_sync::proto::{Config, Event, PeerError, WalkOutcome};

use crate::lab::{SetLab, config, short_log};

const PATIENCE: Duration = Duration::from_secs(5);

fn strict() -> Config {
    let mut strict = config();
    (strict.max_chatter, strict.chatter_patience) = (100, PATIENCE);
    strict
}

/// Floods b until it refuses the peer, and reads no faster than b wants it; returns how often something
/// was taken, and for how long.
fn flood(lab: &mut SetLab, mut send: impl FnMut(&mut SetLab) -> Result<(), PeerError>) -> (u64, Duration) {
    let (peer, begun) = (lab.peer("b", "a"), lab.now.mono);
    for sent in 1..10_000 {
        if let Err(error) = send(lab) {
            assert_eq!(error, PeerError::Flood { allowed: 100, patience: PATIENCE });
            return (sent, lab.now.mono - begun);
        }
        let (now, other) = (lab.now, lab.peer("b", "c"));
        assert_eq!(lab.engine("b").pause(other, now), None, "others are read as before");
        if let Some(pause) = lab.engine("b").pause(peer, now) {
            lab.now = now.after(pause);
        }
    }
    unreachable!("it is never refused");
}

fn three() -> SetLab {
    let mut lab = SetLab::new(&["a", "b", "c"], &strict());
    lab.link("a", "b");
    lab.link("b", "c");
    lab.settle();
    lab
}

#[test]
fn whatever_brings_nothing_is_paused_and_then_refused() {
    let digest = [&[1, 16, 1][..], &[0; 24]].concat();
    let mut known = three();
    known.insert("a", 1);
    known.take("a", "b", 1);
    let known = known.unwire("a", "b");
    let frames: [(&str, &[u8]); 5] = [
        ("questions", &[1, 4, 7]),
        ("reports", &[1, 3, 0]),
        ("requests for a walk", &[1, 7, 1, 0]),
        ("pieces of no walk", &[1, 9, 1, 0, 0, 5]),
        ("what is known", &known),
    ];
    for (what, frame) in frames {
        let mut lab = three();
        let (sent, took) = flood(&mut lab, |lab| lab.forge("a", "b", frame));
        assert!((500..=1_000).contains(&sent), "{what}: {sent}");
        assert!((PATIENCE..PATIENCE * 2).contains(&took), "{what}: {took:?}");
        lab.cut("a", "b");
        let number = lab.insert("c", 9);
        lab.run_for(Duration::from_secs(1));
        assert!(lab.engine("b").vector().contains(number), "{what}: others are served as before");
    }
    let mut lab = three();
    let (sent, _) = flood(&mut lab, |lab| {
        let (peer, now) = (lab.peer("b", "a"), lab.now);
        lab.engine("b").handle_datagram(peer, &digest, now)
    });
    assert!((500..=1_000).contains(&sent), "digests: {sent}");
}

/// However much comes at once.
#[test]
fn what_brings_something_is_not_paused() {
    let mut strict = strict();
    strict.max_update_bytes = 1_024;
    let mut lab = SetLab::new(&["a", "b"], &strict);
    lab.budget = 1;
    lab.link("a", "b");
    lab.insert_all("a", 0..2_000);
    lab.settle();
    let (peer, now) = (lab.peer("b", "a"), lab.now);
    assert_eq!(lab.engine("b").pause(peer, now), None);
    let counters = lab.engine("b").status().counters;
    assert_eq!((counters.applied, counters.chatter_in), (2_000, 0));

    strict.log_bytes = 1_024;
    strict.walk_entries = 1;
    let mut lab = SetLab::new(&["a", "b"], &strict);
    lab.insert_all("a", 0..2_000);
    lab.link("a", "b");
    lab.settle();
    let (peer, now) = (lab.peer("b", "a"), lab.now);
    assert_eq!(lab.engine("b").pause(peer, now), None);
    assert_eq!(lab.shown("b").len(), 2_000);
    let counters = lab.engine("b").status().counters;
    assert!(counters.frames_in > 2_000 && counters.chatter_in < 20, "{counters:?}");
}

/// A question costs a look at the whole document: a donor that asks and never sends is no donor.
#[test]
fn a_donor_that_asks_without_end_is_given_up() {
    let mut lab = SetLab::new(&["donor", "new"], &short_log());
    lab.fill("donor");
    lab.link("donor", "new");
    lab.until("donor", "new", |lab| lab.engine("new").status().receiving_walk.is_some());
    lab.events("new");
    for index in 0..65 {
        assert!(lab.engine("new").status().receiving_walk.is_some(), "after {index} questions");
        lab.forge("donor", "new", &[1, 14, 1, index, 0]).expect("a well-formed frame");
    }
    let finished = |event: &Event| matches!(event, Event::WalkFinished { outcome: WalkOutcome::Cut, .. });
    assert!(lab.events("new").iter().any(finished));
    assert_eq!(lab.engine("new").status().counters.walk_questions_in, 64);
}
