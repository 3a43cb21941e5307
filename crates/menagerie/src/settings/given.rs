//! Settings from the command line and the environment.

use super::keys::{self, Fate, fate};
use super::{PREFIX, Setting, without_prefix};
use crate::error::{Error, Result};

/// The variables in which users of zkServer.sh have their system properties; what comes later wins.
const JVM_FLAGS: [&str; 2] = ["SERVER_JVMFLAGS", "JVMFLAGS"];
const VARIABLE_PREFIX: &str = "MENAGERIE_";

/// What is set outside of zoo.cfg; what comes later wins.
#[derive(Clone, Debug, Default)]
pub struct Given {
    settings: Vec<Setting>,
    /// Those from here on are arguments.
    arguments_from: usize,
}

impl Given {
    /// The environment below `arguments`, each `NAME=VALUE` as it stood behind `-D`.
    pub fn new(arguments: &[String], variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut settings = Vec::new();
        for name in JVM_FLAGS {
            settings.extend(jvm_flags(name, &variable(name).unwrap_or_default()));
        }
        for key in keys::honoured() {
            let name = variable_of(key);
            if let Some(value) = variable(&name) {
                settings.push(Setting { key: key.to_owned(), value: value.trim().to_owned(), place: name });
            }
        }
        let arguments_from = settings.len();
        for argument in arguments {
            let place = format!("-D{argument}");
            let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
            if name.trim().is_empty() {
                return Err(Error::config(place, "has no name; give -Dname=value"));
            }
            let key = without_prefix(name.trim()).to_owned();
            settings.push(Setting { key, value: value.trim().to_owned(), place: format!("-D{name}") });
        }
        Ok(Self { settings, arguments_from })
    }

    /// What comes later wins.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// True for one of the settings that was typed for this very process.
    pub fn is_argument(&self, setting: &Setting) -> bool {
        self.settings[self.arguments_from..].contains(setting)
    }
}

/// The system properties among flags for a Java virtual machine, split as the shell splits them in zkServer.sh. What is
/// the machine's own is passed over, and so is what no ZooKeeper knows under another prefix than its own.
fn jvm_flags(variable: &str, flags: &str) -> Vec<Setting> {
    let properties = flags.split_whitespace().filter_map(|word| word.strip_prefix("-D"));
    let settings = properties.map(|property| {
        let (name, value) = property.split_once('=').unwrap_or((property, ""));
        let place = format!("{variable}: -D{name}");
        (name, Setting { key: without_prefix(name).to_owned(), value: value.to_owned(), place })
    });
    let concerns = |(name, setting): &(&str, Setting)| {
        name.starts_with(PREFIX) || matches!(fate(&setting.key), Ok(Fate::Honoured(_)))
    };
    settings.filter(concerns).map(|(_, setting)| setting).collect()
}

/// `MENAGERIE_` and the key in capitals, its words parted by underscores: `MENAGERIE_MAX_CLIENT_CNXNS`.
fn variable_of(key: &str) -> String {
    let mut name = VARIABLE_PREFIX.to_owned();
    let mut after_small = false;
    for c in key.chars() {
        if c.is_ascii_uppercase() && after_small {
            name.push('_');
        }
        after_small = c.is_ascii_lowercase() || c.is_ascii_digit();
        name.push(if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(arguments: &[&str], variables: &[(&str, &str)]) -> Vec<(String, String, String)> {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let given = Given::new(&arguments, variable).expect("good arguments");
        given.settings().iter().map(|s| (s.key.clone(), s.value.clone(), s.place.clone())).collect()
    }

    #[test]
    fn arguments_may_have_the_prefix_and_need_no_value() {
        let expected = |key: &str, value: &str, place: &str| vec![(key.into(), value.into(), place.into())];
        assert_eq!(given(&["zookeeper.skipACL=yes"], &[]), expected("skipACL", "yes", "-Dzookeeper.skipACL"));
        assert_eq!(given(&["a=b=c"], &[]), expected("a", "b=c", "-Da"));
        assert_eq!(given(&["a"], &[]), expected("a", "", "-Da"));
        assert!(Given::new(&["=x".into()], |_| None).is_err());
    }

    #[test]
    fn the_virtual_machines_own_flags_are_passed_over() {
        let flags =
            "-Xmx1g -Dzookeeper.enforceQuota=true -Djava.awt.headless=true -Djute.maxbuffer=99 -XX:+UseG1GC";
        let found = given(&[], &[("JVMFLAGS", flags), ("SERVER_JVMFLAGS", "-Djute.maxbuffer=98")]);
        let found: Vec<_> = found.iter().map(|(key, value, _)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, [("jute.maxbuffer", "98"), ("enforceQuota", "true"), ("jute.maxbuffer", "99")]);
    }

    #[test]
    fn every_honoured_key_has_a_variable() {
        let names = [
            ("maxClientCnxns", "MENAGERIE_MAX_CLIENT_CNXNS"),
            ("jute.maxbuffer", "MENAGERIE_JUTE_MAXBUFFER"),
            ("skipACL", "MENAGERIE_SKIP_ACL"),
            ("ssl.keyStore.location", "MENAGERIE_SSL_KEY_STORE_LOCATION"),
            ("X509AuthenticationProvider.superUser", "MENAGERIE_X509_AUTHENTICATION_PROVIDER_SUPER_USER"),
        ];
        for (key, name) in names {
            assert_eq!(variable_of(key), name);
            assert_eq!(given(&[], &[(name, " 1 ")]), [(key.into(), "1".into(), name.into())]);
        }
    }
}
