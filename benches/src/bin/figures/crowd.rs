//! Many nodes in one process, all linked to all.

use std::time::{Duration, Instant};

use crdt_benches::load::Failure;
use crdt_benches::mesh::{mesh, until};
use crdt_core::LwwMap;
use crdt_sync::certs::Ca;
use crdt_sync::{NetConfig, Node};

use crate::machine::{processor_seconds, resident};
use crate::report::Figure;

type Map = LwwMap<u64, String>;

/// Eight hundred writes on thirty nodes, as fast as they take them.
pub(crate) async fn writes(_quick: bool) -> Result<Vec<Figure>, Failure> {
    const NODES: usize = 30;
    const WRITES: u64 = 800;
    let before = resident()?;
    let nodes: Vec<Node<Map>> = crowd(NODES).await?;
    let linked = resident()?;
    let used = processor_seconds()?;
    let begun = Instant::now();
    for key in 0..WRITES {
        nodes[key as usize % NODES].update(|map| map.insert(key, value(key)))?;
    }
    let written = Instant::now();
    let all = |node: &Node<Map>| node.token().is_ok_and(|token| token.updates().len() == WRITES);
    until("30 nodes converge", || nodes.iter().all(all)).await?;
    let (took, after) = (written.elapsed(), resident()?);
    check(&nodes, WRITES)?;
    let (mut applied, mut duplicates, mut frames) = (0, 0, 0);
    for node in &nodes {
        let counters = node.status()?.engine.counters;
        applied += counters.applied;
        duplicates += counters.duplicates;
        frames += counters.frames_out;
    }
    let memory = |then: u64| then.saturating_sub(before) as f64 / 1e6 / NODES as f64;
    Ok(vec![
        Figure::new("30 nodes, 800 writes: converged after the last", took.as_secs_f64(), "s").at_most(0.25),
        Figure::new("from the first write", begun.elapsed().as_secs_f64(), "s"),
        Figure::new("processor time", processor_seconds()? - used, "s"),
        Figure::new("received again, for each that was needed", duplicates as f64 / applied as f64, ""),
        Figure::new("frames sent, for each that was needed", frames as f64 / applied as f64, ""),
        Figure::new("30 nodes: memory of one", memory(after), "MB").at_most(3.0),
        Figure::new("the same before the writes", memory(linked), "MB"),
    ])
}

/// What nodes with nothing to say to each other send.
pub(crate) async fn idle(quick: bool) -> Result<Vec<Figure>, Failure> {
    let mut figures = vec![idle_nodes(10, 1.0, quick).await?];
    if !quick {
        figures.push(idle_nodes(100, 2.0, quick).await?);
    }
    Ok(figures)
}

async fn idle_nodes(count: usize, most: f64, quick: bool) -> Result<Figure, Failure> {
    // Exchanges that find nothing become rare within half a minute.
    let (settle, window) = if quick { (5, 10) } else { (40, 60) };
    let nodes = crowd(count).await?;
    for (key, node) in (0..).zip(&nodes) {
        node.update(|map| map.insert(key, value(key)))?;
    }
    tokio::time::sleep(Duration::from_secs(settle)).await;
    let (before, begun) = (traffic(&nodes)?, Instant::now());
    tokio::time::sleep(Duration::from_secs(window)).await;
    let (bytes, took) = (traffic(&nodes)? - before, begun.elapsed());
    check(&nodes, count as u64)?;
    let rate = bytes as f64 / 1e3 / took.as_secs_f64() / count as f64;
    Ok(Figure::new(format!("idle, {count} nodes: UDP payload sent and received by one"), rate, "kB/s")
        .at_most(most))
}

async fn crowd(count: usize) -> Result<Vec<Node<Map>>, Failure> {
    let mut net = NetConfig::default();
    net.handshakes_per_ip = 256;
    mesh(&Ca::generate("crowd")?, count, |_, node| Ok(node.net(net.clone()))).await
}

/// Bytes that all nodes sent or received so far.
fn traffic(nodes: &[Node<Map>]) -> Result<u64, Failure> {
    nodes.iter().try_fold(0, |sum, node| {
        let traffic = node.status()?.traffic;
        Ok(sum + traffic.bytes_sent + traffic.bytes_received)
    })
}

fn check(nodes: &[Node<Map>], writes: u64) -> Result<(), Failure> {
    let all = |map: &Map| (0..writes).all(|key| map.get(&key) == Some(&value(key)));
    for node in nodes {
        if !node.read(|map| map.len() as u64 == writes && all(map))? {
            return Err(format!("{} lost a value", node.name()).into());
        }
    }
    Ok(())
}

fn value(key: u64) -> String {
    format!("value of {key}")
}
