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
mod transcript;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use pair::Pair;
use servers::Kind;

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
    /// With quotas enforced and a super user.
    #[arg(long)]
    strict: bool,
    /// Give up after so many cases that differ.
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
    println!("seed {seed}, {} cases, {}", args.cases, if args.strict { "strict" } else { "default" });
    let mut pair = Pair::start([Kind::Zookeeper, args.peer], args.port, args.strict).await?;
    let options = generate::Options { strict: args.strict };
    let names = ["zookeeper", if args.peer == Kind::Menagerie { "menagerie" } else { "the other zookeeper" }];
    let start = Instant::now();
    let (mut failed, mut played, mut steps) = (0, 0, 0);
    for number in args.first..args.first + args.cases {
        let mut tree = shrink::tree(options, seed, number)?;
        let case = tree.current();
        steps += case.steps.len();
        played += 1;
        let outcome = pair.play(&case).await?;
        if args.show {
            println!("\ncase {number}\n{}", outcome.report(&case, names));
        }
        if outcome.is_equal() {
            continue;
        }
        failed += 1;
        println!("\ncase {number} of seed {seed} differs ({} steps)", case.steps.len());
        let found = shrink::shrink(&mut pair, &mut tree, outcome).await?;
        println!("{}", found.report(names));
        if failed >= args.failures {
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{played} cases, {steps} steps in {seconds:.1} s: {:.1} cases/s; {failed} differ",
        played as f64 / seconds
    );
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
