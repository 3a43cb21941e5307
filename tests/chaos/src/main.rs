//! Starts a cluster, lets clients work on it, does to it all that can happen to machines, and writes down what the
//! clients were told. Whether that was right is for `check/` to say.

mod cluster;
mod command;
mod history;
mod isolate;
mod nemesis;
mod report;
mod run;
mod workload;

use std::path::PathBuf;

use clap::Parser;

use crate::cluster::shape::Shape;

/// What is asked for.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "menagerie-chaos",
    about = "Real faults on real processes, with recorded and checked histories"
)]
struct Args {
    /// How the components are spread over processes
    #[arg(long, value_enum, default_value = "ensemble")]
    shape: Shape,
    /// For how long faults are injected
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Decides which faults are injected, and when; any if not given
    #[arg(long)]
    seed: Option<u64>,
    /// Where everything is written; a new directory in the temporary one if not given
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Whether to keep it although nothing was wrong
    #[arg(long)]
    keep: bool,
    /// Only these kinds of bursts, such as Kills,PowerCutAll; all if not given
    #[arg(long, value_delimiter = ',')]
    themes: Vec<String>,
    /// To test this test: no disk does what it is asked to, so that power cuts lose what was acknowledged
    #[arg(long)]
    lying_disks: bool,
    /// The program under test
    #[arg(long, env = "MENAGERIE_BIN", default_value = "target/test-release/menagerie")]
    binary: PathBuf,
    /// Where preload.so, powercut and check are
    #[arg(long, default_value = "build/chaos")]
    tools: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let powers = isolate::enter()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let verdict = runtime.block_on(run::run(&args, powers))?;
    // Processes and namespaces end with this one.
    std::process::exit(i32::from(!verdict));
}
