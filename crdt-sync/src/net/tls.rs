//! Mutual TLS 1.3: both sides belong to one authority and one cluster, or there is no connection.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use quinn::Side;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    ServerConfig, SignatureScheme,
};

use super::certs::{Identity, node_of};
use super::trust::Revoked;
use super::world;

/// What both sides must speak, on one connection and nothing else.
const ALPN: &[u8] = b"crdt-sync/1";

/// The two halves of a node's TLS.
pub(super) struct Tls {
    pub(super) server: Arc<QuicServerConfig>,
    pub(super) client: Arc<QuicClientConfig>,
    pub(super) check: Arc<Check>,
}

impl Tls {
    /// TLS for this identity, without resumption and early data: both could pass by the check of a
    /// client's certificate.
    pub(super) fn new(identity: &Identity, revoked: Revoked) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        for authority in identity.authorities() {
            roots.add(authority.clone())?;
        }
        let check = Arc::new(Check::new(identity.cluster(), Arc::new(roots), revoked, &provider)?);
        let unusable = |error: &dyn fmt::Display| Error::General(error.to_string());
        let server = QuicServerConfig::try_from(server(identity, &provider, check.clone())?);
        let client = QuicClientConfig::try_from(client(identity, provider, check.clone())?);
        Ok(Self {
            server: Arc::new(server.map_err(|error| unusable(&error))?),
            client: Arc::new(client.map_err(|error| unusable(&error))?),
            check,
        })
    }
}

fn server(
    identity: &Identity,
    provider: &Arc<CryptoProvider>,
    check: Arc<Check>,
) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(check)
        .with_single_cert(identity.chain(), identity.key())?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

fn client(
    identity: &Identity,
    provider: Arc<CryptoProvider>,
    check: Arc<Check>,
) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(check)
        .with_client_auth_cert(identity.chain(), identity.key())?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

/// Checks a peer's certificate: the chain, the time, and that it names a node of the cluster that
/// is not revoked.
///
/// A node is dialled by address and known by the name in its certificate, so there is no DNS name to
/// compare; everything else is checked as for any server or client.
#[derive(Debug)]
pub(super) struct Check {
    cluster: String,
    revoked: Revoked,
    roots: Arc<RootCertStore>,
    clients: Arc<dyn ClientCertVerifier>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Check {
    fn new(
        cluster: &str,
        roots: Arc<RootCertStore>,
        revoked: Revoked,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let clients = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build();
        let clients = clients.map_err(|error| Error::General(error.to_string()))?;
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { cluster: cluster.to_owned(), revoked, roots, clients, algorithms })
    }

    /// Whether the certificate names a node of this cluster, and one that may come.
    fn check_name(&self, cert: &CertificateDer<'_>) -> Result<(), Error> {
        let refused = |error| Err(Error::InvalidCertificate(error));
        let Some((cluster, name)) = node_of(cert) else {
            return refused(CertificateError::ApplicationVerificationFailure);
        };
        if cluster != self.cluster {
            return refused(CertificateError::ApplicationVerificationFailure);
        }
        if self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains(&name) {
            return refused(CertificateError::Revoked);
        }
        Ok(())
    }

    fn check_server(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let cert = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&cert, &self.roots, intermediates, now, algorithms)?;
        self.check_name(end_entity)
    }

    fn check_client(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        self.clients.verify_client_cert(end_entity, intermediates, now)?;
        self.check_name(end_entity)
    }

    /// Checks a chain that a handshake accepted earlier, at the end of a connection that `side` does
    /// not hold.
    pub(super) fn check(&self, chain: &[CertificateDer<'_>], side: Side) -> Result<(), Error> {
        let [end_entity, intermediates @ ..] = chain else { return Err(Error::NoCertificatesPresented) };
        let now = UnixTime::since_unix_epoch(Duration::from_millis(world::wall_ms()));
        match side {
            Side::Client => self.check_server(end_entity, intermediates, now),
            Side::Server => self.check_client(end_entity, intermediates, now),
        }
    }

    /// Checks a chain that is to serve at both ends.
    pub(super) fn check_both(&self, chain: &[CertificateDer<'_>]) -> Result<(), Error> {
        self.check(chain, Side::Client)?;
        self.check(chain, Side::Server)
    }
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check_server(end_entity, intermediates, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOfferedOrEnabled))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Check {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.clients.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check_client(end_entity, intermediates, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOfferedOrEnabled))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.clients.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.clients.supported_verify_schemes()
    }
}
