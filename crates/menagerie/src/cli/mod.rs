//! The command line: roles, their flags, and where else a flag's value may come from.
//!
//! A component's settings come from flags, then `MENAGERIE_*` variables, then a TOML file (see [`layers`]).

pub mod admin;
mod args;
mod four_letter_words;
mod layers;
mod members;
mod node_name;
#[cfg(test)]
mod tests;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use args::{
    ClientLimits, Common, ConsensusArgs, GatewayArgs, LogFormat, Logging, Properties, ServerArgs,
    SessionTrackerArgs, StandaloneArgs, TreeStoreArgs, advertised, timeouts_of,
};
pub use four_letter_words::FourLetterWords;
pub use members::{Members, Trackers};

use crate::error::Result;

/// ZooKeeper-compatible coordination service.
///
/// All in one process: `menagerie standalone`, or `menagerie server --config zoo.cfg` for a member of a classic
/// ensemble. Split: `consensus`, `tree-store`, `session-tracker` and `gateway`, each a process of its own. `admin` is
/// for whoever operates a running one.
#[derive(Debug, Parser)]
#[command(name = "menagerie", version, max_term_width = 110, arg_required_else_help = true)]
pub struct Cli {
    /// What to be.
    #[command(subcommand)]
    pub role: Role,
}

/// What a process is.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// Everything in one process with one voter; needs no configuration
    Standalone(StandaloneArgs),
    /// One member of an ensemble, all components in it, from a ZooKeeper configuration file
    Server(ServerArgs),
    /// One member of the replicated log
    Consensus(ConsensusArgs),
    /// One replica of the tree
    TreeStore(TreeStoreArgs),
    /// One session tracker; one is active, the others stand by
    SessionTracker(SessionTrackerArgs),
    /// One gateway for clients
    Gateway(GatewayArgs),
    /// Look at a running cluster, and change it
    Admin(admin::AdminArgs),
    /// No server: measures this one, ZooKeeper, or whatever else speaks its protocol
    Bench(menagerie_bench::BenchArgs),
}

/// How parsing ends without a command line to act upon.
#[derive(Debug)]
pub enum Refusal {
    /// clap's own: also `--help` and `--version`.
    Usage(clap::Error),
    /// In the configuration file, or between settings.
    Config(crate::error::Error),
}

/// Parses arguments (the program's name first) together with the environment and a component's TOML file.
pub fn parse(arguments: &[std::ffi::OsString]) -> std::result::Result<Cli, Refusal> {
    let command = Cli::command();
    // Required settings may still come from the file that this pass finds.
    let lenient = layers::without_required(command.clone());
    let found = lenient.try_get_matches_from(arguments).map_err(Refusal::Usage)?;
    let command = match layers::config_file(&found) {
        Some((role, path)) => layers::with_file(command, role, path).map_err(Refusal::Config)?,
        None => command,
    };
    let matches = command.try_get_matches_from(arguments).map_err(Refusal::Usage)?;
    let cli = Cli::from_arg_matches(&matches).map_err(Refusal::Usage)?;
    cli.validate().map_err(Refusal::Config)?;
    Ok(cli)
}

impl Cli {
    /// What clap cannot see: settings that must agree with one another.
    fn validate(&self) -> Result<()> {
        match &self.role {
            Role::Standalone(_)
            | Role::Server(_)
            | Role::TreeStore(_)
            | Role::SessionTracker(_)
            | Role::Gateway(_)
            | Role::Admin(_)
            | Role::Bench(_) => Ok(()),
            Role::Consensus(args) if args.join => Ok(()),
            Role::Consensus(args) => args.peers.require("--peers", args.id.node_id()),
        }
    }

    /// How this process logs; a command prints its result and nothing else.
    pub fn logging(&self) -> Option<&Logging> {
        Some(match &self.role {
            Role::Standalone(args) => &args.logging,
            Role::Server(args) => &args.logging,
            Role::Consensus(args) => &args.common.logging,
            Role::TreeStore(args) => &args.common.logging,
            Role::SessionTracker(args) => &args.common.logging,
            Role::Gateway(args) => &args.common.logging,
            Role::Admin(_) | Role::Bench(_) => return None,
        })
    }
}
