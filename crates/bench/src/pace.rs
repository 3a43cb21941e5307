//! When requests are meant to start.
//!
//! In a closed loop a slow server slows its clients down, and the requests that it would have delayed are never made:
//! the latencies leave out what was worst. At a fixed rate every request has its time, whether or not the one before is
//! answered, and its latency counts from then.

/// The times of requests at a constant rate: request n is meant to start at n / rate.
#[derive(Clone, Debug)]
pub struct Pace {
    rate: f64,
    next: u64,
    end_ns: u64,
}

impl Pace {
    /// `rate` requests a second from time 0 until before `end_ns`. `rate` is above 0.
    pub fn new(rate: f64, end_ns: u64) -> Self {
        Self { rate, next: 0, end_ns }
    }

    /// When the next request is meant to start; `None` after the last.
    pub fn peek(&self) -> Option<u64> {
        // From the count, not by adding intervals: rounding must not change the rate.
        let at = (self.next as f64 / self.rate * 1e9) as u64;
        (at < self.end_ns).then_some(at)
    }

    /// Takes the next request if its time has come, and tells what its time was.
    pub fn due(&mut self, now_ns: u64) -> Option<u64> {
        let at = self.peek().filter(|at| *at <= now_ns)?;
        self.next += 1;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn all_due(pace: &mut Pace, now_ns: u64) -> Vec<u64> {
        std::iter::from_fn(|| pace.due(now_ns)).collect()
    }

    #[test]
    fn the_rate_is_kept_over_the_whole_time_also_where_the_interval_is_no_whole_number() {
        for rate in [1.0, 3.0, 333.3, 70_001.0] {
            let mut pace = Pace::new(rate, 10 * SECOND);
            let count = all_due(&mut pace, 10 * SECOND).len() as f64;
            assert!((count - rate * 10.0).abs() <= 1.0, "{count} at {rate}");
            assert_eq!(pace.peek(), None);
        }
    }

    #[test]
    fn after_a_stall_every_missed_request_is_due_with_the_time_it_was_meant_for() {
        let mut pace = Pace::new(1_000.0, SECOND);
        assert_eq!(pace.due(0), Some(0));
        assert_eq!(pace.due(500_000), None);
        let late = all_due(&mut pace, 100_000_000);
        assert_eq!(late.len(), 100);
        assert_eq!((late[0], late[99]), (1_000_000, 100_000_000));
        assert_eq!(pace.peek(), Some(101_000_000));
    }

    #[test]
    fn latencies_from_the_intended_start_show_a_stall_that_a_closed_loop_hides() {
        // A server that answers at once, but for one stall of 100 ms.
        let mut pace = Pace::new(1_000.0, SECOND);
        let mut open = crate::latency::Latencies::new();
        for now in (0..=SECOND).step_by(1_000_000) {
            let stalled = (300_000_000..400_000_000).contains(&now);
            while !stalled && let Some(meant) = pace.due(now) {
                open.record(now - meant);
            }
        }
        assert_eq!(open.len(), 1_000);
        // A tenth of all requests was meant to start during the stall.
        assert!(open.percentile_us(95.0) > 40_000.0, "{:?}", open.summary());
        assert!(open.percentile_us(85.0) < 1_000.0, "{:?}", open.summary());
    }
}
