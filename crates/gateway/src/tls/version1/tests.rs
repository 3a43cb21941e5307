use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::*;

/// An authority; a leaf of version 1 that it has issued; one that another authority of the same name has issued; a leaf
/// of version 3.
const CERTIFICATES: &[u8] = include_bytes!("certificates.pem");
const ISSUED: u64 = 1_795_260_954;
const EXPIRES: u64 = 2_110_620_954;

fn certificates() -> [CertificateDer<'static>; 4] {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(CERTIFICATES).collect();
    all.expect("PEM").try_into().expect("four")
}

fn is_trusted(der: &[u8], authority: &CertificateDer<'_>, now: u64) -> bool {
    let anchor = webpki::anchor_from_trusted_cert(authority).expect("an authority");
    let algorithms = ring::default_provider().signature_verification_algorithms;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
    Certificate::parse(der).is_some_and(|leaf| leaf.is_trusted(&[anchor], now, &algorithms))
}

#[test]
fn a_certificate_is_trusted_if_its_issuer_is_while_it_is_valid() {
    let [authority, leaf, forged, _] = certificates();
    let parsed = Certificate::parse(&leaf).expect("version 1");
    assert_eq!(parsed.valid, (ISSUED, EXPIRES));
    for (now, trusted) in [(ISSUED - 1, false), (ISSUED, true), (EXPIRES, true), (EXPIRES + 1, false)] {
        assert_eq!(is_trusted(&leaf, &authority, now), trusted, "at {now}");
    }
    assert!(!is_trusted(&forged, &authority, ISSUED), "the name alone says nothing");
    assert!(!is_trusted(&leaf, &leaf, ISSUED), "it is not its own issuer");
}

#[test]
fn other_versions_are_left_to_others() {
    let [authority, _, _, leaf] = certificates();
    assert_eq!(Certificate::parse(&authority), None);
    assert_eq!(Certificate::parse(&leaf), None);
}

#[test]
fn not_a_byte_may_be_another() {
    let [authority, leaf, ..] = certificates();
    for at in 0..leaf.len() {
        for bit in 0..8 {
            let mut changed = leaf.to_vec();
            changed[at] ^= 1 << bit;
            assert!(!is_trusted(&changed, &authority, ISSUED + 1), "byte {at}, bit {bit}");
        }
        assert_eq!(Certificate::parse(&leaf[..at]), None);
    }
    assert_eq!(Certificate::parse(&[&leaf[..], &[0]].concat()), None);
}

#[test]
fn both_forms_of_time_are_read() {
    let time = |tag: u8, text: &str| {
        let der = [&[tag, text.len() as u8], text.as_bytes()].concat();
        Reader(&der).time()
    };
    assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
    assert_eq!(time(UTC_TIME, "000229123456Z"), Some(951_827_696));
    assert_eq!(time(GENERALIZED_TIME, "21000301000000Z"), Some(4_107_542_400));
    assert_eq!(time(GENERALIZED_TIME, "99991231235959Z"), Some(253_402_300_799));
    for wrong in ["700101000000", "7001010000Z", "701301000000Z", "7001010000+0Z", "700100000000Z", "", "Z"] {
        assert_eq!(time(UTC_TIME, wrong), None, "{wrong}");
    }
}

#[test]
fn sequences_of_any_length_are_written_as_they_are_read() {
    for len in [0, 1, 127, 128, 255, 256, 70_000] {
        let contents = vec![7; len];
        assert_eq!(Reader(&sequence(&contents)).only(SEQUENCE), Some(&contents[..]), "{len}");
    }
}
