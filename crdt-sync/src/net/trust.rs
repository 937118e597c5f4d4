//! Whom a node trusts at the moment, and what it shows itself.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, ServerConfig};
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error};

use super::certs::Identity;
use super::tls::{Check, Tls};
use super::transport::{Liveness, quic};

/// Names that are refused whatever their certificates say.
pub(super) type Revoked = Arc<RwLock<BTreeSet<String>>>;

/// The certificate and the authorities of a node, which can change while it runs.
pub(super) struct Trust {
    liveness: Liveness,
    revoked: Revoked,
    current: Mutex<Current>,
}

struct Current {
    client: ClientConfig,
    check: Arc<Check>,
}

impl Trust {
    pub(super) fn new(
        identity: &Identity,
        revoked: BTreeSet<String>,
        liveness: Liveness,
    ) -> Result<(Self, EndpointConfig, ServerConfig), Error> {
        let revoked = Arc::new(RwLock::new(revoked));
        let tls = believed(identity, &revoked)?;
        let (endpoint, server, client) = quic(&tls, liveness);
        let current = Mutex::new(Current { client, check: tls.check });
        Ok((Self { liveness, revoked, current }, endpoint, server))
    }

    /// Goes over to this identity.
    pub(super) fn replace(&self, identity: &Identity, endpoint: &Endpoint) -> Result<(), Error> {
        let tls = believed(identity, &self.revoked)?;
        let (_, server, client) = quic(&tls, self.liveness);
        // Under the lock, so that of two calls one wins at both ends.
        let mut current = self.current();
        endpoint.set_server_config(Some(server));
        *current = Current { client, check: tls.check };
        Ok(())
    }

    /// For handshakes that this node begins.
    pub(super) fn client(&self) -> ClientConfig {
        self.current().client.clone()
    }

    /// Whether the peer would be accepted if it came now.
    pub(super) fn allows(&self, connection: &Connection) -> Result<(), Error> {
        let check = self.current().check.clone();
        let chain = chain_of(connection).ok_or(Error::NoCertificatesPresented)?;
        check.check(&chain, connection.side())
    }

    pub(super) fn revoke(&self, name: &str) -> bool {
        self.revoked.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned())
    }

    pub(super) fn reinstate(&self, name: &str) -> bool {
        self.revoked.write().unwrap_or_else(PoisonError::into_inner).remove(name)
    }

    pub(super) fn revoked(&self) -> BTreeSet<String> {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn is_revoked(&self, name: &str) -> bool {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// TLS for this identity, unless it is one that no peer with the same authorities would believe.
fn believed(identity: &Identity, revoked: &Revoked) -> Result<Tls, Error> {
    let tls = Tls::new(identity, revoked.clone())?;
    tls.check.check_both(&identity.chain())?;
    Ok(tls)
}

/// Why an identity cannot be used: in an operator's words where those of the library, which speak of a
/// peer, lead astray.
pub(super) fn explain(error: &Error) -> String {
    match error {
        Error::InconsistentKeys(_) => "the key is not that of the certificate".to_owned(),
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "no trusted authority has signed the certificate".to_owned()
        }
        Error::InvalidCertificate(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// What the peer showed in the handshake, its own certificate first.
pub(super) fn chain_of(connection: &Connection) -> Option<Vec<CertificateDer<'static>>> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    (!chain.is_empty()).then_some(*chain)
}
