//! Which providers there are, and whom they make of a client.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

const CLASS: &str = "org.apache.zookeeper.server.auth.";

fn registry(settings: &[(&str, &str)]) -> Registry {
    Registry::configure(&settings.iter().copied().collect(), false).expect("valid")
}

fn peer(certificate: Option<&[u8]>) -> Peer<'_> {
    Peer { address: ([127, 0, 0, 1], 5).into(), certificate }
}

fn certificate() -> Vec<u8> {
    let pem = include_str!("../../testdata/version-1.pem");
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(base64).expect("a PEM file")
}

#[test]
fn addresses_and_passwords_are_known_unless_switched_off() {
    let local = Identity::new("ip", "127.0.0.1");
    let usual = registry(&[]);
    assert_eq!(usual.connect(&peer(None)), Ok(vec![local.clone()]));
    assert_eq!(usual.authenticate("ip", None, &peer(None)), Ok(vec![local]));
    let digest = vec![Identity::new("digest", "bob:tK1fpNO1hB0F++FhHpSq0Fa4tv0=")];
    assert_eq!(usual.authenticate("digest", Some(b"bob:"), &peer(None)), Ok(digest));
    assert!(matches!(usual.authenticate("digest", None, &peer(None)), Err(AuthFailed::Refused { .. })));
    let off = registry(&[("zookeeper.DigestAuthenticationProvider.enabled", "false")]);
    for (registry, scheme) in [
        (&off, "digest"),
        (&usual, "sasl"),
        (&usual, "x509"),
        (&usual, "ensemble"),
        (&usual, "world"),
        (&usual, ""),
    ] {
        let refused = registry.authenticate(scheme, Some(b"a:b"), &peer(Some(&certificate())));
        assert_eq!(refused, Err(AuthFailed::UnknownScheme(scheme.to_owned())));
        assert!(!registry.has(scheme));
    }
    assert_eq!(usual.schemes(), Schemes { digest: true, sasl: false, x509: false });
}

#[test]
fn classes_of_zookeeper_are_switched_on_by_name() {
    let class = |name: &str| format!("{CLASS}{name}AuthenticationProvider");
    let classes = ["IP", "Digest", "SASL", "X509", "Ensemble"].map(class);
    let settings: Vec<_> =
        classes.iter().enumerate().map(|(n, class)| (format!("authProvider.{n}"), class.clone())).collect();
    let registry = Registry::configure(&settings.into_iter().collect(), false).expect("valid");
    for scheme in ["ip", "digest", "sasl", "x509", "ensemble"] {
        assert!(registry.has(scheme), "{scheme}");
    }
    assert_eq!(registry.schemes(), Schemes::ALL);
    assert_eq!(registry.authenticate("ensemble", Some(b"any"), &peer(None)), Ok(Vec::new()));
    assert!(matches!(registry.authenticate("sasl", Some(b""), &peer(None)), Err(AuthFailed::Refused { .. })));
}

#[test]
fn what_cannot_be_run_is_refused_by_name() {
    for (name, value) in [
        ("zookeeper.authProvider.1", "com.example.MyProvider"),
        ("authProvider.key", "org.apache.zookeeper.server.auth.KeyAuthenticationProvider"),
        ("ssl.authProvider", "mine"),
        ("DigestAuthenticationProvider.digestAlg", "CRC32"),
    ] {
        let error = Registry::configure(&[(name, value)].into_iter().collect(), true).expect_err(name);
        assert!(name.ends_with(&error.property) && error.reason.contains(value), "{error}");
    }
}

#[test]
fn a_certificate_makes_somebody_of_a_client_where_there_is_a_secure_port() {
    let certificate = certificate();
    let configure = |settings: &[(&str, &str)]| {
        Registry::configure(&settings.iter().copied().collect(), true).expect("valid")
    };
    let ip = Identity::new("ip", "127.0.0.1");
    let plain = Identity::new("x509", "CN=plain");
    let usual = configure(&[]);
    assert_eq!(usual.connect(&peer(Some(&certificate))), Ok(vec![ip.clone(), plain.clone()]));
    assert_eq!(usual.connect(&peer(None)), Ok(vec![ip.clone()]));
    assert!(usual.connect(&peer(Some(b"nonsense"))).is_err());
    assert!(matches!(usual.authenticate("x509", None, &peer(None)), Err(AuthFailed::Refused { .. })));
    let with_super = configure(&[("X509AuthenticationProvider.superUser", "CN=plain")]);
    let admin = Identity::new("super", "CN=plain");
    assert_eq!(with_super.connect(&peer(Some(&certificate))), Ok(vec![ip, admin, plain]));
}

proptest! {
    #[test]
    fn every_auth_packet_is_answered(scheme in "digest|ip|x509|sasl|ensemble|[a-z]{0,5}", auth: Option<Vec<u8>>) {
        let registry = Registry::configure(&Properties::default(), true).expect("valid");
        if let Ok(identities) = registry.authenticate(&scheme, auth.as_deref(), &peer(Some(&auth.clone().unwrap_or_default()))) {
            prop_assert!(identities.iter().all(|identity| identity.scheme == scheme));
        }
    }
}
