//! Nodes on loopback, and waiting with a deadline.

use std::net::SocketAddr;
use std::time::Duration;

use crdt_core::OrSet;
use crdt_sync::certs::Ca;
use crdt_sync::{Identity, KnownPeer, LinkError, NetConfig, Node, Notice, Subscription};

pub(crate) type Set = OrSet<String>;

/// No test waits longer than this for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Dials again soon, so that tests do.
pub(crate) fn eager() -> NetConfig {
    let mut net = NetConfig::default();
    net.dial_backoff_min = Duration::from_millis(20);
    net.dial_backoff_max = Duration::from_millis(200);
    net.idle_timeout = Duration::from_secs(2);
    net.keep_alive = Duration::from_millis(500);
    net
}

pub(crate) async fn start(identity: Identity, listen: SocketAddr, peers: &[SocketAddr]) -> Node<Set> {
    let builder = Node::builder().listen(listen).identity(identity).peers(peers).net(eager());
    builder.start().await.expect("a node starts on loopback")
}

/// Nodes with these names, each dialling all that started before it.
pub(crate) async fn cluster(names: &[&str]) -> Vec<Node<Set>> {
    let ca = Ca::generate("test").expect("a name");
    let mut nodes: Vec<Node<Set>> = Vec::new();
    for name in names {
        let peers: Vec<SocketAddr> = nodes.iter().map(Node::local_addr).collect();
        nodes.push(start(ca.issue(name).expect("a name"), loopback(), &peers).await);
    }
    for node in &nodes {
        until("all are linked", || peers(node) == names.len() - 1).await;
    }
    nodes
}

/// A node on a runtime of its own, which dies with it: no packet says goodbye.
pub(crate) fn start_mortal(
    identity: Identity,
    peer: SocketAddr,
    net: NetConfig,
) -> (tokio::runtime::Runtime, Node<Set>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let node = Node::builder().listen(loopback()).identity(identity).peers([peer]).net(net);
    let node = runtime.spawn(async move { node.start().await.expect("a node starts on loopback") });
    let node = tokio::task::block_in_place(|| runtime.block_on(node)).unwrap();
    (runtime, node)
}

/// What the node tells of the peer with this name.
pub(crate) fn known(node: &Node<Set>, name: &str) -> Option<KnownPeer> {
    let peers = node.status().expect("not from within").peers;
    peers.into_iter().find(|peer| peer.name.as_deref() == Some(name))
}

/// The next member that the node refuses, or that refuses it.
pub(crate) async fn refused(told: &mut Subscription<Set>) -> (String, SocketAddr, LinkError) {
    let next = async {
        loop {
            let notice = told.next().await.expect("the node lives");
            if let Notice::Refused { name, address, error } = notice {
                return (name, address, error);
            }
        }
    };
    tokio::time::timeout(LIMIT, next).await.expect("nobody is refused")
}

/// How many peers said hello.
pub(crate) fn peers(node: &Node<Set>) -> usize {
    let status = node.status().expect("not from within");
    let live = |peer: &&crdt_sync::proto::PeerStatus| peer.state != crdt_sync::proto::PeerState::Greeting;
    status.engine.peers.iter().filter(live).count()
}

pub(crate) fn add(node: &Node<Set>, element: &str) -> crdt_sync::proto::Token {
    node.update(|set| set.insert(element.to_owned())).expect("a small update").token
}

pub(crate) fn has(node: &Node<Set>, element: &str) -> bool {
    node.read(|set| set.contains(element)).expect("not from within")
}

/// Waits until the condition holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    wait(what, &condition).await;
}

/// Compiled once, and not for each of a hundred conditions.
async fn wait(what: &str, condition: &dyn Fn() -> bool) {
    let held = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, held).await.is_ok(), "in vain: {what}");
}
