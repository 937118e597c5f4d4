//! Figures for whoever watches a node, through the `metrics` facade.
//!
//! A task hands them to the program's recorder every second. None has a label for each peer: what a
//! member can make grow has a bound, and rows of a time series have none. Which peer it is, is in
//! [`Node::status`](crate::Node::status).

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::time::sleep;

use super::health::Health;
use super::hub::Hub;
use super::status::NodeStatus;
use crate::proto::{Machine, PeerState, PeerStatus};

/// How often figures are handed over.
const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn publish(hub: Arc<Hub>) {
    loop {
        let engine = hub.read(Machine::status);
        let status = hub.picture(engine);
        counters(&status);
        gauges(&status);
        sleep(EVERY).await;
    }
}

/// Sums since the start.
fn counters(status: &NodeStatus) {
    let (sums, links, traffic) = (&status.engine.counters, &status.connections, &status.traffic);
    let counted = [
        ("crdt_sync_updates_written_total", sums.writes),
        ("crdt_sync_updates_applied_total", sums.applied),
        ("crdt_sync_updates_received_twice_total", sums.duplicates),
        ("crdt_sync_updates_sent_total", sums.sent),
        ("crdt_sync_updates_trimmed_total", sums.trimmed),
        ("crdt_sync_updates_compacted_total", sums.compacted),
        ("crdt_sync_updates_not_held_total", sums.not_held),
        ("crdt_sync_differences_total", sums.differences),
        ("crdt_sync_walks_received_total", sums.walks_in_complete),
        ("crdt_sync_walks_given_total", sums.walks_out),
        ("crdt_sync_walk_overflows_total", sums.walk_overflows),
        ("crdt_sync_divergences_total", sums.diverged),
        ("crdt_sync_drifts_total", sums.drifts),
        ("crdt_sync_conflicts_total", sums.conflicts),
        ("crdt_sync_rights_asked_total", sums.rights_asked),
        ("crdt_sync_rights_given_total", sums.rights_given),
        ("crdt_sync_events_lost_total", sums.events_lost),
        ("crdt_sync_sent_bytes_total", traffic.bytes_sent),
        ("crdt_sync_received_bytes_total", traffic.bytes_received),
        ("crdt_sync_sent_frames_total", traffic.frames_sent),
        ("crdt_sync_received_frames_total", traffic.frames_received),
        ("crdt_sync_connections_made_total", links.made),
        ("crdt_sync_dials_failed_total", links.dials_failed),
        ("crdt_sync_connections_refused_total", links.refused),
        ("crdt_sync_handshakes_failed_total", links.incoming_failed),
        ("crdt_sync_handshakes_turned_away_total", links.turned_away),
        ("crdt_sync_duplicate_names_total", links.duplicate_names),
    ];
    for (name, sum) in counted {
        counter!(name, "node" => status.name.clone()).absolute(sum);
    }
}

/// How it is now.
fn gauges(status: &NodeStatus) {
    let engine = &status.engine;
    let most = |of: fn(&PeerStatus) -> f64| engine.peers.iter().map(of).fold(0.0, f64::max);
    let reconciling = engine.peers.iter().filter(|peer| peer.state == PeerState::Reconciling).count();
    let unstored = engine.durable.map_or(0, |durable| engine.updates.saturating_sub(durable));
    let measured = [
        ("crdt_sync_updates", engine.updates as f64),
        ("crdt_sync_updates_not_durable", unstored as f64),
        ("crdt_sync_replicas", engine.replicas as f64),
        ("crdt_sync_log_updates", engine.log_len as f64),
        ("crdt_sync_log_bytes", engine.log_bytes as f64),
        ("crdt_sync_held_updates", engine.held as f64),
        ("crdt_sync_held_bytes", engine.held_bytes as f64),
        ("crdt_sync_frozen", f64::from(u8::from(engine.frozen))),
        ("crdt_sync_partial", f64::from(u8::from(engine.partial))),
        ("crdt_sync_walks_being_given", engine.donor_walks as f64),
        ("crdt_sync_connections", status.connections.open as f64),
        ("crdt_sync_peers_reconciling", reconciling as f64),
        ("crdt_sync_peer_lag_updates_max", most(|peer| peer.lag_updates.unwrap_or(0) as f64)),
        ("crdt_sync_peer_lag_bytes_max", most(|peer| peer.lag_bytes.unwrap_or(0) as f64)),
        ("crdt_sync_peer_lag_seconds_max", most(|peer| peer.lag.unwrap_or_default().as_secs_f64())),
        ("crdt_sync_store_healthy", f64::from(u8::from(status.health == Health::Healthy))),
    ];
    for (name, value) in measured {
        gauge!(name, "node" => status.name.clone()).set(value);
    }
}
