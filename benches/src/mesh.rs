//! Nodes in this process, over UDP on loopback with TLS.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crdt_sync::certs::Ca;
use crdt_sync::{Builder, Node, Replicated};

use crate::load::Failure;

/// How long links may take to come up, and the last updates to arrive, before they count as lost.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How many nodes dial at a time.
const ROUND: usize = 10;

/// So many nodes, each linked to all others; `with` may change how each is built.
///
/// # Errors
/// When a node does not start, or the links do not come up.
pub async fn mesh<T: Replicated>(
    ca: &Ca,
    count: usize,
    mut with: impl FnMut(usize, Builder<T>) -> Result<Builder<T>, Failure>,
) -> Result<Vec<Node<T>>, Failure> {
    let mut nodes: Vec<Node<T>> = Vec::with_capacity(count);
    for number in 0..count {
        let peers: Vec<SocketAddr> = nodes.iter().map(Node::local_addr).collect();
        let node = Node::builder().listen(any()).identity(ca.issue(&format!("node-{number}"))?).peers(peers);
        nodes.push(with(number, node)?.start().await?);
        if nodes.len().is_multiple_of(ROUND) {
            linked(&nodes).await?;
        }
    }
    linked(&nodes).await?;
    Ok(nodes)
}

/// A free port of this machine.
#[must_use]
pub fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Waits until each of these nodes is linked to all others.
///
/// # Errors
/// When that takes too long.
pub async fn linked<T: Replicated>(nodes: &[Node<T>]) -> Result<(), Failure> {
    let up = |node: &Node<T>| node.status().is_ok_and(|status| status.links.len() >= nodes.len() - 1);
    until("links", || nodes.iter().all(up)).await
}

/// Waits until it holds, looking every two milliseconds.
///
/// # Errors
/// When that takes too long.
pub async fn until(what: &str, holds: impl Fn() -> bool) -> Result<(), Failure> {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() > PATIENCE {
            return Err(format!("{what}: not within {PATIENCE:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
