//! `menagerie bench`: measures anything that speaks the ZooKeeper protocol, and Menagerie's gRPC API.
//!
//! The generator shares the machine with the servers in many a comparison, so it is made to be light: one thread unless
//! told otherwise, requests patched into place from templates, one write for all that a connection has to say, no
//! allocation for a request. Every reply is verified; a figure with errors is no figure.

mod bare;
mod cli;
mod compare;
mod error;
mod fanout;
mod faults;
mod fill;
mod grpc;
mod keys;
mod latency;
mod limits;
mod load;
mod mix;
mod pace;
mod probe;
mod progress;
mod ratio;
mod report;
mod sessions;
mod target;
mod usage;
mod wire;

pub use cli::BenchArgs;
pub use error::{BenchError, Result};

use cli::{Command, Measured};
use report::Report;

/// Measures what the arguments say and prints the result on stdout.
///
/// Blocks until it is done: not to be called from an asynchronous task.
///
/// # Errors
/// When nothing could be measured, and when there were errors among the replies.
pub fn run(args: &BenchArgs) -> Result<()> {
    match &args.command {
        Command::Measured(measured) => tell(&measure(measured)?, args.json),
        Command::Bare(bare) => tell(&bare::run(bare)?, args.json),
        Command::Compare(compare) => compare::run(compare, args.json),
    }
}

fn tell(report: &Report, json: bool) -> Result<()> {
    report.print(json)?;
    report.verdict()
}

fn measure(measured: &Measured) -> Result<Report> {
    match measured {
        Measured::Load(args) => load::run(args),
        Measured::Watch(args) => fanout::run(args),
        Measured::Sessions(args) => sessions::run(args),
        Measured::Fill(args) => fill::run(args),
        Measured::Probe(args) => probe::run(args),
    }
}
