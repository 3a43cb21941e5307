//! The one binary: roles, configuration, wiring.

mod admin;
mod board;
mod cli;
mod data_dir;
mod error;
mod grpc;
mod listen;
mod process;
mod suggest;
mod telemetry;
mod threads;
mod zoo_cfg;

use std::ffi::OsString;
use std::process::ExitCode;

use cli::{Cli, Refusal};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let outcome = match cli::parse(&arguments) {
        Ok(cli) => run(cli),
        // Help and version too: clap prints, and exits with 0 or 2.
        Err(Refusal::Usage(error)) => error.exit(),
        Err(Refusal::Config(error)) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("menagerie: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: Cli) -> error::Result<()> {
    drop(cli);
    Ok(())
}
