//! Who may stay connected (ZooKeeper's `AuthenticationHelper`).

use menagerie_types::Identity;

use crate::{ConfigError, Properties, Registry};

const ENABLED: &str = "enforce.auth.enabled";
const SCHEMES: &str = "enforce.auth.schemes";

/// What the settings demand of every connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforcement {
    /// One of these; anybody will do if there are none.
    schemes: Vec<String>,
    keeps_failed_sasl: bool,
}

impl Enforcement {
    /// Reads `sessionRequireClientSASLAuth`, `enforce.auth.enabled`, `enforce.auth.schemes` and
    /// `allowSaslFailedClients`. Fails where a scheme is demanded that has no provider, or none is named.
    pub fn configure(properties: &Properties, registry: &Registry) -> Result<Self, ConfigError> {
        let mut schemes = Vec::new();
        if properties.flag("sessionRequireClientSASLAuth", false) {
            schemes.push("sasl".to_owned());
        } else if properties.flag(ENABLED, false) {
            let list = properties.get(SCHEMES);
            let list = list.ok_or_else(|| ConfigError::new(SCHEMES, format!("must be set: {ENABLED} is")))?;
            schemes.extend(list.split(',').map(|scheme| scheme.trim().to_owned()));
        }
        if let Some(unknown) = schemes.iter().find(|scheme| !registry.has(scheme)) {
            let reason = format!("there is no provider for the demanded scheme `{unknown}`");
            return Err(ConfigError::new(SCHEMES, reason));
        }
        Ok(Self { schemes, keeps_failed_sasl: properties.flag("allowSaslFailedClients", false) })
    }

    /// May this connection send requests? If not, they are answered with `SessionClosedRequireSaslAuth`, and the
    /// connection is closed. Auth and SASL requests are never asked this.
    pub fn allows<'a>(&self, identities: impl IntoIterator<Item = &'a Identity>) -> bool {
        enforce(&self.schemes, identities)
    }

    /// True if nobody may stay without SASL: a failed login is then `SessionClosedRequireSaslAuth`, else `AuthFailed`.
    pub fn requires_sasl(&self) -> bool {
        self.schemes.iter().any(|scheme| scheme == "sasl")
    }

    /// True if a connection whose login by SASL has failed goes on as if it had not tried.
    pub fn keeps_failed_sasl(&self) -> bool {
        self.keeps_failed_sasl && !self.requires_sasl()
    }
}

/// True if one of the identities is of one of the schemes, or no scheme is demanded.
pub fn enforce<'a>(schemes: &[String], identities: impl IntoIterator<Item = &'a Identity>) -> bool {
    schemes.is_empty() || identities.into_iter().any(|identity| schemes.contains(&identity.scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SASL: (&str, &str) =
        ("authProvider.1", "org.apache.zookeeper.server.auth.SASLAuthenticationProvider");

    fn configured(settings: &[(&str, &str)]) -> Result<Enforcement, ConfigError> {
        let properties = settings.iter().copied().collect();
        Enforcement::configure(&properties, &Registry::configure(&properties, false)?)
    }

    #[test]
    fn connections_need_one_of_the_demanded_schemes() {
        let ids = [Identity::new("ip", "::1"), Identity::new("digest", "u:h")];
        assert!(Enforcement::default().allows([]));
        let digest = configured(&[(ENABLED, "true"), (SCHEMES, "sasl, digest"), SASL]).expect("valid");
        assert!(digest.allows(&ids) && !digest.allows(&ids[..1]) && digest.requires_sasl());
        let sasl = configured(&[("sessionRequireClientSASLAuth", "true"), SASL]).expect("valid");
        assert!(!sasl.allows(&ids) && sasl.allows(&[Identity::new("sasl", "bob")]));
        assert!(configured(&[(SCHEMES, "nonsense")]).expect("not enabled").allows([]));
    }

    #[test]
    fn failed_logins_may_stay_only_where_sasl_is_not_required() {
        let stay = ("allowSaslFailedClients", "true");
        assert!(configured(&[stay]).expect("valid").keeps_failed_sasl());
        let required = configured(&[stay, ("sessionRequireClientSASLAuth", "true"), SASL]);
        assert!(!required.expect("valid").keeps_failed_sasl());
    }

    #[test]
    fn what_nobody_could_satisfy_is_refused() {
        assert!(configured(&[(ENABLED, "true")]).is_err());
        assert!(configured(&[(ENABLED, "true"), (SCHEMES, "")]).is_err());
        assert!(configured(&[("sessionRequireClientSASLAuth", "true")]).is_err());
    }
}
