//! From a write to where it can be seen: three nodes that write in turn.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crdt_core::{Dot, LwwMap};
use crdt_sync::certs::Ca;
use crdt_sync::proto::{Event, Token};
use crdt_sync::{Builder, NetConfig, Node, Notice, Subscription};
use tokio::sync::mpsc;

use crate::load::{Failure, Latencies, WARM_UP, open_loop};
use crate::mesh::{PATIENCE, mesh};

/// What the nodes hold.
pub type Map = LwwMap<u64, String>;

/// Latencies from when a write was due.
pub struct Seen {
    /// To when the last of the other nodes had applied it.
    pub visible: Latencies,
    /// To when the node that wrote it had it in its store; empty if it has none.
    pub durable: Latencies,
}

/// Writes `count` entries on three nodes at [`RATE`](crate::load::RATE); `with` may give them stores.
///
/// # Errors
/// When an update is lost, or a node fails.
pub async fn run(
    count: usize,
    mut with: impl FnMut(usize, Builder<Map>) -> Result<Builder<Map>, Failure>,
) -> Result<Seen, Failure> {
    // On a machine that stands still for a while, the watchers are behind.
    let mut net = NetConfig::default();
    net.subscriber_events = count;
    let patient = |number, node: Builder<Map>| with(number, node.net(net.clone()));
    let nodes = mesh(&Ca::generate("visible")?, 3, patient).await?;
    let watch = |(number, node): (usize, &Node<Map>)| {
        let own = (number..count).step_by(nodes.len()).len();
        tokio::spawn(arrivals(node.subscribe(), count - own))
    };
    let watching: Vec<_> = nodes.iter().enumerate().map(watch).collect();
    let (mut keeping, mut written) = (Vec::new(), Vec::new());
    for node in &nodes {
        let (sender, receiver) = mpsc::channel(count);
        written.push(sender);
        keeping.push(tokio::spawn(keeps(node.clone(), receiver)));
    }
    let writers = nodes.clone();
    let due = tokio::task::spawn_blocking(move || write(&writers, &written, count)).await??;
    let mut last = HashMap::<Dot, Instant>::new();
    for watching in watching {
        for (update, at) in tokio::time::timeout(PATIENCE, watching).await?? {
            last.entry(update).and_modify(|last| *last = at.max(*last)).or_insert(at);
        }
    }
    let mut durable = Vec::new();
    for keeping in keeping {
        durable.extend(keeping.await??.into_iter().skip(WARM_UP / 3));
    }
    if !nodes.iter().all(|node| holds(node, count)) {
        return Err("a value was lost".into());
    }
    if last.len() != count {
        return Err("a watcher missed an update".into());
    }
    let visible = due.iter().map(|(update, due)| last[update].saturating_duration_since(*due));
    Ok(Seen { visible: visible.skip(WARM_UP).collect(), durable: durable.into_iter().collect() })
}

/// Whether every value is there.
fn holds(node: &Node<Map>, count: usize) -> bool {
    let all = |map: &Map| (0..count as u64).all(|key| map.get(&key) == Some(&value(key)));
    node.read(|map| map.len() == count && all(map)) == Ok(true)
}

fn value(key: u64) -> String {
    format!("value of {key}")
}

/// Writes on the nodes in turn; returns each update with the time when it was due.
fn write(
    nodes: &[Node<Map>],
    written: &[mpsc::Sender<(Instant, Token)>],
    count: usize,
) -> Result<Vec<(Dot, Instant)>, Failure> {
    let (mut updates, mut failed) = (Vec::with_capacity(count), None);
    open_loop(count, |number, due| {
        let (turn, key) = (number % nodes.len(), number as u64);
        match nodes[turn].update(|map| map.insert(key, value(key))) {
            Ok(update) => {
                updates.extend(update.update.map(|update| (update, due)));
                // It takes all of them, unless nobody listens, since the node has no store.
                let _ = written[turn].try_send((due, update.token));
            }
            Err(error) => failed = Some(error),
        }
        failed.is_none()
    });
    failed.map_or(Ok(updates), |error| Err(error.into()))
}

/// When each of so many updates of other nodes had been applied.
async fn arrivals(mut events: Subscription<Map>, count: usize) -> Vec<(Dot, Instant)> {
    let mut arrivals = Vec::with_capacity(count);
    while arrivals.len() < count {
        match events.next().await {
            Some(Notice::Event(Event::Applied { update, from: Some(_) })) => {
                arrivals.push((update, Instant::now()));
            }
            // A watcher that lags misses updates, and they count as lost.
            Some(Notice::Lagged { .. }) | None => return arrivals,
            Some(_) => {}
        }
    }
    arrivals
}

/// How long after each write was due it was in the node's store; nothing if it has none.
async fn keeps(
    node: Node<Map>,
    mut written: mpsc::Receiver<(Instant, Token)>,
) -> Result<Vec<Duration>, Failure> {
    let mut latencies = Vec::new();
    if node.status()?.engine.durable.is_none() {
        return Ok(latencies);
    }
    while let Some((due, token)) = written.recv().await {
        node.durable(&token, PATIENCE).await?;
        latencies.push(due.elapsed());
    }
    Ok(latencies)
}
