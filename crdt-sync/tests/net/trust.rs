//! Certificates that change, expire or are revoked while nodes run.

use std::time::{Duration, SystemTime};

use crdt_sync::certs::Ca;
use crdt_sync::{Identity, LinkError, LinkState, Node, ReloadError};
use quinn::ConnectionError;

use crate::raw;
use crate::support::{LIMIT, Set, add, eager, has, known, loopback, peers, refused, start, until};

/// What a change of trust may take to close a link.
const SECOND: Duration = Duration::from_secs(1);

async fn pair(ca: &Ca) -> (Node<Set>, Node<Set>) {
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let b = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
    (a, b)
}

async fn within_a_second(what: &str, condition: impl Fn() -> bool) {
    assert!(tokio::time::timeout(SECOND, until(what, condition)).await.is_ok(), "too late: {what}");
}

/// Shows this certificate, and trusts these authorities.
fn trusting(authorities: &[&Ca], shown: &Identity) -> Identity {
    let trusted: String = authorities.iter().map(|ca| ca.cert_pem()).collect();
    Identity::from_pem(&trusted, shown.cert_pem(), shown.key_pem()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_peer_is_out_within_a_second_and_stays_out_until_it_is_reinstated() {
    let ca = Ca::generate("test").unwrap();
    let (a, b) = pair(&ca).await;
    let mut told = a.subscribe();
    assert!(a.revoke("b"));
    within_a_second("b is out", || a.status().unwrap().links.is_empty() && peers(&b) == 0).await;
    let (name, _, error) = refused(&mut told).await;
    assert_eq!(name, "b");
    assert!(matches!(&error, LinkError::Untrusted { reason } if reason.contains("Revoked")), "{error}");
    assert_eq!(known(&a, "b").unwrap().state, LinkState::Revoked);
    let before = a.status().unwrap();
    until("b knocks again", || {
        a.status().unwrap().connections.incoming_failed >= before.connections.incoming_failed + 3
    })
    .await;
    add(&a, "secret");
    let now = a.status().unwrap();
    assert_eq!(now.connections.made, before.connections.made, "none was kept");
    assert_eq!(now.engine.counters.frames_in, before.engine.counters.frames_in);
    assert!(!has(&b, "secret"));
    assert!(!a.revoke("b"), "it is already");
    assert!(a.reinstate("b") && !a.reinstate("b"));
    until("b is back", || has(&b, "secret")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_revoked_from_the_start_is_neither_taken_nor_dialled() {
    let ca = Ca::generate("test").unwrap();
    let b = start(ca.issue("b").unwrap(), loopback(), &[]).await;
    let a = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(eager());
    let a = a.peer(b.local_addr(), "b").revoked(["b"]).start().await.unwrap();
    let dials = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("it knocks", || a.status().unwrap().connections.incoming_failed >= 3).await;
    assert_eq!(a.status().unwrap().connections.dialled, 0);
    assert_eq!(known(&a, "b").unwrap().state, LinkState::Revoked);
    assert_eq!((peers(&a), peers(&dials), a.status().unwrap().engine.counters.frames_in), (0, 0, 0));
    a.reinstate("b");
    until("dialled at once", || peers(&a) == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_name_is_revoked_before_it_is_kept_is_not_kept() {
    let ca = Ca::generate("test").unwrap();
    let mut net = eager();
    // The check of what has expired meanwhile comes after the test.
    net.idle_timeout = 3 * LIMIT;
    let a = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(net);
    let a = a.start().await.unwrap();
    let endpoint = raw::endpoint(raw::showing(&ca.issue("mallory").unwrap()));
    let connection = endpoint.connect(a.local_addr(), "node.crdt").unwrap().await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&[1]).await.unwrap();
    // The node has accepted the certificate, and waits for the rest of the preface.
    receive.read_exact(&mut [0; 17]).await.unwrap();
    a.revoke("mallory");
    send.write_all(&[1; 16]).await.unwrap();
    let closed = tokio::time::timeout(LIMIT, connection.closed()).await.expect("it is kept");
    let untrusted = |code: u32| matches!(&closed, ConnectionError::ApplicationClosed(close) if close.error_code == code.into());
    assert!(untrusted(7), "{closed}");
    until("it is gone", || a.status().unwrap().links.is_empty()).await;
    assert_eq!(a.status().unwrap().engine.counters.frames_in, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_authority_of_a_running_cluster_is_replaced_in_three_rounds() {
    let (old, new) = (Ca::generate("test").unwrap(), Ca::generate("test").unwrap());
    let (a, b) = pair(&old).await;
    let nodes = [&a, &b];
    let made = || [a.status().unwrap().connections.made, b.status().unwrap().connections.made];
    for node in nodes {
        node.reload(trusting(&[&old, &new], &old.issue(node.name()).unwrap())).unwrap();
    }
    for node in nodes {
        node.reload(trusting(&[&old, &new], &new.issue(node.name()).unwrap())).unwrap();
    }
    let token = add(&a, "meanwhile");
    b.wait_for(&token, LIMIT).await.unwrap();
    assert_eq!(made(), [1, 1], "the link from before is good");
    for node in nodes {
        node.reload(new.issue(node.name()).unwrap()).unwrap();
    }
    until("linked anew", || made().iter().all(|made| *made >= 2) && peers(&a) == 1).await;
    let token = add(&b, "after");
    a.wait_for(&token, LIMIT).await.unwrap();
    let late = start(new.issue("late").unwrap(), loopback(), &[a.local_addr()]).await;
    until("who trusts the new one alone is in", || has(&late, "after") && has(&late, "meanwhile")).await;
    let outdated = start(old.issue("outdated").unwrap(), loopback(), &[a.local_addr()]).await;
    let failed = |node: &Node<Set>| node.status().unwrap().peers[0].last_error.clone();
    until("it is refused", || matches!(failed(&outdated), Some(LinkError::Handshake { .. }))).await;
    assert_eq!(peers(&outdated), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_whose_authority_is_not_trusted_any_more_is_out_within_a_second() {
    let (old, new) = (Ca::generate("test").unwrap(), Ca::generate("test").unwrap());
    let (a, b) = pair(&old).await;
    a.reload(new.issue("a").unwrap()).unwrap();
    within_a_second("b is out", || a.status().unwrap().links.is_empty() && peers(&b) == 0).await;
    assert!(matches!(known(&a, "b").unwrap().last_error, Some(LinkError::Untrusted { .. })));
    let failed = || a.status().unwrap().connections.incoming_failed;
    let before = failed();
    until("b knocks again", || failed() >= before + 2).await;
    assert_eq!(a.status().unwrap().connections.made, 1);
    b.reload(new.issue("b").unwrap()).unwrap();
    until("b has a certificate of the new one", || peers(&a) == 1 && peers(&b) == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_expires_ends_its_connections_until_it_is_renewed() {
    let ca = Ca::generate("test").unwrap();
    let short = ca.issue_for("b", SystemTime::now(), Duration::from_secs(3)).unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let b = start(short, loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&a) == 1).await;
    until("it expires", || a.status().unwrap().links.is_empty()).await;
    let Some(LinkError::Untrusted { reason }) = known(&a, "b").unwrap().last_error else {
        panic!("it was not told")
    };
    assert!(reason.contains("expired"), "{reason}");
    b.reload(ca.issue("b").unwrap()).unwrap();
    until("renewed", || peers(&a) == 1 && peers(&b) == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_would_isolate_the_node_is_not_taken() {
    let (ca, other) = (Ca::generate("test").unwrap(), Ca::generate("test").unwrap());
    let (a, b) = pair(&ca).await;
    let named = a.reload(ca.issue("c").unwrap());
    let (current, offered) = ("a".to_owned(), "c".to_owned());
    assert_eq!(named, Err(ReloadError::OtherNode { field: "name", current, offered }));
    let prod = Ca::from_pem("prod", ca.cert_pem(), &ca.key_pem()).unwrap().issue("a").unwrap();
    assert!(matches!(a.reload(prod), Err(ReloadError::OtherNode { field: "cluster", .. })));
    let past = SystemTime::now() - Duration::from_secs(7_200);
    let expired = a.reload(ca.issue_for("a", past, SECOND).unwrap());
    assert!(matches!(&expired, Err(ReloadError::Identity { reason }) if reason.contains("expired")));
    let strange = a.reload(trusting(&[&ca], &other.issue("a").unwrap()));
    assert!(matches!(strange, Err(ReloadError::Identity { .. })), "{strange:?}");
    let late = start(ca.issue("late").unwrap(), loopback(), &[a.local_addr()]).await;
    until("a goes on as it was", || peers(&a) == 2 && peers(&late) == 1).await;
    assert_eq!((peers(&b), known(&a, "b").unwrap().reconnects), (1, 0));
    a.shutdown().await;
    assert_eq!(a.reload(ca.issue("a").unwrap()), Err(ReloadError::Stopped));
}
