//! A cluster that serves.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use menagerie_client::{Client, ClientError, ConnectOptions};
use tempfile::TempDir;

use crate::Shape;
use crate::shape::Running;

const START: Duration = Duration::from_secs(60);
const LOG_TAIL_LINES: usize = 40;

/// Processes and their data, gone when dropped; when a test has failed their last words are printed.
#[derive(Debug)]
pub struct Cluster {
    // Before the directory, so that nothing runs in it when it is removed.
    running: Option<Running>,
    hosts: Vec<String>,
    directory: TempDir,
}

impl Cluster {
    /// Starts one and waits until every address serves.
    pub async fn start(shape: Shape) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("menagerie-")?;
        let (running, hosts) = shape.start(directory.path())?;
        let cluster = Self { running: Some(running), hosts, directory };
        for host in &cluster.hosts {
            let options = ConnectOptions { connect_timeout: START, ..ConnectOptions::default() };
            let client = Client::connect_with(&[host], options).await;
            client.with_context(|| format!("{shape:?} at {host}"))?.close().await?;
        }
        Ok(cluster)
    }

    /// The addresses for clients.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// A session at the address of this number, counted round and round.
    pub async fn connect(&self, number: usize) -> Result<Client, ClientError> {
        let host = &self.hosts[number % self.hosts.len()];
        Client::connect(&[host], Duration::from_secs(10)).await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            print_logs(self.directory.path());
        }
        drop(self.running.take());
    }
}

fn print_logs(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "log"))
    {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
        eprintln!("--- {}\n{}", path.display(), tail.join("\n"));
    }
}
