//! What people read.

use std::fs;
use std::path::Path;

use anyhow::Context;
use tokio::process::Command;

use crate::Args;
use crate::isolate::Powers;
use crate::nemesis::Nemesis;
use crate::run::files;
use crate::workload::Shared;

/// What a replica says that finds itself different from another one.
const DIFFERENT: &str = "digests differ";

/// Says what is about to happen.
pub fn introduce(args: &Args, seed: u64, dir: &Path, powers: Powers) {
    println!("chaos: {} for {} minutes, seed {seed}, in {}", args.shape.name(), args.minutes, dir.display());
    if !powers.networks {
        println!("NOT DONE: partitions and packet loss; this machine allows no network namespaces");
    }
    if !powers.disks {
        println!(
            "NOT DONE: power cuts and full disks; this machine mounts no images (root and /dev/loop* are needed)"
        );
    }
}

/// Whatever no process may ever print. sled answers a failing disk with a panic, which the tree store expects and
/// survives: that is fine where a disk was made to fail.
pub fn panics(nemesis: &Nemesis) -> Vec<String> {
    let mut found = Vec::new();
    for (n, node) in nemesis.cluster.nodes.iter().enumerate() {
        let expected = nemesis.has_failed_disk(n);
        let text = node.log_text();
        let is_wrong = |line: &&str| {
            (line.contains("panicked at") && !(expected && line.contains("/sled-")))
                || line.contains(DIFFERENT)
        };
        let lines: Vec<_> = text.lines().filter(is_wrong).collect();
        if let Some(first) = lines.first() {
            found.push(format!("{} wrote {} lines such as: {first}", node.name(), lines.len()));
        }
    }
    found
}

/// Lets the checker read the history, and prints everything.
pub async fn verdict(args: &Args, dir: &Path, shared: &Shared, nemesis: &Nemesis) -> anyhow::Result<bool> {
    println!("\nfaults injected");
    for (kind, count) in nemesis.counts() {
        println!("  {kind:28} {count:5}");
    }
    let (mut syncs, mut writes, mut slow) = (0, 0, 0);
    for node in &nemesis.cluster.nodes {
        let felt = node.control.felt()?;
        syncs += felt.syncs_failed;
        writes += felt.writes_failed;
        slow += felt.syncs_delayed;
    }
    println!("  syncs that failed {syncs}, that took longer {slow}; writes that failed {writes}");
    let check = args.tools.join("check");
    let status = Command::new(&check).arg(dir.join("history.jsonl")).status().await;
    let checked = status.with_context(|| format!("{} is missing: make chaos", check.display()))?.success();
    let violations = shared.violations();
    for violation in &violations {
        println!("  WRONG {violation}");
    }
    let fine = checked && violations.is_empty();
    println!("verdict: {}", if fine { "nothing wrong" } else { "WRONG" });
    Ok(fine)
}

/// A run that went wrong leaves history and logs, and says how to look at them; everything, if that was asked for.
pub fn keep_or_remove(args: &Args, seed: u64, dir: &Path, fine: bool) -> anyhow::Result<()> {
    if !args.keep {
        fs::remove_dir_all(if fine { dir.to_owned() } else { dir.join("disks") })?;
    }
    if fine {
        return Ok(());
    }
    for (what, path) in files(dir) {
        println!("{what}: {}", path.display());
    }
    let check = args.tools.join("check");
    println!("check again: {} {}", check.display(), dir.join("history.jsonl").display());
    let again = format!("make chaos SHAPE={} SEED={seed} MINUTES={}", args.shape.name(), args.minutes);
    println!("the same faults again: {again}");
    Ok(())
}
