//! The flags of each role. Every default stands here.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::four_letter_words::FourLetterWords;
use super::members::{Members, Trackers, host_port};
use super::node_name::{NodeName, fixed, fixed_or_random};
use crate::error::{Error, Result};
use crate::settings::{Given, Settings, session_timeouts};

/// Sessions last 2 to 20 ticks unless said otherwise, as in ZooKeeper.
const MIN_TIMEOUT_TICKS: u32 = 2;
const MAX_TIMEOUT_TICKS: u32 = 20;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object for each line
    Json,
}

/// Flags of logging, the same for every role.
#[derive(Clone, Debug, Args)]
pub struct Logging {
    /// Form of the log lines (on stderr)
    #[arg(long, env = "MENAGERIE_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// error, warn, info, debug or trace, or a filter such as info,menagerie_gateway=debug; RUST_LOG comes first
    #[arg(long, env = "MENAGERIE_LOG_LEVEL", value_name = "LEVEL", default_value = "info", value_parser = log_level)]
    pub log_level: String,
}

/// System properties by ZooKeeper's names.
#[derive(Clone, Debug, Args)]
pub struct Properties {
    /// A setting by ZooKeeper's name, such as -Dzookeeper.enforceQuota=true; may be given several times
    #[arg(short = 'D', long = "property", value_name = "NAME=VALUE")]
    pub properties: Vec<String>,
}

impl Properties {
    /// Together with the environment.
    pub fn given(&self) -> Result<Given> {
        Given::new(&self.properties, |name| std::env::var(name).ok())
    }
}

/// Flags that every component has.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// TOML file with the same settings (data-dir = "..."); flags and variables come first
    #[arg(long, short = 'c', env = "MENAGERIE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to listen for the other components, and for gRPC health checks
    #[arg(long, env = "MENAGERIE_LISTEN", value_name = "ADDR:PORT", required = true, value_parser = address)]
    pub listen: SocketAddr,
    /// Where to serve /metrics, /healthz, /readyz and /status over HTTP; nowhere if not given
    #[arg(long, env = "MENAGERIE_ADMIN_ADDR", value_name = "ADDR:PORT", value_parser = address)]
    pub admin_addr: Option<SocketAddr>,
    /// Logging.
    #[command(flatten)]
    pub logging: Logging,
}

/// `menagerie standalone`.
#[derive(Clone, Debug, Args)]
pub struct StandaloneArgs {
    /// Where the data is; made if missing
    #[arg(long, env = "MENAGERIE_DATA_DIR", value_name = "DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// Where to serve ZooKeeper clients
    #[arg(long, env = "MENAGERIE_CLIENT_ADDR", value_name = "ADDR:PORT", default_value = "127.0.0.1:2181", value_parser = address)]
    pub client_addr: SocketAddr,
    /// Where to serve gRPC clients
    #[arg(long, env = "MENAGERIE_GRPC_ADDR", value_name = "ADDR:PORT", default_value = "127.0.0.1:2182", value_parser = address)]
    pub grpc_addr: SocketAddr,
    /// Where to serve /metrics, /healthz, /readyz and /status over HTTP
    #[arg(long, env = "MENAGERIE_ADMIN_ADDR", value_name = "ADDR:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub admin_addr: SocketAddr,
    /// Where to listen for `menagerie admin` [default: 127.0.0.1:2888, if that is free]. Not for clients: whoever reaches
    /// it may read and replace everything
    #[arg(long, env = "MENAGERIE_LISTEN", value_name = "ADDR:PORT", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Milliseconds of a tick; sessions last 2 to 20 ticks
    #[arg(long, env = "MENAGERIE_TICK_TIME", value_name = "MS", default_value_t = 2000, value_parser = milliseconds())]
    pub tick_time: u32,
    /// Client connections.
    #[command(flatten)]
    pub clients: ClientLimits,
    /// Logging.
    #[command(flatten)]
    pub logging: Logging,
    /// System properties.
    #[command(flatten)]
    pub properties: Properties,
}

/// `menagerie server`.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// ZooKeeper configuration file (zoo.cfg)
    #[arg(
        long,
        short = 'c',
        value_name = "ZOO.CFG",
        required_unless_present = "path",
        conflicts_with = "path"
    )]
    pub config: Option<PathBuf>,
    /// The same, as ZooKeeper's own start command takes it
    #[arg(value_name = "ZOO.CFG")]
    pub path: Option<PathBuf>,
    /// Where to serve gRPC clients; nowhere unless here or in the file (menagerie.grpcAddress)
    #[arg(long, env = "MENAGERIE_GRPC_ADDR", value_name = "ADDR:PORT", value_parser = address)]
    pub grpc_addr: Option<SocketAddr>,
    /// Where to listen for `menagerie admin` if the file has no server.N lines [default: 127.0.0.1:2888, if that is free]
    #[arg(long, env = "MENAGERIE_LISTEN", value_name = "ADDR:PORT", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Instead of admin.serverAddress and admin.serverPort of the file
    #[arg(long, env = "MENAGERIE_ADMIN_ADDR", value_name = "ADDR:PORT", value_parser = address)]
    pub admin_addr: Option<SocketAddr>,
    /// Threads that serve client connections [default: half of the processors]
    #[arg(long, env = "MENAGERIE_GATEWAY_THREADS", value_name = "N", value_parser = threads())]
    pub gateway_threads: Option<u16>,
    /// Logging.
    #[command(flatten)]
    pub logging: Logging,
    /// System properties.
    #[command(flatten)]
    pub properties: Properties,
}

/// `menagerie consensus`.
#[derive(Clone, Debug, Args)]
pub struct ConsensusArgs {
    /// This member's id in --peers: a number, or a name that ends in an ordinal (consensus-0 is 1)
    #[arg(long, env = "MENAGERIE_ID", value_name = "N", required = true, value_parser = fixed)]
    pub id: NodeName,
    /// Where the log is; made if missing
    #[arg(long, env = "MENAGERIE_DATA_DIR", value_name = "DIR", required = true)]
    pub data_dir: PathBuf,
    /// All members of the log, this one too
    #[arg(long, env = "MENAGERIE_PEERS", value_name = "1=HOST:PORT,...", required = true)]
    pub peers: Members,
    /// If --peers does not list this member: wait until `menagerie admin add` makes it one of an ensemble that exists
    #[arg(long, env = "MENAGERIE_JOIN", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false)]
    pub join: bool,
    /// Common flags.
    #[command(flatten)]
    pub common: Common,
}

/// `menagerie tree-store`.
#[derive(Clone, Debug, Args)]
pub struct TreeStoreArgs {
    /// This replica's id in --stores: a number, or a name that ends in an ordinal (tree-store-0 is 1)
    #[arg(long, env = "MENAGERIE_ID", value_name = "N", required = true, value_parser = fixed)]
    pub id: NodeName,
    /// Where the checkpoints are; made if missing
    #[arg(long, env = "MENAGERIE_DATA_DIR", value_name = "DIR", required = true)]
    pub data_dir: PathBuf,
    /// Members of the log to begin with; later the log itself says who they are
    #[arg(long, env = "MENAGERIE_CONSENSUS", value_name = "1=HOST:PORT,...", required = true)]
    pub consensus: Members,
    /// Replicas of the tree to begin with; later those that have registered count
    #[arg(long, env = "MENAGERIE_STORES", value_name = "1=HOST:PORT,...", required = true)]
    pub stores: Members,
    /// Where the others call this replica [default: as --stores says, else --listen]
    #[arg(long, env = "MENAGERIE_ADVERTISE", value_name = "HOST:PORT", value_parser = host_port)]
    pub advertise: Option<String>,
    /// Common flags.
    #[command(flatten)]
    pub common: Common,
}

/// `menagerie session-tracker`.
#[derive(Clone, Debug, Args)]
pub struct SessionTrackerArgs {
    /// This tracker's id: a number, a name that ends in an ordinal (session-tracker-0 is 1), or random
    #[arg(long, env = "MENAGERIE_ID", value_name = "N", default_value = "random", value_parser = fixed_or_random)]
    pub id: NodeName,
    /// Members of the log to begin with; later the log itself says who they are
    #[arg(long, env = "MENAGERIE_CONSENSUS", value_name = "1=HOST:PORT,...", required = true)]
    pub consensus: Members,
    /// Replicas of the tree to begin with; later those that have registered count
    #[arg(long, env = "MENAGERIE_STORES", value_name = "1=HOST:PORT,...", required = true)]
    pub stores: Members,
    /// Where the gateways call this tracker [default: --listen]
    #[arg(long, env = "MENAGERIE_ADVERTISE", value_name = "HOST:PORT", value_parser = host_port)]
    pub advertise: Option<String>,
    /// Milliseconds of a tick; sessions last 2 to 20 ticks
    #[arg(long, env = "MENAGERIE_TICK_TIME", value_name = "MS", default_value_t = 2000, value_parser = milliseconds())]
    pub tick_time: u32,
    /// Milliseconds of the smallest session timeout granted [default: 2 ticks]
    #[arg(long, env = "MENAGERIE_MIN_SESSION_TIMEOUT", value_name = "MS", value_parser = milliseconds())]
    pub min_session_timeout: Option<u32>,
    /// Milliseconds of the largest session timeout granted [default: 20 ticks]
    #[arg(long, env = "MENAGERIE_MAX_SESSION_TIMEOUT", value_name = "MS", value_parser = milliseconds())]
    pub max_session_timeout: Option<u32>,
    /// Common flags.
    #[command(flatten)]
    pub common: Common,
    /// System properties.
    #[command(flatten)]
    pub properties: Properties,
}

/// `menagerie gateway`.
#[derive(Clone, Debug, Args)]
pub struct GatewayArgs {
    /// This gateway's id: a number, a name that ends in an ordinal (gateway-0 is 1), or random
    #[arg(long, env = "MENAGERIE_ID", value_name = "N", default_value = "random", value_parser = fixed_or_random)]
    pub id: NodeName,
    /// Members of the log to begin with; later the log itself says who they are
    #[arg(long, env = "MENAGERIE_CONSENSUS", value_name = "1=HOST:PORT,...", required = true)]
    pub consensus: Members,
    /// Replicas of the tree to begin with; later those that have registered count
    #[arg(long, env = "MENAGERIE_STORES", value_name = "1=HOST:PORT,...", required = true)]
    pub stores: Members,
    /// Session trackers to begin with, or dns:NAME:PORT for every address that a name resolves to; later those that
    /// have registered count
    #[arg(long, env = "MENAGERIE_TRACKERS", value_name = "1=HOST:PORT,...|dns:NAME:PORT")]
    pub trackers: Option<Trackers>,
    /// Where to serve ZooKeeper clients
    #[arg(long, env = "MENAGERIE_CLIENT_ADDR", value_name = "ADDR:PORT", default_value = "0.0.0.0:2181", value_parser = address)]
    pub client_addr: SocketAddr,
    /// Where to serve gRPC clients; nowhere if not given
    #[arg(long, env = "MENAGERIE_GRPC_ADDR", value_name = "ADDR:PORT", value_parser = address)]
    pub grpc_addr: Option<SocketAddr>,
    /// Client connections.
    #[command(flatten)]
    pub clients: ClientLimits,
    /// Common flags.
    #[command(flatten)]
    pub common: Common,
    /// System properties.
    #[command(flatten)]
    pub properties: Properties,
}

/// Limits on client connections.
#[derive(Clone, Debug, Args)]
pub struct ClientLimits {
    /// Connections from one address; 0 for no limit [default: 60]
    #[arg(long, env = "MENAGERIE_MAX_CLIENT_CNXNS", value_name = "N")]
    pub max_client_cnxns: Option<u32>,
    /// Bytes of the largest request [default: 1048575]
    #[arg(long, env = "MENAGERIE_JUTE_MAXBUFFER", value_name = "BYTES", value_parser = max_buffer())]
    pub jute_maxbuffer: Option<u32>,
    /// Four-letter words that are answered, by commas; * for all [default: srvr,ruok,stat,isro]
    #[arg(long, env = "MENAGERIE_FOUR_LETTER_WORDS", value_name = "WORDS")]
    pub four_letter_words: Option<FourLetterWords>,
    /// Threads that serve client connections [default: half of the processors]
    #[arg(long, env = "MENAGERIE_GATEWAY_THREADS", value_name = "N", value_parser = threads())]
    pub gateway_threads: Option<u16>,
}

impl SessionTrackerArgs {
    /// Smallest and largest session timeout in milliseconds; the flags come before what is set elsewhere.
    pub fn timeouts_ms(&self, settings: &Settings) -> Result<(u32, u32)> {
        let (least, most) = session_timeouts(settings, self.tick_time)?;
        let (least, most) =
            (self.min_session_timeout.unwrap_or(least), self.max_session_timeout.unwrap_or(most));
        if least <= most {
            return Ok((least, most));
        }
        let problem = format!(
            "is {least} ms, more than the largest timeout of {most} ms; lower it or raise --max-session-timeout"
        );
        Err(Error::config("--min-session-timeout", problem))
    }
}

/// Where the others call a component: as it was told, as a list says, or where it listens.
pub fn advertised(given: Option<&str>, listed: Option<&str>, listen: SocketAddr) -> Result<String> {
    match given.or(listed) {
        Some(address) => Ok(address.to_owned()),
        None if !listen.ip().is_unspecified() => Ok(listen.to_string()),
        None => {
            let problem = format!(
                "is missing: --listen {listen} is every interface of this machine; give the HOST:PORT where the others call it"
            );
            Err(Error::config("--advertise", problem))
        }
    }
}

/// Smallest and largest session timeout for a tick of `tick_time_ms`.
pub fn timeouts_of(tick_time_ms: u32) -> (u32, u32) {
    (tick_time_ms.saturating_mul(MIN_TIMEOUT_TICKS), tick_time_ms.saturating_mul(MAX_TIMEOUT_TICKS))
}

fn address(text: &str) -> std::result::Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "give an IP address and a port, such as 127.0.0.1:2181 (0.0.0.0 for every interface, port 0 for a free one)"
            .to_owned()
    })
}

fn log_level(text: &str) -> std::result::Result<String, String> {
    match crate::telemetry::filter(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; give error, warn, info, debug or trace")),
    }
}

/// A day is beyond any sensible tick or timeout, and keeps products of ticks within 32 bits.
fn milliseconds() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=86_400_000)
}

fn threads() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=256)
}

/// Between components a frame must still fit into one message of 64 MiB.
fn max_buffer() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1024..=32 * 1024 * 1024)
}
