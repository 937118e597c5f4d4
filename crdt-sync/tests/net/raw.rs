//! Clients and servers that are no nodes, and do as they like.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use crdt_sync::Identity;
use crdt_sync::proto::{Config, Engine, Now, PeerId};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint, RecvStream, SendStream, TransportConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};

use crate::support::{Set, loopback};

/// What nodes speak.
pub(crate) const ALPN: &[u8] = b"crdt-sync/1";

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

fn trusting_anybody() -> ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
}

/// TLS of a client that shows no certificate.
pub(crate) fn anonymous() -> ClientConfig {
    let mut tls = trusting_anybody().with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls
}

/// TLS of a client that shows this certificate.
pub(crate) fn showing(identity: &Identity) -> ClientConfig {
    let (chain, key) = shown_by(identity);
    let mut tls = trusting_anybody().with_client_auth_cert(chain, key).unwrap();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls
}

fn shown_by(identity: &Identity) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let cert = CertificateDer::from_pem_slice(identity.cert_pem().as_bytes()).unwrap();
    (vec![cert], PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap())
}

/// An endpoint that dials with this TLS.
pub(crate) fn endpoint(tls: ClientConfig) -> Endpoint {
    dialling(tls, TransportConfig::default())
}

/// The same, which offers to take 64 MiB before anything of it is read, and is patient.
pub(crate) fn roomy(tls: ClientConfig) -> Endpoint {
    let mut transport = TransportConfig::default();
    transport.stream_receive_window((64u32 << 20).into()).max_idle_timeout(None);
    dialling(tls, transport)
}

fn dialling(tls: ClientConfig, transport: TransportConfig) -> Endpoint {
    let mut endpoint = Endpoint::client(loopback()).unwrap();
    let quic = QuicClientConfig::try_from(tls).unwrap();
    let mut config = quinn::ClientConfig::new(Arc::new(quic));
    config.transport_config(Arc::new(transport));
    endpoint.set_default_client_config(config);
    endpoint
}

/// Accepts every certificate, and counts how often one is shown.
#[derive(Debug, Default)]
pub(crate) struct Shown(pub(crate) AtomicUsize);

impl ClientCertVerifier for Shown {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(ClientCertVerified::assertion())
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

/// A server that is no node: it gives tickets, and would resume sessions.
pub(crate) fn server(identity: &Identity, shown: Arc<Shown>, alpn: &[u8]) -> Endpoint {
    let (chain, key) = shown_by(identity);
    let mut tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(shown)
        .with_single_cert(chain, key)
        .unwrap();
    tls.alpn_protocols = vec![alpn.to_vec()];
    let quic = QuicServerConfig::try_from(tls).unwrap();
    Endpoint::server(quinn::ServerConfig::with_crypto(Arc::new(quic)), loopback()).unwrap()
}

/// A member that exchanged prefaces with a node, and may send what it likes.
pub(crate) struct Member {
    /// Sends and receives as long as it is there.
    _endpoint: Endpoint,
    pub(crate) connection: Connection,
    pub(crate) send: SendStream,
    pub(crate) receive: RecvStream,
}

impl Member {
    pub(crate) async fn dial(identity: &Identity, address: SocketAddr) -> Self {
        Self::dial_with(showing(identity), address).await
    }

    pub(crate) async fn dial_with(tls: ClientConfig, address: SocketAddr) -> Self {
        Self::dial_from(endpoint(tls), address).await
    }

    pub(crate) async fn dial_from(endpoint: Endpoint, address: SocketAddr) -> Self {
        let connection = endpoint.connect(address, "node.crdt").unwrap().await.unwrap();
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&[1; 17]).await.unwrap();
        receive.read_exact(&mut [0; 17]).await.unwrap();
        Self { _endpoint: endpoint, connection, send, receive }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.send.write_all(bytes).await.unwrap();
    }

    /// The next frame that the node sends.
    pub(crate) async fn frame(&mut self) -> Vec<u8> {
        let mut announced = vec![0x80];
        while announced.last().is_some_and(|byte| byte & 0x80 != 0) {
            let mut byte = [0];
            self.receive.read_exact(&mut byte).await.unwrap();
            announced.push(byte[0]);
        }
        let len = announced[1..].iter().rev().fold(0, |len, byte| len << 7 | usize::from(byte & 0x7f));
        let mut frame = vec![0; len];
        self.receive.read_exact(&mut frame).await.unwrap();
        frame
    }
}

/// The alert of TLS with which the node ended a handshake.
pub(crate) fn alert(error: &quinn::ConnectionError) -> Option<u64> {
    let quinn::ConnectionError::ConnectionClosed(close) = error else { return None };
    // QUIC reserves these codes for the alerts of TLS.
    u64::from(close.error_code).checked_sub(0x100)
}

/// What comes before a frame of so many bytes.
pub(crate) fn length(mut len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while len > 0x7f {
        bytes.push((len % 0x80) as u8 | 0x80);
        len /= 0x80;
    }
    bytes.push(len as u8);
    bytes
}

pub(crate) fn framed(frame: &[u8]) -> Vec<u8> {
    [&length(frame.len())[..], frame].concat()
}

/// What another node would say to a node that is called `a`.
pub(crate) struct Speech {
    engine: Engine<Set>,
}

impl Speech {
    const PEER: PeerId = PeerId(0);

    /// A hello, and who said it: somebody else each time.
    pub(crate) fn begin() -> (Self, Vec<u8>) {
        static SPEECHES: AtomicU8 = AtomicU8::new(0);
        let seed = [SPEECHES.fetch_add(1, Ordering::Relaxed); 32];
        let mut engine = Engine::<Set>::new(Config::new("test"), seed, Now::default()).unwrap();
        engine.connected(Self::PEER, "a", Now::default());
        let mut speech = Self { engine };
        let hello = speech.next();
        (speech, hello)
    }

    /// The first update, sent to a node that has said this.
    pub(crate) fn update(&mut self, hello: &[u8], element: &str) -> Vec<u8> {
        self.engine.handle_frame(Self::PEER, hello, Now::default()).unwrap();
        self.engine.update(Now::default(), |set| set.insert(element.to_owned())).unwrap();
        self.next()
    }

    fn next(&mut self) -> Vec<u8> {
        self.engine.poll_transmit(Self::PEER, 1_200, Now::default()).unwrap()
    }
}
