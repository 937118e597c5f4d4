//! How fast updates of one entry each go from one node to others.

use std::time::{Duration, Instant};

use crdt_benches::load::Failure;
use crdt_benches::mesh::{PATIENCE, mesh, until};
use crdt_core::{LwwMap, OrSet};
use crdt_sync::certs::Ca;
use crdt_sync::proto::Token;
use crdt_sync::{Node, NodeError};

use crate::machine::processor_seconds;
use crate::report::Figure;

type Map = LwwMap<u64, String>;

/// Keys that are written in turn.
const KEYS: u64 = 1 << 20;
/// What values begin with: an update of an entry then has about 100 bytes.
const FILL: &str = "fifty bytes and a number make a value of some sixty";
/// Updates by which the writer may be ahead: fewer than the log holds.
const AHEAD: u64 = 100_000;
/// How often the writer looks whether it is too far ahead.
const LOOK: u64 = 4_096;

/// As many updates as one peer takes, for a while.
pub(crate) async fn sustained(quick: bool) -> Result<Vec<Figure>, Failure> {
    let nodes: Vec<Node<Map>> = mesh(&Ca::generate("sustained")?, 2, |_, node| Ok(node)).await?;
    let (writer, reader) = (nodes[0].clone(), nodes[1].clone());
    let seconds = if quick { 2 } else { 10 };
    let (begun, used) = (Instant::now(), processor_seconds()?);
    let end = begun + Duration::from_secs(seconds);
    let writing = tokio::task::spawn_blocking(move || write(&writer, &reader, end));
    let (count, token) = writing.await??;
    nodes[1].wait_for(&token, PATIENCE).await?;
    let (took, used) = (begun.elapsed().as_secs_f64(), processor_seconds()? - used);
    check(&nodes[1], count)?;
    let status = nodes[1].status()?;
    let bytes = nodes[0].status()?.traffic.bytes_sent as f64;
    if status.engine.counters.walks_in > 0 {
        return Err("the log did not hold what the peer lacked".into());
    }
    Ok(vec![
        Figure::new("sustained, one peer, updates of 100 B", count as f64 / took, "/s").at_least(300_000.0),
        Figure::new("processor time of both nodes, each update", used * 1e6 / count as f64, "µs"),
        Figure::new("UDP payload of the writer, each update", bytes / count as f64, "B"),
    ])
}

fn write(writer: &Node<Map>, reader: &Node<Map>, end: Instant) -> Result<(u64, Token), Failure> {
    let mut count = 0;
    while Instant::now() < end {
        for _ in 0..LOOK {
            writer.update(|map| map.insert(count % KEYS, value(count)))?;
            count += 1;
        }
        while count.saturating_sub(reader.token()?.updates().len()) > AHEAD {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok((count, writer.token()?))
}

fn value(number: u64) -> String {
    // Padding by `format!` would take a tenth of the whole.
    let mut value = FILL.to_owned();
    value.push_str(&number.to_string());
    value
}

/// Whether the node shows the last value of every key.
fn check(node: &Node<Map>, count: u64) -> Result<(), Failure> {
    let last = |key: u64| (count - 1 - key) / KEYS * KEYS + key;
    let shown = |map: &Map| (0..KEYS.min(count)).all(|key| map.get(&key) == Some(&value(last(key))));
    if node.read(|map| map.len() as u64 == KEYS.min(count) && shown(map))? {
        Ok(())
    } else {
        Err("a value was lost".into())
    }
}

/// Adds to a set as fast as it takes them, while two neighbours follow.
pub(crate) async fn adds(quick: bool) -> Result<Vec<Figure>, Failure> {
    let count: u64 = if quick { 20_000 } else { 100_000 };
    let nodes: Vec<Node<OrSet<String>>> = mesh(&Ca::generate("adds")?, 3, |_, node| Ok(node)).await?;
    let writer = nodes[0].clone();
    let begun = Instant::now();
    let writing = tokio::task::spawn_blocking(move || {
        (0..count).try_for_each(|number| writer.update(|set| set.insert(element(number))).map(drop))
    });
    writing.await??;
    let (written, token) = (Instant::now(), nodes[0].token()?);
    for node in &nodes {
        node.wait_for(&token, PATIENCE).await?;
    }
    let converged = written.elapsed();
    for node in &nodes {
        let all = |set: &OrSet<String>| (0..count).all(|number| set.contains(element(number).as_str()));
        if !node.read(|set| set.len() as u64 == count && all(set))? {
            return Err(format!("{} lost an element", node.name()).into());
        }
    }
    until("equal fingerprints", || equal(&nodes) == Ok(true)).await?;
    let rate = count as f64 / (written - begun).as_secs_f64();
    let duplicates: u64 =
        nodes.iter().map(|node| node.status().map_or(0, |status| status.engine.counters.duplicates)).sum();
    Ok(vec![
        Figure::new(
            format!("{count} adds with 2 live neighbours: converged after the last"),
            converged.as_secs_f64(),
            "s",
        )
        .at_most(1.0),
        Figure::new("rate at which they were added", rate, "/s"),
        Figure::new("received again, for each that was needed", duplicates as f64 / (2 * count) as f64, ""),
    ])
}

fn element(number: u64) -> String {
    format!("element {number}")
}

fn equal(nodes: &[Node<OrSet<String>>]) -> Result<bool, NodeError> {
    let first = nodes[0].fingerprint()?;
    nodes.iter().try_fold(true, |equal, node| Ok(equal && node.fingerprint()? == first))
}
