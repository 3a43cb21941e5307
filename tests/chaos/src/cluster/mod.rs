//! The processes under test.

pub mod control;
pub mod disk;
pub mod flip;
pub mod network;
pub mod node;
pub mod shape;
pub mod status;

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

use self::disk::Disk;
use self::network::Place;
use self::node::{Component, Node};
use self::shape::{Shape, Site, client_host};
use crate::isolate::Powers;

const POLL: Duration = Duration::from_millis(100);

/// See the module.
pub struct Cluster {
    /// Every process.
    pub nodes: Vec<Node>,
    /// What the machine allows.
    pub powers: Powers,
}

impl Cluster {
    /// Makes the places and disks of every process, and starts none. Everything is below `dir`.
    pub async fn create(shape: Shape, binary: &Path, dir: &Path, powers: Powers) -> anyhow::Result<Self> {
        for name in ["logs", "control", "config"] {
            fs::create_dir_all(dir.join(name))?;
        }
        if powers.networks {
            network::create().await?;
        }
        let planned = shape.nodes();
        let addresses: Vec<(Component, Ipv4Addr)> = (1..)
            .zip(&planned)
            .map(|(n, (_, component))| (*component, network::address(n, powers.networks)))
            .collect();
        let mut nodes = Vec::new();
        for ((name, component), (_, address)) in planned.iter().zip(&addresses) {
            let place =
                if powers.networks { Place::create(name, *address).await? } else { Place::at(*address) };
            let disk = match component.has_disk() {
                true => Some(Disk::create(dir, name, powers.disks).await?),
                false => None,
            };
            let data = disk.as_ref().map(Disk::data);
            let site = Site { name, component: *component, address: *address, data: data.as_deref() };
            let plan = shape::plan(binary, dir, &site, &addresses)?;
            if let Some(disk) = &disk {
                disk.settle().await?;
            }
            nodes.push(Node::new(plan, place, disk, dir)?);
        }
        Ok(Self { nodes, powers })
    }

    /// Where clients connect.
    pub fn hosts(&self) -> Vec<String> {
        let serving = self.nodes.iter().filter(|node| node.plan.component.has_clients());
        serving.map(|node| client_host(node.place.address)).collect()
    }

    /// Starts whatever does not run.
    pub fn start_all(&mut self) -> anyhow::Result<()> {
        self.nodes.iter_mut().try_for_each(Node::start)
    }

    /// From now on nothing is synced any more; what is there stays.
    pub async fn let_disks_lie(&self) -> anyhow::Result<()> {
        for node in &self.nodes {
            if let Some(disk) = &node.disk {
                disk.settle().await?;
            }
            node.control.lie_about_syncs()?;
        }
        Ok(())
    }

    /// Waits until every process says that it is ready.
    pub async fn wait_ready(&self, within: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let waiting = self.not_ready().await;
            if waiting.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("not ready after {} s: {}", within.as_secs(), waiting.join("; "));
            }
            sleep(POLL).await;
        }
    }

    async fn not_ready(&self) -> Vec<String> {
        let mut waiting = Vec::new();
        for node in &self.nodes {
            match node.status().await {
                Ok(status) if status::is_ready(&status) => {}
                Ok(status) => waiting.push(format!("{}: {status}", node.name())),
                Err(error) => waiting.push(format!("{}: {error:#}", node.name())),
            }
        }
        waiting
    }

    /// Waits until every process that holds a tree has the same one, as of the same entry.
    pub async fn wait_same_trees(&self, within: Duration) -> anyhow::Result<status::Tree> {
        let deadline = Instant::now() + within;
        loop {
            let mut trees = Vec::new();
            for node in self.nodes.iter().filter(|node| node.plan.component.has_tree()) {
                trees.push((node.name(), node.status().await.ok().as_ref().and_then(status::tree)));
            }
            let first = trees.first().and_then(|(_, tree)| tree.clone());
            if let Some(first) =
                first.filter(|first| trees.iter().all(|(_, tree)| tree.as_ref() == Some(first)))
            {
                return Ok(first);
            }
            if Instant::now() > deadline {
                bail!("not the same trees after {} s: {trees:?}", within.as_secs());
            }
            sleep(POLL).await;
        }
    }

    /// Ends every process and lets go of the disks.
    pub async fn end(&mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            node.kill().await?;
            if let Some(disk) = &node.disk {
                disk.unmount().await?;
            }
        }
        Ok(())
    }

    /// The node in which consensus leads.
    pub async fn leader(&self) -> Option<usize> {
        for (n, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.plan.component.votes()) {
            if node.status().await.is_ok_and(|s| status::field(&s, "consensus", "state") == "leader") {
                return Some(n);
            }
        }
        None
    }
}
