//! Who the client of a connection is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Weak};

use bytes::{Bytes, BytesMut};
use menagerie_auth::{AuthFailed, Peer, Registry, TooManyIdentities};
use menagerie_types::Identity;
use menagerie_types::command::encode_identities;

use crate::GatewayOptions;

/// What a command has room for.
const ENCODED_LEN_MAX: usize = u16::MAX as usize;
/// Addresses kept at least.
const ADDRESSES_MIN: usize = 1024;

/// The identities of one connection, and what it can show for them. Shared by connections from the same address until they show
/// different things: there are many of those.
#[derive(Clone, Debug, Default)]
pub struct Identities(Arc<Shown>);

#[derive(Clone, Debug, Default)]
struct Shown {
    all: menagerie_auth::Identities,
    /// As commands carry them: with `skipACL`, the superuser's is among them, and nothing is forbidden.
    encoded: Bytes,
    certificate: Option<Arc<[u8]>>,
    skip_acl: bool,
}

impl Identities {
    /// Of a client whose connection begins.
    pub fn of_peer(options: &GatewayOptions, peer: &Peer<'_>) -> Result<Self, AuthFailed> {
        let mut shown = Shown::of_nobody(options);
        shown.certificate = peer.certificate.map(Arc::from);
        let first = options.registry.connect(peer)?;
        let too_long =
            |error: TooManyIdentities| AuthFailed::Refused { scheme: "x509", reason: error.to_string() };
        shown.add(first, &options.registry).map_err(too_long)?;
        Ok(Self(Arc::new(shown)))
    }

    /// Of whoever calls the gRPC API.
    pub fn of_nobody(options: &GatewayOptions) -> Self {
        Self(Arc::new(Shown::of_nobody(options)))
    }

    /// Adds what the client has shown to be: all of it, or nothing if it would be too much.
    pub fn add(&mut self, new: Vec<Identity>, registry: &Registry) -> Result<(), TooManyIdentities> {
        Arc::make_mut(&mut self.0).add(new, registry)
    }

    /// As commands and reads carry them.
    pub fn encoded(&self) -> &Bytes {
        &self.0.encoded
    }

    /// Those that the client may hear of.
    pub fn shown(&self) -> &menagerie_auth::Identities {
        &self.0.all
    }

    /// The certificate (DER) that the client has shown, found to be trusted.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.0.certificate.as_deref()
    }
}

impl Shown {
    fn of_nobody(options: &GatewayOptions) -> Self {
        let skip_acl = options.skip_acl;
        Self { skip_acl, encoded: if skip_acl { superuser() } else { Bytes::new() }, ..Self::default() }
    }

    fn add(&mut self, new: Vec<Identity>, registry: &Registry) -> Result<(), TooManyIdentities> {
        let mut all = self.all.clone();
        all.add(new, registry)?;
        let mut encoded = all.encoded().clone();
        if self.skip_acl {
            encoded = BytesMut::from_iter(superuser().into_iter().chain(encoded)).freeze();
        }
        if encoded.len() > ENCODED_LEN_MAX {
            return Err(TooManyIdentities);
        }
        (self.all, self.encoded) = (all, encoded);
        Ok(())
    }
}

/// Who connections that are open now were at first, by their address.
#[derive(Debug, Default)]
pub struct KnownPeers {
    by_address: HashMap<IpAddr, Weak<Shown>>,
    /// With so many addresses, those without a connection are forgotten.
    sweep_at: usize,
}

impl KnownPeers {
    /// As [`Identities::of_peer`].
    pub fn identities(
        &mut self,
        options: &GatewayOptions,
        peer: &Peer<'_>,
    ) -> Result<Identities, AuthFailed> {
        if peer.certificate.is_some() {
            return Identities::of_peer(options, peer);
        }
        let address = peer.address.ip();
        if let Some(shown) = self.by_address.get(&address).and_then(Weak::upgrade) {
            return Ok(Identities(shown));
        }
        let identities = Identities::of_peer(options, peer)?;
        if self.by_address.len() >= self.sweep_at {
            self.by_address.retain(|_, shown| shown.strong_count() > 0);
            self.sweep_at = (2 * self.by_address.len()).max(ADDRESSES_MIN);
        }
        self.by_address.insert(address, Arc::downgrade(&identities.0));
        Ok(identities)
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
    fn connections_from_one_address_share_until_one_shows_more() {
        let (options, mut known) = (GatewayOptions::default(), KnownPeers::default());
        let mut of = |last, port| {
            let peer = Peer { address: ([127, 0, 0, last], port).into(), certificate: None };
            known.identities(&options, &peer).expect("an address will do")
        };
        let (first, mut second, other) = (of(1, 1), of(1, 2), of(2, 1));
        assert!(Arc::ptr_eq(&first.0, &second.0));
        assert_ne!(first.encoded(), other.encoded());
        second.add(vec![Identity::new("digest", "a:b")], &options.registry).expect("it fits");
        assert_eq!(first.shown().iter().count(), 1);
        assert_eq!(second.shown().iter().count(), 2);
        assert!(Arc::ptr_eq(&first.0, &of(1, 3).0));
        drop((first, second, other));
        for host in 0..5 * ADDRESSES_MIN {
            let address = ([10, 0, (host >> 8) as u8, host as u8], 1).into();
            known.identities(&options, &Peer { address, certificate: None }).expect("an address will do");
        }
        assert!(known.by_address.len() <= 2 * ADDRESSES_MIN, "{} are known", known.by_address.len());
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
