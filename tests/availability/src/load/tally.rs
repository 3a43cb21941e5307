//! What one client saw: when it was answered, and what went wrong.

use std::time::{Duration, Instant};

/// Shorter gaps between two answers are not kept.
const GAP_MIN: Duration = Duration::from_millis(3);

/// The answers of one client, and its misfortunes. A plain value.
#[derive(Debug)]
pub struct Tally {
    last: Instant,
    gaps: Vec<(Instant, Instant)>,
    mishaps: Vec<(Instant, Mishap)>,
    answers: u64,
}

/// Something that a client should not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// An operation failed.
    Error(String),
    /// Its connection was closed.
    ConnectionLost,
    /// Its session was gone.
    SessionLost,
}

/// What happened in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The longest time without an answer, of those that ended within the time or are still open at its end.
    pub longest: Duration,
    /// Operations that failed, whatever the reason.
    pub errors: usize,
    /// Connections closed.
    pub connections_lost: usize,
    /// Sessions gone.
    pub sessions_lost: usize,
}

impl Tally {
    /// Nothing was answered before `start`.
    pub fn new(start: Instant) -> Self {
        Self { last: start, gaps: Vec::new(), mishaps: Vec::new(), answers: 0 }
    }

    /// An operation was answered.
    pub fn answered(&mut self, now: Instant) {
        if now - self.last >= GAP_MIN {
            self.gaps.push((self.last, now));
        }
        self.last = now;
        self.answers += 1;
    }

    /// Something went wrong.
    pub fn mishap(&mut self, now: Instant, mishap: Mishap) {
        self.mishaps.push((now, mishap));
    }

    /// How many operations were answered.
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// The first error from `from` on.
    pub fn first_error(&self, from: Instant) -> Option<&str> {
        self.mishaps.iter().find_map(|(at, mishap)| match mishap {
            Mishap::Error(text) if *at >= from => Some(text.as_str()),
            _ => None,
        })
    }

    /// What happened from `from` to `to`.
    pub fn seen(&self, from: Instant, to: Instant) -> Seen {
        let open = (self.last, to);
        let ended = self.gaps.iter().filter(|(_, end)| (from..=to).contains(end));
        let longest = ended.chain([&open]).map(|(start, end)| end.saturating_duration_since(*start)).max();
        let count = |is: fn(&Mishap) -> bool| {
            self.mishaps.iter().filter(|(at, mishap)| (from..=to).contains(at) && is(mishap)).count()
        };
        Seen {
            longest: longest.unwrap_or_default(),
            errors: count(|mishap| matches!(mishap, Mishap::Error(_))),
            connections_lost: count(|mishap| *mishap == Mishap::ConnectionLost),
            sessions_lost: count(|mishap| *mishap == Mishap::SessionLost),
        }
    }
}

impl Seen {
    /// Of several clients.
    pub fn and(self, other: Self) -> Self {
        Self {
            longest: self.longest.max(other.longest),
            errors: self.errors + other.errors,
            connections_lost: self.connections_lost + other.connections_lost,
            sessions_lost: self.sessions_lost + other.sessions_lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_longest_gap_counts_where_it_ends_and_an_open_one_at_the_end() {
        let start = Instant::now();
        let mut tally = Tally::new(start);
        for ms in [1, 2, 300, 301, 340] {
            tally.answered(start + ms * MS);
        }
        let longest = |from: u32, to: u32| tally.seen(start + from * MS, start + to * MS).longest;
        assert_eq!(longest(0, 341), 298 * MS);
        assert_eq!(longest(290, 341), 298 * MS, "it was open when the time began");
        assert_eq!(longest(302, 345), 39 * MS);
        assert_eq!(longest(302, 440), 100 * MS, "nothing was answered since");
        assert_eq!(tally.answers(), 5);
    }

    #[test]
    fn mishaps_count_in_their_time() {
        let start = Instant::now();
        let mut tally = Tally::new(start);
        tally.mishap(start, Mishap::SessionLost);
        tally.mishap(start + 5 * MS, Mishap::Error("x".into()));
        tally.mishap(start + 5 * MS, Mishap::ConnectionLost);
        let seen = tally.seen(start + MS, start + 5 * MS);
        assert_eq!((seen.errors, seen.connections_lost, seen.sessions_lost), (1, 1, 0));
        assert_eq!(tally.first_error(start), Some("x"));
        assert_eq!(seen.and(seen).errors, 2);
    }
}
