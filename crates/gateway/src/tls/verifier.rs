//! Which certificates of clients are trusted.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use webpki::RawPublicKeyEntity;

use super::version1::Certificate;

/// As Java does it: a certificate that is itself in the trust store is trusted, whatever else it says, as self-signed
/// ones often are; any other one if its chain ends there. Certificates of version 1 are taken, too.
#[derive(Debug)]
pub struct Verifier {
    /// For all that is of version 3.
    pub inner: Arc<dyn ClientCertVerifier>,
    /// The certificates of the trust store.
    pub trusted: Vec<CertificateDer<'static>>,
    /// The same, as issuers.
    pub anchors: Vec<TrustAnchor<'static>>,
    /// How signatures may be made.
    pub algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.trusted.iter().any(|trusted| trusted == end_entity) {
            return Ok(ClientCertVerified::assertion());
        }
        match Certificate::parse(end_entity) {
            None => self.inner.verify_client_cert(end_entity, intermediates, now),
            Some(old) if old.is_trusted(&self.anchors, now, &self.algorithms) => {
                Ok(ClientCertVerified::assertion())
            }
            Some(_) => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match Certificate::parse(cert) {
            None => self.inner.verify_tls12_signature(message, cert, dss),
            Some(old) => self.verify_with_key(message, &old.public_key(), dss),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match Certificate::parse(cert) {
            None => self.inner.verify_tls13_signature(message, cert, dss),
            Some(old) => {
                verify_tls13_signature_with_raw_key(message, &old.public_key(), dss, &self.algorithms)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl Verifier {
    /// By each algorithm that the scheme may mean in TLS 1.2.
    fn verify_with_key(
        &self,
        message: &[u8],
        key: &SubjectPublicKeyInfoDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
        let key = RawPublicKeyEntity::try_from(key).map_err(|_| bad())?;
        let fitting = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == dss.scheme);
        let mut algorithms = fitting.flat_map(|(_, algorithms)| algorithms.iter());
        let valid = algorithms.any(|known| key.verify_signature(*known, message, dss.signature()).is_ok());
        if valid { Ok(HandshakeSignatureValid::assertion()) } else { Err(bad()) }
    }
}
