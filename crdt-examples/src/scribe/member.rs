//! One node: it writes without a pause, says what it wrote, and says when that is safe.

use std::io::{self, BufRead, Write, stdin, stdout};
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crdt_core::{Crdt, LwwRegister, OrSet};
use crdt_sync::store::RedbStore;
use crdt_sync::{Config, Identity, NetConfig, Node, Token, WaitError};
use tokio::runtime;
use tokio::sync::{mpsc, watch};

use super::words::{Order, Place, Said, Start, Update, View};

/// What the nodes replicate.
#[derive(Crdt)]
struct Notes {
    elements: OrSet<u64>,
    /// Makes updates long, and says nothing.
    ballast: LwwRegister<String>,
}

/// How long one wait takes before it is begun again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Obeys until the orders end, which is the end of the process: a node does not outlive the test.
///
/// # Errors
/// When the node does not start, or cannot go on.
pub fn serve() -> Result<(), String> {
    let (sender, orders) = mpsc::channel(1);
    thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let Ok(order) = serde_json::from_str::<Order>(&line) else { exit(1) };
            if sender.blocking_send(order).is_err() {
                return;
            }
        }
        exit(0)
    });
    let runtime =
        runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(text)?;
    runtime.block_on(obey(orders))
}

async fn obey(mut orders: mpsc::Receiver<Order>) -> Result<(), String> {
    let Some(Order::Start(start)) = orders.recv().await else { return Err("no order to start".to_owned()) };
    let node = start_node(&start).await?;
    say(&Said::Started(node.local_addr()))?;
    let stopped = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(node.clone(), start.first, start.place, Arc::clone(&stopped)));
    let mut writer = Some(writer);
    while let Some(order) = orders.recv().await {
        match order {
            Order::Start(_) => return Err("started already".to_owned()),
            Order::Await(token) => {
                reach(|| node.wait_for(&token, PATIENCE)).await?;
                reach(|| node.durable(&token, PATIENCE)).await?;
                say(&Said::Reached)?;
            }
            Order::Stop => {
                stopped.store(true, Ordering::Relaxed);
                if let Some(writer) = writer.take() {
                    writer.await.map_err(text)??;
                }
                say(&Said::Stopped)?;
            }
            Order::Show => say(&view(&node)?)?,
        }
    }
    Ok(())
}

async fn start_node(start: &Start) -> Result<Node<Notes>, String> {
    let identity = Identity::from_pem(&start.ca, &start.cert, &start.key).map_err(text)?;
    let place = &start.place;
    let store = RedbStore::open(&place.data).map_err(text)?;
    let mut config = Config::new(identity.cluster());
    // Small, so that kills fall into snapshots, and who was away needs walks.
    (config.max_update_bytes, config.log_bytes, config.store_log_bytes) = (4_096, 16_384, 32_768);
    let mut net = NetConfig::default();
    net.dial_backoff_min = Duration::from_millis(20);
    net.dial_backoff_max = Duration::from_millis(100);
    net.idle_timeout = Duration::from_secs(2);
    net.keep_alive = Duration::from_millis(500);
    let node = Node::builder().listen(place.listen).identity(identity).peers(&place.peers);
    node.config(config).net(net).store(store).start().await.map_err(text)
}

/// Writes until it is stopped, and waits until the last of it is safe.
async fn write(node: Node<Notes>, first: u64, place: Place, stopped: Arc<AtomicBool>) -> Result<(), String> {
    let (sender, written) = watch::channel((0, node.token().map_err(text)?));
    let durable = tokio::spawn(report(node.clone(), written.clone(), 0));
    let replicated = tokio::spawn(report(node.clone(), written, 2));
    for count in 1.. {
        if stopped.load(Ordering::Relaxed) {
            break;
        }
        let added = first + count;
        // Every third write also takes away what this start wrote a while ago.
        let removed = (count > 30 && count % 3 == 0).then(|| added - 30);
        if let Some(removed) = removed {
            // Before it does: a kill can fall between a write and the word of it.
            say(&Said::Removes(removed))?;
        }
        let edit = node.update(|notes| {
            if place.ballast > 0 {
                notes.ballast.set("x".repeat(place.ballast));
            }
            notes.elements.insert(added);
            removed.is_none_or(|gone| notes.elements.remove(&gone))
        });
        let written = edit.map_err(text)?;
        let number = written.update.ok_or("a write without a number")?;
        let removed = removed.filter(|_| written.value);
        let (replica, seq) = (format!("{:032x}", number.replica.as_u128()), number.seq);
        say(&Said::Wrote(Update { replica, seq, added, removed }))?;
        // Both reporters stop when the sender is gone.
        let _ = sender.send((count, written.token));
        tokio::time::sleep(place.pause).await;
    }
    drop(sender);
    durable.await.map_err(text)??;
    replicated.await.map_err(text)?
}

/// Says how much is in the own store, or with `copies` in those of so many others.
async fn report(
    node: Node<Notes>,
    mut written: watch::Receiver<(u64, Token)>,
    copies: usize,
) -> Result<(), String> {
    while written.changed().await.is_ok() {
        let (count, token) = written.borrow_and_update().clone();
        if copies == 0 {
            reach(|| node.durable(&token, PATIENCE)).await?;
            say(&Said::Durable(count))?;
        } else {
            reach(|| node.replicated(&token, copies, PATIENCE)).await?;
            say(&Said::Replicated(count))?;
        }
    }
    Ok(())
}

/// Waits, however often it takes too long: others are down.
async fn reach<F: Future<Output = Result<(), WaitError>>>(wait: impl Fn() -> F) -> Result<(), String> {
    loop {
        match wait().await {
            Err(
                WaitError::Timeout { .. } | WaitError::NotDurable { .. } | WaitError::NotReplicated { .. },
            ) => {}
            other => return other.map_err(text),
        }
    }
}

fn view(node: &Node<Notes>) -> Result<Said, String> {
    let fingerprint = node.fingerprint().map_err(text)?;
    let elements = node.read(|notes| notes.elements.iter().copied().collect()).map_err(text)?;
    let connections = node.status().map_err(text)?.connections;
    Ok(Said::View(View { fingerprint, elements, links: connections.open, made: connections.made }))
}

fn say(said: &Said) -> Result<(), String> {
    let mut line = serde_json::to_vec(said).map_err(text)?;
    line.push(b'\n');
    let mut out = stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).map_err(|error: io::Error| text(error))
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
