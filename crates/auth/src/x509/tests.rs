//! Names of certificates that openssl made, as Java prints them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

/// Its subject: `/DC=org/DC=example/C=CZ/O=Zoo, "Inc" <a>/OU= #1;/CN=Jan Žižka+UID=jan+serialNumber=7/emailAddress=...`
const ODD_SUBJECT: &str = include_str!("../../testdata/odd-subject.pem");
const VERSION_1: &str = include_str!("../../testdata/version-1.pem");

fn der(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(base64).expect("a PEM file")
}

/// A certificate of which nothing is right but the subject, a name with these bytes.
fn certificate(name: &[u8]) -> Vec<u8> {
    let fields = [&[0x02, 1, 1, 0x30, 0, 0x30, 0, 0x30, 0, 0x30, name.len() as u8], name].concat();
    let signed = [&[0x30, fields.len() as u8], &fields[..]].concat();
    [&[0x30, signed.len() as u8], &signed[..]].concat()
}

/// The same with one attribute.
fn one(oid: &[u8], value: &[u8]) -> String {
    let assertion = [&[0x06, oid.len() as u8], oid, value].concat();
    let name = [&[0x31, assertion.len() as u8 + 2, 0x30, assertion.len() as u8], &assertion[..]].concat();
    subject(&certificate(&name)).expect("a name")
}

#[test]
fn subjects_are_printed_as_java_prints_them() {
    let odd = "1.2.840.113549.1.9.1=#160f6a616e406578616d706c652e6f7267,2.5.4.5=#130137+UID=jan+CN=Jan Žižka,\
               OU=\\ \\#1\\;,O=Zoo\\, \\\"Inc\\\" \\<a\\>,C=CZ,DC=example,DC=org";
    assert_eq!(subject(&der(ODD_SUBJECT)).as_deref(), Ok(odd));
    assert_eq!(subject(&der(VERSION_1)).as_deref(), Ok("CN=plain"));
    assert_eq!(subject(&certificate(&[])).as_deref(), Ok(""));
}

#[test]
fn values_are_text_if_their_type_is() {
    let cn = [0x55, 4, 3];
    for (value, text) in [
        (&b"\x13\x01\xe9"[..], "CN=é"),
        (b"\x0c\x02\xc3\xa9", "CN=é"),
        (b"\x0c\x01\xff", "CN=\u{fffd}"),
        (b"\x1e\x04\x00a\x01\x7d", "CN=aŽ"),
        (b"\x14\x01\xe9", "CN=é"),
        (b"\x0c\x05 \ra  ", "CN=\\ \\\ra\\ \\ "),
        (b"\x0c\x03a\0=", "CN=a\\00\\="),
        (b"\x0c\x00", "CN="),
        (b"\x1c\x04\0\0\0a", "CN=#1c0400000061"),
        (b"\x04\x01a", "CN=#040161"),
    ] {
        assert_eq!(one(&cn, value), text, "{value:x?}");
    }
    assert_eq!(one(&[0x2a, 3], b"\x0c\x01a"), "1.2.3=#0c0161");
}

#[test]
fn what_is_no_certificate_has_no_subject() {
    let whole = der(ODD_SUBJECT);
    for len in 0..whole.len() {
        assert!(subject(&whole[..len]).is_err(), "{len} bytes");
    }
    assert!(subject(&certificate(&[0x31, 2, 0x30, 0])).is_err());
    assert!(subject(&certificate(&[0x31, 6, 0x30, 4, 0x06, 0, 0x0c, 0])).is_err());
}

#[test]
fn names_that_java_takes_may_stand_in_acls() {
    for good in [
        "",
        "CN=bob",
        "cn = a b ; OU=\"x, y\" + uid=z",
        "CN=",
        "CN=,O=a",
        "CN=#0403616263",
        "CN=#04810161",
        "1.2.3=a",
        "oid.2.5.4.3=a",
        "EMAILADDRESS=a@b",
        "CN=a\\,b\\C3\\A9\\ ",
        "CN=a=b#",
        "CN=a\\\\+ignored",
        "\u{131}nitials=a",
    ] {
        assert!(is_name(good), "{good}");
    }
    for bad in [
        "bob",
        "CN=a,",
        ",CN=a",
        "CN=a,,O=b",
        "CN=a<b",
        "CN=\"a",
        "CN=\"a\"b",
        "CN=a\\",
        "CN=a\\x",
        "CN=a\\4",
        "CN=#",
        "CN=#040",
        "CN=#0402616263",
        "CN=#1f0161",
        "XYZ=a",
        "CN=a+",
        "=a",
    ] {
        assert!(!is_name(bad), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_judged(text in "[CNOUcn=,;+\\\\\"#0-9a-f .<>é\n]{0,40}") {
        let _ = is_name(&text);
    }

    #[test]
    fn no_bytes_are_too_strange_to_be_read(at in 0..712_usize, byte: u8, more in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = der(ODD_SUBJECT);
        bytes[at] = byte;
        let _ = subject(&bytes);
        let _ = subject(&certificate(&more));
        let _ = subject(&more);
    }
}
