//! Lists of members on the command line: `1=host:port,2=host:port`.

use std::collections::BTreeMap;
use std::str::FromStr;

use menagerie_types::NodeId;

use crate::error::{Error, Result};

/// Far above any sensible ensemble.
const MEMBERS_MAX: usize = 64;

/// Members by id, each with its `host:port`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(BTreeMap<NodeId, String>);

/// Where the session trackers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trackers {
    /// These.
    List(Members),
    /// Every address that this `host:port` resolves to.
    Dns(String),
}

impl Members {
    /// Members in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &str)> {
        self.0.iter().map(|(id, address)| (*id, address.as_str()))
    }

    /// Where the member is; none if it is not listed.
    pub fn get(&self, id: NodeId) -> Option<&str> {
        self.0.get(&id).map(String::as_str)
    }

    /// An error unless `id` is listed; `flag` is the list's name.
    pub(super) fn require(&self, flag: &str, id: NodeId) -> Result<()> {
        if self.0.contains_key(&id) {
            return Ok(());
        }
        let ids: Vec<String> = self.0.keys().map(ToString::to_string).collect();
        let problem = format!(
            "{id} is not in {flag}, which lists {}; change --id, add {id}=HOST:PORT to found a new ensemble with it, or give --join to wait for `menagerie admin add`",
            ids.join(", ")
        );
        Err(Error::config("--id", problem))
    }
}

impl FromIterator<(NodeId, String)> for Members {
    fn from_iter<I: IntoIterator<Item = (NodeId, String)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

impl FromStr for Members {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let mut members = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (id, address) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is not ID=HOST:PORT"))?;
            let id: u32 = id
                .trim()
                .parse()
                .map_err(|_| format!("`{}` is no id: give a number from 1 on", id.trim()))?;
            if id == 0 {
                return Err("ids begin at 1".to_owned());
            }
            let address = host_port(address.trim())?;
            if members.values().any(|known| *known == address) {
                return Err(format!("{address} is there twice"));
            }
            if members.insert(NodeId(id.into()), address).is_some() {
                return Err(format!("id {id} is there twice"));
            }
        }
        match members.len() {
            0 => Err("give at least one ID=HOST:PORT".to_owned()),
            1..=MEMBERS_MAX => Ok(Self(members)),
            n => Err(format!("{n} members are more than {MEMBERS_MAX}")),
        }
    }
}

impl FromStr for Trackers {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.strip_prefix("dns:") {
            Some(name) => Ok(Self::Dns(host_port(name)?)),
            None => text.parse().map(Self::List),
        }
    }
}

/// Checks the shape of `host:port` (an IPv6 host stands in brackets).
pub(super) fn host_port(text: &str) -> std::result::Result<String, String> {
    let wrong = || format!("`{text}` is not HOST:PORT, such as 127.0.0.1:2888 or [::1]:2888");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
    let plain = !host.is_empty() && !host.contains([':', '[', ']', '/', '@', ' ']);
    match port.parse::<u16>() {
        Ok(1..) if bracketed || plain => Ok(text.to_owned()),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_listed_by_id_whatever_their_order() {
        let members: Members = "2=b:2,1=a:1, 3=[::1]:3,".parse().expect("a good list");
        let listed: Vec<_> = members.iter().map(|(id, address)| (id.0, address)).collect();
        assert_eq!(listed, [(1, "a:1"), (2, "b:2"), (3, "[::1]:3")]);
    }

    #[test]
    fn faults_of_a_list_are_named() {
        let cases = [
            ("", "at least one"),
            ("a:1", "`a:1` is not ID=HOST:PORT"),
            ("x=a:1", "`x` is no id"),
            ("0=a:1", "begin at 1"),
            ("1=a:1,1=b:1", "id 1 is there twice"),
            ("1=a:1,2=a:1", "a:1 is there twice"),
            ("1=a", "`a` is not HOST:PORT"),
            ("1=a:0", "not HOST:PORT"),
            ("1=a:65536", "not HOST:PORT"),
            ("1=::1:2888", "not HOST:PORT"),
            ("1=http://a:1", "not HOST:PORT"),
        ];
        for (text, expected) in cases {
            let problem = text.parse::<Members>().expect_err(text);
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }

    #[test]
    fn trackers_come_from_a_list_or_a_name() {
        assert_eq!("dns:session-tracker:2888".parse(), Ok(Trackers::Dns("session-tracker:2888".into())));
        assert!(matches!("1=a:1".parse(), Ok(Trackers::List(_))));
        assert!("dns:session-tracker".parse::<Trackers>().is_err());
    }

    #[test]
    fn a_member_that_is_not_listed_is_told_what_to_add() {
        let members: Members = "1=a:1,2=b:1".parse().expect("a good list");
        assert!(members.require("--peers", NodeId(2)).is_ok());
        let problem = members.require("--peers", NodeId(3)).expect_err("3 is not there").to_string();
        assert_eq!(
            problem,
            "--id: 3 is not in --peers, which lists 1, 2; change --id, add 3=HOST:PORT to found a new ensemble with it, or give --join to wait for `menagerie admin add`"
        );
    }
}
