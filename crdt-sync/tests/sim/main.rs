//! Thousands of short histories of small clusters, checked against an oracle on values.

mod history;
mod oracle;
mod own;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

use crdt_core::OrSet;
use crdt_sync::proto::Event;
use crdt_sync::sim::{Cluster, Plan, SimConfig};

use history::{History, Tally};

/// Bytes of logs: too short for groups, or long enough to hold everything.
const SHORT: [usize; 4] = [1024, 1024, 2048, 1 << 20];
/// Bytes of logs that are put into groups.
const GROUPED: [usize; 4] = [4 << 10, 6 << 10, 8 << 10, 10 << 10];

/// A kind of cluster, drawn from the seed: three to five nodes, and logs of various lengths.
fn cluster(seed: u64, mut config: SimConfig, logs: [usize; 4]) -> SimConfig {
    let chunks = if config.frame_loss > 0.0 { [8, 32, 256] } else { [1, 3, 256] };
    // Where more is written more fits into a chunk: of a walk no frame may be lost.
    let chunks = chunks.map(|entries| if logs == GROUPED { entries * 8 } else { entries });
    config.nodes = 3 + (seed % 3) as usize;
    let engine = &mut config.engine;
    engine.max_update_bytes = 1024;
    engine.log_bytes = logs[(seed / 3 % 4) as usize];
    engine.pinned_bytes = [0, 300, 1 << 20][(seed / 12 % 3) as usize];
    engine.walk_stash = [1, 4, 10_000][(seed / 36 % 3) as usize];
    engine.walk_entries = chunks[(seed / 108 % 3) as usize];
    engine.walk_ranges = [2, 3, 1_024][(seed / 7 % 3) as usize];
    engine.max_donor_walks = 1 + (seed % 2) as usize;
    engine.held_bytes = [500, 1 << 20][(seed / 5 % 2) as usize];
    // Whether what others wrote is passed on at once: then it comes from everybody.
    engine.relay_delay = Duration::from_millis([0, 20, 200][(seed / 2 % 3) as usize]);
    config
}

fn run(seed: u64, config: SimConfig, plan: &Plan) -> Tally {
    let mut history = History::new(config, seed);
    match catch_unwind(AssertUnwindSafe(|| history.play(plan))) {
        Ok(()) => history.tally,
        Err(panic) => {
            eprintln!("seed {seed} failed");
            resume_unwind(panic)
        }
    }
}

/// Runs all seeds on two threads.
fn run_all(seeds: u64, config: &SimConfig, plan: &Plan) -> Tally {
    run_logs(seeds, config, SHORT, plan)
}

fn run_logs(seeds: u64, config: &SimConfig, logs: [usize; 4], plan: &Plan) -> Tally {
    let tally = |parity: u64| {
        let mut tally = Tally::default();
        (0..seeds).filter(|seed| seed % 2 == parity).for_each(|seed| {
            tally.merge(&run(seed, cluster(seed, config.clone(), logs), plan));
        });
        tally
    };
    thread::scope(|scope| {
        let odd = scope.spawn(|| tally(1));
        let mut even = tally(0);
        even.merge(&odd.join().unwrap_or_else(|panic| resume_unwind(panic)));
        even
    })
}

/// Streams deliver, but slowly: walks take seconds, and writes, cuts and crashes fall into them.
fn slow() -> SimConfig {
    let mut config = SimConfig::quic(0);
    config.latency = (Duration::from_millis(50), Duration::from_millis(400));
    config.window = 60;
    config.frame_budget = 40;
    config
}

/// Each of these must have happened at least so often, or the histories prove little.
fn assert_reached(tally: &Tally, floors: &[(&str, u64)]) {
    for (what, least) in floors {
        assert!(tally.of(what) >= *least, "{what}: {} of {least} in {tally:#?}", tally.of(what));
    }
}

#[test]
fn a_thousand_hostile_histories_converge_keep_every_covered_write_and_bring_nothing_back() {
    let tally = run_all(1_000, &SimConfig::hostile(0), &Plan::default());
    let floors = [
        ("runs", 1_000),
        ("writes", 20_000),
        ("removals", 10_000),
        ("concurrent add and remove", 800),
        ("restarts", 1_500),
        ("updates lost with their last holder", 100),
        ("updates that survived a crash", 20_000),
        ("updates received again", 30_000),
        ("updates trimmed from logs", 20_000),
        ("frames lost", 100_000),
        ("frames doubled", 30_000),
        ("frames reordered", 30_000),
        ("connections cut", 8_000),
        ("questions in walks", 100),
        ("walks complete", 600),
        ("walks cut", 1_000),
        ("checks within one walk", 2_000),
    ];
    assert_reached(&tally, &floors);
    assert_eq!(tally.of("diverged"), 0);
}

#[test]
fn a_thousand_slow_histories_take_writes_and_cuts_in_the_middle_of_walks() {
    let plan = Plan { writes: 60, cuts: 4, ..Plan::default() };
    let tally = run_all(1_000, &slow(), &plan);
    let floors = [
        ("runs", 1_000),
        ("writes", 40_000),
        ("writes while partial", 1_500),
        ("questions in walks", 100),
        ("walks complete", 1_200),
        ("walks cut", 300),
        ("walks overflowed", 60),
        ("checks within one walk", 10_000),
    ];
    assert_reached(&tally, &floors);
    assert_eq!(tally.of("diverged"), 0);
}

/// Nodes with disks.
fn kept(mut config: SimConfig) -> SimConfig {
    config.disk = Some((Duration::from_millis(1), Duration::from_millis(500)));
    // States go there in several batches, so that crashes fall between them.
    let engine = &mut config.engine;
    (engine.store_log_bytes, engine.store_batch_bytes, engine.batch_bytes) = (700, 60, 30);
    config
}

#[test]
fn five_hundred_histories_of_crashes_and_failing_disks_lose_nothing_acknowledged() {
    let plan = Plan { crashes: 5, disk_faults: 2, ..Plan::default() };
    let tally = run_all(500, &kept(SimConfig::hostile(0)), &plan);
    let floors = [
        ("runs", 500),
        ("restarts", 2_000),
        ("updates found on disk", 20_000),
        ("states half on disk", 100),
        ("acknowledged before a crash", 20_000),
        ("updates lost with their last holder", 20),
        ("walks complete", 40),
    ];
    assert_reached(&tally, &floors);
    assert_eq!(tally.of("diverged"), 0);
}

#[test]
fn five_hundred_histories_of_old_backups_reuse_no_number_and_pull_the_past_back() {
    let plan = Plan { restores: 4, disk_faults: 1, ..Plan::default() };
    let tally = run_all(500, &kept(slow()), &plan);
    let floors = [
        ("runs", 500),
        ("restarts", 2_000),
        ("updates missing in a backup", 3_000),
        ("updates found on disk", 10_000),
        ("updates that survived a crash", 10_000),
    ];
    assert_reached(&tally, &floors);
    assert_eq!(tally.of("diverged"), 0);
}

#[test]
fn frozen_nodes_lose_nothing_and_show_nothing_too_soon_whatever_else_happens() {
    let plan = Plan { writes: 60, freezes: 6, ..Plan::default() };
    let tally = run_all(120, &kept(SimConfig::hostile(0)), &plan);
    let floors = [
        ("runs", 120),
        ("restarts", 200),
        ("updates held", 1_000),
        ("updates that were too many to hold", 250),
        ("updates found on disk", 1_000),
        ("walks complete", 10),
    ];
    assert_reached(&tally, &floors);
    assert_eq!(tally.of("diverged"), 0);
}

/// Long partitions, in which the logs of both sides become groups.
fn long() -> Plan {
    Plan { writes: 250, freezes: 2, ..Plan::default() }
}

#[test]
fn logs_in_groups_lose_nothing_and_bring_nothing_back() {
    let tally = run_logs(30, &SimConfig::hostile(0), GROUPED, &long());
    let floors = [
        ("runs", 30),
        ("writes", 6_000),
        ("updates put into groups", 2_000),
        ("groups taken", 40),
        ("groups known in part", 20),
        ("updates trimmed from logs", 500),
        ("restarts", 40),
        ("walks complete", 20),
        ("updates held", 250),
    ];
    assert_reached(&tally, &floors);
    assert_eq!(tally.of("diverged"), 0);
}

#[test]
fn groups_on_disks_that_crash_and_fail_lose_nothing_acknowledged() {
    let plan = Plan { crashes: 4, disk_faults: 2, ..long() };
    let mut config = kept(SimConfig::hostile(0));
    let engine = &mut config.engine;
    (engine.store_log_bytes, engine.store_batch_bytes, engine.batch_bytes) = (4096, 1024, 4096);
    let tally = run_logs(20, &config, GROUPED, &plan);
    let floors = [
        ("runs", 20),
        ("updates put into groups", 1_000),
        ("groups taken", 20),
        ("groups known in part", 10),
        ("updates found on disk", 3_000),
        ("groups found on disk", 3),
        ("acknowledged before a crash", 3_000),
    ];
    assert_reached(&tally, &floors);
    assert_eq!(tally.of("diverged"), 0);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed: u64| {
        let mut history = History::new(cluster(seed, SimConfig::hostile(0), SHORT), seed);
        history.play(&Plan::default());
        history.cluster.trace_hash()
    };
    let traces: Vec<u64> = (0..20).map(trace).collect();
    assert_eq!(traces, (0..20).map(trace).collect::<Vec<_>>());
    let different: BTreeSet<u64> = traces.into_iter().collect();
    assert_eq!(different.len(), 20, "other seeds give other traces");
}

/// Two of four nodes, apart from the others, hear of each other just the same whatever is done to
/// these: what is left to chance depends on whom it concerns and on nothing that was drawn before.
#[test]
fn what_is_done_to_some_changes_nothing_for_others() {
    let heard = |busy: bool| {
        let mut cluster = Cluster::<OrSet<u64>>::new(SimConfig::hostile(4), 1).expect("it works");
        let mut heard: Vec<(Duration, usize, Event)> = Vec::new();
        cluster.partition(&[&[0, 1]]);
        for second in 0..20 {
            if busy {
                cluster.cut(0, 1);
                (0..2).for_each(|node| drop(cluster.write(node, |set| set.insert(second))));
                if second == 5 {
                    cluster.crash(0);
                    cluster.restart(0).expect("it started before");
                }
            }
            cluster.write(2, |set| set.insert(second)).expect("it is up");
            while let Some(step) = cluster.step(Duration::from_secs(second)) {
                let events = step.events.into_iter().filter(|(node, _)| *node >= 2);
                let applied = events.filter(|(_, event)| matches!(event, Event::Applied { .. }));
                heard.extend(applied.map(|(node, event)| (step.at, node, named(event))));
            }
        }
        heard
    };
    let quiet = heard(false);
    assert!(quiet.len() > 30, "{}", quiet.len());
    assert_eq!(quiet, heard(true));
}

/// Without the name of the connection, which counts all connections.
fn named(event: Event) -> Event {
    match event {
        Event::Applied { update, .. } => Event::Applied { update, from: None },
        event => event,
    }
}
