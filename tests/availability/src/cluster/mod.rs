//! A running cluster whose components can be killed, paused, stopped, started and cut off one by one.

mod menagerie;
mod network;
mod status;
mod zookeeper;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use menagerie_tests::{Process, Signal};
use serde::Serialize;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub use network::Network;
pub use status::Terms;

const START: Duration = Duration::from_secs(60);
/// Longer than the grace that a process gives its parts.
const STOP: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// Three `menagerie server`.
    Ensemble,
    /// Each component in processes of its own.
    Split,
    /// Three servers of Apache ZooKeeper.
    Zookeeper,
}

/// What a process of the cluster does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Server,
    /// A member of the log.
    Consensus,
    /// A replica of the tree.
    TreeStore,
    /// Knows which sessions are alive.
    SessionTracker,
    /// Serves clients.
    Gateway,
}

/// One process.
#[derive(Debug)]
pub struct Component {
    /// Unique in its cluster; also the name of its log.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Where clients connect, if they do.
    pub client: Option<String>,
    admin: Option<String>,
    words: Vec<String>,
    process: Option<Process>,
}

/// Gone when dropped, with its data.
#[derive(Debug)]
pub struct Cluster {
    /// Of which kind it is.
    pub system: System,
    components: Vec<Component>,
    network: Option<Network>,
    // Last, so that nothing runs in it when it is removed.
    directory: TempDir,
}

impl Cluster {
    /// Starts one and waits until all of it serves. With `apart`, the processes that hold the log are each in a
    /// network namespace of their own.
    pub async fn start(system: System, apart: bool) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("menagerie-availability-")?;
        let network = apart.then(|| Network::create(3)).transpose()?;
        let components = match system {
            System::Ensemble => menagerie::ensemble(directory.path(), network.as_ref())?,
            System::Split => menagerie::split(directory.path(), network.as_ref())?,
            System::Zookeeper => zookeeper::ensemble(directory.path(), network.as_ref())?,
        };
        let mut cluster = Self { system, components, network, directory };
        for at in 0..cluster.components.len() {
            cluster.launch(at)?;
        }
        for at in 0..cluster.components.len() {
            cluster.await_ready(at).await?;
        }
        Ok(cluster)
    }

    /// Copies what the processes have written to a directory, which is made.
    pub fn keep_logs(&self, to: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(to)?;
        for component in &self.components {
            let name = format!("{}.log", component.name);
            std::fs::copy(self.directory.path().join(&name), to.join(&name)).context(name)?;
        }
        Ok(())
    }

    /// Its processes, in the order in which a careful operator restarts them.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The places of those with the role.
    pub fn with_role(&self, role: Role) -> Vec<usize> {
        (0..self.components.len()).filter(|at| self.components[*at].role == role).collect()
    }

    /// The process that leads the log.
    pub async fn leader(&self) -> anyhow::Result<usize> {
        self.find("leader", async |component| component.leads().await).await
    }

    /// The process whose session tracker is the active one.
    pub async fn active_tracker(&self) -> anyhow::Result<usize> {
        self.find("active tracker", async |component| component.tracks().await).await
    }

    async fn find(&self, what: &str, is: impl AsyncFn(&Component) -> bool) -> anyhow::Result<usize> {
        let deadline = Instant::now() + START;
        loop {
            for (at, component) in self.components.iter().enumerate() {
                if component.process.is_some() && is(component).await {
                    return Ok(at);
                }
            }
            anyhow::ensure!(Instant::now() < deadline, "no {what} after {START:?}");
            sleep(POLL).await;
        }
    }

    /// Kills it without a word.
    pub async fn kill(&mut self, at: usize) -> anyhow::Result<()> {
        let mut process = self.take(at)?;
        process.signal(Signal::KILL)?;
        process.ended(STOP).await?;
        Ok(())
    }

    /// Stops it in order and waits until it has ended.
    pub async fn stop(&mut self, at: usize) -> anyhow::Result<()> {
        let mut process = self.take(at)?;
        process.signal(Signal::TERM)?;
        process.ended(STOP).await.with_context(|| self.components[at].name.clone())?;
        Ok(())
    }

    /// Suspends it, or lets it go on.
    pub fn suspend(&self, at: usize, suspended: bool) -> anyhow::Result<()> {
        let signal = if suspended { Signal::STOP } else { Signal::CONT };
        self.components[at].process.as_ref().context("it does not run")?.signal(signal)
    }

    /// Cuts it off from its peers, or connects it again. With `clients`, from everybody.
    pub fn cut_off(&self, at: usize, cut: bool, clients: bool) -> anyhow::Result<()> {
        let network = self.network.as_ref().context("the cluster is in one namespace")?;
        let place = self.components.iter().take(at).filter(|c| c.is_apart()).count();
        network.connect_peers(place, !cut)?;
        if clients {
            network.connect_clients(place, !cut)?;
        }
        Ok(())
    }

    /// Starts it again if it does not run, and waits until it is ready.
    pub async fn start_again(&mut self, at: usize) -> anyhow::Result<()> {
        if self.components[at].process.is_none() {
            self.launch(at)?;
        }
        self.await_ready(at).await
    }

    /// The terms that its members of the log are in.
    pub async fn terms(&self) -> Terms {
        let mut terms = Terms::default();
        for component in &self.components {
            component.add_term(&mut terms).await;
        }
        terms
    }

    fn take(&mut self, at: usize) -> anyhow::Result<Process> {
        let component = &mut self.components[at];
        component.process.take().with_context(|| format!("{} does not run", component.name))
    }

    fn launch(&mut self, at: usize) -> anyhow::Result<()> {
        let component = &mut self.components[at];
        let (program, arguments) = component.words.split_first().context("no program")?;
        let log = log_of(self.directory.path(), &component.name);
        component.process = Some(Process::start(Command::new(program).args(arguments), &log)?);
        Ok(())
    }

    async fn await_ready(&mut self, at: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        let log = log_of(self.directory.path(), &self.components[at].name);
        while !self.components[at].is_ready().await {
            let component = &mut self.components[at];
            let ended = component.process.as_mut().context("it was not started")?.has_ended()?;
            if ended.is_some() || Instant::now() >= deadline {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                let lines: Vec<_> = text.lines().rev().take(20).collect();
                let tail: Vec<_> = lines.into_iter().rev().collect();
                anyhow::bail!("{} is not ready ({ended:?}):\n{}", component.name, tail.join("\n"));
            }
            sleep(POLL).await;
        }
        Ok(())
    }
}

fn log_of(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.log"))
}
