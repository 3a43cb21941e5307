//! Programs of the system.

use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::process::Command;

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// With what it complained about, if it failed.
pub async fn run(words: &[&str]) -> anyhow::Result<String> {
    let (program, arguments) = words.split_first().context("no program")?;
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().await;
    let output = output.with_context(|| words.join(" "))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}: {}", words.join(" "), output.status, complaint.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
