//! Counters of a gateway, shared by its workers; what `srvr` and the metrics show.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// What a gateway knows of the components behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `standalone`, `leader`, `follower`; empty until known.
    pub mode: String,
    /// Znodes in the linked replica.
    pub znode_count: u64,
}

/// Counters of a gateway.
#[derive(Debug)]
pub struct Stats {
    received: AtomicU64,
    sent: AtomicU64,
    answered: AtomicU64,
    latency_us: AtomicU64,
    latency_us_min: AtomicU64,
    latency_us_max: AtomicU64,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    serving: AtomicBool,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            latency_us: AtomicU64::new(0),
            latency_us_min: AtomicU64::new(u64::MAX),
            latency_us_max: AtomicU64::new(0),
            by_address: Mutex::default(),
            serving: AtomicBool::new(false),
        }
    }
}

impl Stats {
    /// Counts requests.
    pub fn received(&self, count: u64) {
        self.received.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts replies and events.
    pub fn sent(&self, count: u64) {
        self.sent.fetch_add(count, Ordering::Relaxed);
    }

    /// Requests received.
    pub fn received_total(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Packets sent.
    pub fn sent_total(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// A write was answered after `latency`.
    pub fn answered(&self, latency: Duration) {
        let micros = latency.as_micros() as u64;
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.latency_us.fetch_add(micros, Ordering::Relaxed);
        self.latency_us_min.fetch_min(micros, Ordering::Relaxed);
        self.latency_us_max.fetch_max(micros, Ordering::Relaxed);
        self.sent(1);
    }

    /// `min/avg/max` of the latency of writes in ms, as `srvr` prints it.
    pub fn latency(&self) -> String {
        let answered = self.answered.load(Ordering::Relaxed);
        if answered == 0 {
            return "0/0.0/0".into();
        }
        let average = self.latency_us.load(Ordering::Relaxed) as f64 / answered as f64 / 1000.0;
        let min = self.latency_us_min.load(Ordering::Relaxed) / 1000;
        let max = self.latency_us_max.load(Ordering::Relaxed) / 1000;
        format!("{min}/{:?}/{max}", (average * 10_000.0).round() / 10_000.0)
    }

    /// There is a replica to read from and a tracker that vouches for sessions.
    pub fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Relaxed)
    }

    /// See [`Self::is_serving`].
    pub fn set_serving(&self, serving: bool) {
        self.serving.store(serving, Ordering::Relaxed);
    }

    /// Counts a connection from `address`, unless it has `max` already (0 for no limit).
    pub fn try_connect(&self, address: IpAddr, max: usize) -> bool {
        let mut by_address = self.by_address.lock();
        let count = by_address.entry(address).or_default();
        if max != 0 && *count >= max {
            return false;
        }
        *count += 1;
        true
    }

    /// A connection from `address` is gone.
    pub fn disconnected(&self, address: IpAddr) {
        let mut by_address = self.by_address.lock();
        if let Some(count) = by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&address);
            }
        }
    }

    /// Connections now.
    pub fn connections(&self) -> usize {
        self.by_address.lock().values().sum()
    }
}
