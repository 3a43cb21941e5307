//! The digests after the last entries, to compare with what a peer says of the same entry. By log index, not by zxid:
//! an entry of repeats only moves no zxid, but it does change the table of proposers.

use std::collections::VecDeque;

use menagerie_types::LogIndex;

const SAMPLES_MAX: usize = 4096;

/// `(index, digest)` after each of the last entries, in rising order.
#[derive(Debug, Default)]
pub(crate) struct DigestRing {
    samples: VecDeque<(LogIndex, u64)>,
}

impl DigestRing {
    /// Notes the digest after an entry.
    pub(crate) fn push(&mut self, index: LogIndex, digest: u64) {
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back((index, digest));
    }

    /// The digest after the entry at `index`, if that was applied here and not too long ago.
    pub(crate) fn at(&self, index: LogIndex) -> Option<u64> {
        let at = self.samples.binary_search_by_key(&index, |sample| sample.0).ok()?;
        Some(self.samples[at].1)
    }

    /// Forgets everything (the state was replaced).
    pub(crate) fn clear(&mut self) {
        self.samples.clear();
    }
}

/// What comparing digests with the peers says about this replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All that could be compared agree.
    Agreed,
    /// Some differ, but most agree with this replica.
    Majority,
    /// As many differ as agree: only a digest of the tree made from scratch can tell.
    Undecided,
    /// Most differ from this replica.
    Minority,
}

/// Weighs `same` and `different` peers; this replica agrees with itself.
pub(crate) fn verdict(same: usize, different: usize) -> Verdict {
    match (same + 1).cmp(&different) {
        _ if different == 0 => Verdict::Agreed,
        std::cmp::Ordering::Greater => Verdict::Majority,
        std::cmp::Ordering::Equal => Verdict::Undecided,
        std::cmp::Ordering::Less => Verdict::Minority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_recent_entries_are_known() {
        let mut ring = DigestRing::default();
        for n in 0..2 * SAMPLES_MAX as u64 {
            ring.push(LogIndex(n * 3), n);
        }
        assert_eq!(ring.at(LogIndex(0)), None, "too old");
        assert_eq!(ring.at(LogIndex(3 * SAMPLES_MAX as u64)), Some(SAMPLES_MAX as u64));
        assert_eq!(ring.at(LogIndex(3 * SAMPLES_MAX as u64 + 1)), None, "not an entry");
    }

    #[test]
    fn the_minority_is_told_apart() {
        assert_eq!(verdict(0, 0), Verdict::Agreed);
        assert_eq!(verdict(2, 0), Verdict::Agreed);
        assert_eq!(verdict(1, 1), Verdict::Majority);
        assert_eq!(verdict(0, 1), Verdict::Undecided);
        assert_eq!(verdict(0, 2), Verdict::Minority);
    }
}
