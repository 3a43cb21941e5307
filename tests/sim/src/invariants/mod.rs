//! What must always hold, one file each. An invariant sees every event and may say what is wrong.

mod apply_determinism;
mod durability;
mod election_safety;
mod ephemerals;
mod exactly_once;
mod fifo;
mod live_sessions;
mod log_matching;
mod lost_watches;
mod session_order;
mod synced_reads;
mod truncation;
mod watch_order;

use crate::event::Event;

/// What is wrong, for a human.
pub type Verdict = Result<(), String>;

/// See the module.
pub trait Invariant: Send {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Takes an event.
    fn observe(&mut self, at_ms: u64, event: &Event) -> Verdict;

    /// Nothing more comes: what can only be judged from all of it.
    fn finish(&mut self) -> Verdict {
        Ok(())
    }
}

/// All of them.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::<election_safety::ElectionSafety>::default(),
        Box::<log_matching::LogMatching>::default(),
        Box::<apply_determinism::ApplyDeterminism>::default(),
        Box::<truncation::Truncation>::default(),
        Box::<durability::Durability>::default(),
        Box::<exactly_once::ExactlyOnce>::default(),
        Box::<fifo::Fifo>::default(),
        Box::<session_order::SessionOrder>::default(),
        Box::<synced_reads::SyncedReads>::default(),
        Box::<watch_order::WatchOrder>::default(),
        Box::<lost_watches::LostWatches>::default(),
        Box::<live_sessions::LiveSessions>::default(),
        Box::<ephemerals::Ephemerals>::default(),
    ]
}

/// `ensure!(holds, "what is wrong with {it}")`.
macro_rules! ensure {
    ($holds:expr, $($message:tt)*) => {
        if !$holds {
            return Err(format!($($message)*));
        }
    };
}
pub(crate) use ensure;
