//! Distributions of latencies.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Nothing that is measured here takes longer; what does counts as this long.
const MAX_NS: u64 = 600_000_000_000;
const DIGITS: u8 = 3;

/// Latencies in nanoseconds, exact to three digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// What is told of a distribution, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Mean.
    pub mean_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 95 % are at or below this.
    pub p95_us: f64,
    /// 99 %.
    pub p99_us: f64,
    /// 99.9 %.
    pub p999_us: f64,
    /// The largest.
    pub max_us: f64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl Latencies {
    /// None yet.
    pub fn new() -> Self {
        let empty = Histogram::new_with_bounds(1, MAX_NS, DIGITS);
        Self(empty.unwrap_or_else(|_| unreachable!("constants that the histogram accepts")))
    }

    /// Adds one.
    pub fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns.clamp(1, MAX_NS));
    }

    /// Adds all of another distribution.
    pub fn add(&mut self, other: &Self) {
        // Fails only for values beyond this one's bounds, and all have the same.
        let _ = self.0.add(&other.0);
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// The value that `percent` of them do not exceed, in microseconds; 0 without any.
    pub fn percentile_us(&self, percent: f64) -> f64 {
        micros(self.0.value_at_percentile(percent))
    }

    /// The usual figures; zeros without any.
    pub fn summary(&self) -> Summary {
        if self.0.is_empty() {
            return Summary::default();
        }
        Summary {
            mean_us: round(self.0.mean() / 1e3),
            p50_us: self.percentile_us(50.0),
            p95_us: self.percentile_us(95.0),
            p99_us: self.percentile_us(99.0),
            p999_us: self.percentile_us(99.9),
            max_us: micros(self.0.max()),
        }
    }
}

fn micros(ns: u64) -> f64 {
    round(ns as f64 / 1e3)
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_thousandth() {
        let mut latencies = Latencies::new();
        for n in 1..=100_000 {
            latencies.record(n * 1_000);
        }
        for percent in [50.0, 95.0, 99.0, 99.9, 100.0] {
            let expected = percent * 1_000.0;
            let got = latencies.percentile_us(percent);
            assert!((got - expected).abs() <= expected / 500.0, "p{percent}: {got}, expected {expected}");
        }
        assert_eq!(latencies.len(), 100_000);
    }

    #[test]
    fn one_slow_request_in_ten_thousand_is_the_maximum_and_not_the_99_9th_percentile() {
        let mut latencies = Latencies::new();
        (0..9_999).for_each(|_| latencies.record(1_000_000));
        latencies.record(5_000_000_000);
        let summary = latencies.summary();
        assert!((summary.p999_us - 1_000.0).abs() < 2.0, "{summary:?}");
        assert!(summary.max_us >= 4_995_000.0, "{summary:?}");
    }

    #[test]
    fn what_is_added_up_is_as_if_recorded_in_one_and_the_extremes_are_kept() {
        let (mut both, mut first, mut second) = (Latencies::new(), Latencies::new(), Latencies::new());
        for n in 0..1_000 {
            if n % 2 == 0 {
                first.record(n * 17)
            } else {
                second.record(n * 17)
            };
            both.record(n * 17);
        }
        first.add(&second);
        assert_eq!(first.summary(), both.summary());
        first.record(0);
        first.record(u64::MAX);
        assert_eq!(first.len(), 1_002);
        assert_eq!(Latencies::new().summary(), Summary::default());
    }
}
