//! `menagerie admin`: commands on a running cluster. One file for each command; what they share is in [`cluster`]
//! (whom to call) and [`output`] (what is printed).
//!
//! A command is a clap `Args` with `run(self, &Admin) -> Result<Output>`; it prints nothing but progress, to stderr.

mod add;
mod backup;
mod change;
mod check;
mod cluster;
mod components;
mod members;
mod offline;
mod output;
mod progress;
mod promote;
mod rebuild;
mod remove;
mod replace;
mod restore;
mod spec;
mod stores;
mod transfer;

use std::time::Duration;

use clap::{Args, Subcommand};

use super::members::host_port;
use crate::error::Result;
use output::Output;

/// `menagerie admin`.
#[derive(Clone, Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct AdminArgs {
    /// A member to ask, by the port that the other components call; several by commas. The leader is found from there
    #[arg(long, global = true, env = "MENAGERIE_SERVER", value_name = "HOST:PORT", value_delimiter = ',',
          default_value = "127.0.0.1:2888", value_parser = host_port)]
    pub server: Vec<String>,
    /// Print one JSON object instead of a table
    #[arg(long, global = true)]
    pub json: bool,
    /// Seconds after which the command gives up
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub timeout: u32,
    /// What to do.
    #[command(subcommand)]
    pub command: AdminCommand,
}

/// What can be done to a running cluster.
#[derive(Clone, Debug, Subcommand)]
pub enum AdminCommand {
    /// Show who belongs to the cluster, who leads, and how far each one is
    Members(members::MembersArgs),
    /// Write the whole tree, as of one transaction, into a file; or look at such a file
    Backup(backup::BackupArgs),
    /// Put a backup into an empty cluster
    Restore(restore::RestoreArgs),
    /// Check a data directory while no process uses it: is all of it whole?
    Check(check::CheckArgs),
    /// Set what is damaged in a data directory aside, so that the process that uses it is rebuilt from the others
    Rebuild(rebuild::RebuildArgs),
    /// Add a member to the log, as a voter or a learner
    ///
    /// It must run already: `menagerie consensus --id N --join ...` with an empty directory, or in a classic ensemble
    /// `menagerie server` with menagerie.join=true in its zoo.cfg. Stores, session trackers and gateways register
    /// themselves when they start: nobody adds them.
    Add(add::AddArgs),
    /// Give a learner a vote, once it has the log
    Promote(promote::PromoteArgs),
    /// Take a voter's vote; it goes on as a learner
    Demote(promote::DemoteArgs),
    /// Remove a member from the log, or a tree store that is gone for good
    Remove(remove::RemoveArgs),
    /// Put a new member in the place of another, which may be dead, in one step
    Replace(replace::ReplaceArgs),
    /// Move leadership to another voter
    Transfer(transfer::TransferArgs),
}

/// What every command knows.
#[derive(Debug)]
pub struct Admin {
    /// Whom to ask first.
    pub servers: Vec<String>,
    /// How long the command may take.
    pub timeout: Duration,
}

/// Runs the command and prints what it has to say.
pub async fn run(args: AdminArgs) -> Result<()> {
    let admin = Admin { servers: args.server, timeout: Duration::from_secs(args.timeout.into()) };
    execute(args.command, &admin).await?.print(args.json);
    Ok(())
}

async fn execute(command: AdminCommand, admin: &Admin) -> Result<Output> {
    match command {
        AdminCommand::Members(args) => args.run(admin).await,
        AdminCommand::Backup(args) => args.run(admin).await,
        AdminCommand::Restore(args) => args.run(admin).await,
        AdminCommand::Check(args) => args.run(),
        AdminCommand::Rebuild(args) => args.run(),
        AdminCommand::Add(args) => args.run(admin).await,
        AdminCommand::Promote(args) => args.run(admin).await,
        AdminCommand::Demote(args) => args.run(admin).await,
        AdminCommand::Remove(args) => args.run(admin).await,
        AdminCommand::Replace(args) => args.run(admin).await,
        AdminCommand::Transfer(args) => args.run(admin).await,
    }
}
