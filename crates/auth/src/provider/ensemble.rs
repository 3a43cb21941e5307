//! The `ensemble` scheme: a client names the ensemble that it wants to talk to (ZooKeeper's
//! `EnsembleAuthenticationProvider`). It makes nobody anybody.

use std::collections::BTreeSet;

use crate::{AuthFailed, Properties, text};

/// The provider of the `ensemble` scheme.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ensemble {
    /// `None`: every name will do.
    names: Option<BTreeSet<String>>,
}

impl Ensemble {
    pub(super) fn configure(properties: &Properties) -> Self {
        let names = |list: &str| list.split(',').map(|name| name.trim().to_owned()).collect();
        Self { names: properties.get("ensembleAuthName").map(names) }
    }

    pub(super) fn check(&self, auth: &[u8]) -> Result<(), AuthFailed> {
        let Some(names) = &self.names else { return Ok(()) };
        if auth.is_empty() || names.contains(&text::decode(auth)[..]) {
            return Ok(());
        }
        Err(AuthFailed::WrongEnsemble)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_sent_elsewhere() {
        let ensemble = Ensemble::configure(&Properties::from_iter([("ensembleAuthName", "a, b")]));
        assert_eq!(ensemble.check(b"b"), Ok(()));
        assert_eq!(ensemble.check(b""), Ok(()));
        assert_eq!(ensemble.check(b"c"), Err(AuthFailed::WrongEnsemble));
        assert_eq!(Ensemble::default().check(b"c"), Ok(()));
    }
}
