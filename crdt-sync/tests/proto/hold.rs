//! Frozen nodes: what comes is kept and passed on, and nothing is applied.

use std::ops::Range;
use std::time::Duration;

use crdt_core::clock::CausalContext;
use crdt_core::{BoundedCounter, Dot};
use crdt_sync::proto::{Config, Event, PeerState, Token, UpdateError, WalkOutcome, WalkRole};
use crdt_sync::sim::{Cluster, SimConfig};
use crdt_sync::store::{FaultyStore, Store};

use crate::lab::{SetLab, config, short_log};

const MINUTE: Duration = Duration::from_secs(60);

/// Three nodes in a line: what `a` and `c` have of each other, they have through `b`.
fn line(config: &Config) -> SetLab {
    let mut lab = SetLab::new(&["a", "b", "c"], config);
    lab.link("a", "b");
    lab.link("b", "c");
    lab.settle();
    lab
}

fn freeze(lab: &mut SetLab, name: &str) {
    let now = lab.now;
    lab.engine(name).freeze(now);
}

fn thaw(lab: &mut SetLab, name: &str) {
    let now = lab.now;
    while lab.engine(name).thaw(now) {}
}

fn token(numbers: &[Dot]) -> Token {
    Token::new(numbers.iter().copied().collect::<CausalContext>())
}

fn assert_equal(lab: &mut SetLab, names: &[&str]) {
    let vector = lab.engine(names[0]).vector().clone();
    let (shown, print) = (lab.shown(names[0]), lab.engine(names[0]).fingerprint());
    for name in names {
        assert_eq!(lab.engine(name).vector(), &vector, "{name}");
        assert_eq!((lab.shown(name), lab.engine(name).fingerprint()), (shown.clone(), print), "{name}");
    }
}

/// Inserts some elements and removes others, and passes on each before the log loses it.
fn write(lab: &mut SetLab, name: &str, inserted: Range<u64>, removed: Range<u64>) {
    for element in inserted {
        lab.insert(name, element);
        lab.settle();
    }
    for element in removed {
        lab.remove(name, element);
        lab.settle();
    }
}

/// Walks and divergences, of all nodes.
fn alarms(lab: &SetLab) -> u64 {
    let counters = lab.engines.iter().map(|(_, engine)| engine.status().counters);
    counters.map(|sums| sums.walks_in + sums.walks_out + sums.diverged).sum()
}

/// Writes everything that waits to a disk.
fn persist(lab: &mut SetLab, name: &str, disk: &FaultyStore) {
    let (now, mut disk) = (lab.now, disk.clone());
    while let Some(batch) = lab.engine(name).poll_persist() {
        disk.commit(&batch).expect("a good disk");
        lab.engine(name).persisted(now);
    }
}

#[test]
fn a_frozen_node_keeps_and_passes_on_what_it_does_not_apply() {
    let mut lab = line(&config());
    lab.insert("a", 1);
    lab.run_for(config().ack_delay);
    freeze(&mut lab, "b");
    lab.events("b");
    let written = [lab.insert("a", 2), lab.insert("c", 3)];
    assert!(lab.one("a", "b"));
    let peers = lab.engine("b").status().peers;
    let to_c = peers.iter().find(|peer| peer.name == "c").expect("they are linked");
    assert_eq!(to_c.lag_updates, Some(1), "it is on its way");
    lab.settle();
    assert_eq!((lab.shown("a"), lab.shown("c")), (vec![1, 2, 3], vec![1, 2, 3]), "through the frozen one");
    assert_eq!(lab.shown("b"), [1]);

    let (now, token) = (lab.now, token(&written));
    let b = lab.engine("b");
    assert!(!b.covers(&token) && b.held().is_superset(token.updates()));
    let status = b.status();
    assert!(status.frozen && status.held == 2 && status.held_bytes > 0, "{status:?}");
    assert_eq!(b.update(now, |set| set.insert(4)), Err(UpdateError::Frozen));
    assert_eq!(lab.events("b"), [], "nothing was applied");
    freeze(&mut lab, "b");
    assert_eq!(lab.engine("b").status().held, 2, "once is as good as twice");

    thaw(&mut lab, "b");
    let from = [lab.peer("b", "a"), lab.peer("b", "c")].map(Some);
    let applied = written.into_iter().zip(from).map(|(update, from)| Event::Applied { update, from });
    assert_eq!(lab.events("b"), applied.collect::<Vec<_>>());
    assert!(lab.engine("b").covers(&token));
    let status = lab.engine("b").status();
    assert!(!status.frozen && (status.held, status.held_bytes) == (0, 0), "{status:?}");
    lab.insert("b", 4);
    lab.settle();
    assert_equal(&mut lab, &["a", "b", "c"]);
}

/// An observed removal mints no dot: only its number says that there is something to hold.
#[test]
fn a_removal_alone_is_held() {
    let mut lab = line(&config());
    lab.insert("a", 1);
    lab.settle();
    freeze(&mut lab, "b");
    lab.remove("a", 1);
    lab.settle();
    assert!(lab.shows("b", 1) && !lab.shows("c", 1));
    thaw(&mut lab, "b");
    assert_equal(&mut lab, &["a", "b", "c"]);
}

#[test]
fn what_comes_twice_is_held_once() {
    let mut lab = line(&config());
    freeze(&mut lab, "b");
    lab.insert("a", 1);
    let frame = lab.lose("a", "b");
    for _ in 0..2 {
        lab.forge("a", "b", &frame).expect("an honest frame");
    }
    let status = lab.engine("b").status();
    assert_eq!((status.held, status.counters.duplicates), (1, 1));
}

/// What is held counts as had: it is not sent again, and its writer need not wait for the thaw.
#[test]
fn what_is_held_is_reported_and_counts_as_replicated() {
    let mut lab = line(&config());
    freeze(&mut lab, "b");
    let number = lab.insert("a", 1);
    lab.run_for(config().ack_delay);
    assert_eq!(lab.engine("a").replicas_covering(&token(&[number])), 1);
    lab.cut("a", "b");
    lab.link("a", "b");
    lab.settle();
    assert_eq!(lab.engine("a").replicas_covering(&token(&[number])), 1, "also by a new connection");
    lab.run_for(MINUTE);
    assert!(lab.engine("a").status().counters.sent <= 2, "no exchange brings it again");
    let status = lab.engine("a").status();
    assert_eq!(status.peers[0].lag_updates, Some(0));
}

/// Fingerprints are of what is applied. They are compared between those who have applied the same.
#[test]
fn a_frozen_node_is_not_taken_for_one_that_diverged() {
    let mut lab = line(&config());
    freeze(&mut lab, "b");
    lab.insert_all("a", 0..3);
    lab.settle();
    lab.cut("b", "c");
    lab.link("b", "c");
    lab.run_for(MINUTE);
    lab.insert("c", 7);
    freeze(&mut lab, "a");
    lab.run_for(MINUTE);
    assert_eq!(alarms(&lab), 0);
    thaw(&mut lab, "b");
    thaw(&mut lab, "a");
    lab.run_for(MINUTE);
    assert_equal(&mut lab, &["a", "b", "c"]);
    assert_eq!(alarms(&lab), 0);
}

/// The walk brings what the donor has applied and claims that; what the donor holds follows from its
/// log, which lets go of nothing that is held.
#[test]
fn a_frozen_node_gives_walks_of_what_it_has_applied_and_then_what_it_holds() {
    let mut lab = SetLab::new(&["a", "b"], &short_log());
    lab.link("a", "b");
    write(&mut lab, "a", 0..30, 0..0);
    freeze(&mut lab, "b");
    write(&mut lab, "a", 30..60, 0..20);
    let log = lab.engine("b").status().log_bytes;
    assert!(log > short_log().log_bytes, "{log} bytes: what is held stays");
    lab.start("c", &short_log());
    lab.link("b", "c");
    lab.run_for(MINUTE);
    assert_eq!(lab.shown("c"), (20..60).collect::<Vec<u64>>());
    assert_equal(&mut lab, &["a", "c"]);
    assert_eq!(lab.engine("c").status().counters.applied, 50, "from the log");

    thaw(&mut lab, "b");
    lab.run_for(MINUTE);
    assert_equal(&mut lab, &["a", "b", "c"]);
    assert!(lab.engine("b").status().log_bytes <= short_log().log_bytes, "kept no longer");
    let diverged: u64 = lab.engines.iter().map(|(_, engine)| engine.status().counters.diverged).sum();
    assert_eq!(diverged, 0);
}

/// The beginning of what came is held, without a gap, and no exchange brings the rest again and again.
#[test]
fn what_is_too_much_to_hold_comes_again_after_the_thaw() {
    let mut small = config();
    small.held_bytes = 400;
    let mut lab = line(&small);
    freeze(&mut lab, "b");
    let first = lab.insert("a", 1);
    lab.settle();
    let (now, chatter) = (lab.now, lab.engine("b").status().counters.chatter_in);
    let large = lab.engine("a").update(now, |set| (100..300).for_each(|element| set.insert(element)));
    let large = large.expect("not too large").update.expect("something new");
    let last = lab.insert("a", 2);
    assert!(lab.one("a", "b"));
    assert_eq!(lab.engine("b").status().counters.chatter_in, chatter, "no fault of its sender");
    lab.settle();
    let held = lab.engine("b").held().clone();
    assert!(held.contains(first) && !held.contains(large) && !held.contains(last), "no gap: {held:?}");
    assert_eq!(lab.engine("b").status().counters.not_held, 2);

    lab.run_for(MINUTE);
    assert_eq!(lab.shown("c"), [1], "what is not held is not passed on");
    let sent = lab.engine("a").status().counters.sent;
    assert!(sent <= 3, "{sent} updates sent, those that are not kept once");
    assert_eq!(lab.engine("a").status().peers[0].state, PeerState::Live);

    thaw(&mut lab, "b");
    lab.settle();
    assert_eq!(lab.shown("c").len(), 202, "no wait for the next exchange");
    assert_equal(&mut lab, &["a", "b", "c"]);
}

#[test]
fn what_was_too_much_and_left_the_log_comes_by_a_walk() {
    let mut small = short_log();
    small.held_bytes = 400;
    let mut lab = line(&small);
    freeze(&mut lab, "b");
    write(&mut lab, "a", 0..60, 0..10);
    lab.run_for(MINUTE);
    assert!(lab.engine("b").status().counters.not_held > 40);
    assert_eq!(lab.engine("b").status().counters.walks_in, 0);
    thaw(&mut lab, "b");
    lab.run_for(MINUTE);
    assert_eq!(lab.shown("b"), (10..60).collect::<Vec<u64>>());
    assert_equal(&mut lab, &["a", "b", "c"]);
}

#[test]
fn freezing_cuts_the_walk_that_is_received_and_begins_none() {
    let mut lab = SetLab::new(&["donor", "new"], &short_log());
    lab.insert_all("donor", 0..60);
    lab.link("donor", "new");
    lab.until("donor", "new", |lab| lab.shown("new").len() > 5);
    let so_far = lab.shown("new");
    lab.events("new");
    freeze(&mut lab, "new");
    lab.run_for(MINUTE);
    let status = lab.engine("new").status();
    assert_eq!((status.updates, status.receiving_walk, status.counters.walks_in), (0, None, 1));
    assert_eq!(lab.shown("new"), so_far, "the document stays where it is");
    let cut = lab.events("new").into_iter().filter_map(|event| match event {
        Event::WalkFinished { role: WalkRole::Receiver, outcome, .. } => Some(outcome),
        _ => None,
    });
    assert_eq!(cut.collect::<Vec<_>>(), [WalkOutcome::Cut]);

    thaw(&mut lab, "new");
    lab.run_for(MINUTE);
    assert_equal(&mut lab, &["donor", "new"]);
    assert!(!lab.engine("new").is_partial());
}

/// A request that waits to be sent when the node is frozen would start a walk for nothing.
#[test]
fn a_walk_that_was_only_wanted_is_not_asked_for() {
    let mut lab = SetLab::new(&["donor", "new"], &short_log());
    lab.insert_all("donor", 0..60);
    lab.link("donor", "new");
    // The donor's offer has come; the request has not gone out.
    while lab.one("donor", "new") {}
    freeze(&mut lab, "new");
    lab.run_for(MINUTE);
    assert_eq!(lab.engine("donor").status().counters.walks_out, 0);
    thaw(&mut lab, "new");
    lab.run_for(MINUTE);
    assert_equal(&mut lab, &["donor", "new"]);
}

/// Whether what is held came into the store by records or beside a snapshot of what is applied.
#[test]
fn a_restart_applies_what_was_held() {
    for snapshot in [false, true] {
        let (mut lab, disk) = (SetLab::new(&["a"], &config()), FaultyStore::default());
        lab.start_from("b", &config(), &disk);
        lab.link("a", "b");
        lab.insert("a", 1);
        lab.settle();
        if !snapshot {
            persist(&mut lab, "b", &disk);
        }
        freeze(&mut lab, "b");
        let number = lab.insert("a", 2);
        lab.remove("a", 1);
        lab.settle();
        assert!(!lab.engine("b").is_stored());
        persist(&mut lab, "b", &disk);
        lab.settle();
        assert!(lab.engine("b").is_stored() && lab.engine("b").covers_durably(&token(&[number])));
        assert_eq!(lab.engine("a").replicas_covering(&token(&[number])), 1);
        assert_eq!(lab.shown("b"), [1]);

        lab.start_from("b", &config(), &disk);
        assert_eq!(lab.shown("b"), [2], "snapshot: {snapshot}");
        assert!(!lab.engine("b").status().frozen);
        assert_equal(&mut lab, &["a", "b"]);
        lab.insert("b", 3);
        lab.link("a", "b");
        lab.settle();
        assert_equal(&mut lab, &["a", "b"]);
    }
}

/// A large backlog is applied in steps, in the order in which it came; what comes meanwhile waits.
#[test]
fn a_node_thaws_in_steps() {
    let mut steps = config();
    steps.batch_bytes = 500;
    let mut lab = line(&steps);
    freeze(&mut lab, "b");
    lab.insert_all("a", 0..30);
    lab.settle();
    let (now, mut shown) = (lab.now, Vec::new());
    while lab.engine("b").thaw(now) {
        shown.push(lab.shown("b"));
        assert!(lab.engine("b").status().frozen);
        if shown.len() == 2 {
            lab.insert("a", 30);
            lab.settle();
        }
    }
    assert!(shown.len() > 3, "{shown:?}");
    let prefix = |shown: &Vec<u64>| *shown == (0..shown.len() as u64).collect::<Vec<_>>();
    assert!(shown.iter().all(prefix) && shown.is_sorted_by_key(Vec::len), "{shown:?}");
    lab.settle();
    assert_eq!(lab.shown("b").len(), 31);
    assert_equal(&mut lab, &["a", "b", "c"]);
}

/// A frozen node cannot write, and so gives no rights away. What it was asked for waits for the thaw.
#[test]
fn a_node_that_leaves_while_it_is_frozen_hands_its_rights_over_when_it_thaws() {
    let mut cluster = Cluster::<BoundedCounter>::new(SimConfig::quic(2), 7).expect("it works");
    let sells = |cluster: &mut Cluster<BoundedCounter>, many| {
        let written = cluster.write(1, |stock| stock.sub(many)).expect("it is up");
        written.value.is_ok()
    };
    cluster.write(0, |stock| stock.add(100)).expect("it is up");
    cluster.run_for(MINUTE);
    cluster.freeze(0);
    cluster.leave(0);
    cluster.run_for(MINUTE);
    assert!(!sells(&mut cluster, 100), "all rights are at the frozen node");
    cluster.thaw(0);
    cluster.run_for(MINUTE);
    cluster.crash(0);
    assert!(sells(&mut cluster, 100));
}
