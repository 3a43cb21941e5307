//! The hash that proves knowledge of a password (RFC 2831 section 2.1.2.1), for `qop=auth`.

use std::fmt::Write;

use md5::{Digest, Md5};

/// What goes into it. The nonce count is 1: there is no second round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof<'a> {
    pub(super) username: &'a str,
    pub(super) realm: &'a str,
    pub(super) password: &'a str,
    pub(super) nonce: &'a [u8],
    pub(super) cnonce: &'a [u8],
    pub(super) digest_uri: &'a str,
    pub(super) authzid: Option<&'a [u8]>,
}

impl Proof<'_> {
    /// What the client must send.
    pub(super) fn of_client(&self) -> String {
        self.value("AUTHENTICATE:")
    }

    /// What the server shows in return, to be sent after `rspauth=`.
    pub(super) fn of_server(&self) -> String {
        self.value(":")
    }

    fn value(&self, method: &str) -> String {
        let secret = Md5::new()
            .chain_update(narrow(self.username))
            .chain_update(b":")
            .chain_update(narrow(self.realm))
            .chain_update(b":")
            .chain_update(narrow(self.password))
            .finalize();
        let mut a1 = Md5::new()
            .chain_update(secret)
            .chain_update(b":")
            .chain_update(self.nonce)
            .chain_update(b":")
            .chain_update(self.cnonce);
        if let Some(authzid) = self.authzid {
            a1.update(b":");
            a1.update(authzid);
        }
        let a2 = Md5::new().chain_update(method).chain_update(self.digest_uri).finalize();
        let value = Md5::new()
            .chain_update(hex(&a1.finalize()))
            .chain_update(b":")
            .chain_update(self.nonce)
            .chain_update(b":00000001:")
            .chain_update(self.cnonce)
            .chain_update(b":auth:")
            .chain_update(hex(&a2))
            .finalize();
        hex(&value)
    }
}

/// ISO 8859-1 if all characters are of it, else UTF-8: so wants the RFC.
fn narrow(text: &str) -> Vec<u8> {
    let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    latin.unwrap_or_else(|| text.as_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        // Writing to a string does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let proof = Proof {
            username: "chris",
            realm: "elwood.innosoft.com",
            password: "secret",
            nonce: b"OA6MG9tEQGm2hh",
            cnonce: b"OA6MHXh6VqTrRk",
            digest_uri: "imap/elwood.innosoft.com",
            authzid: None,
        };
        assert_eq!(proof.of_client(), "d388dad90d4bbd760a152321f2143af7");
        assert_eq!(proof.of_server(), "ea40f60335c427b5527b84dbabcdfffd");
    }

    #[test]
    fn names_are_hashed_as_latin_1_if_they_can_be() {
        assert_eq!(narrow("é"), [0xe9]);
        assert_eq!(narrow("é\u{100}"), "é\u{100}".as_bytes());
    }
}
