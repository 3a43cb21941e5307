//! Who the members are, and which of them this is.

use std::path::Path;

use menagerie_types::server::{ROLE_WORDS, Server};

use super::Files;
use crate::error::{Error, Result};
use crate::settings::Settings;

/// As in ZooKeeper, whose session ids carry the server's id in one byte.
const ID_MAX: u64 = 255;
const LIMIT_TICKS_MAX: u32 = 1_000_000;

/// N of a key `server.N`.
pub fn server_number(key: &str) -> Option<&str> {
    key.strip_prefix("server.")
}

/// The servers of the file, or of the file that dynamicConfigFile names.
pub fn servers(source: &Settings, dynamic: Option<&(String, String)>) -> Result<Vec<Server>> {
    let own = servers_of(source)?;
    let Some((name, text)) = dynamic else { return check(source, own) };
    if let Some(property) = source.lines().find(|p| server_number(&p.key).is_some()) {
        return Err(
            source.fault(property, "servers stand in dynamicConfigFile already; remove one of the two")
        );
    }
    let dynamic = Settings::of_file(name, text);
    let known =
        |key: &str| server_number(key).is_some() || key.starts_with("group.") || key.starts_with("weight.");
    if let Some(property) = dynamic.lines().find(|p| !known(&p.key) && p.key != "version") {
        return Err(dynamic.fault(property, "only server.N, group.N and weight.N may stand in this file"));
    }
    check(&dynamic, servers_of(&dynamic)?)
}

fn servers_of(source: &Settings) -> Result<Vec<Server>> {
    if let Some(property) = source.repeated().iter().find(|p| server_number(&p.key).is_some()) {
        return Err(source.fault(property, "this id is there twice; every server has an id of its own"));
    }
    let mut servers = Vec::new();
    for property in source.lines() {
        let Some(number) = server_number(&property.key) else { continue };
        let id = match number.parse() {
            Ok(id @ 1..=ID_MAX) => id,
            _ => {
                return Err(
                    source.fault(property, format!("`{number}` is no id; give one from 1 to {ID_MAX}"))
                );
            }
        };
        if servers.iter().any(|server: &Server| server.id == id) {
            return Err(source.fault(property, "this id is there twice; every server has an id of its own"));
        }
        let server = Server::parse(id, &property.value).map_err(|problem| source.fault(property, problem))?;
        if let Some(other) = servers.iter().find(|other| other.quorum_address() == server.quorum_address()) {
            let problem = format!("{} is server.{}'s address already", server.quorum_address(), other.id);
            return Err(source.fault(property, problem));
        }
        servers.push(server);
    }
    servers.sort_by_key(|server| server.id);
    Ok(servers)
}

fn check(source: &Settings, servers: Vec<Server>) -> Result<Vec<Server>> {
    let voters = servers.iter().filter(|server| server.votes).count();
    if !servers.is_empty() && voters == 0 {
        return Err(source.fault_of("server.N", "all servers are observers; make at least one a participant"));
    }
    let standalone = source.flag("standaloneEnabled")?.unwrap_or(true);
    if standalone && voters == 1 && servers.len() > 1 {
        let problem = "observers need a quorum; list three participants, or set standaloneEnabled=false for a quorum of one";
        return Err(source.fault_of("server.N", problem));
    }
    Ok(servers)
}

/// This member's id from `dataDir/myid`, which an ensemble requires. One listed server needs no such file.
pub fn my_id(source: &Settings, servers: &[Server], files: &Files<'_>, data_dir: &Path) -> Result<u64> {
    match servers {
        [] => return Ok(1),
        [only] if source.flag("standaloneEnabled")?.unwrap_or(true) => return Ok(only.id),
        _ => {}
    }
    let path = data_dir.join("myid");
    let fault = |problem: String| Error::config(path.display().to_string(), problem);
    let text = (files.my_id)(&path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let listed = servers.iter().map(|server| server.id.to_string()).collect::<Vec<_>>().join(", ");
    let Some(text) = text else {
        return Err(fault(format!("is missing; write this server's number into it, one of {listed}")));
    };
    let id: u64 = match text.trim().parse() {
        Ok(id) => id,
        Err(_) => return Err(fault(format!("`{}` is not a number; write one of {listed}", text.trim()))),
    };
    if servers.iter().any(|server| server.id == id) {
        return Ok(id);
    }
    Err(fault(format!(
        "{id} is not among the servers of {}, which are {listed}; correct one of the two",
        files.name
    )))
}

/// initLimit and syncLimit are required in an ensemble, as ZooKeeper does. Raft has timeouts of its own instead.
pub fn check_limits(source: &Settings, servers: usize) -> Result<()> {
    for (key, example) in [("initLimit", 10), ("syncLimit", 5)] {
        let ticks = source.number(key, 0..=LIMIT_TICKS_MAX)?.unwrap_or(0);
        if ticks == 0 && servers > 1 {
            let problem = format!("an ensemble needs it; give {key}={example}");
            return Err(source.fault_of(key, problem));
        }
    }
    Ok(())
}

/// peerType, if given, must be a role. The server list wins, as in ZooKeeper.
pub fn check_role(source: &Settings, me: Option<&Server>) -> Result<()> {
    let Some(property) = source.get("peerType") else { return Ok(()) };
    match ROLE_WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(&property.value)) {
        None => {
            Err(source.fault(property, format!("`{}` is neither participant nor observer", property.value)))
        }
        Some((_, false)) if me.is_none_or(|me| me.votes) => Err(source
            .fault(property, "this server's line does not end in :observer; add that, or remove peerType")),
        Some(_) => Ok(()),
    }
}
