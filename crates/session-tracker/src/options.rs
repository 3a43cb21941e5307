//! Configuration of a tracker.

use std::time::Duration;

use menagerie_session::TrackerConfig;
use menagerie_types::NodeId;

const LEASE_TTL: Duration = Duration::from_secs(2);

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
}

impl SessionTrackerOptions {
    /// ZooKeeper's defaults: timeouts between 2 and 20 ticks. The lease holds 2 s.
    pub fn new(id: NodeId, tick: Duration) -> Self {
        Self { id, tick, min_timeout: tick * 2, max_timeout: tick * 20, lease_ttl: LEASE_TTL }
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
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
