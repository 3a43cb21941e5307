//! The schemes that a server knows (ZooKeeper's `ProviderRegistry`).

mod digest;
mod ensemble;
mod ip;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

pub use digest::{Algorithm, Digest};
pub use ensemble::Ensemble;
use menagerie_types::Identity;

use crate::{ConfigError, Properties, Schemes, x509};

const PROVIDER_PREFIX: &str = "authProvider.";
const CLASS_PREFIX: &str = "org.apache.zookeeper.server.auth.";

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// Its address.
    pub address: SocketAddr,
    /// The certificate (DER) that it has shown in the TLS handshake, already found to be trusted.
    pub certificate: Option<&'a [u8]>,
}

/// Why a client is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthFailed {
    /// No provider has this scheme. To be answered with `AuthFailed`, and the connection closed.
    #[error("there is no provider for the scheme `{0}`")]
    UnknownScheme(String),
    /// The provider does not accept it. To be answered with `AuthFailed`, and the connection closed.
    #[error("{scheme}: {reason}")]
    Refused {
        /// The provider.
        scheme: &'static str,
        /// What it did not like.
        reason: String,
    },
    /// The client looks for another ensemble. The connection is to be closed without an answer: an error would end
    /// the client, which shall try another server.
    #[error("the client wants another ensemble")]
    WrongEnsemble,
}

impl AuthFailed {
    pub(crate) fn refused(scheme: &'static str, reason: impl ToString) -> Self {
        Self::Refused { scheme, reason: reason.to_string() }
    }
}

/// The providers of a server. `ip` is always among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    digest: Option<Digest>,
    ensemble: Option<Ensemble>,
    sasl: bool,
    x509: bool,
    x509_super_user: Option<String>,
}

impl Registry {
    /// The providers that the settings switch on; `x509` also if there is a TLS port for clients (`secure_port`).
    ///
    /// Fails if a setting names what this server does not have: Java classes that are not ZooKeeper's own, above all.
    pub fn configure(properties: &Properties, secure_port: bool) -> Result<Self, ConfigError> {
        let mut registry = Self {
            x509: secure_port,
            x509_super_user: properties.get("X509AuthenticationProvider.superUser").map(str::to_owned),
            ..Self::default()
        };
        if properties.flag("DigestAuthenticationProvider.enabled", true) {
            registry.digest = Some(Digest::configure(properties)?);
        }
        for (name, class) in properties.starting_with(PROVIDER_PREFIX) {
            registry.add(properties, name, class.trim())?;
        }
        match properties.get("ssl.authProvider") {
            None | Some("x509") => Ok(registry),
            Some(scheme) => Err(ConfigError::new(
                "ssl.authProvider",
                format!("`{scheme}`: certificates are checked by the provider `x509` only"),
            )),
        }
    }

    fn add(&mut self, properties: &Properties, name: &str, class: &str) -> Result<(), ConfigError> {
        match class.strip_prefix(CLASS_PREFIX) {
            Some("IPAuthenticationProvider") => {}
            Some("DigestAuthenticationProvider") => self.digest = Some(Digest::configure(properties)?),
            Some("EnsembleAuthenticationProvider") => self.ensemble = Some(Ensemble::configure(properties)),
            Some("SASLAuthenticationProvider") => self.sasl = true,
            Some("X509AuthenticationProvider") => self.x509 = true,
            _ => {
                let known = "IP-, Digest-, SASL-, X509- and EnsembleAuthenticationProvider";
                let reason =
                    format!("cannot run the Java class `{class}`; there are {CLASS_PREFIX}* {known}");
                return Err(ConfigError::new(name, reason));
            }
        }
        Ok(())
    }

    /// Of the schemes that a configuration decides on, those that ACLs may name.
    pub fn schemes(&self) -> Schemes {
        Schemes { digest: self.digest.is_some(), sasl: self.sasl, x509: self.x509 }
    }

    /// True if there is a provider for the scheme.
    pub fn has(&self, scheme: &str) -> bool {
        match scheme {
            "ip" => true,
            "digest" => self.digest.is_some(),
            "ensemble" => self.ensemble.is_some(),
            "sasl" => self.sasl,
            "x509" => self.x509,
            _ => false,
        }
    }

    /// Who a client is when its connection begins: its address and, where it has shown a certificate, its name.
    pub fn connect(&self, peer: &Peer<'_>) -> Result<Vec<Identity>, AuthFailed> {
        let mut identities = vec![ip::identity(peer.address)];
        if peer.certificate.is_some() {
            identities.extend(self.certified(peer)?);
        }
        Ok(identities)
    }

    /// Who an auth packet makes of the client in addition. Without `auth` it was null.
    pub fn authenticate(
        &self,
        scheme: &str,
        auth: Option<&[u8]>,
        peer: &Peer<'_>,
    ) -> Result<Vec<Identity>, AuthFailed> {
        match (scheme, &self.digest, &self.ensemble) {
            ("ip", ..) => Ok(vec![ip::identity(peer.address)]),
            ("digest", Some(digest), _) => auth
                .map(|auth| digest.authenticate(auth))
                .ok_or_else(|| AuthFailed::refused("digest", "null")),
            ("ensemble", _, Some(ensemble)) => ensemble.check(auth.unwrap_or_default()).map(|()| Vec::new()),
            ("x509", ..) => self.certified(peer),
            ("sasl", ..) if self.sasl => Err(AuthFailed::refused("sasl", "needs an exchange of tokens")),
            _ => Err(AuthFailed::UnknownScheme(scheme.to_owned())),
        }
    }

    fn certified(&self, peer: &Peer<'_>) -> Result<Vec<Identity>, AuthFailed> {
        if !self.x509 {
            return Err(AuthFailed::UnknownScheme("x509".to_owned()));
        }
        let certificate = peer.certificate.ok_or_else(|| AuthFailed::refused("x509", "no certificate"))?;
        let subject = x509::subject(certificate).map_err(|error| AuthFailed::refused("x509", error))?;
        let is_super = self.x509_super_user.as_ref() == Some(&subject);
        let is_super = is_super.then(|| Identity::new("super", &subject));
        Ok(is_super.into_iter().chain([Identity::new("x509", &subject)]).collect())
    }

    /// What `whoAmI` calls somebody. Empty where the scheme has no provider.
    pub fn user<'a>(&self, identity: &'a Identity) -> &'a str {
        match &identity.scheme[..] {
            "digest" if self.digest.is_some() => digest::user(&identity.id),
            scheme if self.has(scheme) => &identity.id,
            _ => "",
        }
    }
}
