//! The one binary: roles, configuration, wiring.

mod admin;
mod board;
mod cli;
mod data_dir;
mod error;
mod grpc;
mod listen;
mod memory;
mod parts;
mod process;
mod roles;
mod settings;
mod suggest;
mod telemetry;
mod threads;
mod zoo_cfg;

use std::ffi::OsString;
use std::process::ExitCode;

use cli::{Cli, Refusal};
use error::{Error, Result};
use menagerie_tree_store::CHECKPOINT_THREAD;

fn main() -> ExitCode {
    menagerie_malloc::give_back_freed_memory();
    abort_on_panic();
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

/// A panic is a bug: half a process must not go on. It is restarted, and finds its state in the log.
fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        if std::thread::current().name() != Some(CHECKPOINT_THREAD) {
            std::process::abort();
        }
    }));
}

fn run(cli: Cli) -> Result<()> {
    if let Some(logging) = cli.logging() {
        telemetry::start_logging(logging).map_err(|error| Error::config("RUST_LOG", error.to_string()))?;
    }
    let recorder = telemetry::start_metrics().map_err(|error| Error::component("metrics", error))?;
    let runtime = threads::main_runtime()?;
    let outcome = runtime.block_on(roles::run(cli, recorder));
    // Streams of clients and peers may still be open; nobody waits for them.
    runtime.shutdown_background();
    outcome
}
