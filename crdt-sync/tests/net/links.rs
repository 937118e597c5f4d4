//! Connections that come, go, cross and come back.

use std::net::SocketAddr;
use std::time::Duration;

use crdt_sync::certs::Ca;
use crdt_sync::proto::Config;
use crdt_sync::{KnownPeer, LinkError, LinkState, NetConfig, Node, NodeError};

use crate::support::{
    LIMIT, Set, add, cluster, eager, has, known, loopback, peers, refused, start, start_mortal, until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_pairs_that_dial_at_once_keep_one_connection_each() {
    let ca = Ca::generate("test").unwrap();
    let ports: Vec<SocketAddr> = {
        let sockets: Vec<_> = (0..4).map(|_| std::net::UdpSocket::bind(loopback()).unwrap()).collect();
        sockets.iter().map(|socket| socket.local_addr().unwrap()).collect()
    };
    let mut nodes = Vec::new();
    for (name, port) in ["a", "b", "c", "d"].into_iter().zip(&ports) {
        let others: Vec<_> = ports.iter().copied().filter(|other| other != port).collect();
        nodes.push(start(ca.issue(name).unwrap(), *port, &others).await);
    }
    for node in &nodes {
        until("three peers", || peers(node) == 3 && node.status().unwrap().links.len() == 3).await;
    }
    let token = add(&nodes[0], "x");
    for node in &nodes[1..] {
        node.wait_for(&token, LIMIT).await.unwrap();
    }
    // Nobody goes on dialling: an attempt that is under way ends, and no other begins.
    let dialled = || nodes.iter().map(|node| node.status().unwrap().connections.dialled).sum::<u64>();
    let idle = || nodes.iter().all(|node| node.status().unwrap().connections.dialling == 0);
    until("no attempt is under way", idle).await;
    let (before, token) = (dialled(), add(&nodes[0], "y"));
    nodes[0].replicated(&token, 3, LIMIT).await.unwrap();
    // The next exchange comes half a second after a write at the soonest: pauses are shorter.
    let exchanges = || nodes[0].status().unwrap().engine.counters.datagrams_out;
    let now = exchanges();
    until("an exchange", || exchanges() > now).await;
    assert_eq!(dialled(), before);
    for node in &nodes {
        let status = node.status().unwrap();
        assert_eq!((status.links.len(), peers(node)), (3, 3));
        assert_eq!(status.connections.made, 3, "none was made that did not stay");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_of_a_cut_write_and_meet_again() {
    let nodes = cluster(&["a", "b", "c"]).await;
    add(&nodes[0], "before");
    for node in &nodes {
        until("before", || has(node, "before")).await;
    }
    nodes[2].cut(None);
    until("c is alone", || peers(&nodes[2]) == 0 && peers(&nodes[0]) == 1).await;
    add(&nodes[0], "mainland");
    add(&nodes[2], "island");
    nodes[2].update(|set| set.remove("before")).unwrap();
    until("b follows", || has(&nodes[1], "mainland")).await;
    assert!(!has(&nodes[1], "island") && has(&nodes[1], "before") && !has(&nodes[2], "mainland"));
    nodes[2].heal();
    for node in &nodes {
        until("both sides", || has(node, "mainland") && has(node, "island") && !has(node, "before")).await;
    }
}

/// Whoever fails to reach a peer does not try again while a test lasts.
fn patient() -> NetConfig {
    let mut patient = eager();
    patient.dial_backoff_min = Duration::from_secs(3_000);
    patient.dial_backoff_max = Duration::from_secs(3_000);
    patient
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn healing_does_not_wait_for_the_pause_between_attempts_to_dial() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let b = Node::<Set>::builder().listen(loopback()).identity(ca.issue("b").unwrap()).net(patient());
    let b = b.peers([a.local_addr()]).start().await.unwrap();
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
    // The one that is cut off fails to dial, and is in its long pause.
    a.cut(Some("b"));
    until("b waits", || known(&b, "a").unwrap().state == LinkState::Pausing).await;
    a.heal();
    until("a called b, which a is not configured to dial", || peers(&a) == 1 && peers(&b) == 1).await;
    // The one that cuts dials again when it heals.
    b.cut(None);
    until("cut", || peers(&a) == 0 && peers(&b) == 0).await;
    b.heal();
    until("b dialled at once", || peers(&a) == 1 && peers(&b) == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn healing_ends_the_pause_of_peers_that_were_never_reached() {
    let ca = Ca::generate("test").unwrap();
    let late = std::net::UdpSocket::bind(loopback()).unwrap();
    let address = late.local_addr().unwrap();
    let mut net = patient();
    net.handshake_timeout = Duration::from_millis(100);
    let b = Node::<Set>::builder().listen(loopback()).identity(ca.issue("b").unwrap()).net(net);
    let b = b.peers([address]).start().await.unwrap();
    until("b waits", || b.status().unwrap().peers[0].state == LinkState::Pausing).await;
    drop(late);
    let a = start(ca.issue("a").unwrap(), address, &[]).await;
    assert_eq!(b.status().unwrap().peers[0].state, LinkState::Pausing);
    b.heal();
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_killed_comes_back_and_gets_its_past() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let b = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&b) == 1).await;
    let token = add(&b, "from the first life");
    b.replicated(&token, 1, LIMIT).await.unwrap();
    drop(b);
    let b = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    b.wait_for(&token, LIMIT).await.unwrap();
    assert!(has(&b, "from the first life"));
    let token = add(&b, "from the second life");
    a.wait_for(&token, LIMIT).await.unwrap();
    assert_eq!(a.fingerprint(), b.fingerprint());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_living_nodes_of_one_name_the_first_stays() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let first = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&a) == 1).await;
    let mut told = a.subscribe();
    let second = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    add(&second, "impostor");
    let duplicate = LinkError::DuplicateName { name: "b".to_owned() };
    // Both know: the one that has a link to the first, and the second itself.
    let (name, address, error) = refused(&mut told).await;
    assert_eq!((name.as_str(), address, error), ("b", second.local_addr(), duplicate.clone()));
    until("the second knows", || {
        known(&second, "a").is_some_and(|a| a.last_error == Some(duplicate.clone()))
    })
    .await;
    assert_eq!(known(&a, "b").unwrap().last_error, Some(duplicate));
    assert_eq!(known(&a, "b").unwrap().address, Some(first.local_addr()));
    until("it tried again", || a.status().unwrap().connections.duplicate_names >= 2).await;
    assert_eq!((peers(&a), peers(&first), peers(&second)), (1, 1, 0));
    let token = add(&first, "genuine");
    a.wait_for(&token, LIMIT).await.unwrap();
    assert!(!has(&a, "impostor"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_node_of_ones_own_name_is_refused_by_both() {
    let ca = Ca::generate("test").unwrap();
    let first = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let mut told = first.subscribe();
    let second = start(ca.issue("a").unwrap(), loopback(), &[first.local_addr()]).await;
    let duplicate = LinkError::DuplicateName { name: "a".to_owned() };
    let (name, address, error) = refused(&mut told).await;
    assert_eq!((name.as_str(), address, error), ("a", second.local_addr(), duplicate.clone()));
    until("the second knows", || second.status().unwrap().peers[0].last_error == Some(duplicate.clone()))
        .await;
    assert_eq!((peers(&first), peers(&second)), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_dropped_leaves_its_port_though_it_was_dialling() {
    let ca = Ca::generate("test").unwrap();
    let nobody = std::net::UdpSocket::bind(loopback()).unwrap();
    let builder = || Node::<Set>::builder().identity(ca.issue("a").unwrap());
    let mut net = patient();
    net.handshake_timeout = Duration::from_millis(100);
    let node = builder().listen(loopback()).peers([nobody.local_addr().unwrap()]).net(net);
    let node = node.start().await.unwrap();
    let address = node.local_addr();
    until("the pause began", || node.status().unwrap().peers[0].state == LinkState::Pausing).await;
    drop(node);
    let again = async {
        while builder().listen(address).start().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, again).await.is_ok(), "the port is still taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_killed_and_started_again_replaces_its_dead_connection() {
    let ca = Ca::generate("test").unwrap();
    // Nothing but an answer tells the dead from the living: connections outlast the test.
    let mut net = eager();
    net.idle_timeout = Duration::from_secs(600);
    net.keep_alive = Duration::from_secs(15);
    let a = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(net.clone());
    let a = a.start().await.unwrap();
    let (runtime, b) = start_mortal(ca.issue("b").unwrap(), a.local_addr(), net.clone());
    let (token, port) = (add(&b, "first life"), b.local_addr());
    a.wait_for(&token, LIMIT).await.unwrap();
    runtime.shutdown_background();
    drop(b);
    // Elsewhere: only that the old one does not answer can tell.
    let (runtime, b) = start_mortal(ca.issue("b").unwrap(), a.local_addr(), net.clone());
    assert_ne!(b.local_addr(), port);
    let token = add(&b, "second life");
    a.wait_for(&token, LIMIT).await.unwrap();
    until("one link", || a.status().unwrap().links.len() == 1 && has(&b, "first life")).await;
    runtime.shutdown_background();
}

/// The protocol says nothing for an hour, so that nothing but the transport keeps the link alive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_on_which_nothing_is_said_outlives_the_silence_that_ends_one() {
    let ca = Ca::generate("test").unwrap();
    let mut net = eager();
    net.idle_timeout = Duration::from_secs(1);
    net.keep_alive = Duration::from_millis(250);
    let mut config = Config::new("test");
    config.exchange_every = Duration::from_secs(3_600);
    config.exchange_every_idle = config.exchange_every;
    let builder = |name| {
        let node = Node::<Set>::builder().listen(loopback()).identity(ca.issue(name).unwrap());
        node.net(net.clone()).config(config.clone())
    };
    let a = builder("a").start().await.unwrap();
    let b = builder("b").peers([a.local_addr()]).start().await.unwrap();
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
    tokio::time::sleep(net.idle_timeout * 5 / 2).await;
    for node in [&a, &b] {
        let status = node.status().unwrap();
        assert_eq!((status.links.len(), status.connections.made), (1, 1), "{}", status.name);
        assert_eq!(status.engine.counters.datagrams_in, 0, "the protocol was silent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_is_dialled_from_when_it_is_added_until_it_is_removed() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let b = start(ca.issue("b").unwrap(), loopback(), &[]).await;
    let there = b.local_addr();
    assert_eq!((a.add_peer(there), a.add_peer(there.to_string())), (Ok(true), Ok(false)), "dialled once");
    let nowhere = NodeError::PeerAddress { address: "nowhere".to_owned() };
    assert_eq!(a.add_peer("nowhere"), Err(nowhere));
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
    assert_eq!(known(&a, "b").unwrap().configured, Some(there.to_string()));

    assert!(a.remove_peer(there) && !a.remove_peer(there));
    let KnownPeer { configured, state, .. } = known(&a, "b").unwrap();
    assert_eq!((configured, state), (None, LinkState::Up), "the link stays");
    b.shutdown().await;
    until("it is down", || known(&a, "b").unwrap().state == LinkState::Down).await;
    let dialled = a.status().unwrap().connections.dialled;
    // Three times as long as it would pause at most before it dialled again.
    tokio::time::sleep(3 * eager().dial_backoff_min).await;
    assert_eq!(a.status().unwrap().connections.dialled, dialled);
}
