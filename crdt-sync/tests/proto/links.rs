//! Connections: greeting, limits, and errors with a name and somebody at fault.

use std::time::Duration;

use crdt_core::{Dot, ReplicaId};
use crdt_sync::proto::{Config, Engine, Event, Fault, FrameError, PeerError, PeerId, PeerState};
use crdt_sync::sim::SimRng;
use rand::{RngExt, SeedableRng};

use crate::lab::{BUDGET, SetLab, config, short_log};

/// Two nodes that have just connected, and what each answers to the other's hello.
fn greet(change: impl FnOnce(&mut Config)) -> (Result<(), PeerError>, Result<(), PeerError>) {
    let mut lab = SetLab::new(&["a"], &config());
    let mut other = config();
    change(&mut other);
    lab.start("b", &other);
    lab.connect("a", "b");
    let (hello_a, hello_b) = (lab.lose("a", "b"), lab.lose("b", "a"));
    (lab.forge("b", "a", &hello_b), lab.forge("a", "b", &hello_a))
}

#[test]
fn nodes_that_agree_are_up() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.link("a", "b");
    let peer = lab.peer("a", "b");
    assert_eq!(lab.events("a"), [Event::PeerUp { peer, name: "b".into() }]);
    let status = lab.engine("a").status();
    assert_eq!(status.peers[0].state, PeerState::Live);
    lab.cut("a", "b");
    assert_eq!(lab.events("a"), [Event::PeerDown { peer, name: "b".into() }]);
    assert!(lab.engine("a").status().peers.is_empty());
}

#[test]
fn other_clusters_limits_and_names_are_refused_by_name() {
    let (at_a, at_b) = greet(|config| config.cluster = "elsewhere".into());
    assert_eq!(at_a, Err(PeerError::Cluster { theirs: "elsewhere".into() }));
    assert_eq!(at_b, Err(PeerError::Cluster { theirs: "lab".into() }));

    let (at_a, at_b) = greet(|config| config.max_update_bytes = 4096);
    let (limit, mib) = ("max_update_bytes", 1 << 20);
    assert_eq!(at_a, Err(PeerError::LimitMismatch { limit, ours: mib, theirs: 4096 }));
    assert_eq!(at_b, Err(PeerError::LimitMismatch { limit, ours: 4096, theirs: mib }));
    assert_eq!(at_a.map_err(|error| error.fault()), Err(Fault::Configuration));

    let (at_a, at_b) = greet(|config| config.name = "somebody".into());
    let (authenticated, announced) = ("b".into(), "somebody".into());
    assert_eq!(at_a, Err(PeerError::Name { authenticated, announced }));
    assert_eq!(at_b, Ok(()));
}

#[test]
fn a_connection_to_oneself_is_noticed() {
    let mut lab = SetLab::new(&["a"], &config());
    let now = lab.now;
    let engine = lab.engine("a");
    engine.connected(PeerId(1), "a", now);
    engine.connected(PeerId(2), "a", now);
    let hello = engine.poll_transmit(PeerId(1), BUDGET, now).expect("a hello");
    assert_eq!(engine.handle_frame(PeerId(2), &hello, now), Err(PeerError::OwnReflection));
}

#[test]
fn nothing_is_sent_or_taken_before_the_hello() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.insert("a", 1);
    lab.connect("a", "b");
    assert_eq!(lab.take("a", "b", 10), 1, "a hello and no more");
    let update = [&[0x83][..], &[9; 16], &[0]].concat();
    assert_eq!(lab.forge("a", "b", &update), Err(PeerError::Unexpected { frame: "updates" }));
    let peer = lab.peer("b", "a");
    assert_eq!(lab.engine("b").status().peers[0].state, PeerState::Failed);
    assert_eq!(lab.forge("a", "b", &update), Err(PeerError::UnknownPeer { peer }));
    assert_eq!(lab.take("b", "a", 10), 0, "nothing is said to a peer that was refused");
}

#[test]
fn a_second_hello_is_refused() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.connect("a", "b");
    let hello = lab.lose("a", "b");
    assert_eq!(lab.forge("a", "b", &hello), Ok(()));
    let refused = lab.forge("a", "b", &hello);
    assert_eq!(refused, Err(PeerError::Unexpected { frame: "hello" }));
    assert_eq!(refused.map_err(|error| error.fault()), Err(Fault::Peer));
}

/// One connection fails, and only this one; what was applied from it stays, what was refused is not
/// claimed.
#[test]
fn a_bad_frame_ends_its_connection_and_nothing_else() {
    let mut lab = SetLab::new(&["a", "bad", "good"], &config());
    lab.link("a", "bad");
    lab.link("a", "good");
    let good = {
        lab.insert("bad", 1);
        lab.lose("bad", "a")
    };
    let number = Dot::new(ReplicaId::from_bytes([9; 16]), 1);
    // An addition by a new id with number 1, which is not the last one any more.
    assert_eq!((good[0], good[17], good.len()), (0x8b, 0, 19));
    let first = [&[0x89][..], &good[1..18], &[1], &good[18..]].concat();
    let broken = [&first[..], &[3], &[9; 16], &[0, 0xff, 0xff, 0xff]].concat();
    match lab.forge("bad", "a", &broken) {
        Err(PeerError::Undecodable { update, reason }) => {
            assert_eq!(update, Some(number));
            assert!(reason.contains("version"), "{reason}");
        }
        other => unreachable!("{other:?}"),
    }
    assert_eq!(lab.shown("a"), [1], "the update before it is applied");
    assert!(!lab.engine("a").vector().contains(number));
    let token = lab.engine("a").token();
    lab.settle();
    assert!(lab.engine("good").covers(&token), "the other peer is served as ever");
    let peer = lab.peer("a", "bad");
    assert_eq!(lab.forge("bad", "a", &good), Err(PeerError::UnknownPeer { peer }));
}

#[test]
fn every_malformed_frame_is_named() {
    let cases: [(&[u8], PeerError); 6] = [
        (&[], FrameError::Truncated.into()),
        (&[1], FrameError::Truncated.into()),
        (&[7, 2], FrameError::Version(7).into()),
        (&[1, 77], FrameError::Kind(77).into()),
        (&[1, 4, 0, 0], FrameError::Trailing.into()),
        (&[1, 16, 0], PeerError::Unexpected { frame: "digest" }),
    ];
    for (bytes, error) in cases {
        let mut lab = SetLab::new(&["a", "b"], &config());
        lab.link("a", "b");
        assert_eq!(lab.forge("a", "b", bytes), Err(error.clone()), "{bytes:?}");
        assert_eq!(error.fault(), Fault::Peer);
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn frames_and_vectors_over_the_limits_are_refused() {
    let mut small = config();
    (small.max_update_bytes, small.max_replicas, small.max_runs) = (1024, 2, 2);
    small.max_frame = 4096;
    let mut lab = SetLab::new(&["a", "b"], &small);
    lab.link("a", "b");
    let long = vec![1; 4097];
    let refused = lab.forge("a", "b", &long);
    assert_eq!(refused, Err(PeerError::LimitExceeded { limit: "max_frame", found: 4097, allowed: 4096 }));

    let mut lab = SetLab::new(&["a", "b"], &small);
    lab.link("a", "b");
    let ids = |last: u8| (1..=last).flat_map(|id| [&[id; 16][..], &[1, 0, 0]].concat());
    let vector: Vec<u8> = [1, 3, 3].into_iter().chain(ids(3)).collect();
    let refused = lab.forge("a", "b", &vector);
    assert_eq!(refused, Err(PeerError::LimitExceeded { limit: "max_replicas", found: 3, allowed: 2 }));
}

/// Each report is within the limits, and all of them together are not.
#[test]
fn reports_that_add_up_to_more_than_a_vector_may_hold_are_refused() {
    let mut small = config();
    (small.max_replicas, small.max_runs) = (2, 2);
    let mut lab = SetLab::new(&["a", "b"], &small);
    lab.link("a", "b");
    let report = |id: u8| [&[1, 3, 1][..], &[id; 16], &[1, 0, 0]].concat();
    assert_eq!(lab.forge("a", "b", &report(1)), Ok(()));
    assert_eq!(lab.forge("a", "b", &report(2)), Ok(()));
    let refused = lab.forge("a", "b", &report(3));
    assert_eq!(refused, Err(PeerError::LimitExceeded { limit: "max_replicas", found: 3, allowed: 2 }));
}

/// Frames of a real conversation with bytes changed: refused or taken, never a panic, and an honest
/// peer is served afterwards.
#[test]
fn no_changed_frame_makes_an_engine_panic() {
    let mut rng = SimRng::seed_from_u64(1);
    for round in 0..400 {
        let mut lab = SetLab::new(&["a", "b", "honest"], &short_log());
        lab.fill("a");
        lab.link("a", "b");
        lab.link("b", "honest");
        for _ in 0..rng.random_range(0..30u8) {
            let _said = lab.one("a", "b") | lab.one("b", "a");
        }
        lab.insert("a", round);
        for (from, to) in [("a", "b"), ("b", "a")] {
            if lab.take(from, to, 1) == 0 {
                continue;
            }
            let mut frame = lab.unwire(from, to);
            for _ in 0..rng.random_range(1..4u8) {
                let at = rng.random_range(0..frame.len());
                frame[at] = rng.random();
            }
            let _either = lab.forge(from, to, &frame);
        }
        let number = lab.insert("honest", 7_777);
        while lab.one("honest", "b") {}
        assert!(lab.engine("b").vector().contains(number), "round {round}");
    }
}

#[test]
fn a_bad_datagram_ends_its_connection_and_an_early_one_is_ignored() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.connect("a", "b");
    let (peer, now) = (lab.peer("b", "a"), lab.now);
    let digest = [&[1, 16, 0][..], &[0; 24]].concat();
    assert_eq!(lab.engine("b").handle_datagram(peer, &digest, now), Ok(()), "it overtook the hello");
    let hello = lab.lose("a", "b");
    lab.forge("a", "b", &hello).expect("an honest frame");
    let refused = lab.engine("b").handle_datagram(peer, &digest[..9], now);
    assert_eq!(refused, Err(FrameError::Truncated.into()));
    let unknown = PeerError::UnknownPeer { peer };
    assert_eq!(lab.engine("b").handle_datagram(peer, &digest, now), Err(unknown.clone()));
    assert_eq!(unknown.fault(), Fault::Driver);
}

#[test]
fn a_peer_that_says_nothing_is_refused_after_a_while() {
    let mut lab = SetLab::new(&["a", "b"], &config());
    lab.connect("a", "b");
    let peer = lab.peer("a", "b");
    lab.take("a", "b", 1);
    lab.wait(config().hello_timeout - Duration::from_millis(1));
    assert_eq!(lab.engine("a").poll_refused(), None);
    lab.wait(Duration::from_millis(1));
    assert_eq!(lab.engine("a").poll_refused(), Some((peer, PeerError::HelloTimeout)));
    assert_eq!(lab.engine("a").poll_refused(), None, "once");
}

#[test]
fn more_peers_than_allowed_are_refused() {
    let mut one = config();
    one.max_peers = 1;
    let mut lab = SetLab::new(&["a", "b"], &one);
    lab.link("a", "b");
    let (late, now) = (PeerId(1_000), lab.now);
    lab.engine("a").connected(late, "c", now);
    let refused = Some((late, PeerError::TooManyPeers { allowed: 1 }));
    assert_eq!(lab.engine("a").poll_refused(), refused);
    assert_eq!(lab.engine("a").poll_transmit(late, BUDGET, now), None);
    lab.engine("a").disconnected(late, now);
    lab.insert("a", 1);
    lab.settle();
    assert_eq!(lab.shown("b"), [1], "those who were there first stay");
}

#[test]
fn events_that_nobody_polls_are_dropped_and_counted() {
    let mut few = config();
    few.max_events = 10;
    let mut lab = SetLab::new(&["a"], &few);
    let numbers: Vec<Dot> = (0..25).map(|element| lab.insert("a", element)).collect();
    let events = lab.events("a");
    assert_eq!(events[0], Event::Lost { events: 15 });
    assert_eq!(events.len(), 11);
    assert_eq!(events[1], Event::Applied { update: numbers[15], from: None });
    assert_eq!(lab.engine("a").status().counters.events_lost, 15);
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_field() {
    let refused = |change: fn(&mut Config)| {
        let mut config = config();
        change(&mut config);
        let engine = Engine::<crdt_core::OrSet<u64>>::new(config, [0; 32], Default::default());
        engine.err().map(|error| error.field)
    };
    assert_eq!(refused(|_| {}), None);
    assert_eq!(refused(|config| config.cluster.clear()), Some("cluster"));
    assert_eq!(refused(|config| config.name = "n".repeat(256)), Some("name"));
    assert_eq!(refused(|config| config.max_update_bytes = 10), Some("max_update_bytes"));
    assert_eq!(refused(|config| config.max_frame = config.max_update_bytes), Some("max_frame"));
    assert_eq!(refused(|config| config.batch_bytes = 0), Some("batch_bytes"));
    assert_eq!(refused(|config| config.log_bytes = 10), Some("log_bytes"));
    assert_eq!(refused(|config| config.max_chunk_bytes = 10), Some("max_chunk_bytes"));
    assert_eq!(refused(|config| config.max_replicas = 0), Some("max_replicas"));
    assert_eq!(refused(|config| config.max_runs = 10), Some("max_runs"));
    assert_eq!(refused(|config| config.walk_entries = 0), Some("walk_entries"));
    assert_eq!(refused(|config| config.max_donor_walks = 0), Some("max_donor_walks"));
    assert_eq!(refused(|config| config.max_peers = 0), Some("max_peers"));
    assert_eq!(refused(|config| config.max_chatter = 99), Some("max_chatter"));
    assert_eq!(refused(|config| config.max_events = 0), Some("max_events"));
    assert_eq!(refused(|config| config.exchange_every = Duration::ZERO), Some("exchange_every"));
    let idle = refused(|config| config.exchange_every_idle = config.exchange_every / 2);
    assert_eq!(idle, Some("exchange_every_idle"));
    assert_eq!(refused(|config| config.walk_timeout = Duration::ZERO), Some("walk_timeout"));
    assert_eq!(refused(|config| config.walk_retry = Duration::ZERO), Some("walk_retry"));
    assert_eq!(refused(|config| config.ack_delay = Duration::from_secs(9)), Some("ack_delay"));
    assert_eq!(refused(|config| config.hello_timeout = Duration::ZERO), Some("hello_timeout"));
}
