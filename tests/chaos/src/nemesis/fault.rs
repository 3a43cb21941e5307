//! The faults, and what each does to the processes it is meant for.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::cluster::network::Place;
use crate::cluster::node::Life;

/// Linux's numbers.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// One end of a link: a node, or where the clients are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The node with this number.
    Node(usize),
    /// The clients.
    Clients,
}

/// What is done to some nodes, by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// kill -9.
    Kill(Vec<usize>),
    /// Ended as an operator would.
    Stop(Vec<usize>),
    /// The power fails: what is not synced is lost.
    PowerCut(Vec<usize>),
    /// SIGSTOP.
    Pause(Vec<usize>),
    /// Of each pair, the second hears nothing from the first.
    Cut(Vec<(End, End)>),
    /// So many of 100 packets are lost on the way in.
    Loss(Vec<usize>, u8),
    /// Syncs take so many milliseconds longer.
    SlowDisk(Vec<usize>, u64),
    /// No room is left.
    FullDisk(usize),
    /// Syncs fail.
    SyncError(usize),
    /// Writes fail: no room, or an I/O error.
    WriteError(usize, bool),
    /// The wall clock steps by so many seconds.
    Clock(Vec<usize>, i64),
}

impl Fault {
    /// Its kind, for the summary.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Kill(nodes) if nodes.len() > 1 => "kill -9 of several",
            Self::Kill(_) => "kill -9",
            Self::Stop(_) => "planned restart",
            Self::PowerCut(nodes) if nodes.len() > 1 => "power cut of several",
            Self::PowerCut(_) => "power cut",
            Self::Pause(_) => "pause",
            Self::Cut(_) => "partition",
            Self::Loss(..) => "packet loss",
            Self::SlowDisk(..) => "slow disk",
            Self::FullDisk(_) => "full disk",
            Self::SyncError(_) => "sync error",
            Self::WriteError(..) => "write error",
            Self::Clock(..) => "clock step",
        }
    }

    /// Whether a member may have to leave service because of it.
    pub fn ends_members(&self) -> Option<usize> {
        match self {
            Self::FullDisk(node) | Self::SyncError(node) | Self::WriteError(node, _) => Some(*node),
            _ => None,
        }
    }

    /// Begins it.
    pub async fn inject(&self, cluster: &mut Cluster) -> anyhow::Result<()> {
        match self {
            Self::Kill(nodes) => {
                for node in nodes {
                    cluster.nodes[*node].kill().await?;
                }
            }
            Self::Stop(nodes) => stop(cluster, nodes).await?,
            Self::PowerCut(nodes) => power_cut(cluster, nodes).await?,
            Self::Pause(nodes) => {
                for node in nodes {
                    if cluster.nodes[*node].life == Life::Running {
                        cluster.nodes[*node].pause().await?;
                    }
                }
            }
            Self::Cut(links) => {
                for (from, to) in links {
                    let from = place(cluster, *from).address;
                    place(cluster, *to).stop_hearing(from).await?;
                }
            }
            Self::Loss(nodes, percent) => {
                for node in nodes {
                    cluster.nodes[*node].place.lose(*percent).await?;
                }
            }
            Self::SlowDisk(nodes, ms) => {
                let delay = Duration::from_millis(*ms);
                nodes.iter().try_for_each(|node| cluster.nodes[*node].control.delay_syncs(delay))?;
            }
            Self::FullDisk(node) => {
                if let Some(disk) = &cluster.nodes[*node].disk {
                    disk.fill().await?;
                }
            }
            Self::SyncError(node) => cluster.nodes[*node].control.fail_syncs(EIO)?,
            Self::WriteError(node, full) => {
                cluster.nodes[*node].control.fail_writes(if *full { ENOSPC } else { EIO })?;
            }
            Self::Clock(nodes, seconds) => {
                nodes.iter().try_for_each(|node| cluster.nodes[*node].control.step_clock(*seconds))?;
            }
        }
        Ok(())
    }

    /// Ends it. Processes that have ended are started again.
    pub async fn heal(&self, cluster: &mut Cluster) -> anyhow::Result<()> {
        match self {
            Self::Kill(nodes) | Self::Stop(nodes) | Self::PowerCut(nodes) => {
                nodes.iter().try_for_each(|node| cluster.nodes[*node].start())?;
            }
            Self::Pause(nodes) => {
                for node in nodes {
                    cluster.nodes[*node].resume().await?;
                }
            }
            Self::Cut(_) | Self::Loss(..) => heal_network(cluster).await?,
            Self::SlowDisk(nodes, _) => {
                nodes.iter().try_for_each(|node| cluster.nodes[*node].control.delay_syncs(Duration::ZERO))?;
            }
            Self::Clock(nodes, _) => {
                nodes.iter().try_for_each(|node| cluster.nodes[*node].control.step_clock(0))?;
            }
            Self::FullDisk(node) => {
                if let Some(disk) = &cluster.nodes[*node].disk {
                    disk.free().await?;
                }
                cluster.nodes[*node].start()?;
            }
            Self::SyncError(node) | Self::WriteError(node, _) => {
                cluster.nodes[*node].control.fail_syncs(0)?;
                cluster.nodes[*node].control.fail_writes(0)?;
                cluster.nodes[*node].start()?;
            }
        }
        Ok(())
    }

    /// As people read it.
    pub fn describe(&self, cluster: &Cluster) -> String {
        let name = |node: &usize| cluster.nodes[*node].name().to_owned();
        let names = |nodes: &[usize]| nodes.iter().map(name).collect::<Vec<_>>().join(" ");
        match self {
            Self::Kill(nodes) => format!("kill -9 {}", names(nodes)),
            Self::Stop(nodes) => format!("stop {}", names(nodes)),
            Self::PowerCut(nodes) => format!("power cut {}", names(nodes)),
            Self::Pause(nodes) => format!("pause {}", names(nodes)),
            Self::Cut(links) => {
                let end = |end: &End| match end {
                    End::Node(node) => name(node),
                    End::Clients => "clients".to_owned(),
                };
                let links: Vec<_> = links.iter().map(|(a, b)| format!("{}>{}", end(a), end(b))).collect();
                format!("cut {}", links.join(" "))
            }
            Self::Loss(nodes, percent) => format!("lose {percent}% of packets to {}", names(nodes)),
            Self::SlowDisk(nodes, ms) => format!("syncs {ms} ms slower: {}", names(nodes)),
            Self::FullDisk(node) => format!("full disk: {}", name(node)),
            Self::SyncError(node) => format!("sync errors: {}", name(node)),
            Self::WriteError(node, full) => {
                format!("write errors ({}): {}", if *full { "ENOSPC" } else { "EIO" }, name(node))
            }
            Self::Clock(nodes, seconds) => format!("clock {seconds:+} s: {}", names(nodes)),
        }
    }
}

async fn stop(cluster: &mut Cluster, nodes: &[usize]) -> anyhow::Result<()> {
    for node in nodes {
        let node = &mut cluster.nodes[*node];
        if node.life == Life::Running {
            let status = node.stop().await?;
            anyhow::ensure!(status.success(), "{} was asked to end and failed: {status}", node.name());
        }
    }
    Ok(())
}

/// All at the same moment, as far as that can be: the disks of all go before any of them is served again.
async fn power_cut(cluster: &mut Cluster, nodes: &[usize]) -> anyhow::Result<()> {
    for node in nodes {
        cluster.nodes[*node].lose_power().await?;
    }
    for node in nodes {
        cluster.nodes[*node].regain_power().await?;
    }
    Ok(())
}

/// Takes away every cut and every loss.
pub async fn heal_network(cluster: &Cluster) -> anyhow::Result<()> {
    if !cluster.powers.networks {
        return Ok(());
    }
    Place::outside().heal().await?;
    for node in &cluster.nodes {
        node.place.heal().await?;
    }
    Ok(())
}

fn place(cluster: &Cluster, end: End) -> Place {
    match end {
        End::Node(node) => cluster.nodes[node].place.clone(),
        End::Clients => Place::outside(),
    }
}
