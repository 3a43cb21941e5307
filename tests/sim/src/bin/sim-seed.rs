//! Plays one seed and says what became of it. Exits with 1 if something was wrong.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use menagerie_sim::run;

/// Plays one seed.
#[derive(Parser)]
struct Args {
    /// The seed.
    seed: u64,
    /// Show every event, and the components' logs.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.trace {
        let filter = std::env::var("SIM_LOG").unwrap_or_else(|_| "info,turmoil=warn,openraft=warn".into());
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .init();
    }
    let report = run::run(args.seed, args.trace);
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "seed {} events {} virtual_ms {} committed {} hash {:016x} {}",
        args.seed, report.events, report.virtual_ms, report.committed, report.hash, report.tally
    );
    match report.violation {
        None => ExitCode::SUCCESS,
        Some(violation) => {
            let _ = writeln!(
                out,
                "seed {} FAILED at {} ms: {}: {}",
                args.seed, violation.at_ms, violation.invariant, violation.message
            );
            ExitCode::FAILURE
        }
    }
}
