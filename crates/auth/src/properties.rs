//! Settings by name.

use std::collections::BTreeMap;

const PREFIX: &str = "zookeeper.";

/// System properties and pass-through keys of `zoo.cfg`: names without the prefix `zookeeper.`, whether they were
/// given with it or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

/// A setting that cannot be honoured: the server must not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{property}: {reason}")]
pub struct ConfigError {
    /// Name of the setting, without the prefix.
    pub property: String,
    /// What is wrong with its value.
    pub reason: String,
}

impl ConfigError {
    pub(crate) fn new(property: &str, reason: impl Into<String>) -> Self {
        Self { property: property.to_owned(), reason: reason.into() }
    }
}

impl Properties {
    /// The value of a setting, named with or without the prefix.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name.strip_prefix(PREFIX).unwrap_or(name)).map(String::as_str)
    }

    /// A switch, as Java reads it: on for `true` in any case, off for everything else.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }

    /// The settings whose names begin so, in the order of their names.
    pub fn starting_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .range(prefix.to_owned()..)
            .take_while(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(settings: I) -> Self {
        let unprefixed = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
        Self(settings.into_iter().map(|(name, value)| (unprefixed(name.as_ref()), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_the_same_with_and_without_their_prefix() {
        let settings = Properties::from_iter([
            ("zookeeper.superUser.a", "x"),
            ("superUser", "y"),
            ("superUsers", "z"),
            ("a", "TRUE"),
            ("b", "yes"),
        ]);
        assert_eq!(settings.get("superUser.a"), Some("x"));
        assert!(settings.flag("a", false) && !settings.flag("b", true) && settings.flag("c", true));
        let found: Vec<_> = settings.starting_with("superUser").collect();
        assert_eq!(found, [("superUser", "y"), ("superUser.a", "x"), ("superUsers", "z")]);
    }
}
