//! The `sasl` scheme: logins by DIGEST-MD5 with the users of a JAAS file.

mod directives;
mod exchange;
mod principal;
mod response;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use exchange::{ENTROPY_LEN, Exchange, Step};
use menagerie_types::Identity;
pub(crate) use principal::Principal;

use crate::jaas::{Jaas, JaasError};
use crate::{ConfigError, Properties};

/// Server name and realm of every ZooKeeper.
const SERVER_NAME: &str = "zk-sasl-md5";
/// The identity scheme that carries `letAnySaslUserDoX` to where ACLs are checked. ACLs cannot name it.
pub(crate) const ANY_USER_SCHEME: &str = "sasl-any";
/// Name of the setting that names the JAAS file.
const JAAS_FILE: &str = "java.security.auth.login.config";
const DIGEST_MODULE: &str = "org.apache.zookeeper.server.auth.DigestLoginModule";

/// Who may log in, and as whom.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Server {
    passwords: BTreeMap<String, String>,
    super_password: Option<String>,
    super_users: BTreeSet<String>,
    any_user: Option<String>,
    without_host: bool,
    without_realm: bool,
}

impl Server {
    /// The users of the JAAS file's section that `sasl.serverconfig` names (`Server` unless set). `None` if there is no
    /// such section and nobody asked for it by name: then the server has no SASL.
    ///
    /// `jaas` is the text of the file that `java.security.auth.login.config` names.
    pub fn configure(properties: &Properties, jaas: Option<&str>) -> Result<Option<Self>, ConfigError> {
        let named = properties.get("sasl.serverconfig");
        let section = named.unwrap_or("Server");
        let Some(jaas) = jaas else { return Ok(None) };
        let refuse = |error: JaasError| ConfigError::new(JAAS_FILE, error.to_string());
        let jaas = Jaas::parse(jaas, |name| properties.get(name).map(str::to_owned)).map_err(refuse)?;
        let Some(modules) = jaas.section(section) else {
            return match named {
                Some(_) => Err(ConfigError::new(JAAS_FILE, format!("there is no section `{section}`"))),
                None => Ok(None),
            };
        };
        let mut passwords = BTreeMap::new();
        for module in modules {
            check_module(&module.class)?;
            let users = module.options.iter().filter_map(|(name, password)| {
                name.strip_prefix("user_").map(|user| (user.to_owned(), password.clone()))
            });
            passwords.extend(users);
        }
        Ok(Some(Self { passwords, ..Self::without_users(properties) }))
    }

    fn without_users(properties: &Properties) -> Self {
        let is_super = |name: &str| name == "superUser" || name.starts_with("superUser.");
        let super_users =
            properties.starting_with("superUser").filter(|(name, id)| is_super(name) && !id.is_empty());
        Self {
            passwords: BTreeMap::new(),
            super_password: properties.get("SASLAuthenticationProvider.superPassword").map(str::to_owned),
            super_users: super_users.map(|(_, id)| id.to_owned()).collect(),
            any_user: properties.get("letAnySaslUserDoX").map(str::to_owned),
            without_host: properties.get("kerberos.removeHostFromPrincipal") == Some("true"),
            without_realm: properties.get("kerberos.removeRealmFromPrincipal") == Some("true"),
        }
    }

    fn password(&self, user: &str) -> Option<&str> {
        let password = self.passwords.get(user)?;
        // A password given elsewhere replaces that of the file, but does not make a user of its own.
        let replaced = self.super_password.as_ref().filter(|_| user == "super");
        Some(replaced.unwrap_or(password))
    }

    /// The id that a user who has logged in gets. `None` if the name is no principal.
    ///
    /// There is no default realm. A name with a realm stays as it is: ZooKeeper, which then finds no rule to shorten it
    /// by, takes whatever other id the client asks for.
    fn authorized_id(&self, user: &str) -> Option<String> {
        let Principal { primary, instance, realm } = Principal::parse(user)?;
        if realm.is_some_and(|realm| !realm.is_empty()) {
            return Some(user.to_owned());
        }
        let mut id = primary.to_owned();
        for (sign, part, without) in [('/', instance, self.without_host), ('@', realm, self.without_realm)] {
            if let Some(part) = part.filter(|_| !without) {
                id.push(sign);
                id.push_str(part);
            }
        }
        Some(id)
    }

    /// What a connection gets for a login that is [`Step::Done`].
    pub fn identities(&self, authzid: &str) -> Vec<Identity> {
        let any_user = self.any_user.as_ref().map(|id| Identity::new(ANY_USER_SCHEME, id));
        let is_super = self.super_users.contains(authzid);
        let is_super = is_super.then(|| Identity::new("super", ""));
        [Identity::new("sasl", authzid)].into_iter().chain(is_super).chain(any_user).collect()
    }
}

impl std::fmt::Debug for Server {
    /// Names, no passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("users", &self.passwords.keys()).finish_non_exhaustive()
    }
}

fn check_module(class: &str) -> Result<(), ConfigError> {
    let reason = match class {
        DIGEST_MODULE => return Ok(()),
        _ if class.ends_with(".Krb5LoginModule") => {
            format!(
                "`{class}`: Kerberos (GSSAPI) is not supported; clients can log in by DIGEST-MD5 ({DIGEST_MODULE})"
            )
        }
        _ => format!("login module `{class}` is not supported; {DIGEST_MODULE} is"),
    };
    Err(ConfigError::new(JAAS_FILE, reason))
}
