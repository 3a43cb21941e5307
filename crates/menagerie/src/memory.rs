//! Gives back to the system what a burst has left behind.
//!
//! 20,000 sessions that end at once leave a gateway's heap of 57 MiB, 53 of which are free, and something small at its end that
//! keeps all of it.

use std::time::Duration;

use tracing::info;

const LOOK: Duration = Duration::from_secs(10);
/// Less than this is not worth the locks that it takes to give it back.
const LEAST: usize = 16 << 20;
/// More keeps everyone who allocates waiting for too long: 82 ms for 220 MiB, after 2,000,000 znodes were deleted.
const MOST: usize = 128 << 20;

/// Runs until it is dropped.
pub async fn upkeep() {
    let mut interval = tokio::time::interval(LOOK);
    let mut left = Left::default();
    loop {
        interval.tick().await;
        let Some(idle) = idle().filter(|(idle, in_use)| left.is_worth_it(*idle, *in_use)) else { continue };
        menagerie_malloc::trim();
        let after = self::idle().map_or(0, |(idle, _)| idle);
        left = Left(after);
        info!(before_kib = idle.0 >> 10, after_kib = after >> 10, "gave freed memory back to the system");
    }
}

/// Bytes that are resident though nothing in them is allocated, and bytes that are allocated.
fn idle() -> Option<(usize, usize)> {
    let in_use = menagerie_malloc::in_use()?;
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    Some((resident(&status)?.saturating_sub(in_use), in_use))
}

/// Bytes of memory that is no file's.
fn resident(status: &str) -> Option<usize> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? << 10)
}

/// What could not be given back the last time: holes smaller than a page.
#[derive(Debug, Default)]
struct Left(usize);

impl Left {
    /// As long as much more is in use, what is free will be used again.
    fn is_worth_it(&mut self, idle: usize, in_use: usize) -> bool {
        self.0 = self.0.min(idle);
        idle - self.0 > LEAST && idle <= MOST && idle > in_use / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_much_is_given_back_but_not_too_much_and_what_cannot_be_is_not_tried_again() {
        let mut left = Left::default();
        assert!(!left.is_worth_it(LEAST, 0));
        assert!(left.is_worth_it(LEAST + 1, LEAST));
        assert!(!left.is_worth_it(2 * LEAST, 5 * LEAST));
        assert!(left.is_worth_it(MOST, MOST) && !left.is_worth_it(MOST + 1, MOST));
        left = Left(2 * LEAST);
        assert!(!left.is_worth_it(3 * LEAST, LEAST));
        assert!(left.is_worth_it(3 * LEAST + 1, LEAST));
        assert!(!left.is_worth_it(LEAST, LEAST));
        assert!(left.is_worth_it(2 * LEAST + 1, LEAST));
    }

    #[test]
    fn resident_memory_is_read() {
        assert_eq!(resident("VmRSS:\t  50 kB\nRssAnon:\t   34 kB\n"), Some(34 << 10));
        assert_eq!(resident("VmRSS:\t  50 kB\n"), None);
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn what_is_free_and_held_by_something_small_goes_back() {
        const PIECE: usize = 100 << 10;
        let mut pieces: Vec<Vec<u8>> = (0..400).map(|_| vec![1; PIECE]).collect();
        let held = pieces.pop();
        pieces.clear();
        let (before, _) = idle().expect("known on Linux");
        menagerie_malloc::trim();
        let (after, _) = idle().expect("known on Linux");
        assert!(before > 300 * PIECE && after < before - 300 * PIECE, "{before} {after}");
        drop(held);
    }
}
