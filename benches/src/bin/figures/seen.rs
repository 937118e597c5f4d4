//! How long a write takes until others see it, and until it is safe.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crdt_benches::echo;
use crdt_benches::load::{Failure, Latencies, RATE};
use crdt_benches::visible::{self, Map, Seen};
use crdt_sync::Builder;
use crdt_sync::store::{MemoryStore, RedbStore};

use crate::report::Figure;

pub(crate) async fn visible(quick: bool) -> Result<Vec<Figure>, Failure> {
    let count = RATE as usize * if quick { 3 } else { 10 };
    let mut echoes = echo::run(count / 2).await?;
    let memory = visible::run(count, |_, node| Ok(node.store(MemoryStore::default()))).await?;
    let directory = Scratch::new()?;
    let on_disk = |number, node: Builder<Map>| {
        Ok(node.store(RedbStore::open(directory.0.join(format!("{number}.redb")))?))
    };
    let redb = visible::run(count, on_disk).await?;
    echoes.extend(echo::run(count / 2).await?);
    let echo: Latencies = echoes.into_iter().collect();
    let sync = syncs(&directory)?;
    Ok(figures(&memory, &redb, (&echo, &sync)))
}

fn figures(memory: &Seen, redb: &Seen, (echo, sync): (&Latencies, &Latencies)) -> Vec<Figure> {
    let p99 = |latencies: &Latencies| latencies.quantile(0.99);
    let bound = ms(Duration::from_millis(2) + 3 * p99(echo));
    let figure = |what: &str, latencies: &Latencies| {
        let p50 = ms(latencies.quantile(0.5));
        Figure::new(format!("{what}: p99 (p50 is {p50:.2})"), ms(p99(latencies)), "ms")
    };
    vec![
        figure("write to visible on 3 nodes at 1,000/s, memory store", &memory.visible).at_most(bound),
        figure("the same, redb, to visible", &redb.visible).at_most(bound),
        figure("the same, redb, to durable", &redb.durable).at_most(bound),
        figure("echo of a bare QUIC connection", echo),
        figure("100 bytes appended to a file and synced", sync),
    ]
}

fn ms(latency: Duration) -> f64 {
    latency.as_secs_f64() * 1e3
}

/// What the disk alone takes.
fn syncs(directory: &Scratch) -> Result<Latencies, Failure> {
    let mut file = File::create(directory.0.join("synced"))?;
    let mut sync = || {
        let begun = Instant::now();
        file.write_all(&[7; 100])?;
        file.sync_data()?;
        Ok(begun.elapsed())
    };
    (0..300).map(|_| sync()).collect()
}

/// A directory for the time of a row.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("crdt-figures-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is in the directory for what may go.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
