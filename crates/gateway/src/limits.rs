//! How much clients may ask for at a time.

use std::time::Duration;

use crate::throttle::ConnectionThrottle;

/// Limits on connections and requests beyond those on memory, which always hold; [`Limits::default`] is ZooKeeper's
/// behaviour.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Connections of the whole gateway (`maxCnxns`); 0 for no limit, the default.
    pub max_cnxns: usize,
    /// How fast sessions may be asked for. Default: as fast as they come.
    pub connection_throttle: ConnectionThrottle,
    /// While more requests are in process (`globalOutstandingLimit`), connections with unanswered requests are not
    /// read. Clients see nothing but time pass, so there is no limit by default: the bytes of what is in process have
    /// one. (ZooKeeper's is 1,000.)
    pub global_outstanding: Option<usize>,
    /// While as many requests are in process (`request_throttle_max_requests`), no request is begun. 0 for no limit, the
    /// default.
    pub throttle_requests_at: usize,
    /// Requests that have waited longer for [`Self::throttle_requests_at`] are answered with `ThrottledOp` instead of
    /// being executed (`throttled_op_wait_time`). Zero for never, the default.
    pub throttled_op_wait: Duration,
    /// Longer requests are large (`largeRequestThreshold`). Default: none is.
    pub large_request_threshold: Option<usize>,
    /// Bytes of large requests in process; a connection that sends more is closed (`largeRequestMaxBytes`). Default
    /// 100 MiB.
    pub large_request_max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_cnxns: 0,
            connection_throttle: ConnectionThrottle::default(),
            global_outstanding: None,
            throttle_requests_at: 0,
            throttled_op_wait: Duration::ZERO,
            large_request_threshold: None,
            large_request_max_bytes: 100 * 1024 * 1024,
        }
    }
}
