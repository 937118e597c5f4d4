//! Many nodes in virtual time: halves that meet again, nodes that are replaced, and a crowd that comes
//! at once.

use std::collections::BTreeSet;
use std::time::Duration;

use crdt_core::OrSet;
use crdt_sync::proto::{Config, Engine, Now, PeerId};
use crdt_sync::sim::{Cluster, SimConfig};

use crate::lab::short_log;

const SECOND: Duration = Duration::from_secs(1);

type Set = OrSet<u64>;

/// Hundreds of elements to an update.
fn write_many(cluster: &mut Cluster<Set>, node: usize, elements: std::ops::Range<u64>) {
    for first in elements.clone().step_by(250) {
        let last = elements.end.min(first + 250);
        cluster.write(node, |set| (first..last).for_each(|n| set.insert(n))).expect("it is up");
    }
}

/// What was written on the two sides of a cut passes once, as soon as they meet.
#[test]
fn two_halves_that_meet_again_are_equal_in_two_exchanges_for_little_more_than_the_payload() {
    let mut cluster = Cluster::<Set>::new(SimConfig::quic(2), 1).expect("it works");
    cluster.run_for(5 * SECOND);
    cluster.partition(&[&[0], &[1]]);
    cluster.run_for(5 * SECOND);
    write_many(&mut cluster, 0, 0..10_000);
    write_many(&mut cluster, 1, 10_000..20_000);
    let logs = cluster.engines().map(|(_, engine)| engine.status().log_bytes as u64);
    let (payload, before) = (logs.sum::<u64>(), cluster.traffic().frame_bytes);
    cluster.heal();
    let config = SimConfig::quic(2);
    let took = cluster.converge(config.reconnect.1 + 2 * config.engine.exchange_every).expect("in time");
    cluster.run_for(30 * SECOND);
    let sent = cluster.traffic().frame_bytes - before;
    assert!(sent < payload * 11 / 10, "{sent} bytes for {payload}, in {took:?}");
    let expected: Vec<u64> = (0..20_000).collect();
    for (node, engine) in cluster.engines() {
        assert!(engine.doc().sorted().into_iter().eq(&expected), "node {node}");
    }
}

/// Every minute half of the nodes lose everything and start anew.
#[test]
fn nothing_is_missing_after_half_of_the_nodes_were_replaced_each_minute() {
    let mut config = SimConfig::quic(6);
    (config.engine.max_update_bytes, config.engine.log_bytes) = (1_024, 1_024);
    let (mut cluster, mut expected) = (Cluster::<Set>::new(config, 2).expect("it works"), BTreeSet::new());
    for minute in 0..6usize {
        for n in 0..30u64 {
            let element = minute as u64 * 30 + n;
            cluster.write(n as usize % 6, |set| set.insert(element)).expect("it is up");
            expected.insert(element);
            cluster.run_for(SECOND);
        }
        if let Some(gone) = minute.checked_sub(1).map(|before| before as u64 * 30) {
            let node = minute % 6;
            cluster.write(node, |set| set.remove(&gone)).expect("it is up");
            expected.remove(&gone);
        }
        cluster.run_for(30 * SECOND);
        let half = (0..6).filter(|node| node % 2 == minute % 2);
        half.clone().for_each(|node| cluster.crash(node));
        half.for_each(|node| cluster.restart(node).expect("it started before"));
    }
    cluster.converge(60 * SECOND).expect("they converge");
    for (node, engine) in cluster.engines() {
        assert!(engine.doc().sorted().into_iter().eq(&expected), "node {node}");
    }
    assert_eq!(cluster.next_refusal(), None, "all are honest");
}

/// A crowd around one node that has what no log holds any more.
struct Crowd {
    donor: Engine<Set>,
    members: Vec<Engine<Set>>,
    now: Now,
    /// Most walks at the same time.
    most: usize,
}

impl Crowd {
    fn new(members: usize, config: &Config) -> Self {
        let now = Now { mono: Duration::ZERO, wall_ms: 1_700_000_000_000 };
        let engine = |seed: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&(seed as u64).to_le_bytes());
            Engine::new(config.clone(), bytes, now).expect("a configuration that works")
        };
        Self { donor: engine(0), members: (1..=members).map(engine).collect(), now, most: 0 }
    }

    /// Lets everybody say one frame to the donor, and the donor one to everybody.
    fn round(&mut self) {
        let (now, donor) = (self.now, &mut self.donor);
        for (place, member) in self.members.iter_mut().enumerate() {
            let (peer, to_donor) = (PeerId(place as u64), PeerId(0));
            if let Some(frame) = member.poll_transmit(to_donor, 1_200, now) {
                donor.handle_frame(peer, &frame, now).expect("an honest frame");
            }
            if let Some(frame) = donor.poll_transmit(peer, 1_200, now) {
                member.handle_frame(to_donor, &frame, now).expect("an honest frame");
            }
        }
        self.most = self.most.max(self.donor.status().donor_walks);
    }

    fn tick(&mut self, step: Duration) {
        self.now = self.now.after(step);
        for engine in self.members.iter_mut().chain([&mut self.donor]) {
            if engine.poll_timeout().is_some_and(|due| due <= self.now.mono) {
                engine.handle_timeout(self.now);
            }
        }
    }
}

/// Five hundred nodes come at the same moment, and each needs a walk. A few walks are given at a time,
/// and a place that becomes free is taken within a moment, since nobody comes back in step.
#[test]
fn a_crowd_of_five_hundred_is_served_a_few_at_a_time_and_without_idling() {
    let mut config = short_log();
    (config.max_peers, config.walk_entries) = (500, 256);
    let mut crowd = Crowd::new(500, &config);
    for element in 0..30 {
        crowd.donor.update(crowd.now, |set| set.insert(element)).expect("a small write");
    }
    for place in 0..500 {
        crowd.donor.connected(PeerId(place), &format!("member {place}"), crowd.now);
        crowd.members[place as usize].connected(PeerId(0), "donor", crowd.now);
    }
    let behind = |crowd: &Crowd| crowd.members.iter().filter(|member| member.doc().len() < 30).count();
    while behind(&crowd) > 0 && crowd.now.mono < 60 * SECOND {
        crowd.round();
        crowd.tick(Duration::from_millis(5));
    }
    assert_eq!(behind(&crowd), 0);
    assert_eq!(crowd.most, config.max_donor_walks);
    assert_eq!(crowd.donor.status().counters.walks_out, 500, "each needed one");
    let took = crowd.now.mono;
    assert!(took < 15 * SECOND, "{took:?}");
    assert!(crowd.donor.status().log_bytes <= config.log_bytes + config.pinned_bytes);
}
