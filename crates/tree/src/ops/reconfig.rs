//! Which servers a reconfiguration asks for (reference 2.17; ZooKeeper's `PrepRequestProcessor`).

use std::collections::BTreeMap;

use menagerie_jute::ReconfigRequest;
use menagerie_types::ErrorCode;
use menagerie_types::server::Server;

/// Fewer voters cannot outlive one; ZooKeeper refuses them while `standaloneEnabled` holds.
const VOTERS_MIN: usize = 2;

/// The servers as they shall be, by id, given the text of `/zookeeper/config`.
pub(crate) fn new_servers(
    config: &str,
    request: &ReconfigRequest<'_>,
) -> Result<BTreeMap<u64, Server>, ErrorCode> {
    let servers = match request.new_members {
        Some(all) => parse(all)?,
        None => changed(parse(config)?, request.joining, request.leaving)?,
    };
    if servers.values().filter(|server| server.votes).count() < VOTERS_MIN || has_clash(&servers) {
        return Err(ErrorCode::BadArguments);
    }
    Ok(servers)
}

/// Lines, or parts between commas; other keys than `server.N` (version, group, weight) are passed over.
fn parse(text: &str) -> Result<BTreeMap<u64, Server>, ErrorCode> {
    let mut servers = BTreeMap::new();
    for line in text.split([',', '\n']).map(str::trim).filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once('=').ok_or(ErrorCode::BadArguments)?;
        let Some(id) = key.trim().strip_prefix("server.") else { continue };
        let server = server(id, value)?;
        servers.insert(server.id, server);
    }
    Ok(servers)
}

/// A number that is none is an unexpected exception to ZooKeeper.
fn id(text: &str) -> Result<u64, ErrorCode> {
    text.trim().parse().map_err(|_| ErrorCode::MarshallingError)
}

fn server(number: &str, value: &str) -> Result<Server, ErrorCode> {
    match id(number)? {
        0 => Err(ErrorCode::BadArguments),
        id => Server::parse(id, value).map_err(|_| ErrorCode::BadArguments),
    }
}

fn changed(
    mut servers: BTreeMap<u64, Server>,
    joining: Option<&str>,
    leaving: Option<&str>,
) -> Result<BTreeMap<u64, Server>, ErrorCode> {
    let parts = |list: Option<&'_ str>| -> Vec<String> {
        list.unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(Into::into)
            .collect()
    };
    for part in parts(leaving) {
        servers.remove(&id(&part)?);
    }
    for part in parts(joining) {
        let (key, value) = part.split_once('=').ok_or(ErrorCode::BadArguments)?;
        let server = server(key.rsplit('.').next().unwrap_or(key), value)?;
        // All three ports must be given.
        if server.client.is_none() {
            return Err(ErrorCode::BadArguments);
        }
        servers.insert(server.id, server);
    }
    Ok(servers)
}

fn has_clash(servers: &BTreeMap<u64, Server>) -> bool {
    let mut addresses: Vec<_> = servers.values().map(Server::quorum_address).collect();
    addresses.sort_unstable();
    addresses.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str =
        "server.1=a:1:2:participant;0.0.0.0:3\nserver.2=b:1:2:participant;0.0.0.0:3\nversion=5";

    fn incremental<'a>(joining: Option<&'a str>, leaving: Option<&'a str>) -> ReconfigRequest<'a> {
        ReconfigRequest { joining, leaving, new_members: None, config_id: -1 }
    }

    fn ids(result: Result<BTreeMap<u64, Server>, ErrorCode>) -> Result<Vec<u64>, ErrorCode> {
        result.map(|servers| servers.into_keys().collect())
    }

    #[test]
    fn servers_join_leave_and_are_replaced() {
        let join = incremental(Some("server.3=c:1:2;4, server.4=d:1:2:observer;4"), Some("2"));
        assert_eq!(ids(new_servers(CONFIG, &join)), Ok(vec![1, 3, 4]));
        let all = ReconfigRequest {
            new_members: Some("server.7=x:1:2;3,server.8=y:1:2;3\nversion=9"),
            ..incremental(None, None)
        };
        assert_eq!(ids(new_servers(CONFIG, &all)), Ok(vec![7, 8]));
        assert_eq!(ids(new_servers(CONFIG, &incremental(None, None))), Ok(vec![1, 2]));
    }

    #[test]
    fn what_makes_no_ensemble_is_refused() {
        for (joining, leaving, error) in [
            (None, Some("2"), ErrorCode::BadArguments),
            (None, Some("x"), ErrorCode::MarshallingError),
            (Some("server.3"), None, ErrorCode::BadArguments),
            (Some("server.3=c:1:2"), None, ErrorCode::BadArguments),
            (Some("server.3=c:1;4"), None, ErrorCode::BadArguments),
            (Some("server.3=a:1:2;4"), None, ErrorCode::BadArguments),
            (Some("server.z=c:1:2;4"), None, ErrorCode::MarshallingError),
        ] {
            assert_eq!(ids(new_servers(CONFIG, &incremental(joining, leaving))), Err(error), "{joining:?}");
        }
    }
}
