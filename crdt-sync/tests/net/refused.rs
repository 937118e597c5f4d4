//! Who is refused, and before what.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use crdt_sync::certs::{Ca, CertError};
use crdt_sync::{Identity, LinkError, Node, StartError};
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

fn of_another_authority(_: &Ca) -> Identity {
    Ca::generate("test").unwrap().issue("x").unwrap()
}

fn expired(ca: &Ca) -> Identity {
    let past = SystemTime::now() - Duration::from_secs(30 * 24 * 3600);
    ca.issue_for("x", past, Duration::from_secs(24 * 3600)).unwrap()
}

fn of_another_cluster(ca: &Ca) -> Identity {
    Ca::from_pem("other", ca.cert_pem(), &ca.key_pem()).unwrap().issue("x").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_authority_is_refused() {
    is_refused(of_another_authority).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_own_certificate_no_peer_would_believe_does_not_start_and_says_why() {
    let (ca, other) = (Ca::generate("test").unwrap(), Ca::generate("test").unwrap());
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 3600);
    let early = ca.issue_for("x", tomorrow, Duration::from_secs(24 * 3600)).unwrap();
    let shown = other.issue("x").unwrap();
    let strange = Identity::from_pem(ca.cert_pem(), shown.cert_pem(), shown.key_pem()).unwrap();
    let mixed_up = ca.issue("x").unwrap();
    let mixed_up = Identity::from_pem(ca.cert_pem(), mixed_up.cert_pem(), shown.key_pem()).unwrap();
    let cases = [
        (expired(&ca), "expired"),
        (early, "not valid yet"),
        (strange, "no trusted authority has signed"),
        (mixed_up, "the key is not that of the certificate"),
    ];
    for (identity, why) in cases {
        let refused = Node::<Set>::builder().listen(loopback()).identity(identity).start().await;
        let refused = refused.map(|_| ()).expect_err(why);
        assert!(matches!(refused, StartError::Identity { .. }), "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_cluster_of_the_same_authority_is_refused() {
    is_refused(of_another_cluster).await;
}

/// What a node tells a client that trusts anybody, and goes on as if all were well.
async fn told_by(a: &Node<Set>, tls: rustls::ClientConfig) -> Option<u64> {
    let endpoint = raw::endpoint(tls);
    // The dialler learns of the refusal only when it goes on.
    let refused = match endpoint.connect(a.local_addr(), "node.crdt").unwrap().await {
        Err(error) => error,
        Ok(connection) => {
            if let Ok((mut send, _)) = connection.open_bi().await {
                let _ = send.write_all(&[1; 17]).await;
            }
            tokio::time::timeout(LIMIT, connection.closed()).await.expect("it is let in")
        }
    };
    alert(&refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_trusts_anybody_is_refused_for_its_own_certificate() {
    let ca = Ca::generate("test").unwrap();
    let a = Node::<Set>::builder().listen(loopback()).identity(ca.issue("a").unwrap()).revoked(["bad"]);
    let a = a.start().await.unwrap();
    // The authority is called like the true one, so: bad signature. Expired, access denied, revoked;
    // and that one is required.
    for (identity, expected) in [
        (of_another_authority(&ca), 51),
        (expired(&ca), 45),
        (of_another_cluster(&ca), 49),
        (ca.issue("bad").unwrap(), 44),
    ] {
        assert_eq!(told_by(&a, raw::showing(&identity)).await, Some(expected), "{identity:?}");
    }
    assert_eq!(told_by(&a, raw::anonymous()).await, Some(116));
    until("a knows of all", || a.status().unwrap().connections.incoming_failed == 5).await;
    let status = a.status().unwrap();
    assert_eq!((status.connections.made, status.engine.counters.frames_in), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_trusts_anybody_is_refused_before_it_learns_who_dials() {
    let ca = Ca::generate("test").unwrap();
    for (identity, expected) in
        [(of_another_authority(&ca), 51), (expired(&ca), 45), (of_another_cluster(&ca), 49)]
    {
        let shown = Arc::new(raw::Shown::default());
        let server = raw::server(&identity, shown.clone(), raw::ALPN);
        let _a = start(ca.issue("a").unwrap(), loopback(), &[server.local_addr().unwrap()]).await;
        let refused = server.accept().await.unwrap().await.expect_err("it is taken for a node");
        assert_eq!(alert(&refused), Some(expected), "{identity:?}: {refused}");
        assert_eq!(shown.0.load(Ordering::Relaxed), 0, "a showed its certificate");
    }
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
