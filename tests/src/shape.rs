//! The three shapes, and what starts each.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::ports::free_range;
use crate::process::{Process, binary, root};

/// More than `cluster.sh` puts above its base.
const INTERNAL_PORTS: u16 = 100;

/// How the components are spread over processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All in one process.
    Standalone,
    /// Three classic servers.
    Ensemble,
    /// Each component in processes of its own.
    Split,
}

/// What runs, and ends when dropped.
#[derive(Debug)]
pub enum Running {
    /// Children of this process.
    Processes(#[allow(dead_code, reason = "held to be dropped")] Vec<Process>),
    /// What `cluster.sh` has started.
    Script(Script),
}

impl Shape {
    /// Starts it with everything it writes under `directory`; returns the addresses for clients.
    pub fn start(self, directory: &Path) -> anyhow::Result<(Running, Vec<String>)> {
        match self {
            Self::Standalone => standalone(directory),
            Self::Ensemble => ensemble(directory),
            Self::Split => split(directory),
        }
    }
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn standalone(directory: &Path) -> anyhow::Result<(Running, Vec<String>)> {
    let port = free_range(3)?;
    let mut command = Command::new(binary()?);
    command.arg("standalone").arg("--data-dir").arg(directory.join("data"));
    command.args(["--client-addr", &local(port), "--grpc-addr", &local(port + 1)]);
    command.args(["--admin-addr", &local(port + 2)]);
    let process = Process::start(&mut command, &directory.join("standalone.log"))?;
    Ok((Running::Processes(vec![process]), vec![local(port)]))
}

fn ensemble(directory: &Path) -> anyhow::Result<(Running, Vec<String>)> {
    let base = free_range(9)?;
    let (clients, quorum, election) = (base, base + 3, base + 6);
    let members: String =
        (0..3).map(|n| format!("server.{}=127.0.0.1:{}:{}\n", n + 1, quorum + n, election + n)).collect();
    let mut processes = Vec::new();
    for n in 0..3 {
        let name = format!("server-{}", n + 1);
        let data = directory.join(&name);
        fs::create_dir(&data)?;
        fs::write(data.join("myid"), format!("{}\n", n + 1))?;
        let config = directory.join(format!("{name}.cfg"));
        let text = format!(
            "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n{members}",
            data.display(),
            clients + n,
        );
        fs::write(&config, text)?;
        let mut command = Command::new(binary()?);
        command.arg("server").arg("--config").arg(&config);
        processes.push(Process::start(&mut command, &directory.join(format!("{name}.log")))?);
    }
    Ok((Running::Processes(processes), (0..3).map(|n| local(clients + n)).collect()))
}

fn split(directory: &Path) -> anyhow::Result<(Running, Vec<String>)> {
    let base = free_range(INTERNAL_PORTS + 4)?;
    let clients = [local(base), local(base + 1)];
    let variables = [
        ("CLUSTER_DIR", directory.display().to_string()),
        ("MENAGERIE_BIN", binary()?.display().to_string()),
        ("CLUSTER_PORT_BASE", (base + 4).to_string()),
        ("GATEWAY_1_CLIENT", clients[0].clone()),
        ("GATEWAY_2_CLIENT", clients[1].clone()),
        ("GATEWAY_1_GRPC", local(base + 2)),
        ("GATEWAY_2_GRPC", local(base + 3)),
    ];
    let script = Script(variables.to_vec());
    script.run("up")?;
    Ok((Running::Script(script), clients.to_vec()))
}

/// `deploy/local/cluster.sh` with its environment; takes everything down when dropped.
#[derive(Debug)]
pub struct Script(Vec<(&'static str, String)>);

impl Script {
    fn run(&self, verb: &str) -> anyhow::Result<()> {
        let mut command = Command::new(root().join("deploy/local/cluster.sh"));
        command.arg(verb).envs(self.0.iter().cloned());
        // No pipes: what it leaves running would hold them open.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().with_context(|| format!("{command:?}"))?;
        anyhow::ensure!(status.success(), "cluster.sh {verb}: {status}");
        Ok(())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if let Err(error) = self.run("down") {
            eprintln!("{error:#}");
        }
    }
}
