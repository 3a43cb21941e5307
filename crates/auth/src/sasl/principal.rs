//! Kerberos principal names, to whose form `sasl` ids are held (ZooKeeper's `KerberosName`).

/// `primary[/instance][@REALM]`. Without a realm everything is the primary, slashes too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Principal<'a> {
    pub(crate) primary: &'a str,
    pub(crate) instance: Option<&'a str>,
    pub(crate) realm: Option<&'a str>,
}

impl<'a> Principal<'a> {
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        let Some((local, realm)) = name.split_once('@') else {
            return Some(Self { primary: name, instance: None, realm: None });
        };
        let (primary, instance) = match local.split_once('/') {
            Some((primary, instance)) => (primary, Some(instance)),
            None => (local, None),
        };
        let simple = |part: &str| !part.contains(['/', '@']);
        let is_principal = simple(realm) && instance.is_none_or(simple);
        is_principal.then_some(Self { primary, instance, realm: Some(realm) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let principal = |primary, instance, realm| Some(Principal { primary, instance, realm });
        assert_eq!(Principal::parse("a/h@R"), principal("a", Some("h"), Some("R")));
        assert_eq!(Principal::parse("a@"), principal("a", None, Some("")));
        assert_eq!(Principal::parse("a/b/c"), principal("a/b/c", None, None));
        assert_eq!(Principal::parse(""), principal("", None, None));
        for bad in ["a@b@c", "a/b/c@d", "a@b/c"] {
            assert_eq!(Principal::parse(bad), None, "{bad}");
        }
    }
}
