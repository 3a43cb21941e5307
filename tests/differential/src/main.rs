//! Plays random cases to Apache ZooKeeper and to Menagerie side by side, and reports what differs, shrunk to what is
//! needed to show it. What may differ, and why, is in `docs/differences.md`.

mod case;
mod compare;
mod decode;
mod encode;
mod generate;
mod pair;
mod play;
mod servers;
mod shrink;
#[cfg(test)]
mod tests;
mod transcript;

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::bail;
use clap::Parser;
use pair::Pair;
use servers::{Kind, Profile};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
#[command(about = "Compares Menagerie with Apache ZooKeeper by random requests")]
struct Args {
    /// What cases are made from; the same cases for the same seed. Random, and printed, if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// How many cases.
    #[arg(long, default_value_t = 2_000)]
    cases: u64,
    /// The number of the first case.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// What to compare with Apache ZooKeeper; itself, to test the test.
    #[arg(long, value_enum, default_value = "menagerie")]
    peer: Kind,
    /// How the servers are configured.
    #[arg(long, value_enum, default_value = "default")]
    profile: Profile,
    /// Leave out the requests that have this in what is printed of them, to look past a known difference.
    #[arg(long)]
    without: Vec<String>,
    /// Give up after so many kinds of difference.
    #[arg(long, default_value_t = 5)]
    failures: usize,
    /// Print every case, equal or not.
    #[arg(long)]
    show: bool,
    /// Client ports of the two servers, this and the next; any free ones if 0.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(rand::random);
    println!("seed {seed}, {} cases, profile {}", args.cases, args.profile.name());
    let pair = Pair::start([Kind::Zookeeper, args.peer], args.port, args.profile).await?;
    let mut run = Run { seed, pair, kinds: BTreeMap::new(), steps: 0, args };
    let start = Instant::now();
    let played = tokio::select! {
        played = run.all() => played?,
        // The servers are ended by what is dropped.
        name = terminated() => bail!("ended by {}", name?),
    };
    let (seconds, differ) = (start.elapsed().as_secs_f64(), run.kinds.values().sum::<usize>());
    for (kind, count) in &run.kinds {
        println!("{count} times: {kind}");
    }
    let rate = f64::from(played) / seconds;
    println!("{played} cases, {} steps in {seconds:.1} s: {rate:.1} cases/s; {differ} differ", run.steps);
    Ok(if differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn terminated() -> io::Result<&'static str> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

struct Run {
    args: Args,
    seed: u64,
    pair: Pair,
    // What has differed, and how often.
    kinds: BTreeMap<String, usize>,
    steps: usize,
}

impl Run {
    // How many were played.
    async fn all(&mut self) -> anyhow::Result<u32> {
        let mut played = 0;
        for number in self.args.first..self.args.first + self.args.cases {
            self.case(number).await?;
            played += 1;
            if self.kinds.len() >= self.args.failures {
                break;
            }
        }
        Ok(played)
    }

    async fn case(&mut self, number: u64) -> anyhow::Result<()> {
        let mut tree = shrink::tree(self.args.profile, self.seed, number)?;
        let case = tree.current().without(&self.args.without);
        self.steps += case.steps.len();
        let outcome = self.pair.play(&case).await?;
        let names = [
            "zookeeper",
            if self.args.peer == Kind::Menagerie { "menagerie" } else { "the other zookeeper" },
        ];
        if self.args.show {
            println!("\ncase {number}\n{}", outcome.report(&case, names));
        }
        if outcome.is_equal() {
            return Ok(());
        }
        if let Some(count) = self.kinds.get_mut(&outcome.kind()) {
            *count += 1;
            return Ok(());
        }
        let whole = outcome.kind();
        let found = shrink::shrink(&mut self.pair, &mut tree, outcome, &self.args.without).await?;
        let least = found.kind();
        if !self.kinds.contains_key(&least) {
            println!("\ncase {number} of seed {} differs", self.seed);
            println!("{}", found.report(names));
        }
        // The case may differ in more than one way, and have lost the first while it was made smaller.
        *self.kinds.entry(if found.is_steady() { least } else { whole }).or_default() += 1;
        Ok(())
    }
}
