//! Plays many seeds, each in a process of its own, and says which have failed and how to play them again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;

/// How often children are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// A seed that takes longer, in seconds, hangs.
const SECONDS_MAX: f64 = 300.0;
/// Seconds between two lines of progress.
const PROGRESS: f64 = 5.0;

/// Plays seeds of the simulation.
#[derive(Parser)]
struct Args {
    /// How many seeds to play.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Play this one alone and show every event.
    #[arg(long)]
    seed: Option<u64>,
    /// Seeds that have failed once, one on each line, `#` before words; they are played first.
    #[arg(long)]
    known: Option<PathBuf>,
    /// How many to play at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// A planted bug, by name; then a seed must fail, and the first that does ends the run.
    #[arg(long)]
    mutation: Option<String>,
}

struct Playing {
    seed: u64,
    child: Child,
    since: f64,
}

struct Runner {
    args: Args,
    program: PathBuf,
    began: f64,
    reported: f64,
    done: u64,
    total: u64,
    failed: BTreeSet<u64>,
    /// What happened in all seeds together, and in how many of them.
    tally: BTreeMap<String, (u64, u64)>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let program = std::env::current_exe()?.with_file_name("sim-seed");
    ensure!(program.exists(), "{} is missing: build the package menagerie-sim", program.display());
    if let Some(seed) = args.seed {
        let status = command(&program, seed, args.mutation.as_deref()).arg("--trace").status()?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut seeds = match &args.known {
        Some(path) => known(path)?,
        None => Vec::new(),
    };
    seeds.extend(args.first..args.first + args.seeds);
    let (total, began) = (seeds.len() as u64, uptime());
    let (failed, tally) = (BTreeSet::new(), BTreeMap::new());
    Runner { args, program, began, reported: began, done: 0, total, failed, tally }.run(seeds)
}

impl Runner {
    fn run(mut self, seeds: Vec<u64>) -> anyhow::Result<ExitCode> {
        let mut waiting = seeds.into_iter();
        let mut playing: Vec<Playing> = Vec::new();
        let mut exhausted = false;
        while !(exhausted && playing.is_empty()) {
            while !exhausted && playing.len() < self.args.jobs.max(1) {
                match waiting.next() {
                    Some(seed) => playing.push(self.start(seed)?),
                    None => exhausted = true,
                }
            }
            self.look(&mut playing)?;
            if self.args.mutation.is_some() && !self.failed.is_empty() {
                playing.iter_mut().for_each(|one| drop(one.child.kill()));
                break;
            }
            std::thread::sleep(LOOK);
        }
        Ok(self.conclude())
    }

    fn start(&self, seed: u64) -> anyhow::Result<Playing> {
        let mut command = command(&self.program, seed, self.args.mutation.as_deref());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        Ok(Playing { seed, child: child.context("cannot start a seed")?, since: uptime() })
    }

    fn look(&mut self, playing: &mut Vec<Playing>) -> anyhow::Result<()> {
        let now = uptime();
        let mut at = 0;
        while at < playing.len() {
            let one = &mut playing[at];
            let hangs = now - one.since > SECONDS_MAX;
            if hangs {
                one.child.kill()?;
            }
            if one.child.try_wait()?.is_none() {
                at += 1;
                continue;
            }
            let Playing { seed, child, .. } = playing.swap_remove(at);
            let output = child.wait_with_output()?;
            self.done += 1;
            self.add(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default());
            if !output.status.success() {
                self.failed.insert(seed);
                let said = String::from_utf8_lossy(&output.stdout);
                let why = said.lines().find(|line| line.contains("FAILED"));
                let silent = if hangs { "it hangs" } else { "it ended without a word" };
                println!("{}", why.map_or_else(|| format!("seed {seed} FAILED: {silent}"), str::to_owned));
            }
        }
        if now - self.reported > PROGRESS {
            self.reported = now;
            self.report();
        }
        Ok(())
    }

    fn add(&mut self, said: &str) {
        let counts = said.split_whitespace().filter_map(|word| word.split_once('='));
        for (name, count) in counts.filter_map(|(name, count)| Some((name, count.parse::<u64>().ok()?))) {
            let sum = self.tally.entry(name.to_owned()).or_default();
            *sum = (sum.0 + count, sum.1 + 1);
        }
    }

    fn report(&self) {
        let (done, total, failed) = (self.done, self.total, self.failed.len());
        println!("{done} of {total} seeds played, {failed} failed, {:.0} s", uptime() - self.began);
        let _ = std::io::stdout().flush();
    }

    fn conclude(&self) -> ExitCode {
        self.report();
        for (name, (count, seeds)) in &self.tally {
            println!("{count:>9} {} in {seeds} seeds", name.replace('-', " "));
        }
        for seed in &self.failed {
            let mutation = self.args.mutation.as_ref().map(|name| format!(" MUTATION={name}"));
            println!("to see it again: make sim SEED={seed}{}", mutation.unwrap_or_default());
        }
        match (self.failed.is_empty(), self.args.mutation.is_some()) {
            (true, false) | (false, true) => ExitCode::SUCCESS,
            (true, true) => {
                println!("the planted bug was not caught");
                ExitCode::FAILURE
            }
            (false, false) => ExitCode::FAILURE,
        }
    }
}

fn command(program: &PathBuf, seed: u64, mutation: Option<&str>) -> Command {
    let mut command = Command::new(program);
    command.arg(seed.to_string());
    if let Some(mutation) = mutation {
        command.env("MENAGERIE_MUTATION", mutation);
    }
    command
}

fn known(path: &PathBuf) -> anyhow::Result<Vec<u64>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let seeds = lines.filter(|line| !line.is_empty());
    seeds.map(|seed| seed.parse().with_context(|| format!("{}: `{seed}`", path.display()))).collect()
}

/// Seconds since the system started: the clock that the simulation does not replace.
fn uptime() -> f64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split(' ').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0.0)
}
