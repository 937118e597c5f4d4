//! What a recorder of the `metrics` facade is given.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crdt_sync::certs::Ca;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

use crate::raw;
use crate::support::{add, loopback, peers, start, until};

/// Figures by name and node.
#[derive(Clone, Default)]
struct Figures(Arc<Mutex<BTreeMap<(String, String), f64>>>);

impl Figures {
    fn get(&self, name: &str, node: &str) -> Option<f64> {
        self.0.lock().unwrap().get(&(name.to_owned(), node.to_owned())).copied()
    }

    fn figure(&self, key: &Key) -> Arc<Figure> {
        let nodes: Vec<&str> = key.labels().map(|label| label.value()).collect();
        let key = (key.name().to_owned(), nodes.concat());
        Arc::new(Figure { figures: self.clone(), key })
    }
}

struct Figure {
    figures: Figures,
    key: (String, String),
}

impl Figure {
    fn put(&self, value: f64) {
        self.figures.0.lock().unwrap().insert(self.key.clone(), value);
    }
}

impl CounterFn for Figure {
    fn increment(&self, _: u64) {
        unreachable!("counters are set to sums");
    }

    fn absolute(&self, value: u64) {
        self.put(value as f64);
    }
}

impl GaugeFn for Figure {
    fn increment(&self, _: f64) {
        unreachable!("gauges are set");
    }

    fn decrement(&self, _: f64) {
        unreachable!("gauges are set");
    }

    fn set(&self, value: f64) {
        self.put(value);
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.figure(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.figure(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        unreachable!("there are none");
    }
}

/// On one thread, since the recorder is that of a thread.
#[tokio::test]
async fn a_recorder_is_given_the_figures_of_every_node() {
    let figures = Figures::default();
    let _recording = metrics::set_default_local_recorder(&figures);
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let b = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
    let tokens = ["x", "y", "z"].map(|element| add(&a, element));
    b.wait_for(&tokens[2], Duration::from_secs(10)).await.unwrap();
    b.freeze().unwrap();
    let stranger = raw::endpoint(raw::anonymous());
    if let Ok(connection) = stranger.connect(a.local_addr(), "node.crdt").unwrap().await {
        connection.closed().await;
    }
    add(&a, "held");
    let is = |name: &str, node: &str, value: f64| figures.get(name, node) == Some(value);
    until("written", || is("crdt_sync_updates_written_total", "a", 4.0)).await;
    until("applied", || is("crdt_sync_updates_applied_total", "b", 3.0)).await;
    until("connected", || is("crdt_sync_connections", "a", 1.0)).await;
    until("held", || is("crdt_sync_held_updates", "b", 1.0) && is("crdt_sync_frozen", "b", 1.0)).await;
    assert!(figures.get("crdt_sync_held_bytes", "b").unwrap() > 4.0, "more than the element");
    assert!(is("crdt_sync_held_bytes", "a", 0.0) && is("crdt_sync_frozen", "a", 0.0));
    assert!(is("crdt_sync_updates_not_held_total", "b", 0.0));
    until("turned down", || is("crdt_sync_handshakes_failed_total", "a", 1.0)).await;
    assert!(is("crdt_sync_handshakes_failed_total", "b", 0.0));
    assert!(is("crdt_sync_handshakes_turned_away_total", "a", 0.0));
    until("caught up", || is("crdt_sync_peer_lag_updates_max", "a", 0.0)).await;
    assert!(is("crdt_sync_updates_applied_total", "a", 0.0) && is("crdt_sync_store_healthy", "a", 1.0));
    assert!(figures.get("crdt_sync_sent_bytes_total", "a").unwrap() > 1_000.0);
}
