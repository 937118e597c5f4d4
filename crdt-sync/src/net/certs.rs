//! Certificates: a cluster's own authority, and nodes with names.

use std::fmt;
use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::world;

/// How long a certificate authority made here is valid.
const CA_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How long a node certificate made here is valid. Issue a new one before that; the name stays.
const NODE_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// Clocks of freshly made machines differ: certificates begin this much earlier.
const SKEW: Duration = Duration::from_secs(3600);

/// A certificate authority for one cluster.
///
/// For demos, tests, and clusters without an authority of their own. Any authority will do that
/// issues certificates for both TLS client and server use with the URI
/// `crdt://CLUSTER/NAME` as subject alternative name.
///
/// ```
/// use crdt_sync::certs::Ca;
///
/// let ca = Ca::generate("shop")?;
/// let tokyo = ca.issue("tokyo")?;
/// assert_eq!((tokyo.cluster(), tokyo.name()), ("shop", "tokyo"));
/// # Ok::<(), crdt_sync::certs::CertError>(())
/// ```
pub struct Ca {
    cluster: String,
    cert: CertificateDer<'static>,
    cert_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Who a node is: its name, certificate and key, and the authorities that it trusts.
pub struct Identity {
    cluster: String,
    name: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
    authorities: Vec<CertificateDer<'static>>,
    cert_pem: String,
    key_pem: String,
}

/// Why there is no certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertError {
    /// A cluster or node name has other characters than letters, digits, `-`, `_` and `.`, or is
    /// empty or longer than 128.
    Name {
        /// What was given.
        name: String,
    },
    /// The text is not PEM of the expected kind.
    Pem {
        /// What was expected.
        expected: &'static str,
    },
    /// The certificate has no URI `crdt://CLUSTER/NAME` as subject alternative name.
    NoName,
    /// Generating or signing failed.
    Signing {
        /// What the library says.
        reason: String,
    },
}

impl fmt::Display for CertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name } => {
                write!(f, "{name:?} is no name: take 1 to 128 letters, digits, '-', '_' and '.'")
            }
            Self::Pem { expected } => write!(f, "the text is not the PEM of {expected}"),
            Self::NoName => f.write_str("the certificate names no node: it has no URI crdt://CLUSTER/NAME"),
            Self::Signing { reason } => write!(f, "no certificate could be made: {reason}"),
        }
    }
}

impl std::error::Error for CertError {}

impl Ca {
    /// A new authority with a key of its own, valid for ten years.
    ///
    /// # Errors
    /// When the name does not fit into a URI.
    #[doc(alias("self-signed", "mTLS"))]
    pub fn generate(cluster: &str) -> Result<Self, CertError> {
        check_name(cluster)?;
        let key = KeyPair::generate().map_err(|error| signing(&error))?;
        let mut params = params(&format!("{cluster} authority"), world::wall(), CA_LIFE);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.subject_alt_names = vec![uri(&format!("crdt://{cluster}"))?];
        let cert = params.self_signed(&key).map_err(|error| signing(&error))?;
        let (cert_pem, cert) = (cert.pem(), cert.der().clone());
        Ok(Self { cluster: cluster.to_owned(), cert, cert_pem, issuer: Issuer::new(params, key) })
    }

    /// The authority with this certificate and key, as [`cert_pem`](Ca::cert_pem) and
    /// [`key_pem`](Ca::key_pem) gave them.
    ///
    /// # Errors
    /// When the texts are no certificate and key.
    pub fn from_pem(cluster: &str, cert_pem: &str, key_pem: &str) -> Result<Self, CertError> {
        check_name(cluster)?;
        let key = KeyPair::from_pem(key_pem).map_err(|_| CertError::Pem { expected: "a private key" })?;
        let cert = read_cert(cert_pem)?;
        let issuer = Issuer::from_ca_cert_der(&cert, key);
        let issuer = issuer.map_err(|_| CertError::Pem { expected: "an authority's certificate" })?;
        Ok(Self { cluster: cluster.to_owned(), cert, cert_pem: cert_pem.to_owned(), issuer })
    }

    /// The authority's certificate, for everybody.
    #[must_use]
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// The authority's key, for nobody: who has it can join under any name.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// An identity for the node `name`, with a new key, valid for a year.
    ///
    /// # Errors
    /// When the name does not fit into a URI.
    pub fn issue(&self, name: &str) -> Result<Identity, CertError> {
        self.issue_for(name, world::wall(), NODE_LIFE)
    }

    /// The same, valid from `from` for `life`.
    ///
    /// # Errors
    /// When the name does not fit into a URI.
    pub fn issue_for(&self, name: &str, from: SystemTime, life: Duration) -> Result<Identity, CertError> {
        check_name(name)?;
        let key = KeyPair::generate().map_err(|error| signing(&error))?;
        let mut params = params(name, from, life);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names = vec![uri(&format!("crdt://{}/{name}", self.cluster))?];
        params.use_authority_key_identifier_extension = true;
        let cert = params.signed_by(&key, &self.issuer).map_err(|error| signing(&error))?;
        Ok(Identity {
            cluster: self.cluster.clone(),
            name: name.to_owned(),
            chain: vec![cert.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
            authorities: vec![self.cert.clone()],
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

impl Identity {
    /// The identity with this certificate and key, trusting this authority, or several, one after
    /// another. Its names are those of the certificate.
    ///
    /// ```
    /// use crdt_sync::{Identity, certs::Ca};
    /// use std::fs;
    ///
    /// # let dir = std::env::temp_dir().join(format!("crdt-sync-pem-{}", std::process::id()));
    /// # fs::create_dir_all(&dir)?;
    /// // Once, where the authority's key is kept: three texts for each node, to be carried to it.
    /// let ca = Ca::generate("shop")?;
    /// let tokyo = ca.issue("tokyo")?;
    /// fs::write(dir.join("ca.pem"), ca.cert_pem())?;
    /// fs::write(dir.join("node.pem"), tokyo.cert_pem())?;
    /// fs::write(dir.join("node.key"), tokyo.key_pem())?; // a secret
    ///
    /// // At each start of the node.
    /// let read = |file| fs::read_to_string(dir.join(file));
    /// let tokyo = Identity::from_pem(&read("ca.pem")?, &read("node.pem")?, &read("node.key")?)?;
    /// assert_eq!(tokyo.name(), "tokyo");
    /// # fs::remove_dir_all(dir)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the texts are no certificates and key, or the certificate names no node.
    pub fn from_pem(ca_pem: &str, cert_pem: &str, key_pem: &str) -> Result<Self, CertError> {
        let (authorities, chain) = (read_certs(ca_pem)?, read_certs(cert_pem)?);
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes());
        let Ok(PrivateKeyDer::Pkcs8(key)) = key else {
            return Err(CertError::Pem { expected: "a private key in PKCS #8" });
        };
        let (cluster, name) = node_of(&chain[0]).ok_or(CertError::NoName)?;
        let (cert_pem, key_pem) = (cert_pem.to_owned(), key_pem.to_owned());
        Ok(Self { cluster, name, chain, key, authorities, cert_pem, key_pem })
    }

    /// The cluster that the node belongs to.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The name of the node: it stays when the key changes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node's certificate.
    #[must_use]
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// The node's key, for the node alone.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.clone_key())
    }

    pub(super) fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }
}

/// The key is not shown.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity(crdt://{}/{})", self.cluster, self.name)
    }
}

/// The key is not shown.
impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ca(crdt://{})", self.cluster)
    }
}

/// The cluster and node that a certificate names, if it names exactly one.
pub(super) fn node_of(cert: &CertificateDer<'_>) -> Option<(String, String)> {
    let cert = webpki::EndEntityCert::try_from(cert).ok()?;
    let mut names = cert.valid_uri_names().filter_map(|uri| uri.strip_prefix("crdt://"));
    let (cluster, name) = names.next()?.split_once('/')?;
    let alone = names.next().is_none();
    let valid = alone && check_name(cluster).is_ok() && check_name(name).is_ok();
    valid.then(|| (cluster.to_owned(), name.to_owned()))
}

pub(super) fn check_name(name: &str) -> Result<(), CertError> {
    let fits = (1..=128).contains(&name.len());
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if fits && plain { Ok(()) } else { Err(CertError::Name { name: name.to_owned() }) }
}

fn read_cert(text: &str) -> Result<CertificateDer<'static>, CertError> {
    CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| CertError::Pem { expected: "a certificate" })
}

fn read_certs(text: &str) -> Result<Vec<CertificateDer<'static>>, CertError> {
    let certs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    certs.ok().filter(|certs| !certs.is_empty()).ok_or(CertError::Pem { expected: "a certificate" })
}

fn params(common_name: &str, from: SystemTime, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = (from - SKEW).into();
    params.not_after = (from + life).into();
    params
}

fn uri(uri: &str) -> Result<SanType, CertError> {
    let uri = Ia5String::try_from(uri).map_err(|error| signing(&error))?;
    Ok(SanType::URI(uri))
}

fn signing(error: &impl ToString) -> CertError {
    CertError::Signing { reason: error.to_string() }
}
