//! A member with a valid certificate that does not keep to the protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crdt_sync::certs::Ca;
use crdt_sync::{Identity, Node};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, SendStream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::support::{LIMIT, Set, add, has, loopback, peers, start, until};

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
    // Takes whatever comes, so that the node is never held up.
    tokio::spawn(async move { while matches!(receive.read_chunk(65_536, true).await, Ok(Some(_))) {} });
    (endpoint, connection, send)
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
    assert!(has(&a, "unharmed") && peers(&a) == 1);
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
