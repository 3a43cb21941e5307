//! TLS on the clients' side: what the settings `ssl.*` make of it. The bytes are the worker's business.

mod files;
mod verifier;
mod version1;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use files::how_to_convert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

/// Whether a client must show a certificate (`ssl.clientAuth`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// It must.
    #[default]
    Need,
    /// It may.
    Want,
    /// It is not asked for one.
    None,
}

/// The settings `ssl.*`; files are PEM.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// The server's private key and certificate, with the chain up to the authority (`ssl.keyStore.location`).
    pub key_store: Option<PathBuf>,
    /// The authorities whose certificates clients may show (`ssl.trustStore.location`).
    pub trust_store: Option<PathBuf>,
    /// `ssl.clientAuth`.
    pub client_auth: ClientAuth,
    /// `TLSv1.2`, `TLSv1.3`, as Java names them; both if empty (`ssl.enabledProtocols`, else `ssl.protocol`).
    pub protocols: Vec<String>,
    /// As Java names them; all that are safe if empty (`ssl.ciphersuites`).
    pub cipher_suites: Vec<String>,
}

/// A setting that makes TLS impossible.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct TlsError {
    /// Its name.
    pub setting: &'static str,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl TlsError {
    fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }
}

/// A server's side of TLS, ready to be used. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    pub(crate) config: Arc<ServerConfig>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Where TLS is spoken.
#[derive(Clone, Debug)]
pub struct Secure {
    /// Keys, certificates, versions.
    pub tls: Tls,
    /// Where clients must speak it (`secureClientPort`).
    pub addr: Option<std::net::SocketAddr>,
    /// Clients may speak it on the plain port too (`client.portUnification`).
    pub unified: bool,
    /// How long the first byte may take that tells (`ssl.handshakeDetectionTimeoutMillis`). ZooKeeper's default is 5 s.
    pub detection_timeout: Duration,
    /// Handshakes at a time; further connections are closed (`netty.server.outstandingHandshake.limit`).
    pub handshakes_max: usize,
}

impl Tls {
    /// Reads the files. Returns what cannot be honoured and does no harm, too: one warning each.
    pub fn load(settings: &TlsSettings) -> Result<(Self, Vec<String>), TlsError> {
        let mut warnings = Vec::new();
        let provider = provider(&settings.cipher_suites, &mut warnings)?;
        let versions = versions(&settings.protocols)?;
        let builder =
            ServerConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&versions);
        let builder = builder.map_err(|error| TlsError::new("ssl.ciphersuites", error.to_string()))?;
        let builder = match settings.client_auth {
            ClientAuth::None => builder.with_no_client_auth(),
            auth => builder.with_client_cert_verifier(verifier(settings, auth)?),
        };
        let (chain, key) = files::key_store(settings.key_store.as_deref())?;
        let identity = identity(chain, key)?;
        let config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        Ok((Self { config: Arc::new(config) }, warnings))
    }
}

/// The server's own certificate, which must be that of its key; of whatever version.
fn identity(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, TlsError> {
    let fail =
        |problem: &dyn fmt::Display| TlsError::new(files::KEY_STORE, format!("cannot be used: {problem}"));
    let key = ring::sign::any_supported_type(&key).map_err(|error| fail(&error))?;
    let old = chain
        .first()
        .and_then(|leaf| version1::Certificate::parse(leaf))
        .map(|old| old.public_key().to_vec());
    let identity = CertifiedKey::new(chain, key);
    match old {
        None => identity.keys_match().map_err(|error| fail(&error))?,
        Some(public) if identity.key.public_key().is_some_and(|own| own.as_ref() != public) => {
            return Err(fail(&"the certificate is not that of the private key"));
        }
        Some(_) => {}
    }
    Ok(identity)
}

fn verifier(
    settings: &TlsSettings,
    auth: ClientAuth,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let trusted = files::trust_store(settings.trust_store.as_deref())?;
    let fail =
        |error: &dyn fmt::Display| TlsError::new(files::TRUST_STORE, format!("cannot be used: {error}"));
    let mut roots = RootCertStore::empty();
    for certificate in &trusted {
        roots.add(certificate.clone()).map_err(|error| fail(&error))?;
    }
    let anchors = roots.roots.clone();
    let provider = Arc::new(ring::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if auth == ClientAuth::Want { builder.allow_unauthenticated() } else { builder };
    let inner = builder.build().map_err(|error| fail(&error))?;
    let algorithms = ring::default_provider().signature_verification_algorithms;
    Ok(Arc::new(verifier::Verifier { inner, trusted, anchors, algorithms }))
}

fn provider(names: &[String], warnings: &mut Vec<String>) -> Result<CryptoProvider, TlsError> {
    let mut provider = ring::default_provider();
    if names.is_empty() {
        return Ok(provider);
    }
    // What rustls calls TLS13_AES_128_GCM_SHA256 has no version in its name elsewhere.
    let name = |suite: rustls::CipherSuite| format!("{suite:?}").replace("TLS13_", "TLS_");
    let known: Vec<_> = provider.cipher_suites.iter().map(|suite| name(suite.suite())).collect();
    for unknown in names.iter().filter(|wanted| !known.contains(wanted)) {
        warnings.push(format!("{unknown} is not available; there are {}", known.join(", ")));
    }
    provider.cipher_suites.retain(|suite| names.contains(&name(suite.suite())));
    if provider.cipher_suites.is_empty() {
        let problem = format!("none of them is available; there are {}", known.join(", "));
        return Err(TlsError::new("ssl.ciphersuites", problem));
    }
    Ok(provider)
}

fn versions(names: &[String]) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let mut versions = Vec::new();
    for protocol in names {
        versions.push(match protocol.as_str() {
            "TLSv1.3" => &version::TLS13,
            "TLSv1.2" => &version::TLS12,
            // What Java calls so is any version.
            "TLS" => return Ok(vec![&version::TLS13, &version::TLS12]),
            other => {
                let problem = format!("`{other}` is not available; there are TLSv1.2 and TLSv1.3");
                return Err(TlsError::new("ssl.enabledProtocols", problem));
            }
        });
    }
    if versions.is_empty() { Ok(vec![&version::TLS13, &version::TLS12]) } else { Ok(versions) }
}
