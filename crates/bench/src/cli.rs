//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::keys::Distribution;
use crate::mix::Mix;

/// `menagerie bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// Print the result as one line of JSON instead of a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Measured(Measured),
    /// Measure two targets in turns (A B A B ...) and print medians and ratios
    Compare(CompareArgs),
    /// What this machine's sockets and disk take by themselves, without any server
    Bare(BareArgs),
}

/// What can be measured.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Measured {
    /// A mix of requests, from sessions that keep some outstanding or at a given rate
    Load(LoadArgs),
    /// Many watchers of one znode: how long until all are told of a change
    Watch(WatchArgs),
    /// Many sessions: opening them, keeping them idle, ending or abandoning them
    Sessions(SessionsArgs),
    /// Create many znodes as fast as possible
    Fill(FillArgs),
    /// Wait until a znode can be read: how long a server takes to start
    Probe(ProbeArgs),
}

/// How to speak to servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// ZooKeeper's
    Zookeeper,
    /// Menagerie's gRPC API
    Grpc,
}

/// Whom to measure.
#[derive(Clone, Debug, Args)]
pub(crate) struct TargetArgs {
    /// Servers; sessions are spread over them
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',', default_value = "127.0.0.1:2181")]
    pub hosts: Vec<String>,
    /// Processes of the servers, whose processor time and memory are reported
    #[arg(long, value_name = "PID,...", value_delimiter = ',')]
    pub server_pids: Vec<u32>,
    /// A name for the run, copied to the result
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub label: String,
    /// Session timeout to ask for, in ms
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    pub timeout_ms: u32,
    /// Handshakes under way at once
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub connect_at_once: usize,
    /// Local addresses to connect from, taken in turns (one has about 28,000 ports)
    #[arg(long, value_name = "IP,...", value_delimiter = ',')]
    pub source_addresses: Vec<IpAddr>,
    /// The znode that all others are put under; a fresh one unless given
    #[arg(long, value_name = "PATH")]
    pub prefix: Option<String>,
    /// Leave the znodes there
    #[arg(long)]
    pub keep: bool,
    /// No progress line
    #[arg(long, short = 'q')]
    pub quiet: bool,
}

/// `menagerie bench load`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Protocol
    #[arg(long, value_enum, default_value_t = Protocol::Zookeeper)]
    pub protocol: Protocol,
    /// Kinds of requests with weights: get, set, create, ephemeral, delete, exists, children, multi, sync
    #[arg(long, value_name = "KIND=WEIGHT,...", default_value = "get")]
    pub mix: Mix,
    /// Sessions (with gRPC: channels)
    #[arg(long, short = 's', value_name = "N", default_value_t = 1, value_parser = at_least_one())]
    pub sessions: u32,
    /// Requests outstanding on each
    #[arg(long, short = 'd', value_name = "N", default_value_t = 1, value_parser = at_least_one())]
    pub depth: u32,
    /// Bytes of data of each znode
    #[arg(long, value_name = "BYTES", default_value_t = 1024)]
    pub payload: u32,
    /// Znodes that get, set, exists and multi are spread over
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = at_least_one())]
    pub nodes: u32,
    /// How they are spread: uniform, zipf or zipf:EXPONENT
    #[arg(long, value_name = "DISTRIBUTION", default_value = "uniform")]
    pub keys: Distribution,
    /// Children of the znode that `children` reads
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub children: u32,
    /// Operations of a multi
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one())]
    pub multi_ops: u32,
    /// Seconds measured
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = seconds)]
    pub seconds: f64,
    /// Seconds of the same load before that, not measured
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = seconds)]
    pub warmup: f64,
    /// Requests a second over all sessions; each counts from the time it was meant to start. As fast as replies come
    /// if not given
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub rate: Option<f64>,
    /// Threads of the generator
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one())]
    pub threads: u32,
    /// The znodes under --prefix are there already, as an earlier run with --keep has left them
    #[arg(long, requires = "prefix")]
    pub prepared: bool,
    /// Seed of the random choices
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// `menagerie bench watch`.
#[derive(Clone, Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Sessions that watch the znode
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = at_least_one())]
    pub watchers: u32,
    /// Changes of the znode, one after the other
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = at_least_one())]
    pub rounds: u32,
    /// Bytes of its data
    #[arg(long, value_name = "BYTES", default_value_t = 1024)]
    pub payload: u32,
}

/// `menagerie bench sessions`.
#[derive(Clone, Debug, Args)]
pub(crate) struct SessionsArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Sessions to open
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = at_least_one())]
    pub count: u32,
    /// Ephemeral znodes that each creates
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub ephemerals: u32,
    /// Seconds to keep them, with nothing but pings
    #[arg(long, value_name = "S", default_value_t = 0.0, value_parser = seconds)]
    pub hold: f64,
    /// Drop the connections, instead of closing the sessions, and wait until the ephemerals are gone
    #[arg(long)]
    pub abandon: bool,
}

/// `menagerie bench fill`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FillArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Znodes to create, all in one
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = at_least_one())]
    pub nodes: u32,
    /// Bytes of data of each
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    pub payload: u32,
    /// Sessions that create them
    #[arg(long, short = 's', value_name = "N", default_value_t = 8, value_parser = at_least_one())]
    pub sessions: u32,
    /// Requests outstanding on each
    #[arg(long, short = 'd', value_name = "N", default_value_t = 256, value_parser = at_least_one())]
    pub depth: u32,
}

/// `menagerie bench probe`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ProbeArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// The znode
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub path: String,
    /// An attempt is given up after this, in ms
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = at_least_one())]
    pub attempt_ms: u32,
    /// All attempts are, in seconds
    #[arg(long, value_name = "S", default_value_t = 120.0, value_parser = seconds)]
    pub within: f64,
}

/// `menagerie bench compare`.
#[derive(Clone, Debug, Args)]
pub(crate) struct CompareArgs {
    /// First target
    #[arg(long, value_name = "NAME=HOST:PORT,...")]
    pub a: Named,
    /// Second target, the one that ratios are to
    #[arg(long, value_name = "NAME=HOST:PORT,...")]
    pub b: Named,
    /// Processes of the first
    #[arg(long, value_name = "PID,...", value_delimiter = ',')]
    pub a_pids: Vec<u32>,
    /// Processes of the second
    #[arg(long, value_name = "PID,...", value_delimiter = ',')]
    pub b_pids: Vec<u32>,
    /// Runs of each
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one())]
    pub runs: u32,
    #[command(subcommand)]
    pub measured: Measured,
}

/// `menagerie bench bare`.
#[derive(Clone, Debug, Args)]
pub(crate) struct BareArgs {
    /// Connections, each of which is two open files
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = at_least_one())]
    pub sockets: u32,
    /// Times that all of them are told something
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = at_least_one())]
    pub rounds: u32,
    /// Handshakes under way at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one())]
    pub at_once: u32,
    /// Messages answered one at a time, each over another connection
    #[arg(long, value_name = "N", default_value_t = 4_000, value_parser = at_least_one())]
    pub pings: u32,
    /// Writes, each synced
    #[arg(long, value_name = "N", default_value_t = 4_000, value_parser = at_least_one())]
    pub writes: u32,
    /// Where three files of 16 MiB are put for a while: a directory on the disk that is to be measured
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// No progress line
    #[arg(long, short = 'q')]
    pub quiet: bool,
}

/// A target with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub name: String,
    pub hosts: Vec<String>,
}

impl std::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, hosts)) if !name.is_empty() && !hosts.is_empty() => {
                Ok(Self { name: name.to_owned(), hosts: hosts.split(',').map(str::to_owned).collect() })
            }
            _ => Err("give a name and servers, such as zookeeper=127.0.0.1:2181".to_owned()),
        }
    }
}

impl Measured {
    /// The part that says whom to measure.
    pub fn target_mut(&mut self) -> &mut TargetArgs {
        match self {
            Self::Load(args) => &mut args.target,
            Self::Watch(args) => &mut args.target,
            Self::Sessions(args) => &mut args.target,
            Self::Fill(args) => &mut args.target,
            Self::Probe(args) => &mut args.target,
        }
    }
}

fn at_least_one() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("give seconds, from 0 to 86400".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1e8).contains(&rate) => Ok(rate),
        _ => Err("give requests a second, from 0.001 to 100000000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn parsed(line: &str) -> Result<BenchArgs, clap::Error> {
        Program::try_parse_from(line.split(' ')).map(|program| program.args)
    }

    #[test]
    fn a_comparison_takes_any_workload_with_its_own_flags() {
        let args =
            parsed("bench compare --a x=h:1,h:2 --b y=h:3 --runs 5 load --mix set=1 -s 64 -d 8 --json");
        let args = args.expect("it parses");
        assert!(args.json);
        let Command::Compare(mut compare) = args.command else { panic!("no comparison") };
        assert_eq!((compare.a.hosts.len(), compare.b.name.as_str(), compare.runs), (2, "y", 5));
        compare.measured.target_mut().hosts = compare.a.hosts;
        let Measured::Load(load) = compare.measured else { panic!("no load") };
        assert_eq!((load.sessions, load.depth, load.target.hosts.len()), (64, 8, 2));
    }

    #[test]
    fn nonsense_is_refused_before_anything_is_done() {
        for line in [
            "bench",
            "bench load --sessions 0",
            "bench load --rate 0",
            "bench load --seconds -1",
            "bench load --seconds NaN",
            "bench load --mix walk",
            "bench load --keys zipf:0",
            "bench load --prepared",
            "bench compare --a x --b y=h:1 load",
            "bench compare --a x=h:1 --b y=h:1",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
