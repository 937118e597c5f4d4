//! A member with a valid certificate that does not keep to the protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crdt_sync::certs::Ca;
use crdt_sync::proto::{Config, Engine, Now, PeerId};
use crdt_sync::{Identity, Node};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, RecvStream, SendStream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::support::{LIMIT, Set, add, has, known, loopback, peers, start, until};

/// Accepts whatever certificate the server shows.
#[derive(Debug)]
pub(crate) struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// An endpoint that dials with this TLS.
pub(crate) fn endpoint(mut tls: rustls::ClientConfig, listen: SocketAddr) -> quinn::Endpoint {
    tls.alpn_protocols = vec![b"crdt-sync/1".to_vec()];
    let mut endpoint = quinn::Endpoint::client(listen).unwrap();
    let quic = QuicClientConfig::try_from(tls).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(quic)));
    endpoint
}

/// Connects as a member and exchanges prefaces, and then does as it likes.
async fn member(identity: &Identity, address: SocketAddr) -> (quinn::Endpoint, Connection, SendStream) {
    let (endpoint, connection, send, mut receive) = member_with(identity, address).await;
    // Takes whatever comes, so that the node is never held up.
    tokio::spawn(async move { while matches!(receive.read_chunk(65_536, true).await, Ok(Some(_))) {} });
    (endpoint, connection, send)
}

/// The same, with what the node sends.
async fn member_with(
    identity: &Identity,
    address: SocketAddr,
) -> (quinn::Endpoint, Connection, SendStream, RecvStream) {
    let chain = vec![CertificateDer::from_pem_slice(identity.cert_pem().as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_client_auth_cert(chain, key)
        .unwrap();
    let endpoint = endpoint(tls, loopback());
    let connection = endpoint.connect(address, "node.crdt").unwrap().await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&[1; 17]).await.unwrap();
    receive.read_exact(&mut [0; 17]).await.unwrap();
    (endpoint, connection, send, receive)
}

async fn two_members() -> (Ca, Node<Set>, Node<Set>) {
    let ca = Ca::generate("test").unwrap();
    let a = start(ca.issue("a").unwrap(), loopback(), &[]).await;
    let b = start(ca.issue("b").unwrap(), loopback(), &[a.local_addr()]).await;
    until("linked", || peers(&a) == 1 && peers(&b) == 1).await;
    (ca, a, b)
}

fn framed(frame: &[u8]) -> Vec<u8> {
    [&u32::try_from(frame.len()).unwrap().to_le_bytes()[..], frame].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_frames_close_that_connection_alone() {
    let (ca, a, b) = two_members().await;
    let mallory = ca.issue("mallory").unwrap();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("four gigabytes announced", vec![0xff; 4]),
        ("one byte over the limit", (4_194_305u32).to_le_bytes().to_vec()),
        ("an empty frame", framed(&[])),
        ("another version", framed(&[9, 1, 2, 3])),
        ("noise", framed(&(0..200u8).map(|n| n.wrapping_mul(151)).collect::<Vec<_>>())),
        ("updates before hello", framed(&[1, 2, 0, 0, 0])),
    ];
    for (what, bytes) in cases {
        let (_endpoint, connection, mut send) = member(&mallory, a.local_addr()).await;
        send.write_all(&bytes).await.unwrap();
        let closed = tokio::time::timeout(LIMIT, connection.closed()).await.expect(what);
        let quinn::ConnectionError::ApplicationClosed(close) = &closed else { panic!("{what}: {closed}") };
        assert_eq!(close.error_code, 1u32.into(), "{what}: {closed}");
    }
    let token = add(&b, "unharmed");
    a.wait_for(&token, LIMIT).await.unwrap();
    assert!(has(&a, "unharmed"));
    until("only b is left", || peers(&a) == 1).await;
    assert_eq!(a.status().unwrap().engine.counters.applied, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_ends_in_the_middle_of_a_frame_is_refused() {
    let (ca, a, _b) = two_members().await;
    let (_endpoint, connection, mut send) = member(&ca.issue("mallory").unwrap(), a.local_addr()).await;
    send.write_all(&framed(&[7; 100])[..50]).await.unwrap();
    send.finish().unwrap();
    let closed = tokio::time::timeout(LIMIT, connection.closed()).await.unwrap();
    assert!(
        matches!(closed, quinn::ConnectionError::ApplicationClosed(close) if close.error_code == 1u32.into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_datagram_of_noise_before_hello_does_no_harm() {
    let (ca, a, b) = two_members().await;
    let (_endpoint, connection, _send) = member(&ca.issue("mallory").unwrap(), a.local_addr()).await;
    for len in [0usize, 1, 33, 900] {
        connection.send_datagram(vec![0xa5; len].into()).unwrap();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let token = add(&b, "unharmed");
    a.wait_for(&token, LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_reads_costs_a_window_and_not_a_queue() {
    let (ca, a, b) = two_members().await;
    let stalled = ca.issue("mallory").unwrap();
    let (_endpoint, _connection, mut send, _unread) = member_with(&stalled, a.local_addr()).await;
    // What another node would say, so that updates flow.
    let mut other = Engine::<Set>::new(Config::new("test"), [7; 32], Now::default()).unwrap();
    other.connected(PeerId(0), "a", Now::default());
    let hello = other.poll_transmit(PeerId(0), 1_200, Now::default()).unwrap();
    send.write_all(&framed(&hello)).await.unwrap();
    until("the stalled peer is greeted", || peers(&a) == 2).await;
    let sent = |a: &Node<Set>| {
        let status = a.status().unwrap();
        let link = status.links.iter().find(|link| link.name == "mallory");
        link.map(|link| link.traffic).expect("it is linked as long as it answers on its connection")
    };
    let mut token = None;
    for n in 0..48 {
        token = Some(add(&a, &format!("{n} {}", "x".repeat(200_000))));
    }
    b.wait_for(&token.unwrap(), LIMIT).await.unwrap();
    let frames = sent(&a).frames_sent;
    // Window of the stream, of what is sent, and one batch: not the 9.6 MB that b has.
    assert!(frames * 200_000 < 5 << 20, "{frames} frames were worked out for a peer that reads nothing");
    assert!(sent(&a).bytes_sent < 2 << 20);
    let status = a.status().unwrap();
    let waiting = status.links.iter().find(|link| link.name == "mallory").unwrap().waiting_bytes;
    assert!((1..=300_000).contains(&waiting), "{waiting} bytes: one frame, and the stream takes no more");
    assert_eq!(known(&a, "mallory").unwrap().lag_updates, Some(48));
}
