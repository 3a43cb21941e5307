//! Counters of a gateway, shared by its workers; what `srvr` and the metrics show.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::GatewayOptions;

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
    /// Bytes of large requests in process.
    pub(crate) large_request_bytes: AtomicUsize,
    began: Instant,
    trace_mask: AtomicI64,
    /// Connections that were let go before they had a session.
    pub(crate) rejected: AtomicU64,
    /// Large requests that were one too many.
    pub(crate) large_requests_rejected: AtomicU64,
    /// Requests that had waited too long.
    pub(crate) throttled_ops: AtomicU64,
    /// TLS handshakes under way.
    pub(crate) handshakes: AtomicUsize,
}

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooManyConnections {
    /// `maxClientCnxns`.
    #[error("its address has {0} connections already (maxClientCnxns)")]
    OfAddress(usize),
    /// `maxCnxns`.
    #[error("there are {0} connections already (maxCnxns)")]
    OfAll(usize),
}

/// ZooKeeper's default trace mask.
const TRACE_MASK: i64 = 306;

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
            large_request_bytes: AtomicUsize::new(0),
            began: Instant::now(),
            trace_mask: AtomicI64::new(TRACE_MASK),
            rejected: AtomicU64::new(0),
            large_requests_rejected: AtomicU64::new(0),
            throttled_ops: AtomicU64::new(0),
            handshakes: AtomicUsize::new(0),
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

    /// Least, average and greatest latency of writes in ms; the average as Java prints it.
    pub fn latency_ms(&self) -> (u64, String, u64) {
        let answered = self.answered.load(Ordering::Relaxed);
        if answered == 0 {
            return (0, "0.0".into(), 0);
        }
        let average = self.latency_us.load(Ordering::Relaxed) as f64 / answered as f64 / 1000.0;
        let least = self.latency_us_min.load(Ordering::Relaxed) / 1000;
        let most = self.latency_us_max.load(Ordering::Relaxed) / 1000;
        (least, format!("{:?}", (average * 10_000.0).round() / 10_000.0), most)
    }

    /// `min/avg/max` of the latency of writes in ms, as `srvr` prints it.
    pub fn latency(&self) -> String {
        let (least, average, most) = self.latency_ms();
        format!("{least}/{average}/{most}")
    }

    /// Counts from nothing again (`srst`); what is a state, not a count, stays.
    pub(crate) fn reset(&self) {
        for counter in [&self.received, &self.sent, &self.answered, &self.latency_us, &self.latency_us_max] {
            counter.store(0, Ordering::Relaxed);
        }
        for counter in [&self.rejected, &self.large_requests_rejected, &self.throttled_ops] {
            counter.store(0, Ordering::Relaxed);
        }
        self.latency_us_min.store(u64::MAX, Ordering::Relaxed);
    }

    /// When the gateway began.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// `gtmk`: nothing here depends on it.
    pub(crate) fn trace_mask(&self) -> i64 {
        self.trace_mask.load(Ordering::Relaxed)
    }

    /// `stmk`.
    pub(crate) fn set_trace_mask(&self, mask: i64) {
        self.trace_mask.store(mask, Ordering::Relaxed);
    }

    /// There is a replica to read from and a tracker that vouches for sessions.
    pub fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Relaxed)
    }

    /// See [`Self::is_serving`].
    pub fn set_serving(&self, serving: bool) {
        self.serving.store(serving, Ordering::Relaxed);
    }

    /// Counts a connection from `address`, unless there are too many already.
    pub fn try_connect(&self, address: IpAddr, options: &GatewayOptions) -> Result<(), TooManyConnections> {
        let (of_address, of_all) = (options.max_client_cnxns, options.limits.max_cnxns);
        let mut by_address = self.by_address.lock();
        if of_all != 0 && by_address.values().sum::<usize>() >= of_all {
            return Err(TooManyConnections::OfAll(of_all));
        }
        let count = by_address.entry(address).or_default();
        if of_address != 0 && *count >= of_address {
            return Err(TooManyConnections::OfAddress(of_address));
        }
        *count += 1;
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_by_address_and_together() {
        let [one, two, three] = [1, 2, 3].map(|n| IpAddr::from([127, 0, 0, n]));
        let mut options = GatewayOptions { max_client_cnxns: 2, ..GatewayOptions::default() };
        options.limits.max_cnxns = 3;
        let stats = Stats::default();
        assert!(stats.try_connect(one, &options).is_ok() && stats.try_connect(one, &options).is_ok());
        assert_eq!(stats.try_connect(one, &options), Err(TooManyConnections::OfAddress(2)));
        assert!(stats.try_connect(two, &options).is_ok());
        assert_eq!(stats.try_connect(three, &options), Err(TooManyConnections::OfAll(3)));
        stats.disconnected(two);
        assert!(stats.try_connect(three, &options).is_ok());
        assert_eq!(stats.connections(), 3);
    }
}
