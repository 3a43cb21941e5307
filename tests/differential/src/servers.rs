//! The servers, as child processes.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum;
use tempfile::TempDir;

use crate::play::Observer;

const START_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// Nothing is reaped while cases run.
const NEVER_MS: i32 = i32::MAX;

/// Quotas, and `super:test`.
const STRICT: &str = "enforceQuota=true\n\
    DigestAuthenticationProvider.superDigest=super:D/InIHSb7yEEbrWz8b9l71RjZJU=\n";

/// How both servers are configured: TTL znodes are always on, everything else is as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Nothing more.
    Default,
    /// Quotas are enforced, and `super:test` is a super user.
    Strict,
}

impl Profile {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Strict => "strict",
        }
    }
}

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Apache ZooKeeper.
    Zookeeper,
    /// The one under test.
    Menagerie,
}

/// A running server, killed when dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    // Removed after the process has ended.
    directory: TempDir,
    addr: SocketAddr,
}

impl Server {
    /// Starts one; `port` 0 is any free one.
    pub fn start(kind: Kind, port: u16, profile: Profile) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix_in("differential-", scratch())?;
        let port = free_port(port)?;
        let config = directory.path().join("zoo.cfg");
        let data = directory.path().join("data");
        fs::create_dir(&data)?;
        let text = format!(
            "tickTime=2000\ndataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n\
             admin.enableServer=false\nextendedTypesEnabled=true\n{}",
            data.display(),
            if profile == Profile::Strict { STRICT } else { "" }
        );
        fs::write(&config, text)?;
        let log = File::create(directory.path().join("log"))?;
        let mut command = match kind {
            Kind::Zookeeper => zookeeper(&config)?,
            Kind::Menagerie => menagerie(&config)?,
        };
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = command.spawn().with_context(|| format!("{command:?}"))?;
        Ok(Self { process, directory, addr: (Ipv4Addr::LOCALHOST, port).into() })
    }

    /// A session, as soon as the server gives one.
    pub async fn observe(&mut self, profile: Profile) -> anyhow::Result<Observer> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            let error = match Observer::connect(self.addr, profile).await {
                Ok(observer) => return Ok(observer),
                Err(error) => error,
            };
            if let Some(status) = self.process.try_wait()? {
                bail!("the server has ended: {status}\n{}", self.log());
            }
            if Instant::now() > deadline {
                return Err(error.context(format!("the server does not serve\n{}", self.log())));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The end of what it wrote.
    pub fn log(&self) -> String {
        let text = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn zookeeper(config: &Path) -> anyhow::Result<Command> {
    let lib =
        std::env::var_os("ZOOKEEPER_LIB").map_or_else(|| root().join("build/zookeeper/lib"), PathBuf::from);
    ensure!(lib.is_dir(), "{} is missing: make zookeeper", lib.display());
    let mut command = Command::new("java");
    // Few threads: a case waits for every answer, and there are no others.
    command.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.forceSync=no"]);
    command.args(["-Dzookeeper.nio.numSelectorThreads=1", "-Dzookeeper.nio.numWorkerThreads=0"]);
    command.arg(format!("-Dznode.container.checkIntervalMs={NEVER_MS}"));
    command.arg("-cp").arg(lib.join("*"));
    command.arg("org.apache.zookeeper.server.quorum.QuorumPeerMain").arg(config);
    Ok(command)
}

fn menagerie(config: &Path) -> anyhow::Result<Command> {
    let named = std::env::var_os("MENAGERIE_BIN").map(PathBuf::from);
    let binary = named.unwrap_or_else(|| root().join("target/test-release/menagerie"));
    ensure!(
        binary.exists(),
        "{} is missing: cargo build --profile test-release -p menagerie",
        binary.display()
    );
    let mut lines = fs::read_to_string(config)?;
    lines.push_str(&format!("znode.container.checkIntervalMs={NEVER_MS}\n"));
    fs::write(config, lines)?;
    let mut command = Command::new(binary);
    command.arg("server").arg("--config").arg(config);
    Ok(command)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

// Memory, where there is such a directory: neither server is to wait for a disk.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

// Fails if somebody has it: cases are not to be played to whoever that is.
fn free_port(wanted: u16) -> anyhow::Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).with_context(|| format!("port {wanted}"))?;
    Ok(listener.local_addr()?.port())
}
