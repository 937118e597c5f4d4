//! Many handshakes at once.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crdt_sync::certs::Ca;
use crdt_sync::{Connections, Identity, Node};
use quinn::{Connection, ConnectionError};

use crate::proxy::Proxy;
use crate::raw;
use crate::support::{LIMIT, Set, add, eager, loopback, peers, start, until};

/// A member that is connected and does not go on.
async fn stuck(ca: &Ca, a: &Node<Set>) -> Result<(quinn::Endpoint, Connection), ConnectionError> {
    let endpoint = raw::endpoint(raw::showing(&ca.issue("stuck").unwrap()));
    let connection = endpoint.connect(a.local_addr(), "node.crdt").unwrap().await?;
    Ok((endpoint, connection))
}

async fn narrow(ca: &Ca, handshakes_per_ip: usize) -> Node<Set> {
    let mut net = eager();
    net.handshakes_per_ip = handshakes_per_ip;
    net.handshake_timeout = Duration::from_secs(30);
    let a = Node::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(net);
    a.start().await.unwrap()
}

fn counts(node: &Node<Set>) -> Connections {
    node.status().unwrap().connections
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_an_address_is_proved_and_then_turned_away_before_any_handshake() {
    let ca = Ca::generate("test").unwrap();
    let a = narrow(&ca, 2).await;
    let linked = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&a) == 1).await;
    assert_eq!((counts(&a).incoming, counts(&a).asked_for_proof), (1, 0), "no load, no round trip");

    let first = stuck(&ca, &a).await.unwrap();
    assert_eq!((counts(&a).incoming, counts(&a).asked_for_proof), (2, 0));
    let second = stuck(&ca, &a).await.unwrap();
    assert_eq!((counts(&a).incoming, counts(&a).asked_for_proof), (3, 1), "it came back with the proof");
    let refused = stuck(&ca, &a).await.expect_err("both places are taken");
    let ConnectionError::ConnectionClosed(close) = &refused else { panic!("{refused}") };
    assert_eq!(close.error_code, quinn::TransportErrorCode::CONNECTION_REFUSED);
    assert_eq!((counts(&a).incoming, counts(&a).asked_for_proof, counts(&a).turned_away), (3, 2, 1));

    // Who is linked does not suffer, and a place that becomes free is given away.
    let token = add(&linked, "meanwhile");
    a.wait_for(&token, LIMIT).await.unwrap();
    let late = start(ca.issue("late").unwrap(), loopback(), &[a.local_addr()]).await;
    until("it is turned away", || counts(&a).turned_away >= 2).await;
    assert_eq!(peers(&late), 0);
    drop((first, second));
    until("it is in", || peers(&late) == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_behind_one_address_gets_in_though_few_may_shake_hands_at_once() {
    let ca = Ca::generate("test").unwrap();
    let a = narrow(&ca, 2).await;
    let mut crowd = Vec::new();
    for n in 0..16 {
        crowd.push(start(ca.issue(&format!("n{n}")).unwrap(), loopback(), &[a.local_addr()]).await);
    }
    until("all are in", || peers(&a) == 16).await;
    let token = add(&crowd[0], "x");
    for node in &crowd {
        node.wait_for(&token, LIMIT).await.unwrap();
    }
    assert_eq!(counts(&a).made, 16, "each needed one connection");
}

fn expired(ca: &Ca, name: &str) -> Identity {
    let past = SystemTime::now() - Duration::from_secs(30 * 24 * 3600);
    ca.issue_for(name, past, Duration::from_secs(24 * 3600)).unwrap()
}

/// Fleets have gone down by this: certificates expire, and everybody dials at once and without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_that_dial_without_a_pause_with_expired_certificates_cost_a_few_handshakes_a_second() {
    let ca = Ca::generate("test").unwrap();
    let a = Node::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(eager());
    let a = a.start().await.unwrap();
    let linked = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&a) == 1).await;
    let proxy = Proxy::before(a.local_addr(), 1).await;
    let endpoint = raw::endpoint(raw::showing(&expired(&ca, "x")));
    for _ in 0..100 {
        let (endpoint, address) = (endpoint.clone(), proxy.address);
        tokio::spawn(async move {
            while let Ok(dialling) = endpoint.connect(address, "node.crdt") {
                if let Ok(connection) = dialling.await {
                    connection.closed().await;
                }
            }
        });
    }
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (counts, [there, back]) = (counts(&a), proxy.bytes_seen());
    let rounds = begun.elapsed().as_secs() + 1;
    assert!((8..=1 + 16 * rounds).contains(&counts.incoming), "handshakes: {counts:?}");
    // Who hears nothing repeats himself after a second.
    assert!(counts.turned_away <= 200 * rounds, "{counts:?}");
    assert!(there <= 400_000 * rounds && back <= 60_000 * rounds, "{there} and {back} bytes");
    let token = add(&linked, "meanwhile");
    a.wait_for(&token, LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_for_an_expired_certificate_dials_ever_more_seldom() {
    let ca = Ca::generate("test").unwrap();
    let server = raw::server(&expired(&ca, "x"), Arc::default(), raw::ALPN);
    let proxy = Proxy::before(server.local_addr().unwrap(), 1).await;
    let a = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap());
    let a = a.peers([proxy.address]).start().await.unwrap();
    let dialled = async {
        while let Some(incoming) = server.accept().await {
            drop(incoming.await)
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(1_500), dialled).await;
    let (counts, [there, back]) = (counts(&a), proxy.bytes_seen());
    // The pauses are 0.1 s, 0.2 s and so on, each up to a half more or less.
    assert!((2..=6).contains(&counts.dialled), "{counts:?}");
    assert!(there + back <= 4_000 * counts.dialled, "{there} and {back} bytes");
}
