//! Members as they are written on the command line.

use std::str::FromStr;

use menagerie_proto::consensus::Member;
use menagerie_types::NodeId;
use menagerie_types::server::Server;

use crate::cli::Members;
use crate::error::{Error, Result};

/// `N=HOST:PORT`, or the line of a server of a classic ensemble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberSpec {
    /// A member of the split deployment.
    Plain(NodeId, String),
    /// `server.N=...`
    Server(Server),
}

impl FromStr for MemberSpec {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if let Some(rest) = text.strip_prefix("server.") {
            let (id, value) = rest.split_once('=').ok_or("give server.N=HOST:PORT:PORT;CLIENTPORT")?;
            let id = match id.parse() {
                Ok(id @ 1..=255) => id,
                _ => return Err(format!("`{id}` is no id of a server: give a number from 1 to 255")),
            };
            return Server::parse(id, value).map(Self::Server).map_err(|problem| problem.to_string());
        }
        let members: Members = text.parse()?;
        let mut all = members.iter();
        match (all.next(), all.next()) {
            (Some((id, address)), None) => Ok(Self::Plain(id, address.to_owned())),
            _ => Err("give one member at a time".to_owned()),
        }
    }
}

impl MemberSpec {
    /// Its id.
    pub fn id(&self) -> NodeId {
        match self {
            Self::Plain(id, _) => *id,
            Self::Server(server) => NodeId(server.id),
        }
    }

    /// The member as the log keeps it; an error if the cluster's shape is the other one.
    pub fn member(&self, voter: bool, classic: bool) -> Result<Member> {
        match self {
            Self::Plain(id, address) if !classic => {
                Ok(Member { id: *id, address: address.clone(), voter, info: String::new() })
            }
            Self::Plain(id, address) => {
                let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
                Err(Error::command(format!(
                    "this is a classic ensemble, whose members are shown to clients: give the whole line, such as \
                     'server.{id}={address}:3888:participant;{host}:2181'"
                )))
            }
            Self::Server(server) if classic => {
                let server = Server { votes: voter && server.votes, ..server.clone() };
                let (address, info, voter) = (server.quorum_address(), server.to_string(), server.votes);
                Ok(Member { id: NodeId(server.id), address, voter, info })
            }
            Self::Server(server) => Err(Error::command(format!(
                "this is a split deployment, whose members have one address: give {}={}",
                server.id,
                server.quorum_address()
            ))),
        }
    }
}

/// The same member, voting or not; the line that it shows to clients says so, too.
pub fn with_vote(member: &Member, votes: bool) -> Member {
    let line = member.info.split_once('=').and_then(|(_, value)| Server::parse(member.id.0, value).ok());
    let info = line.map_or_else(|| member.info.clone(), |line| Server { votes, ..line }.to_string());
    Member { voter: votes, info, ..member.clone() }
}

/// The id of a member.
pub fn member_id(text: &str) -> std::result::Result<NodeId, String> {
    match text.parse() {
        Ok(id @ 1..) => Ok(NodeId(id)),
        _ => Err("give the member's number; `menagerie admin members` lists them".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> MemberSpec {
        text.parse().expect("a good member")
    }

    #[test]
    fn a_member_is_written_as_its_cluster_has_it() {
        let member = spec("4=d:2888").member(true, false).expect("split");
        assert_eq!(
            (member.id, &*member.address, member.voter, &*member.info),
            (NodeId(4), "d:2888", true, "")
        );
        let line = "server.4=d:2888:3888:participant;0.0.0.0:2181";
        let member = spec(line).member(true, true).expect("classic");
        assert_eq!((&*member.address, member.voter, &*member.info), ("d:2888", true, line));
        let learner = spec(line).member(false, true).expect("classic");
        assert!(!learner.voter && learner.info.contains(":observer;"));
        let problem = spec("4=d:2888").member(true, true).expect_err("no line").to_string();
        assert!(problem.contains("'server.4=d:2888:3888:participant;d:2181'"), "{problem}");
        let problem = spec(line).member(true, false).expect_err("no shape").to_string();
        assert!(problem.ends_with("give 4=d:2888"), "{problem}");
    }

    #[test]
    fn promotion_changes_the_line_too() {
        let learner = spec("server.4=d:1:2:observer;3").member(true, true).expect("classic");
        let voter = with_vote(&learner, true);
        assert!(voter.voter && voter.info.contains(":participant;"), "{voter:?}");
        assert_eq!(with_vote(&voter, false), learner);
    }

    #[test]
    fn what_is_no_member_is_refused() {
        for text in
            ["", "4", "4=d", "0=d:1", "x=d:1", "4=d:1,5=e:1", "server.4", "server.0=a:1:2;3", "server.4=a"]
        {
            assert!(text.parse::<MemberSpec>().is_err(), "{text}");
        }
        assert!(member_id("0").is_err() && member_id("consensus-1").is_err());
    }
}
