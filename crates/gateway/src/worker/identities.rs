//! Who the client of a connection is.

use bytes::Bytes;
use menagerie_types::Identity;
use menagerie_types::command::encode_identities;

/// Identities that one connection may have: every command and every read carries them all.
const COUNT_MAX: usize = 64;
/// Their bytes together; the auth block of a command could take four times as many.
const BYTES_MAX: usize = 16 * 1024;

/// The identities of one connection, in the order in which they were shown, each once.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    list: Vec<Identity>,
    bytes: usize,
    /// Nothing is forbidden (`skipACL`).
    skip_acl: bool,
    encoded: Bytes,
}

impl Identities {
    /// A client that was seen to be `first`, and with `skip_acl` may do anything.
    pub fn new(first: impl IntoIterator<Item = Identity>, skip_acl: bool) -> Self {
        let mut identities = Self { skip_acl, ..Self::default() };
        for identity in first {
            identities.add(identity);
        }
        identities.encode();
        identities
    }

    /// Adds what the client has shown to be; false if it would be too much.
    pub fn add(&mut self, identity: Identity) -> bool {
        if self.list.contains(&identity) {
            return true;
        }
        let bytes = self.bytes + identity.scheme.len() + identity.id.len();
        if self.list.len() >= COUNT_MAX || bytes > BYTES_MAX {
            return false;
        }
        self.bytes = bytes;
        self.list.push(identity);
        self.encode();
        true
    }

    /// As commands and reads carry them; with `skipACL` the superuser is among them.
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// Those that the client has shown.
    pub fn iter(&self) -> impl Iterator<Item = &Identity> {
        self.list.iter()
    }

    /// True if the client is anybody under the scheme.
    pub fn has_scheme(&self, scheme: &str) -> bool {
        self.list.iter().any(|identity| identity.scheme == scheme)
    }

    fn encode(&mut self) {
        let skip = self.skip_acl.then(|| Identity::new("super", ""));
        let all: Vec<_> = self.list.iter().cloned().chain(skip).collect();
        self.encoded = encode_identities(&all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_counts_once_and_there_is_an_end_to_them() {
        let mut identities = Identities::new([Identity::new("ip", "127.0.0.1")], true);
        assert!(identities.add(Identity::new("ip", "127.0.0.1")));
        assert_eq!(identities.iter().count(), 1);
        assert!(!identities.add(Identity::new("digest", "x".repeat(BYTES_MAX))));
        let added = (0..1000).filter(|n| identities.add(Identity::new("digest", n.to_string()))).count();
        assert_eq!(added, COUNT_MAX - 1);
    }

    #[test]
    fn to_skip_acls_is_to_be_the_superuser_without_saying_so() {
        let encoded = |skip| Identities::new([Identity::new("ip", "::1")], skip).encoded().clone();
        let (ip, superuser) = (Identity::new("ip", "::1"), Identity::new("super", ""));
        assert_eq!(encoded(false), encode_identities(std::slice::from_ref(&ip)));
        assert_eq!(encoded(true), encode_identities(&[ip, superuser]));
        assert!(!Identities::new([], true).has_scheme("super"));
    }
}
