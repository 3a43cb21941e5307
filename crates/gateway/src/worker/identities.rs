//! Who the client of a connection is.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use menagerie_auth::{AuthFailed, Peer, Registry, TooManyIdentities};
use menagerie_types::Identity;
use menagerie_types::command::encode_identities;

use crate::GatewayOptions;

/// What a command has room for.
const ENCODED_LEN_MAX: usize = u16::MAX as usize;

/// The identities of one connection, and what it can show for them.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    shown: menagerie_auth::Identities,
    /// As commands carry them: with `skipACL`, the superuser's is among them, and nothing is forbidden.
    encoded: Bytes,
    certificate: Option<Arc<[u8]>>,
    skip_acl: bool,
}

impl Identities {
    /// Of a client whose connection begins.
    pub fn of_peer(options: &GatewayOptions, peer: &Peer<'_>) -> Result<Self, AuthFailed> {
        let mut identities = Self::of_nobody(options);
        identities.certificate = peer.certificate.map(Arc::from);
        let first = options.registry.connect(peer)?;
        let too_long =
            |error: TooManyIdentities| AuthFailed::Refused { scheme: "x509", reason: error.to_string() };
        identities.add(first, &options.registry).map_err(too_long)?;
        Ok(identities)
    }

    /// Of whoever calls the gRPC API.
    pub fn of_nobody(options: &GatewayOptions) -> Self {
        let skip_acl = options.skip_acl;
        Self { skip_acl, encoded: if skip_acl { superuser() } else { Bytes::new() }, ..Self::default() }
    }

    /// Adds what the client has shown to be: all of it, or nothing if it would be too much.
    pub fn add(&mut self, new: Vec<Identity>, registry: &Registry) -> Result<(), TooManyIdentities> {
        let mut shown = self.shown.clone();
        shown.add(new, registry)?;
        let mut encoded = shown.encoded().clone();
        if self.skip_acl {
            encoded = BytesMut::from_iter(superuser().into_iter().chain(encoded)).freeze();
        }
        if encoded.len() > ENCODED_LEN_MAX {
            return Err(TooManyIdentities);
        }
        (self.shown, self.encoded) = (shown, encoded);
        Ok(())
    }

    /// As commands and reads carry them.
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// Those that the client may hear of.
    pub fn shown(&self) -> &menagerie_auth::Identities {
        &self.shown
    }

    /// The certificate (DER) that the client has shown, found to be trusted.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_deref()
    }
}

fn superuser() -> Bytes {
    encode_identities(&[Identity::new("super", "")])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_localhost(options: &GatewayOptions) -> Identities {
        let peer = Peer { address: ([127, 0, 0, 1], 1).into(), certificate: None };
        Identities::of_peer(options, &peer).expect("an address will do")
    }

    #[test]
    fn to_skip_acls_is_to_be_the_superuser_without_saying_so() {
        let mut options = GatewayOptions::default();
        let (ip, superuser) = (Identity::new("ip", "127.0.0.1"), Identity::new("super", ""));
        assert_eq!(*of_localhost(&options).encoded(), encode_identities(std::slice::from_ref(&ip)));
        assert!(Identities::of_nobody(&options).encoded().is_empty());
        options.skip_acl = true;
        assert_eq!(*of_localhost(&options).encoded(), encode_identities(&[superuser.clone(), ip.clone()]));
        assert_eq!(of_localhost(&options).shown().iter().collect::<Vec<_>>(), [&ip]);
        assert_eq!(*Identities::of_nobody(&options).encoded(), encode_identities(&[superuser]));
    }

    #[test]
    fn a_command_has_room_for_all_of_them() {
        for skip_acl in [false, true] {
            let options = GatewayOptions { skip_acl, ..GatewayOptions::default() };
            let mut identities = of_localhost(&options);
            let before = identities.encoded().clone();
            let long = vec![Identity::new("digest", "x".repeat(ENCODED_LEN_MAX - 25))];
            assert_eq!(identities.add(long, &options.registry).is_err(), skip_acl);
            assert!(identities.encoded().len() <= ENCODED_LEN_MAX);
            assert_eq!(*identities.encoded() == before, skip_acl);
        }
    }
}
