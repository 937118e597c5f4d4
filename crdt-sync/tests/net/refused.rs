//! Who is refused, and before what.

use std::time::{Duration, SystemTime};

use crdt_sync::certs::{Ca, CertError};
use crdt_sync::{Identity, LinkError, Node};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::raw::{self, alert};
use crate::support::{LIMIT, Set, add, eager, has, known, loopback, peers, refused, start, until};

/// The stranger dials, is dialled, and nothing passes.
async fn is_refused(stranger: impl Fn(&Ca) -> Identity) {
    let ca = Ca::generate("test").unwrap();
    let dialled = start(stranger(&ca), loopback(), &[]).await;
    let a = start(ca.issue("a").unwrap(), loopback(), &[dialled.local_addr()]).await;
    let dials = start(stranger(&ca), loopback(), &[a.local_addr()]).await;
    add(&a, "secret");
    add(&dials, "poison");
    add(&dialled, "poison");
    let failed = |node: &Node<Set>| node.status().unwrap().connections.dials_failed;
    until("each was tried a few times", || failed(&a) >= 3 && failed(&dials) >= 3).await;
    until("a was told", || a.status().unwrap().connections.incoming_failed >= 3).await;
    let error = a.status().unwrap().peers[0].last_error.clone();
    assert!(matches!(&error, Some(LinkError::Handshake { .. })), "{error:?}");
    for node in [&a, &dials, &dialled] {
        let status = node.status().unwrap();
        // No connection was made known to an engine: no hello was read, let alone an update.
        assert_eq!((status.connections.made, status.engine.counters.frames_in), (0, 0));
        assert!(status.engine.peers.is_empty());
    }
    let member = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("a member is in", || has(&member, "secret")).await;
    assert!(!has(&a, "poison") && !has(&dials, "secret") && !has(&dialled, "secret"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_authority_is_refused() {
    is_refused(|_| Ca::generate("test").unwrap().issue("x").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_certificate_is_refused() {
    is_refused(|ca| {
        let past = SystemTime::now() - Duration::from_secs(30 * 24 * 3600);
        ca.issue_for("x", past, Duration::from_secs(24 * 3600)).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_cluster_of_the_same_authority_is_refused() {
    is_refused(|ca| Ca::from_pem("other", ca.cert_pem(), &ca.key_pem()).unwrap().issue("x").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_without_a_certificate_is_refused() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let endpoint = raw::endpoint(raw::anonymous());
    // The dialler learns of the refusal only when it goes on.
    let refused = match endpoint.connect(a.local_addr(), "node.crdt").unwrap().await {
        Err(error) => error,
        Ok(connection) => {
            if let Ok((mut send, _)) = connection.open_bi().await {
                let _ = send.write_all(&[1; 17]).await;
            }
            tokio::time::timeout(LIMIT, connection.closed()).await.unwrap()
        }
    };
    assert_eq!(alert(&refused), Some(116), "certificate required: {refused}");
    until("a knows", || a.status().unwrap().connections.incoming_failed == 1).await;
    assert_eq!(a.status().unwrap().connections.made, 0);
    assert_eq!(a.status().unwrap().engine.counters.frames_in, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_expected_at_an_address_is_refused_though_it_is_a_member() {
    let ca = Ca::generate("test").unwrap();
    let paris = start(ca.issue("paris").unwrap(), loopback(), &[]).await;
    let mut told_paris = paris.subscribe();
    let a = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(eager());
    let a = a.peer(paris.local_addr(), "london").start().await.unwrap();
    let mut told = a.subscribe();
    let wrong = LinkError::WrongName { expected: "london".to_owned(), found: "paris".to_owned() };
    assert_eq!(refused(&mut told).await, ("paris".to_owned(), paris.local_addr(), wrong.clone()));
    let seed = a.status().unwrap().peers[0].clone();
    assert_eq!((seed.name.as_deref(), seed.last_error), (Some("london"), Some(wrong)));
    let (name, _, error) = refused(&mut told_paris).await;
    assert_eq!(name, "a");
    assert!(matches!(&error, LinkError::RefusedByPeer { reason } if reason.contains("london")), "{error}");
    assert_eq!((a.status().unwrap().connections.made, paris.status().unwrap().connections.made), (0, 0));
    assert_eq!(paris.status().unwrap().engine.counters.frames_in, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_expected_at_an_address_is_linked() {
    let ca = Ca::generate("test").unwrap();
    let london = start(ca.issue("london").unwrap(), loopback(), &[]).await;
    let a = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(eager());
    let a = a.peer(london.local_addr(), "london").start().await.unwrap();
    until("linked", || peers(&a) == 1 && peers(&london) == 1).await;
    assert_eq!(known(&a, "london").unwrap().last_error, None);
}

#[test]
fn names_and_files_that_cannot_work_are_refused() {
    assert!(matches!(Ca::generate("a/b"), Err(CertError::Name { .. })));
    assert!(matches!(Ca::generate(""), Err(CertError::Name { .. })));
    let ca = Ca::generate("test").unwrap();
    assert!(matches!(ca.issue("münchen"), Err(CertError::Name { .. })));
    let node = ca.issue("a").unwrap();
    let back = Identity::from_pem(ca.cert_pem(), node.cert_pem(), node.key_pem()).unwrap();
    assert_eq!((back.cluster(), back.name()), ("test", "a"));
    let swapped = Identity::from_pem(ca.cert_pem(), node.key_pem(), node.cert_pem());
    assert!(matches!(swapped, Err(CertError::Pem { .. })));
    let authority = Identity::from_pem(ca.cert_pem(), ca.cert_pem(), &ca.key_pem());
    assert!(matches!(authority, Err(CertError::NoName)));
    assert!(!format!("{node:?}").contains("PRIVATE"));
    assert!(PrivateKeyDer::from_pem_slice(node.key_pem().as_bytes()).is_ok());
}
