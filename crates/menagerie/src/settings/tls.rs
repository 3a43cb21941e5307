//! Whether and how clients connect with TLS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use menagerie_gateway::{ClientAuth, Secure, Tls, TlsError, TlsSettings, how_to_convert};
use tracing::warn;

use super::Settings;
use crate::error::Result;
use crate::listen::resolve;
use crate::zoo_cfg::authority;

const ANY_ADDRESS: &str = "0.0.0.0";
/// ZooKeeper has none by default.
const HANDSHAKES_MAX: usize = 1000;
const DETECTION_TIMEOUT_MS: u32 = 5000;

/// Checks that are not made here: whoever wants them must not believe that they are.
const MISSING_CHECKS: [(&str, &str); 3] = [
    ("ssl.crl", "revocation lists are not looked at; remove the line, and revoke by trustStore"),
    (
        "ssl.ocsp",
        "nobody is asked whether a certificate is revoked; remove the line, and revoke by trustStore",
    ),
    ("ssl.clientHostnameVerification", "names of clients are not resolved; remove the line"),
];

/// TLS as set; `None` without a port for it.
pub fn secure(settings: &Settings) -> Result<Option<Secure>> {
    let port = settings.number("secureClientPort", 0..=u16::MAX)?;
    let unified = settings.flag("client.portUnification")?.unwrap_or(false);
    if let (Some(setting), None) = (settings.get("secureClientPortAddress"), port) {
        return Err(settings.fault(setting, "secureClientPort is missing; give secureClientPort=2281"));
    }
    if port.is_none() && !unified {
        return Ok(None);
    }
    check(settings)?;
    let addr = port.map(|port| {
        let host = settings.text("secureClientPortAddress").unwrap_or(ANY_ADDRESS);
        resolve(&settings.place_of("secureClientPortAddress"), &authority(host, port))
    });
    let fault = |error: TlsError| settings.fault_of(error.setting, error.problem);
    let (tls, warnings) = Tls::load(&tls_settings(settings)?).map_err(fault)?;
    for warning in warnings {
        warn!("{}: {warning}", settings.place_of("ssl.ciphersuites"));
    }
    let most = settings.number("netty.server.outstandingHandshake.limit", -1..=i32::MAX)?;
    let detection = settings
        .number("ssl.handshakeDetectionTimeoutMillis", 1..=86_400_000)?
        .unwrap_or(DETECTION_TIMEOUT_MS);
    Ok(Some(Secure {
        tls,
        addr: addr.transpose()?,
        unified,
        detection_timeout: Duration::from_millis(detection.into()),
        handshakes_max: most
            .and_then(|most| usize::try_from(most).ok())
            .filter(|most| *most > 0)
            .unwrap_or(HANDSHAKES_MAX),
    }))
}

fn check(settings: &Settings) -> Result<()> {
    for (key, problem) in MISSING_CHECKS {
        if settings.flag(key)? == Some(true) {
            return Err(settings.fault_of(key, problem));
        }
    }
    if let Some(setting) = settings.get("ssl.context.supplier.class") {
        return Err(settings.fault(setting, "Java classes cannot be run; remove it, and give PEM files"));
    }
    for store in ["keyStore", "trustStore"] {
        check_type(settings, store)?;
    }
    Ok(())
}

/// By the stated type, else by the name, as in ZooKeeper; what says neither is looked into.
fn check_type(settings: &Settings, store: &str) -> Result<()> {
    let (location, kind) = (format!("ssl.{store}.location"), format!("ssl.{store}.type"));
    let Some(path) = settings.text(&location) else { return Ok(()) };
    let path = Path::new(path);
    let stated = settings.get(&kind);
    let java = match stated.map(|setting| setting.value.to_uppercase()) {
        Some(kind) if kind == "PEM" => None,
        Some(kind) => Some(kind),
        None => match path.extension().and_then(|extension| extension.to_str()) {
            Some("jks") => Some("JKS".to_owned()),
            Some("p12" | "pfx") => Some("PKCS12".to_owned()),
            Some("bcfks") => Some("BCFKS".to_owned()),
            _ => None,
        },
    };
    match java {
        None => Ok(()),
        Some(java) => {
            let problem = format!("a {java} file cannot be read, PEM files can; {}", how_to_convert(path));
            Err(settings.fault_of(if stated.is_some() { &kind } else { &location }, problem))
        }
    }
}

fn tls_settings(settings: &Settings) -> Result<TlsSettings> {
    let path = |key| settings.text(key).map(PathBuf::from);
    let list = |key| -> Option<Vec<String>> {
        let names = settings.text(key)?.split(',').map(str::trim).filter(|name| !name.is_empty());
        Some(names.map(str::to_owned).collect())
    };
    let client_auth = match settings.get("ssl.clientAuth") {
        None => ClientAuth::default(),
        Some(setting) => match setting.value.to_lowercase().as_str() {
            "need" => ClientAuth::Need,
            "want" => ClientAuth::Want,
            "none" => ClientAuth::None,
            other => {
                return Err(settings.fault(setting, format!("`{other}` is none of need, want and none")));
            }
        },
    };
    Ok(TlsSettings {
        key_store: path("ssl.keyStore.location"),
        trust_store: path("ssl.trustStore.location"),
        client_auth,
        protocols: list("ssl.enabledProtocols").or_else(|| list("ssl.protocol")).unwrap_or_default(),
        cipher_suites: list("ssl.ciphersuites").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        secure(&Settings::of_file("zoo.cfg", text)).expect_err(text).to_string()
    }

    #[test]
    fn there_is_no_tls_unless_asked_for() {
        let unused = "ssl.keyStore.location=/none.jks\nclient.portUnification=false";
        assert!(secure(&Settings::of_file("zoo.cfg", unused)).expect("unused").is_none());
    }

    #[test]
    fn faults_say_what_to_do() {
        let cases = [
            ("secureClientPortAddress=h", "zoo.cfg:1: secureClientPortAddress: secureClientPort is missing"),
            ("secureClientPort=x", "zoo.cfg:1: secureClientPort: `x` is not a whole number"),
            (
                "secureClientPort=0\nssl.clientAuth=none",
                "zoo.cfg: ssl.keyStore.location: is missing; give a PEM",
            ),
            ("secureClientPort=0", "zoo.cfg: ssl.trustStore.location: is missing: clients are asked"),
            (
                "secureClientPort=0\nssl.keyStore.location=/k.jks",
                "zoo.cfg:2: ssl.keyStore.location: a JKS file cannot be read, PEM files can; convert",
            ),
            (
                "secureClientPort=0\nssl.keyStore.location=/k\nssl.keyStore.type=pkcs12",
                "zoo.cfg:3: ssl.keyStore.type: a PKCS12 file cannot be read",
            ),
            (
                "client.portUnification=true\nssl.clientAuth=none\nssl.keyStore.location=/none.pem",
                "zoo.cfg:3: ssl.keyStore.location: /none.pem: cannot be read",
            ),
            ("secureClientPort=0\nssl.clientAuth=maybe", "zoo.cfg:2: ssl.clientAuth: `maybe` is none of"),
            ("secureClientPort=0\nssl.crl=true", "zoo.cfg:2: ssl.crl: revocation lists are not looked at"),
            (
                "secureClientPort=0\nssl.enabledProtocols=SSLv3",
                "zoo.cfg:2: ssl.enabledProtocols: `SSLv3` is not available",
            ),
            (
                "secureClientPort=0\nssl.ciphersuites=TLS_NULL",
                "zoo.cfg:2: ssl.ciphersuites: none of them is available; there are TLS_AES_256_GCM_SHA384",
            ),
        ];
        for (text, expected) in cases {
            let message = fault(text);
            assert!(message.starts_with(expected), "{text:?}: {message}");
        }
    }
}
