//! A member's settings from ZooKeeper's configuration file, with ZooKeeper's defaults and its own checks.
//!
//! Every key that ZooKeeper knows is honoured or answered with one warning; any other key is an error. Reading the
//! files is [`mod@load`]; everything else is a function of their text.

mod ensemble;
mod load;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use load::load;
pub use menagerie_types::server::{Server, authority};

use crate::error::Result;
use crate::settings::{Given, Settings, session_timeouts};

/// ZooKeeper's default where the file does not say.
const TICK_TIME_MS: u32 = 3000;
const MILLISECONDS_MAX: u32 = 86_400_000;
const ADMIN_PORT: u16 = 8080;
const ANY_ADDRESS: &str = "0.0.0.0";

/// A `host:port` that is resolved later, and the setting it comes from, for when it does not resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `host:port`.
    pub text: String,
    /// File, line and key.
    pub place: String,
}

/// What zoo.cfg says, with defaults filled in.
#[derive(Clone, Debug)]
pub struct ZooConfig {
    /// Everything that is set.
    pub settings: Settings,
    /// Checkpoints, and the file myid. As written: may be relative.
    pub data_dir: PathBuf,
    /// The log.
    pub data_log_dir: PathBuf,
    /// False: both directories must be there already.
    pub create_dirs: bool,
    /// Where clients connect without TLS, unless they must use it.
    pub client_addr: Option<Address>,
    /// Milliseconds.
    pub tick_time_ms: u32,
    /// Smallest session timeout granted.
    pub min_session_timeout_ms: u32,
    /// Largest session timeout granted.
    pub max_session_timeout_ms: u32,
    /// The admin server, unless it is switched off.
    pub admin_addr: Option<Address>,
    /// Where gRPC clients connect.
    pub grpc_addr: Option<Address>,
    /// Listen for members on every interface, whatever server.N says.
    pub quorum_on_all_addresses: bool,
    /// The ensemble; a single member alone if empty.
    pub servers: Vec<Server>,
    /// Which of `servers` this is; 1 if there are none.
    pub my_id: u64,
    /// standaloneEnabled=false: one listed server is an ensemble too.
    pub quorum_of_one: bool,
    /// This member founds nothing; it waits to be added to an ensemble that exists.
    pub joins: bool,
    /// To be logged, one line each.
    pub warnings: Vec<String>,
}

impl ZooConfig {
    /// True for a member that can be called by others: there are some, or `standaloneEnabled=false` says that there
    /// may be.
    pub fn is_ensemble(&self) -> bool {
        self.servers.len() > 1 || self.servers.len() == 1 && self.quorum_of_one
    }

    /// This member among `servers`.
    pub fn me(&self) -> Option<&Server> {
        self.servers.iter().find(|server| server.id == self.my_id)
    }
}

/// What the files say.
pub struct Files<'a> {
    /// Name of the configuration file, for messages.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Name and text of the file that dynamicConfigFile names.
    pub dynamic: Option<(String, String)>,
    /// What is set elsewhere.
    pub given: &'a Given,
    /// Reads myid in the data directory: `None` if there is no such file.
    pub my_id: &'a dyn Fn(&Path) -> std::io::Result<Option<String>>,
}

/// Checks everything that the files say and fills in the defaults.
pub fn parse(files: &Files<'_>) -> Result<ZooConfig> {
    let source = Settings::with_file(files.given, files.name, files.text)?;
    let warnings = source.warnings()?;
    reject_unsafe(&source)?;
    let servers = ensemble::servers(&source, files.dynamic.as_ref())?;
    let data_dir = PathBuf::from(required(
        &source,
        "dataDir",
        "the directory for data, such as dataDir=/var/lib/menagerie",
    )?);
    let my_id = ensemble::my_id(&source, &servers, files, &data_dir)?;
    let tick_time_ms = source.number("tickTime", 1..=MILLISECONDS_MAX)?.unwrap_or(TICK_TIME_MS);
    let (min_session_timeout_ms, max_session_timeout_ms) = session_timeouts(&source, tick_time_ms)?;
    ensemble::check_limits(&source, servers.len())?;
    let me = servers.iter().find(|server| server.id == my_id);
    ensemble::check_role(&source, me)?;
    Ok(ZooConfig {
        data_log_dir: source.text("dataLogDir").map_or_else(|| data_dir.clone(), PathBuf::from),
        data_dir,
        create_dirs: source.flag("datadir.autocreate")?.unwrap_or(true),
        client_addr: client_addr(&source, me)?,
        tick_time_ms,
        min_session_timeout_ms,
        max_session_timeout_ms,
        admin_addr: admin_addr(&source)?,
        grpc_addr: grpc_addr(&source)?,
        quorum_on_all_addresses: source.flag("quorumListenOnAllIPs")?.unwrap_or(false),
        quorum_of_one: !source.flag("standaloneEnabled")?.unwrap_or(true),
        joins: source.flag("menagerie.join")?.unwrap_or(false),
        servers,
        my_id,
        warnings,
        settings: source,
    })
}

/// Settings that ask for less safety than this server gives are refused, not ignored.
fn reject_unsafe(source: &Settings) -> Result<()> {
    let cases = [
        ("forceSync", "this server always syncs its log before it acknowledges; remove the line"),
        ("leaderServes", "every member serves clients; remove the line"),
    ];
    for (key, problem) in cases {
        if source.yes(key)? == Some(false) {
            return Err(source.fault_of(key, problem));
        }
    }
    match source.get("electionAlg") {
        Some(property) if property.value != "3" => {
            Err(source.fault(property, "only 3 is known; remove the line"))
        }
        _ => Ok(()),
    }
}

fn required<'a>(source: &'a Settings, key: &str, what: &str) -> Result<&'a str> {
    source.text(key).ok_or_else(|| source.fault_of(key, format!("is missing; give {what}")))
}

/// clientPort of the file and of this member's server line must agree, as in ZooKeeper.
fn client_addr(source: &Settings, me: Option<&Server>) -> Result<Option<Address>> {
    let stated = source.number("clientPort", 0..=u16::MAX)?;
    let of_line = me.and_then(|me| me.client.as_ref());
    if let (Some(port), Some(line), Some(property)) = (stated, of_line, source.get("clientPort"))
        && port != line.port
    {
        let problem = format!(
            "{port} is not {}, the port behind the semicolon of this member's server line",
            line.port
        );
        return Err(source.fault(property, problem));
    }
    let Some(port) = of_line.map(|line| line.port).or(stated) else {
        if let (Some(property), None) = (source.get("clientPortAddress"), stated) {
            return Err(source.fault(property, "clientPort is missing; give clientPort=2181"));
        }
        if source.get("secureClientPort").is_some() {
            return Ok(None);
        }
        return Err(
            source.fault_of("clientPort", "is missing; give the port for clients, such as clientPort=2181")
        );
    };
    let host = of_line.and_then(|line| line.host.as_deref()).or(source.text("clientPortAddress"));
    let place = source.place_of("clientPortAddress");
    Ok(Some(Address { text: authority(host.unwrap_or(ANY_ADDRESS), port), place }))
}

fn admin_addr(source: &Settings) -> Result<Option<Address>> {
    if !source.flag("admin.enableServer")?.unwrap_or(true) {
        return Ok(None);
    }
    let port = source.number("admin.serverPort", 0..=u16::MAX)?.unwrap_or(ADMIN_PORT);
    let text = authority(source.text("admin.serverAddress").unwrap_or(ANY_ADDRESS), port);
    Ok(Some(Address { text, place: source.place_of("admin.serverAddress") }))
}

fn grpc_addr(source: &Settings) -> Result<Option<Address>> {
    let Some(property) = source.get("menagerie.grpcAddress") else { return Ok(None) };
    match property.value.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(Some(Address { text: property.value.clone(), place: property.place.clone() }))
        }
        _ => Err(source.fault(property, "give host:port, such as 0.0.0.0:2182")),
    }
}
