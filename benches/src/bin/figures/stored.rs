//! Whether a node with much on its disk keeps its writers waiting.

use std::time::{Duration, Instant};

use crdt_benches::load::{Failure, Latencies};
use crdt_benches::mesh::{PATIENCE, any};
use crdt_core::LwwMap;
use crdt_sync::Node;
use crdt_sync::certs::Ca;
use crdt_sync::store::RedbStore;
use tokio::task::spawn_blocking;

use crate::report::Figure;
use crate::seen::Scratch;

type Map = LwwMap<u64, String>;

/// Updates by which the writer may be ahead of the disk: fewer than the log holds.
const AHEAD: u64 = 100_000;
/// How often the writer looks whether it is too far ahead.
const LOOK: u64 = 1_024;

/// Fills a node with entries of 100 bytes, an update each, and starts it again from its file.
pub(crate) async fn much(quick: bool) -> Result<Vec<Figure>, Failure> {
    let keys = if quick { 200_000 } else { 1_000_000 };
    let (ca, directory) = (Ca::generate("stored")?, Scratch::new()?);
    let path = directory.path().join("much.redb");
    let node = Node::<Map>::builder().listen(any()).identity(ca.issue("much")?);
    let node = node.store(RedbStore::open(&path)?).start().await?;
    let (begun, writer) = (Instant::now(), node.clone());
    let took = spawn_blocking(move || fill(&writer, keys)).await??;
    node.durable(&node.token()?, PATIENCE).await?;
    let rate = keys as f64 / begun.elapsed().as_secs_f64();
    node.shutdown().await;

    let begun = Instant::now();
    let node = Node::<Map>::builder().listen(any()).identity(ca.issue("much")?);
    let node = node.store(RedbStore::open(&path)?).start().await?;
    let restart = begun.elapsed();
    if !node.read(|map| (0..keys).all(|key| map.get(&key) == Some(&value(key))))? {
        return Err("a restart lost a value".into());
    }
    let ms = |latency: Duration| latency.as_secs_f64() * 1e3;
    Ok(vec![
        Figure::new(format!("{keys} entries of 100 B into redb, an update each"), rate, "/s"),
        Figure::new("the same: p99.9 of a write, snapshots among them", ms(took.quantile(0.999)), "ms"),
        Figure::new("the same: the longest write", ms(took.quantile(1.0)), "ms"),
        Figure::new("the same: started again, with everything", restart.as_secs_f64(), "s"),
    ])
}

/// Writes all keys; returns how long each write took.
fn fill(node: &Node<Map>, keys: u64) -> Result<Latencies, Failure> {
    let mut took = Vec::new();
    for key in 0..keys {
        let begun = Instant::now();
        node.update(|map| map.insert(key, value(key)))?;
        took.push(begun.elapsed());
        while key % LOOK == 0 && key.saturating_sub(durable(node)?) > AHEAD {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(took.into_iter().collect())
}

/// How many updates the store has.
fn durable(node: &Node<Map>) -> Result<u64, Failure> {
    Ok(node.status()?.engine.durable.unwrap_or(0))
}

fn value(key: u64) -> String {
    format!("{key:092}")
}
