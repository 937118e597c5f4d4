//! A node without anything joins one that has much, and that goes on being written to.

use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crdt_benches::load::{Failure, Latencies, RATE, open_loop};
use crdt_benches::mesh::any;
use crdt_core::LwwMap;
use crdt_sync::certs::Ca;
use crdt_sync::proto::Token;
use crdt_sync::{Identity, Node};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::machine::{Peak, resident};
use crate::report::Figure;

type Map = LwwMap<u64, String>;

/// Bytes of a value, so that an entry with its key has a hundred.
const VALUE: usize = 92;
/// How long the new node may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Before the new node comes, the writer is measured alone for so long.
const ALONE: Duration = Duration::from_secs(5);
/// And then for so long beside threads that do nothing else.
const BURNING: Duration = Duration::from_secs(2);

pub(crate) async fn hundred_thousand(_quick: bool) -> Result<Vec<Figure>, Failure> {
    join(100_000, 1.0).await
}

pub(crate) async fn million(quick: bool) -> Result<Vec<Figure>, Failure> {
    join(if quick { 500_000 } else { 1_000_000 }, 10.0).await
}

/// What the process of the new node is told.
#[derive(Serialize, Deserialize)]
struct Errand {
    donor: SocketAddr,
    ca_pem: String,
    cert_pem: String,
    key_pem: String,
    /// What it must show to be done.
    token: Token,
    /// Keys below this one have the values that they began with.
    keys: u64,
}

async fn join(keys: u64, aim: f64) -> Result<Vec<Figure>, Failure> {
    let ca = Ca::generate("join")?;
    let donor = Node::<Map>::builder().listen(any()).identity(ca.issue("donor")?).start().await?;
    let filled = donor.clone();
    spawn_blocking(move || (0..keys).try_for_each(|key| put(&filled, key))).await??;

    let alone = Load::begin(&donor, keys);
    tokio::time::sleep(ALONE).await;
    let alone = alone.end().await?;

    let burnt = Load::begin(&donor, keys + alone.count);
    spawn_blocking(burn).await?;
    let burnt = burnt.end().await?;

    let (before, peak) = (resident()?, Peak::watch());
    let busy = Load::begin(&donor, keys + alone.count + burnt.count);
    let took = spawn_newcomer(&ca, &donor, keys).await?;
    let busy = busy.end().await?;
    let grown = peak.bytes().saturating_sub(before) as f64 / f64::from(1 << 20);
    let walks = donor.status()?.engine.counters.walks_out;
    let p99 = |load: &Latencies| load.quantile(0.99).as_secs_f64() * 1e3;
    let slower = |load: &Loaded, of: fn(&Loaded) -> &Latencies| p99(of(load)) / p99(of(&alone));
    let of = format!("new node, {keys} entries of 100 B, 1,000 writes/s");
    Ok(vec![
        Figure::new(format!("{of}: has all ({walks} walks)"), took, "s").at_most(aim),
        Figure::new("the same: the donor grows", grown, "MiB").at_most(32.0),
        Figure::new("the same: p99 of a write on the donor, from its call", p99(&busy.calls), "ms"),
        Figure::new("the same: over that before", slower(&busy, |load| &load.calls), "").at_most(2.0),
        Figure::new("the same: p99 from when it was due, sleep included", p99(&busy.waits), "ms"),
        Figure::new("the same: over that before", slower(&busy, |load| &load.waits), ""),
        Figure::new("that beside threads that only spin", slower(&burnt, |load| &load.waits), ""),
    ])
}

/// Keeps every core busy with two threads, as two nodes on one machine do: what the scheduler makes of a
/// writer that wakes up then is nothing that a node could help.
fn burn() {
    let threads = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    let until = Instant::now() + BURNING;
    let spin = move || while Instant::now() < until {};
    let spinning: Vec<_> = (0..threads).map(|_| std::thread::spawn(spin)).collect();
    spinning.into_iter().for_each(|thread| thread.join().expect("it only spins"));
}

fn put(node: &Node<Map>, key: u64) -> Result<(), Failure> {
    node.update(|map| map.insert(key, value(key)))?;
    Ok(())
}

fn value(key: u64) -> String {
    format!("{key:0VALUE$}")
}

/// Starts the process of the new node; returns how long it took to have everything.
async fn spawn_newcomer(ca: &Ca, donor: &Node<Map>, keys: u64) -> Result<f64, Failure> {
    let identity = ca.issue("newcomer")?;
    let errand = Errand {
        donor: donor.local_addr(),
        ca_pem: ca.cert_pem().to_owned(),
        cert_pem: identity.cert_pem().to_owned(),
        key_pem: identity.key_pem().to_owned(),
        token: donor.token()?,
        keys,
    };
    let errand = serde_json::to_vec(&errand)?;
    let run = move || -> Result<f64, Failure> {
        let mut child = std::process::Command::new(std::env::current_exe()?)
            .arg("--newcomer")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        child.stdin.take().ok_or("no standard input")?.write_all(&errand)?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err("the new node failed".into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    spawn_blocking(run).await?
}

/// The new node: reads its errand, has everything, checks it, and says how long it took.
pub(crate) async fn newcomer() -> Result<(), Failure> {
    let errand: Errand = serde_json::from_reader(std::io::stdin())?;
    let identity = Identity::from_pem(&errand.ca_pem, &errand.cert_pem, &errand.key_pem)?;
    let begun = Instant::now();
    let node = Node::<Map>::builder().listen(any()).identity(identity).peers([errand.donor]).start().await?;
    node.wait_for(&errand.token, LIMIT).await?;
    let took = begun.elapsed().as_secs_f64();
    let whole = |map: &Map| (0..errand.keys).all(|key| map.get(&key) == Some(&value(key)));
    if !node.read(|map| whole(map))? {
        return Err("the new node lost a value".into());
    }
    println!("{took}");
    Ok(())
}

/// Somebody who writes a thousand new keys a second.
struct Load {
    enough: Arc<AtomicBool>,
    writing: JoinHandle<Result<Loaded, Failure>>,
}

/// What came of it.
struct Loaded {
    count: u64,
    /// From the call of a write to its return.
    calls: Latencies,
    /// From when it was due.
    waits: Latencies,
}

impl Load {
    fn begin(node: &Node<Map>, first: u64) -> Self {
        let (node, enough) = (node.clone(), Arc::new(AtomicBool::new(false)));
        let stop = enough.clone();
        let writing = spawn_blocking(move || {
            let (mut calls, mut waits, mut done) = (Vec::new(), Vec::new(), Ok(()));
            open_loop((LIMIT.as_secs() * u64::from(RATE)) as usize, |number, due| {
                let called = Instant::now();
                done = put(&node, first + number as u64);
                calls.push(called.elapsed());
                waits.push(due.elapsed());
                done.is_ok() && !stop.load(Ordering::Relaxed)
            });
            let (calls, waits) = (calls.into_iter(), waits.into_iter());
            done.map(|()| Loaded {
                count: calls.len() as u64,
                calls: calls.collect(),
                waits: waits.collect(),
            })
        });
        Self { enough, writing }
    }

    async fn end(self) -> Result<Loaded, Failure> {
        self.enough.store(true, Ordering::Relaxed);
        self.writing.await?
    }
}
