//! What is done to a cluster.

use clap::ValueEnum;
use serde::Serialize;

use crate::cluster::System;

/// What happens to a cluster under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// The leader is killed with -9.
    LeaderKilled,
    /// The leader is stopped with SIGSTOP, later it goes on.
    LeaderPaused,
    /// The leader's packets to and from its peers are lost; its clients reach it.
    LeaderCutOffFromPeers,
    /// All packets of the leader are lost.
    LeaderCutOff,
    /// Every process is stopped with SIGTERM and started again, one after the other.
    RollingRestart,
    /// The process with the active session tracker is killed.
    TrackerKilled,
    /// A replica that serves a gateway is killed.
    StoreKilled,
    /// A gateway is killed.
    GatewayKilled,
}

impl Scenario {
    /// Whether the system has what the scenario disturbs, in a process of its own.
    pub fn fits(self, system: System) -> bool {
        match self {
            Self::LeaderKilled | Self::LeaderPaused | Self::LeaderCutOff | Self::RollingRestart => true,
            // The members of the log of a split cluster have no clients of their own.
            Self::LeaderCutOffFromPeers => system != System::Split,
            Self::TrackerKilled | Self::StoreKilled | Self::GatewayKilled => system == System::Split,
        }
    }

    /// Whether the holders of the log must be in network namespaces.
    pub fn is_apart(self) -> bool {
        matches!(self, Self::LeaderCutOffFromPeers | Self::LeaderCutOff)
    }

    /// The longest write stall that is allowed, in ms: see [`Target`].
    pub fn target(self) -> Target {
        match self {
            Self::LeaderKilled => Target::HalfOfZooKeepers,
            Self::LeaderPaused | Self::LeaderCutOffFromPeers | Self::LeaderCutOff => Target::Ms(2_000),
            Self::RollingRestart => Target::Ms(100),
            Self::TrackerKilled | Self::StoreKilled | Self::GatewayKilled => Target::Ms(200),
        }
    }

    /// For tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::LeaderKilled => "leader killed (-9)",
            Self::LeaderPaused => "leader paused (SIGSTOP)",
            Self::LeaderCutOffFromPeers => "leader cut off from its peers",
            Self::LeaderCutOff => "leader cut off from everybody",
            Self::RollingRestart => "restart of",
            Self::TrackerKilled => "active session tracker killed",
            Self::StoreKilled => "tree store killed",
            Self::GatewayKilled => "gateway killed",
        }
    }
}

/// How long a stall may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// At most this long.
    Ms(u64),
    /// At most half of ZooKeeper's in the same run, in the median.
    HalfOfZooKeepers,
}
