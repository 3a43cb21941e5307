//! One process under test, with its place, its disk and its faults.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};

use super::control::Control;
use super::disk::Disk;
use super::network::Place;
use super::status;
use crate::command::run;

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Component {
    /// All four in one process.
    Server,
    /// A member of the log.
    Consensus,
    /// A replica of the tree.
    TreeStore,
    /// A session tracker.
    SessionTracker,
    /// A gateway.
    Gateway,
}

impl Component {
    /// As in the command that starts it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Consensus => "consensus",
            Self::TreeStore => "tree-store",
            Self::SessionTracker => "session-tracker",
            Self::Gateway => "gateway",
        }
    }

    /// Whether it votes on the log.
    pub fn votes(self) -> bool {
        matches!(self, Self::Server | Self::Consensus)
    }

    /// Whether it holds the tree.
    pub fn has_tree(self) -> bool {
        matches!(self, Self::Server | Self::TreeStore)
    }

    /// Whether clients connect to it.
    pub fn has_clients(self) -> bool {
        matches!(self, Self::Server | Self::Gateway)
    }

    /// Whether it has a disk.
    pub fn has_disk(self) -> bool {
        self.votes() || self.has_tree()
    }
}

/// What a process is doing, as far as this program has made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It should run.
    Running,
    /// It runs, but is not scheduled.
    Paused,
    /// It was ended.
    Ended,
}

/// How to start a process.
pub struct Plan {
    /// Its name, such as `consensus-1`.
    pub name: String,
    /// What it is.
    pub component: Component,
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Where it shows its status.
    pub admin_port: u16,
}

/// See the module.
pub struct Node {
    /// How it was planned.
    pub plan: Plan,
    /// Where it is on the network.
    pub place: Place,
    /// Its disk, if it needs one.
    pub disk: Option<Disk>,
    /// Switches its faults.
    pub control: Control,
    /// What it should be doing.
    pub life: Life,
    process: Option<Child>,
    log: PathBuf,
    preload: PathBuf,
}

impl Node {
    /// A process that does not run yet; its files are below `dir`.
    pub fn new(plan: Plan, place: Place, disk: Option<Disk>, dir: &Path) -> anyhow::Result<Self> {
        let control = Control::create(&dir.join("control").join(&plan.name))?;
        let log = dir.join("logs").join(format!("{}.log", plan.name));
        let preload = dir.join("preload.so");
        Ok(Self { plan, place, disk, control, life: Life::Ended, process: None, log, preload })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Its log so far.
    pub fn log_text(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// How long its log is, to look later at what came after.
    pub fn log_len(&self) -> usize {
        self.log_text().len()
    }

    /// Starts it, unless it runs.
    pub fn start(&mut self) -> anyhow::Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut log = OpenOptions::new().append(true).create(true).open(&self.log)?;
        writeln!(log, "---- started by menagerie-chaos")?;
        let words: Vec<String> = self.place.entry().into_iter().chain(self.plan.words.clone()).collect();
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        command.env("LD_PRELOAD", &self.preload).env("CHAOS_CONTROL", self.control.path());
        command.env("RUST_BACKTRACE", "1");
        if let Some(disk) = &self.disk {
            command.env("CHAOS_DATA", disk.data());
        }
        self.process = Some(command.spawn().with_context(|| words.join(" "))?);
        self.life = Life::Running;
        Ok(())
    }

    /// Ends it without warning; it is gone when this returns.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.life = Life::Ended;
        if let Some(mut process) = self.process.take() {
            process.kill().await?;
        }
        Ok(())
    }

    /// Takes the power from it and its disk: what is not synced is lost.
    pub async fn lose_power(&mut self) -> anyhow::Result<()> {
        // The disk first: a process that has ended writes no more, but the system would write for it.
        if let Some(disk) = self.disk.as_ref().filter(|disk| disk.is_image()) {
            disk.cut_power().await?;
        }
        self.kill().await
    }

    /// Gives power back to its disk. It does not run yet.
    pub async fn regain_power(&mut self) -> anyhow::Result<()> {
        match self.disk.as_ref().filter(|disk| disk.is_image()) {
            Some(disk) => disk.restore_power().await,
            None => Ok(()),
        }
    }

    /// Asks it to end and waits until it has.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.life = Life::Ended;
        let mut process = self.process.take().context("it does not run")?;
        signal("TERM", process.id()).await?;
        Ok(process.wait().await?)
    }

    /// Stops scheduling it.
    pub async fn pause(&mut self) -> anyhow::Result<()> {
        ensure!(self.life == Life::Running, "it does not run");
        signal("STOP", self.process.as_ref().and_then(Child::id)).await?;
        self.life = Life::Paused;
        Ok(())
    }

    /// Schedules it again, if it was paused.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        if self.life == Life::Paused {
            signal("CONT", self.process.as_ref().and_then(Child::id)).await?;
            self.life = Life::Running;
        }
        Ok(())
    }

    /// How it ended, if it should run and does not.
    pub fn has_ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let ended = match &mut self.process {
            Some(process) => process.try_wait()?,
            None => None,
        };
        if ended.is_some() {
            self.process = None;
            self.life = Life::Ended;
        }
        Ok(ended)
    }

    /// What it says of itself.
    pub async fn status(&self) -> anyhow::Result<Value> {
        status::get((self.place.address, self.plan.admin_port).into()).await
    }
}

async fn signal(name: &str, process: Option<u32>) -> anyhow::Result<()> {
    let process = process.context("it has ended")?;
    run(&["kill", &format!("-{name}"), &process.to_string()]).await.map(drop)
}
