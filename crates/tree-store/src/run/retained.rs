//! How much log lies behind an index, as far as this replica has seen it go by.

use std::collections::VecDeque;

use menagerie_types::LogIndex;

/// Samples kept; when there are more, every second one is dropped.
const SAMPLES_MAX: usize = 1024;

/// `(index, bytes of log up to there)`, rising, about equally many bytes apart.
#[derive(Debug, Default)]
pub(super) struct Retained {
    samples: VecDeque<(LogIndex, u64)>,
    /// Bytes between samples.
    stride: u64,
    total: u64,
}

impl Retained {
    /// Notes how far the replica is.
    pub(super) fn note(&mut self, index: LogIndex, bytes: u64) {
        self.total = bytes;
        if self.samples.back().is_some_and(|(_, last)| bytes < last + self.stride.max(1)) {
            return;
        }
        if self.samples.len() == SAMPLES_MAX {
            let mut at = 0;
            self.samples.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            let (first, last) = (self.samples.front(), self.samples.back());
            let span = first.zip(last).map_or(0, |((_, first), (_, last))| last - first);
            self.stride = span / self.samples.len() as u64;
        }
        self.samples.push_back((index, bytes));
    }

    /// The log's bytes behind `index`, at least.
    pub(super) fn behind(&mut self, index: LogIndex) -> u64 {
        // What lies before is not asked for again.
        while self.samples.get(1).is_some_and(|(next, _)| *next <= index) {
            self.samples.pop_front();
        }
        self.samples.front().map_or(0, |(_, from)| self.total - from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_an_index_is_known_about_well_enough() {
        let mut retained = Retained::default();
        assert_eq!(retained.behind(LogIndex(0)), 0);
        for n in 1..=10 * SAMPLES_MAX as u64 {
            retained.note(LogIndex(n), n * 100);
        }
        assert!(retained.samples.len() <= SAMPLES_MAX);
        let all = retained.behind(LogIndex(0));
        assert!(all > 9 * SAMPLES_MAX as u64 * 100, "{all}");
        let half = retained.behind(LogIndex(5 * SAMPLES_MAX as u64));
        assert!(half >= 5 * SAMPLES_MAX as u64 * 100 && half < 6 * SAMPLES_MAX as u64 * 100, "{half}");
    }
}
