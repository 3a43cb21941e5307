//! `server.N=host:quorumPort:electionPort[:role][;[clientHost:]clientPort[;...]]`: a line of zoo.cfg, of a
//! reconfiguration, and of `/zookeeper/config`.

use std::fmt;

/// Words for the role of a server, and whether it votes.
pub const ROLE_WORDS: [(&str, bool); 2] = [("participant", true), ("observer", false)];
/// Any interface, as ZooKeeper writes it.
const ANY_ADDRESS: &str = "0.0.0.0";

/// One `server.N` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// N.
    pub id: u64,
    /// Name or address, without brackets.
    pub host: String,
    /// Where members talk to one another.
    pub quorum_port: u16,
    /// Where ZooKeeper's elections are held; not used here, but part of the line.
    pub election_port: u16,
    /// False for an observer.
    pub votes: bool,
    /// What stands behind the semicolon: where clients connect.
    pub client: Option<ClientPort>,
}

/// Where a server takes clients, if its line says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPort {
    /// Any interface, if not said.
    pub host: Option<String>,
    /// The port.
    pub port: u16,
}

impl Server {
    /// Parses the value of `server.<id>`.
    pub fn parse(id: u64, value: &str) -> Result<Self, String> {
        let mut parts = value.split(';');
        // Of several addresses (multiAddress) the first is used.
        let address = parts.next().unwrap_or_default().split('|').next().unwrap_or_default();
        let client = parts.next().map(str::trim).filter(|client| !client.is_empty());
        let (host, rest) = split_host(address.trim())?;
        let fields: Vec<&str> = rest.split(':').map(str::trim).collect();
        let (quorum, election, role) = match fields[..] {
            [quorum, election] => (quorum, election, "participant"),
            [quorum, election, role] => (quorum, election, role),
            _ => return Err(shape()),
        };
        let (quorum_port, election_port) = (port(quorum)?, port(election)?);
        if quorum_port == election_port {
            return Err(format!("both ports are {quorum_port}; give two different ports"));
        }
        let role = ROLE_WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(role));
        let (_, votes) =
            role.ok_or_else(|| format!("role `{}` is neither participant nor observer", fields[2]))?;
        let client = client.map(ClientPort::parse).transpose()?;
        Ok(Self { id, host, quorum_port, election_port, votes: *votes, client })
    }

    /// `host:port` of the quorum port, as an authority.
    pub fn quorum_address(&self) -> String {
        authority(&self.host, self.quorum_port)
    }
}

/// The line as ZooKeeper writes it into `/zookeeper/config`.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.votes { ROLE_WORDS[0].0 } else { ROLE_WORDS[1].0 };
        let (quorum, election) = (self.quorum_address(), self.election_port);
        write!(f, "server.{}={quorum}:{election}:{role}", self.id)?;
        match &self.client {
            Some(client) => {
                write!(f, ";{}", authority(client.host.as_deref().unwrap_or(ANY_ADDRESS), client.port))
            }
            None => Ok(()),
        }
    }
}

impl ClientPort {
    fn parse(text: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            None => Ok(Self { host: None, port: port(text)? }),
            Some((host, number)) => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                Ok(Self { host: Some(host.to_owned()), port: port(number)? })
            }
        }
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn shape() -> String {
    "give host:quorumPort:electionPort, such as zoo1:2888:3888".to_owned()
}

fn split_host(address: &str) -> Result<(String, &str), String> {
    let (host, rest) = match address.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once("]:").ok_or_else(shape)?,
        None => address.split_once(':').ok_or_else(shape)?,
    };
    if host.is_empty() { Err(shape()) } else { Ok((host.to_owned(), rest)) }
}

fn port(text: &str) -> Result<u16, String> {
    match text.trim().parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err(format!("`{}` is not a port; {}", text.trim(), shape())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_server_line_are_understood() {
        let plain = Server {
            id: 1,
            host: "zoo1".into(),
            quorum_port: 2888,
            election_port: 3888,
            votes: true,
            client: None,
        };
        assert_eq!(Server::parse(1, "zoo1:2888:3888"), Ok(plain.clone()));
        assert_eq!(Server::parse(1, " zoo1:2888:3888:participant"), Ok(plain.clone()));
        assert_eq!(Server::parse(1, "zoo1:2888:3888|zoo9:1:2"), Ok(plain.clone()));
        assert_eq!(Server::parse(1, "zoo1:2888:3888;;2281"), Ok(plain.clone()));
        let observer = Server { votes: false, ..plain.clone() };
        assert_eq!(Server::parse(1, "zoo1:2888:3888:OBSERVER"), Ok(observer));
        let client = Some(ClientPort { host: None, port: 2181 });
        assert_eq!(Server::parse(1, "zoo1:2888:3888;2181"), Ok(Server { client, ..plain.clone() }));
        let client = Some(ClientPort { host: Some("10.0.0.1".into()), port: 2181 });
        assert_eq!(
            Server::parse(1, "zoo1:2888:3888:participant;10.0.0.1:2181"),
            Ok(Server { client, ..plain.clone() })
        );
        let v6 = Server::parse(1, "[::1]:2888:3888;[::]:2181").expect("IPv6");
        assert_eq!(
            (v6.quorum_address().as_str(), v6.client.and_then(|c| c.host)),
            ("[::1]:2888", Some("::".into()))
        );
    }

    #[test]
    fn lines_are_written_as_zookeeper_writes_them() {
        for (given, written) in [
            ("zoo1:2888:3888", "server.7=zoo1:2888:3888:participant"),
            ("zoo1:2888:3888:observer;2181", "server.7=zoo1:2888:3888:observer;0.0.0.0:2181"),
            ("[::1]:2888:3888;[::1]:2181", "server.7=[::1]:2888:3888:participant;[::1]:2181"),
        ] {
            assert_eq!(Server::parse(7, given).map(|server| server.to_string()), Ok(written.to_owned()));
        }
    }

    #[test]
    fn faults_of_a_server_line_are_named() {
        let cases = [
            ("zoo1", "host:quorumPort:electionPort"),
            ("zoo1:2888", "host:quorumPort:electionPort"),
            (":2888:3888", "host:quorumPort:electionPort"),
            ("zoo1:x:3888", "`x` is not a port"),
            ("zoo1:2888:70000", "`70000` is not a port"),
            ("zoo1:2888:2888", "both ports are 2888"),
            ("zoo1:2888:3888:leader", "role `leader`"),
            ("zoo1:2888:3888;x", "`x` is not a port"),
            ("zoo1:2888:3888:observer:1", "host:quorumPort:electionPort"),
        ];
        for (value, expected) in cases {
            let problem = Server::parse(1, value).expect_err(value);
            assert!(problem.contains(expected), "{value}: {problem}");
        }
    }
}
