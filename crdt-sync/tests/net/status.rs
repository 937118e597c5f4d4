//! What a node tells of its peers and its connections.

use std::time::Duration;

use crdt_sync::certs::Ca;
use crdt_sync::{KnownPeer, LinkError, LinkState, Node};

use crate::support::{LIMIT, Set, add, eager, known, loopback, peers, start, start_mortal, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_tells_of_each_peer_how_it_is_and_what_went_wrong() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let nobody = std::net::UdpSocket::bind(loopback()).unwrap();
    let reserved = std::net::UdpSocket::bind(loopback()).unwrap().local_addr().unwrap();
    let mut net = eager();
    net.handshake_timeout = Duration::from_millis(100);
    let b = Node::<Set>::builder().listen(reserved).identity(ca.issue("b").unwrap()).net(net);
    let b = b.peers([a.local_addr(), nobody.local_addr().unwrap(), reserved]).peers(["no address:1"]);
    let b = b.start().await.unwrap();
    let seed = |at: usize| b.status().unwrap().peers[at].clone();
    until("a is up", || seed(0).state == LinkState::Up && seed(0).lag_updates == Some(0)).await;
    until("nobody answers", || seed(1).last_error == Some(LinkError::Timeout)).await;
    until("its own address", || seed(2).state == LinkState::Own).await;
    until("no address:1", || seed(3).last_error == Some(LinkError::Unresolved)).await;

    let KnownPeer { name, configured, address, reconnects, last_error, .. } = seed(0);
    assert_eq!((name.as_deref(), configured), (Some("a"), Some(a.local_addr().to_string())));
    assert_eq!((address, reconnects, last_error), (Some(a.local_addr()), 0, None));
    assert!(matches!(seed(1).state, LinkState::Dialling | LinkState::Pausing));
    assert!(seed(1).name.is_none() && seed(1).since_heard.is_none() && seed(1).since_error.is_some());
    let seen = known(&a, "b").unwrap();
    assert_eq!((seen.state, seen.configured, seen.address), (LinkState::Up, None, Some(reserved)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_cut_and_healed_counts_as_a_reconnect_of_both() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let b = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
    a.cut(Some("b"));
    until("cut", || known(&a, "b").unwrap().state == LinkState::Cut).await;
    until("b was told", || known(&b, "a").unwrap().last_error == Some(LinkError::Cut)).await;
    let cut = known(&a, "b").unwrap();
    assert!(cut.lag_updates.is_none() && cut.since_heard.is_some(), "{cut:?}");
    a.heal();
    until("healed", || peers(&a) == 1 && peers(&b) == 1).await;
    assert_eq!((known(&a, "b").unwrap().reconnects, known(&b, "a").unwrap().reconnects), (1, 1));
    let (a, b) = (a.status().unwrap().connections, b.status().unwrap().connections);
    assert_eq!((a.open, a.made, b.open, b.made), (1, 2, 1, 2));
    assert!(b.dialled >= 1 && a.incoming >= 1 && a.dialled + b.dialled >= 2, "{a:?} {b:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_peer_shows_before_its_connection_is_lost() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let (runtime, b) = start_mortal(ca.issue("b").unwrap(), a.local_addr(), eager());
    let token = add(&b, "x");
    a.wait_for(&token, LIMIT).await.unwrap();
    let silent = |a: &Node<Set>| a.status().unwrap().links.first().map(|link| link.since_heard);
    until("nothing came for a moment", || silent(&a).unwrap() > Duration::from_millis(300)).await;
    until("it keeps the link alive", || silent(&a).unwrap() < Duration::from_millis(100)).await;
    runtime.shutdown_background();
    until("it is silent", || silent(&a).is_some_and(|silent| silent > Duration::from_millis(1_200))).await;
    assert_eq!(known(&a, "b").unwrap().state, LinkState::Up, "it sent something twice a second");
    until("it is lost", || matches!(known(&a, "b").unwrap().last_error, Some(LinkError::Lost { .. }))).await;
    until("it is down, since a does not dial it", || known(&a, "b").unwrap().state == LinkState::Down).await;
    let lost = known(&a, "b").unwrap();
    assert!(lost.since_heard.unwrap() > Duration::from_millis(1_500), "{lost:?}");
}
