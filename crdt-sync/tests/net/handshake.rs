//! What a handshake must be, at both ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crdt_sync::certs::Ca;
use crdt_sync::{LinkError, Node};
use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;

use crate::raw::{self, ALPN, Member, Shown, alert, server};
use crate::support::{Set, eager, loopback, start, until};

/// Keeps tickets as any client would, and counts them.
#[derive(Debug)]
struct Tickets {
    kept: ClientSessionMemoryCache,
    taken: AtomicUsize,
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.kept.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.kept.kx_hint(server)
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.kept.insert_tls13_ticket(server, ticket);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.kept.take_tls13_ticket(server)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_gives_nobody_a_ticket_nor_takes_early_data() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let tickets = Arc::new(Tickets { kept: ClientSessionMemoryCache::new(8), taken: AtomicUsize::new(0) });
    let mut tls = raw::showing(&ca.issue("mallory").unwrap());
    tls.resumption = Resumption::store(tickets.clone());
    tls.enable_early_data = true;
    for connections in 1..=2 {
        let mut mallory = Member::dial_with(tls.clone(), a.local_addr()).await;
        // Tickets leave right after the handshake, and so before this.
        mallory.receive.read_exact(&mut [0]).await.unwrap();
        until("it is linked", || a.status().unwrap().connections.made == connections).await;
        drop(mallory);
        until("it is gone", || a.status().unwrap().links.is_empty()).await;
    }
    assert_eq!(tickets.taken.load(Ordering::Relaxed), 0);
    let endpoint = raw::endpoint(tls);
    let early = endpoint.connect(a.local_addr(), "node.crdt").unwrap().into_0rtt();
    assert!(early.is_err(), "there is nothing to resume");
}

async fn dialling(ca: &Ca, address: SocketAddr) -> Node<Set> {
    let a = Node::builder().listen(loopback()).identity(ca.issue("a").unwrap()).net(eager());
    a.peers([address]).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_shows_its_certificate_in_every_handshake_whatever_it_is_offered() {
    let ca = Ca::generate("test").unwrap();
    let shown = Arc::new(Shown::default());
    let server = server(&ca.issue("server").unwrap(), shown.clone(), ALPN);
    let _a = dialling(&ca, server.local_addr().unwrap()).await;
    for connections in 1..=4 {
        let connection = server.accept().await.unwrap().await.unwrap();
        let (mut send, mut receive) = connection.accept_bi().await.unwrap();
        receive.read_exact(&mut [0; 17]).await.unwrap();
        send.write_all(&[1; 17]).await.unwrap();
        // With this, the node has taken the tickets that were sent before.
        assert_eq!(receive.read_exact(&mut [0]).await, Ok(()));
        assert_eq!(shown.0.load(Ordering::Relaxed), connections);
        connection.close(2u32.into(), b"come again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_speaks_another_protocol_gets_no_connection() {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let mut tls = raw::showing(&ca.issue("b").unwrap());
    for alpn in [vec![b"crdt-sync/2".to_vec()], vec![b"h3".to_vec(), b"crdt-sync".to_vec()], vec![]] {
        tls.alpn_protocols = alpn;
        let connection = raw::endpoint(tls.clone()).connect(a.local_addr(), "node.crdt").unwrap().await;
        let refused = connection.expect_err("it speaks another protocol");
        assert_eq!(alert(&refused), Some(120), "no application protocol: {refused}");
    }
    let other = server(&ca.issue("server").unwrap(), Arc::default(), b"crdt-sync/2");
    let dials = dialling(&ca, other.local_addr().unwrap()).await;
    let accepting = other.clone();
    tokio::spawn(async move {
        while let Some(incoming) = accepting.accept().await {
            drop(incoming.await);
        }
    });
    let told = || match dials.status().unwrap().peers[0].last_error.clone() {
        Some(LinkError::Handshake { reason }) => reason.contains("error 120"),
        _ => false,
    };
    until("it is told: no application protocol", told).await;
    assert_eq!(dials.status().unwrap().connections.made, 0);
}
