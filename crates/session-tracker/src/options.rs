//! Configuration of a tracker.

use std::time::Duration;

use menagerie_session::{ReaperConfig, TrackerConfig};
use menagerie_types::NodeId;

const LEASE_TTL: Duration = Duration::from_secs(2);
const CONTAINER_CHECK_INTERVAL: Duration = Duration::from_secs(60);
const CONTAINER_MAX_PER_MINUTE: u32 = 10_000;
const MINUTE_MS: u64 = 60_000;

/// How a tracker works. Build with [`SessionTrackerOptions::new`], then change what differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionTrackerOptions {
    /// The tracker's name in the lease; two running trackers must not share it. Its low byte begins session ids.
    pub id: NodeId,
    /// ZooKeeper's tickTime: width of an expiry bucket.
    pub tick: Duration,
    /// Smallest timeout granted.
    pub min_timeout: Duration,
    /// Largest timeout granted.
    pub max_timeout: Duration,
    /// How long the lease holds without a renewal. At most a third of the smallest timeout takes effect, so that a
    /// pause shorter than the lease expires nobody.
    pub lease_ttl: Duration,
    /// How often the active tracker looks for containers and TTL znodes that are due (ZooKeeper's
    /// `znode.container.checkIntervalMs`). Zero for never.
    pub container_check_interval: Duration,
    /// How many of them are deleted in a minute at most (`znode.container.maxPerMinute`). Zero counts as one; above
    /// 60,000 there is no pause between two of them.
    pub container_max_per_minute: u32,
    /// When a container that never had a child is due (`znode.container.maxNeverUsedIntervalMs`). Zero for never.
    pub container_max_never_used: Duration,
}

impl SessionTrackerOptions {
    /// ZooKeeper's defaults: timeouts between 2 and 20 ticks, containers as in 3.9. The lease holds 2 s.
    pub fn new(id: NodeId, tick: Duration) -> Self {
        Self {
            id,
            tick,
            min_timeout: tick * 2,
            max_timeout: tick * 20,
            lease_ttl: LEASE_TTL,
            container_check_interval: CONTAINER_CHECK_INTERVAL,
            container_max_per_minute: CONTAINER_MAX_PER_MINUTE,
            container_max_never_used: Duration::ZERO,
        }
    }

    pub(crate) fn lease_ttl_ms(&self) -> u32 {
        millis(self.lease_ttl.min(self.min_timeout / 3)).max(1)
    }

    pub(crate) fn min_timeout_ms(&self) -> u32 {
        millis(self.min_timeout)
    }

    /// Timeouts are 32-bit signed numbers for clients.
    pub(crate) fn max_timeout_ms(&self) -> u32 {
        millis(self.max_timeout).min(i32::MAX as u32)
    }

    pub(crate) fn tracker(&self, jitter_ms: u32) -> TrackerConfig {
        TrackerConfig {
            id: self.id,
            tick_ms: millis(self.tick).max(1),
            lease_ttl_ms: self.lease_ttl_ms(),
            jitter_ms,
        }
    }

    pub(crate) fn reaper(&self) -> ReaperConfig {
        ReaperConfig {
            check_interval_ms: millis(self.container_check_interval).into(),
            pace_ms: MINUTE_MS / u64::from(self.container_max_per_minute.max(1)),
        }
    }

    pub(crate) fn max_never_used_ms(&self) -> i64 {
        millis(self.container_max_never_used).into()
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
