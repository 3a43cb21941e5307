//! Who a connection is.

use bytes::Bytes;
use menagerie_types::Identity;
use menagerie_types::command::encode_identities;

use crate::sasl::ANY_USER_SCHEME;
use crate::{Registry, order};

/// Bytes that a connection's identities may take, encoded: what a command has room for.
const ENCODED_LEN_MAX: usize = 65_535;

/// The identities of one connection, each once, in ZooKeeper's order.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    all: Vec<Identity>,
    len: usize,
    encoded: Bytes,
}

/// A connection has collected more identities than a command can carry. To be answered like a refused one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more identities than a connection may have")]
pub struct TooManyIdentities;

impl Identities {
    /// Adds those that are not there yet; all of them, or none if they are too many.
    pub fn add(&mut self, new: Vec<Identity>, registry: &Registry) -> Result<(), TooManyIdentities> {
        let before = self.all.len();
        for identity in new {
            if !self.all.contains(&identity) {
                self.all.push(identity);
            }
        }
        let encoded_len = |identity: &Identity| 3 + identity.scheme.len() + identity.id.len();
        let len = self.len + self.all[before..].iter().map(encoded_len).sum::<usize>();
        if len > ENCODED_LEN_MAX {
            self.all.truncate(before);
            return Err(TooManyIdentities);
        }
        self.len = len;
        order::sort(&mut self.all);
        let counts = |identity: &&Identity| match &identity.scheme[..] {
            "super" => true,
            ANY_USER_SCHEME => registry.has("sasl"),
            scheme => registry.has(scheme),
        };
        let counting: Vec<_> = self.all.iter().filter(counts).cloned().collect();
        self.encoded = encode_identities(&counting);
        Ok(())
    }

    /// For commands, reads and [`permits`](crate::permits): without those whose scheme has no provider, which ACLs do
    /// not know.
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// The identities that a client may hear of.
    pub fn iter(&self) -> impl Iterator<Item = &Identity> {
        self.all.iter().filter(|identity| identity.scheme != ANY_USER_SCHEME)
    }

    /// Scheme and user of each, as `whoAmI` answers.
    pub fn users<'a>(&'a self, registry: &'a Registry) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.iter().map(|identity| (&identity.scheme[..], registry.user(identity)))
    }
}

#[cfg(test)]
mod tests {
    use menagerie_types::command::identities;

    use super::*;
    use crate::Properties;

    fn registry(settings: &[(&str, &str)]) -> Registry {
        Registry::configure(&settings.iter().copied().collect(), false).expect("valid")
    }

    fn everybody() -> Vec<Identity> {
        let of = |(scheme, id)| Identity::new(scheme, id);
        let all = [("ip", "::1"), ("digest", "u:h"), ("super", ""), ("sasl", "bob"), (ANY_USER_SCHEME, "x")];
        all.map(of).to_vec()
    }

    #[test]
    fn only_schemes_with_a_provider_reach_acls() {
        let schemes = |settings: &[(&str, &str)]| {
            let mut connection = Identities::default();
            connection.add(everybody(), &registry(settings)).expect("they fit");
            identities(connection.encoded()).map(|(scheme, _)| scheme.to_owned()).collect::<Vec<_>>()
        };
        let sasl = ("authProvider.1", "org.apache.zookeeper.server.auth.SASLAuthenticationProvider");
        assert_eq!(schemes(&[]), ["digest", "super", "ip"]);
        assert_eq!(schemes(&[sasl]), ["digest", "super", "sasl", ANY_USER_SCHEME, "ip"]);
        assert_eq!(schemes(&[("DigestAuthenticationProvider.enabled", "false")]), ["super", "ip"]);
    }

    #[test]
    fn clients_are_told_their_user_names() {
        let registry = Registry::configure(&Properties::default(), false).expect("valid");
        let mut connection = Identities::default();
        connection.add(everybody(), &registry).expect("they fit");
        connection.add(everybody(), &registry).expect("nothing new");
        let users: Vec<_> = connection.users(&registry).collect();
        assert_eq!(users, [("digest", "u"), ("super", ""), ("sasl", ""), ("ip", "::1")]);
    }

    #[test]
    fn there_is_an_end_to_identities() {
        let registry = registry(&[]);
        let mut connection = Identities::default();
        let long = |c: char| vec![Identity::new("digest", c.to_string().repeat(30_000))];
        connection.add(long('a'), &registry).expect("fits");
        connection.add(long('b'), &registry).expect("fits");
        assert_eq!(connection.add(long('c'), &registry), Err(TooManyIdentities));
        assert_eq!(connection.iter().count(), 2);
        connection.add(long('a'), &registry).expect("is there already");
    }
}
