//! A process that ends with the test.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, kill_process};
use tokio::time::{Instant, sleep};

pub use rustix::process::Signal;

const POLL: Duration = Duration::from_millis(2);

/// Where the binary under test is: MENAGERIE_BIN, or what `cargo build --profile test-release` leaves behind.
pub fn binary() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("MENAGERIE_BIN").map(PathBuf::from);
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let path = named.unwrap_or_else(|| target.join("test-release/menagerie"));
    anyhow::ensure!(
        path.exists(),
        "{} is missing: cargo build --profile test-release -p menagerie",
        path.display()
    );
    Ok(path)
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Killed when dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts `command` with its output at the end of `log`.
    pub fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let output = OpenOptions::new().create(true).append(true).open(log);
        let output = output.with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(Self(command.spawn().with_context(|| format!("{command:?}"))?))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal. Fails if it has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(pid, signal).with_context(|| format!("{signal:?} to process {}", self.0.id()))
    }

    /// How it ended, if it has.
    pub fn has_ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// Waits until it ends.
    pub async fn ended(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            anyhow::ensure!(Instant::now() < deadline, "process {} goes on after {within:?}", self.0.id());
            sleep(POLL).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
