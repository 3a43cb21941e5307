//! Measures from clients how long a cluster does not serve when something happens to it, side by side with Apache
//! ZooKeeper, and holds it against its targets.

mod cluster;
mod load;
mod report;
mod round;
mod scenario;
mod soak;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use cluster::{Cluster, System};
use report::{Measured, Report};
use scenario::Scenario;

#[derive(Debug, Parser)]
#[command(
    about = "Measures what clients see of failures and restarts, and looks for elections without cause"
)]
enum Args {
    /// Disturbs clusters under load and measures how long clients wait.
    Measure(Measure),
    /// Loads healthy clusters; fails on any change of a term.
    Soak {
        /// How long each cluster is loaded.
        #[arg(long, default_value_t = 30.0)]
        minutes: f64,
        /// What is loaded.
        #[arg(long, value_delimiter = ',', default_values = ["ensemble", "split"])]
        systems: Vec<System>,
    },
}

#[derive(Debug, clap::Args)]
struct Measure {
    /// How often each scenario is played.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// What is measured; everything if not given.
    #[arg(long, value_delimiter = ',')]
    systems: Vec<System>,
    /// What happens; everything if not given.
    #[arg(long, value_delimiter = ',')]
    scenarios: Vec<Scenario>,
    /// Where the report is written.
    #[arg(long, default_value = "build/availability")]
    out: PathBuf,
}

/// The values given, or all there are.
fn or_all<T: ValueEnum + Clone>(given: &[T]) -> Vec<T> {
    if given.is_empty() { T::value_variants().to_vec() } else { given.to_vec() }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<ExitCode> {
    match Args::parse() {
        Args::Measure(args) => measure_all(&args).await,
        Args::Soak { minutes, systems } => {
            for system in systems {
                soak::run(system, Duration::from_secs_f64(minutes * 60.0)).await?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn measure_all(args: &Measure) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    report.note_machine("at the start");
    let scenarios = or_all(&args.scenarios);
    for system in or_all(&args.systems) {
        for apart in [false, true] {
            let fitting: Vec<_> = scenarios
                .iter()
                .copied()
                .filter(|scenario| scenario.fits(system) && scenario.is_apart() == apart)
                .collect();
            measure(&mut report, system, apart, (&fitting, args.rounds)).await?;
            report.write(&args.out)?;
        }
    }
    report.note_machine("at the end");
    report.write(&args.out)?;
    println!("\n{}", report.table());
    let failures = report.failures();
    failures.iter().for_each(|failure| println!("MISSED {failure}"));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays the scenarios to one cluster, round after round.
async fn measure(
    report: &mut Report,
    system: System,
    apart: bool,
    (scenarios, rounds): (&[Scenario], usize),
) -> anyhow::Result<()> {
    if scenarios.is_empty() {
        return Ok(());
    }
    eprintln!("{system:?}: starting");
    let mut cluster = Cluster::start(system, apart).await?;
    round::warm_up(&cluster).await?;
    for scenario in scenarios {
        for n in 1..=rounds {
            for round in round::play(&mut cluster, *scenario).await? {
                let step = round.step.as_deref().unwrap_or_default();
                eprintln!(
                    "{system:?}: {} {step}: round {n}: write stall {:.0} ms, read stall {:.0} ms, {} errors, {} connections lost, {} sessions lost, {} terms{}",
                    scenario.title(),
                    round.write_stall_ms,
                    round.read_stall_ms,
                    round.errors,
                    round.connections_lost,
                    round.sessions_lost,
                    round.terms.map_or("?".into(), |terms| terms.to_string()),
                    if round.problems.is_empty() { String::new() } else { format!("; {:?}", round.problems) },
                );
                report.rounds.push(Measured { scenario: *scenario, system, round });
            }
        }
    }
    Ok(())
}
