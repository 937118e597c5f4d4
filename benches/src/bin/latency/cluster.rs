//! Three nodes that write in turn.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crdt_core::{Dot, LwwMap};
use crdt_sync::certs::Ca;
use crdt_sync::proto::Event;
use crdt_sync::{Node, Notice, Subscription};

use crate::{WARM_UP, open_loop};

type Map = LwwMap<u64, String>;

/// How long the last updates may take before they count as lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// Latencies from when a write was due to when the last of the other nodes had applied it.
pub(crate) async fn run(count: usize) -> Result<Vec<Duration>, Box<dyn Error + Send + Sync>> {
    let nodes = start().await?;
    let watching: Vec<_> =
        nodes.iter().map(|node| tokio::spawn(arrivals(node.subscribe(), count * 2 / 3))).collect();
    let writers = nodes.clone();
    let due = tokio::task::spawn_blocking(move || write(&writers, count)).await??;
    let mut last = HashMap::<Dot, Instant>::new();
    for watching in watching {
        for (update, at) in tokio::time::timeout(PATIENCE, watching).await?? {
            last.entry(update).and_modify(|last| *last = at.max(*last)).or_insert(at);
        }
    }
    if last.len() != count || nodes.iter().any(|node| node.read(|map| map.len()) != Ok(count)) {
        return Err("an update was lost".into());
    }
    let latencies = due.iter().map(|(update, due)| last[update].saturating_duration_since(*due));
    Ok(latencies.skip(WARM_UP).collect())
}

async fn start() -> Result<Vec<Node<Map>>, Box<dyn Error + Send + Sync>> {
    let ca = Ca::generate("latency")?;
    let mut nodes: Vec<Node<Map>> = Vec::new();
    for name in ["tokyo", "london", "sao-paulo"] {
        let peers: Vec<SocketAddr> = nodes.iter().map(Node::local_addr).collect();
        let node = Node::builder().listen(([127, 0, 0, 1], 0).into()).identity(ca.issue(name)?).peers(peers);
        nodes.push(node.start().await?);
    }
    let linked = |node: &Node<Map>| node.status().is_ok_and(|status| status.links.len() == 2);
    while !nodes.iter().all(linked) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(nodes)
}

/// Writes on the nodes in turn; returns each update with the time when it was due.
fn write(nodes: &[Node<Map>], count: usize) -> Result<Vec<(Dot, Instant)>, Box<dyn Error + Send + Sync>> {
    let (mut updates, mut failed) = (Vec::with_capacity(count), None);
    open_loop(count, |number, due| {
        let node = &nodes[number % nodes.len()];
        match node.update(|map| map.insert(number as u64, format!("value of {number}"))) {
            Ok(written) => updates.extend(written.update.map(|update| (update, due))),
            Err(error) => failed = Some(error),
        }
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
