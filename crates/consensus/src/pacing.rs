//! Elections at the pace of the disk.
//!
//! An election takes two syncs, one after the other: the candidate's own vote and the others'. Where a sync takes longer
//! than a part of the election timeout, candidates that are timed by it alone ask again before the answers are there, in one
//! term after the other, and nobody is elected. So while syncs are that slow, openraft's own timer is off. A member that
//! hears no leader asks for pre-votes as soon as that timer would: a single slow sync costs no time. Once somebody is a
//! candidate, it asks again after a pause in which that election can be over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracing::{info, warn};

use crate::leadership::Leadership;
use crate::standing::Standing;
use crate::types::Raft;

/// Between two looks while syncs are fast.
const LOOK: Duration = Duration::from_millis(100);
/// A sync is slow when it takes more than this part of the shortest election timeout.
const SLOW_PART: u32 = 4;
/// Syncs that an election, and the first entry of whoever won, may take one after the other.
const SYNCS: u32 = 4;
/// Beyond this, a disk does not serve at all.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How much of what is above the latest sync is forgotten with each: slow ones are remembered for some time.
const FORGET_PART: u64 = 8;

/// How long syncs take of late.
#[derive(Debug, Default)]
pub(crate) struct SyncTimes {
    slowest_us: AtomicU64,
    written_us: AtomicU64,
}

impl SyncTimes {
    /// A sync took so long.
    pub(crate) fn add(&self, time: Duration) {
        let time = micros(time);
        let known = self.slowest_us.load(Ordering::Relaxed);
        let next = if time >= known { time } else { known - (known - time).div_ceil(FORGET_PART) };
        self.slowest_us.store(next, Ordering::Relaxed);
    }

    /// A write that is to be synced has waited for the disk.
    pub(crate) fn add_written(&self, time: Duration) {
        self.written_us.fetch_add(micros(time), Ordering::Relaxed);
    }

    /// How long writes have waited since the last sync.
    pub(crate) fn take_written(&self) -> Duration {
        Duration::from_micros(self.written_us.swap(0, Ordering::Relaxed))
    }

    fn slowest(&self) -> Duration {
        Duration::from_micros(self.slowest_us.load(Ordering::Relaxed))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The pause between two attempts at an election; none while openraft's own timer will do. `share` is between 0 and 1.
fn pause((min, max): (Duration, Duration), sync: Duration, share: f64) -> Option<Duration> {
    (sync > min / SLOW_PART).then(|| (min + sync * SYNCS + (max - min + sync).mul_f64(share)).min(PAUSE_MAX))
}

/// When a member that hears no leader asks, if nobody has asked before: the disk may have been slow only once.
fn unpaced((min, max): (Duration, Duration), share: f64) -> Duration {
    min + (max - min).mul_f64(share)
}

/// Between 0 and 1, and far from what it is for other members and in other rounds.
fn share(id: u64, round: u64) -> f64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (id.wrapping_mul(GOLDEN) ^ round).wrapping_mul(GOLDEN);
    (mixed >> 32) as f64 / f64::from(u32::MAX)
}

/// Runs until it is dropped.
pub(crate) async fn run(
    raft: Raft,
    id: u64,
    (standing, times): (Arc<Standing>, Arc<SyncTimes>),
    timeouts: (Duration, Duration),
) {
    standing.full().await;
    let leadership = Leadership::new(&raft);
    let mut slow = false;
    for round in 0.. {
        let (sync, share) = (times.slowest(), share(id, round));
        let paced = pause(timeouts, sync, share);
        if paced.is_some() != slow {
            slow = paced.is_some();
            raft.runtime_config().elect(!slow);
            match slow {
                true => warn!(?sync, "syncs are slow: elections take their time, too"),
                false => info!(?sync, "syncs are fast again"),
            }
        }
        let Some(paced) = paced else {
            tokio::time::sleep(LOOK).await;
            continue;
        };
        let before = leadership.undecided();
        tokio::time::sleep(if before.is_some() { paced } else { unpaced(timeouts, share) }).await;
        let (now, (_, leads)) = (leadership.undecided(), leadership.observed());
        // An election that has begun meanwhile gets its time. Where a leader is heard, asking does nothing.
        let begun = now.is_some() && now != before;
        if !begun && !leads && raft.trigger().elect(true).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn elections_are_timed_by_the_disk_only_where_it_is_slow() {
        let timeouts = (MS(200), MS(400));
        assert_eq!(pause(timeouts, MS(50), 0.5), None);
        for sync in [60, 200, 1_000] {
            let (least, most) = (pause(timeouts, MS(sync), 0.0), pause(timeouts, MS(sync), 1.0));
            // Two elections that begin one after the other, each of two syncs, do not meet twice.
            assert!(least.is_some_and(|pause| pause >= MS(4 * sync)), "{least:?}");
            assert!(
                most.zip(least).is_some_and(|(most, least)| most - least >= MS(sync)),
                "{least:?} {most:?}"
            );
        }
        assert_eq!(pause(timeouts, MS(60_000), 1.0), Some(PAUSE_MAX));
    }

    #[test]
    fn who_asks_first_asks_as_soon_as_on_a_fast_disk() {
        let timeouts = (MS(200), MS(400));
        assert_eq!([0.0, 0.5, 1.0].map(|share| unpaced(timeouts, share)), [200, 300, 400].map(MS));
    }

    #[test]
    fn members_do_not_ask_at_the_same_time_again_and_again() {
        for (a, b) in [(1, 2), (1, 3), (2, 3), (7, 8)] {
            let apart = (0..20).filter(|round| (share(a, *round) - share(b, *round)).abs() > 0.2).count();
            assert!(apart > 6, "{a} and {b}: {apart} of 20");
        }
    }

    #[test]
    fn a_slow_sync_is_remembered_for_some_and_forgotten_in_time() {
        let times = SyncTimes::default();
        times.add(MS(300));
        times.add(MS(1));
        assert!(times.slowest() > MS(200));
        (0..60).for_each(|_| times.add(MS(1)));
        assert!(times.slowest() < MS(2), "{:?}", times.slowest());
    }
}
