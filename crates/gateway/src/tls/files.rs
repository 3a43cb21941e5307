//! Keys and certificates from PEM files.

use std::io;
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;

pub const KEY_STORE: &str = "ssl.keyStore.location";
pub const TRUST_STORE: &str = "ssl.trustStore.location";
/// All authorities of the web are in a file a tenth as long.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The private key, and the certificates that begin with its own.
pub fn key_store(
    path: Option<&Path>,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let wanted = "a PEM file with the private key and the certificate chain";
    let path = path.ok_or_else(|| TlsError::new(KEY_STORE, format!("is missing; give {wanted}")))?;
    let text = read(KEY_STORE, path)?;
    let fail = |problem: &str| TlsError::new(KEY_STORE, format!("{}: {problem}", path.display()));
    if contains(&text, b"-----BEGIN ENCRYPTED PRIVATE KEY") || contains(&text, b"Proc-Type: 4,ENCRYPTED") {
        return Err(fail(
            "its private key is encrypted; decrypt it (openssl pkey -in IN.pem -out OUT.pem) and let the file's \
             permissions guard it",
        ));
    }
    let chain = certificates(KEY_STORE, path, &text)?;
    let key = PrivateKeyDer::from_pem_slice(&text);
    let key = key.map_err(|error| fail(&format!("has no private key that can be used: {error}")))?;
    Ok((chain, key))
}

/// The certificates of authorities.
pub fn trust_store(path: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let problem = "is missing: clients are asked for certificates; give a PEM file with those of the authorities \
                   to trust, or ssl.clientAuth=none";
    let path = path.ok_or_else(|| TlsError::new(TRUST_STORE, problem))?;
    certificates(TRUST_STORE, path, &read(TRUST_STORE, path)?)
}

fn certificates(
    setting: &'static str,
    path: &Path,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fail = |problem: &str| TlsError::new(setting, format!("{}: {problem}", path.display()));
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let all = all.map_err(|error| fail(&format!("is no PEM file: {error}")))?;
    if all.is_empty() { Err(fail("holds no certificate")) } else { Ok(all) }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let fail =
        |error: io::Error| TlsError::new(setting, format!("{}: cannot be read: {error}", path.display()));
    if std::fs::metadata(path).map_err(fail)?.len() > BYTES_MAX {
        return Err(TlsError::new(setting, format!("{}: is too long for what it should be", path.display())));
    }
    let bytes = std::fs::read(path).map_err(fail)?;
    if contains(&bytes, b"-----BEGIN") {
        return Ok(bytes);
    }
    let name = path.display();
    Err(TlsError::new(setting, format!("{name}: is no PEM file; {}", how_to_convert(path))))
}

/// What to do about a key store of Java's.
pub fn how_to_convert(path: &Path) -> String {
    let name = path.display();
    format!(
        "convert a PKCS12 file with `openssl pkcs12 -in {name} -nodes -out OUT.pem`, and a JKS file first with \
         `keytool -importkeystore -srckeystore {name} -destkeystore TEMP.p12 -deststoretype PKCS12`"
    )
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
