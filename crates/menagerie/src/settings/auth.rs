//! Who clients may be: providers, SASL users, what is demanded.

use menagerie_auth::{ConfigError, Enforcement, Properties, Registry, SaslServer};
use menagerie_gateway::GatewayOptions;

use super::Settings;
use crate::error::{Error, Result};

const JAAS_FILE: &str = "java.security.auth.login.config";
/// A list of users is no longer than this.
const JAAS_BYTES_MAX: u64 = 1024 * 1024;

/// Switches that the providers read for themselves; whatever is not true would be off for them.
const SWITCHES: [&str; 6] = [
    "DigestAuthenticationProvider.enabled",
    "kerberos.removeHostFromPrincipal",
    "kerberos.removeRealmFromPrincipal",
    "enforce.auth.enabled",
    "sessionRequireClientSASLAuth",
    "allowSaslFailedClients",
];

/// Sets what is set.
pub fn apply(options: &mut GatewayOptions, settings: &Settings) -> Result<()> {
    for key in SWITCHES {
        settings.flag(key)?;
    }
    let fault = |error: ConfigError| settings.fault_of(&error.property, error.reason);
    let properties: Properties = settings.iter().map(|s| (s.key.as_str(), s.value.as_str())).collect();
    let secure = options.secure.is_some();
    options.registry = Registry::configure(&properties, secure).map_err(fault)?;
    options.sasl = SaslServer::configure(&properties, jaas(settings)?.as_deref()).map_err(fault)?;
    options.enforcement = Enforcement::configure(&properties, &options.registry).map_err(fault)?;
    Ok(())
}

fn jaas(settings: &Settings) -> Result<Option<String>> {
    let Some(setting) = settings.get(JAAS_FILE) else { return Ok(None) };
    // Java takes a URL as well.
    let path = setting.value.strip_prefix("file:").unwrap_or(&setting.value);
    let fail = |problem: String| Error::config(&setting.place, format!("{path}: {problem}"));
    let size = std::fs::metadata(path).map_err(|error| fail(format!("cannot be read: {error}")))?.len();
    if size > JAAS_BYTES_MAX {
        return Err(fail(format!("{size} bytes are more than any list of users has")));
    }
    std::fs::read_to_string(path).map(Some).map_err(|error| fail(format!("cannot be read: {error}")))
}
