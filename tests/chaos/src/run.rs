//! A whole run: bursts of faults and quiet phases in turn, then the end, then the verdict.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::Instant;

use crate::Args;
use crate::cluster::Cluster;
use crate::history::History;
use crate::isolate::Powers;
use crate::nemesis::Nemesis;
use crate::report;
use crate::workload::{self, Clients, Shared};

const START_WITHIN: Duration = Duration::from_secs(60);
/// After a burst, every client must get on within this time, and hear of every change.
const PROGRESS_WITHIN: Duration = Duration::from_secs(60);
const TOLD_WITHIN: Duration = Duration::from_secs(30);
const END_WITHIN: Duration = Duration::from_secs(60);
/// The longest session and then some.
const SESSIONS_END_WITHIN: Duration = Duration::from_secs(60);
const SAME_WITHIN: Duration = Duration::from_secs(60);

/// Returns whether everything was as it must be.
pub async fn run(args: &Args, powers: Powers) -> anyhow::Result<bool> {
    let seed = args.seed.unwrap_or_else(rand::random);
    let dir = directory(args, seed)?;
    report::introduce(args, seed, &dir, powers);
    let history = History::create(&dir.join("history.jsonl"))?;
    let mut cluster = Cluster::create(args.shape, &binary(args)?, &dir, powers).await?;
    cluster.start_all()?;
    cluster.wait_ready(START_WITHIN).await.context("at the first start")?;
    let shared = Arc::new(Shared::new(history, cluster.hosts(), seed));
    workload::setup(&shared).await.context("before the clients begin")?;
    if args.lying_disks {
        cluster.let_disks_lie().await?;
    }
    let clients = Clients::start(&shared);
    let mut nemesis = Nemesis::new(cluster, Arc::clone(&shared), seed, &args.themes)?;
    let outcome = tokio::select! {
        outcome = cycles(args, &mut nemesis, &shared) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    let outcome = match outcome {
        Ok(()) => finish(clients, &nemesis, &shared).await,
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        shared.violation(format!("{error:#}"));
    }
    report::panics(&nemesis).into_iter().for_each(|line| shared.violation(line));
    shared.history.flush()?;
    let fine = report::verdict(args, &dir, &shared, &nemesis).await?;
    nemesis.cluster.end().await?;
    report::keep_or_remove(args, seed, &dir, fine)?;
    Ok(fine)
}

fn directory(args: &Args, seed: u64) -> anyhow::Result<PathBuf> {
    let name = format!("menagerie-chaos-{}-{seed}", args.shape.name());
    let dir = args.dir.clone().unwrap_or_else(|| std::env::temp_dir().join(name));
    ensure!(!dir.exists(), "{} exists: remove it, or give another --dir or --seed", dir.display());
    fs::create_dir_all(&dir)?;
    for tool in ["preload.so", "powercut"] {
        let from = args.tools.join(tool);
        fs::copy(&from, dir.join(tool))
            .with_context(|| format!("{} is missing: make chaos", from.display()))?;
    }
    Ok(dir.canonicalize()?)
}

fn binary(args: &Args) -> anyhow::Result<PathBuf> {
    let missing = || format!("{} is missing: make chaos", args.binary.display());
    args.binary.canonicalize().with_context(missing)
}

async fn cycles(args: &Args, nemesis: &mut Nemesis, shared: &Shared) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs_f64(args.minutes * 60.0);
    quiet(nemesis, shared).await?;
    for cycle in 1.. {
        if Instant::now() > until {
            break;
        }
        shared.begin_cycle(cycle);
        nemesis.burst().await?;
        quiet(nemesis, shared).await?;
    }
    Ok(())
}

/// Everything must get on when nothing is in its way.
async fn quiet(nemesis: &Nemesis, shared: &Shared) -> anyhow::Result<()> {
    let began = Instant::now();
    shared.wait_progress(PROGRESS_WITHIN).await?;
    let progress = began.elapsed();
    shared.wait_watchers(TOLD_WITHIN).await?;
    let told = began.elapsed();
    let (progress, told) = (progress.as_secs_f64(), told.as_secs_f64());
    nemesis.note(
        "quiet",
        format!("all clients got on after {progress:.1} s, all watchers know after {told:.1} s"),
    );
    Ok(())
}

async fn finish(clients: Clients, nemesis: &Nemesis, shared: &Shared) -> anyhow::Result<()> {
    clients.stop(END_WITHIN).await?;
    workload::end(shared, SESSIONS_END_WITHIN).await?;
    let tree = nemesis.cluster.wait_same_trees(SAME_WITHIN).await?;
    nemesis.note(
        "note",
        format!("all replicas have the same tree: digest {} at index {}", tree.digest, tree.index),
    );
    Ok(())
}

/// Files that a failed run leaves, by what they are.
pub fn files(dir: &Path) -> [(&'static str, PathBuf); 2] {
    [("history and schedule", dir.join("history.jsonl")), ("logs", dir.join("logs"))]
}
