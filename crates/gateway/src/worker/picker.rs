//! Which session tracker is asked, and what is done about one that does not answer.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie_proto::ServiceError;
use menagerie_proto::session_tracker::SessionTracker;
use menagerie_proto::tree_store::Lease;

use super::Worker;

/// Finds the active tracker: the holder of the lease, as far as the log has told, else each in turn.
#[derive(Default)]
pub struct TrackerPicker {
    next: Cell<usize>,
    silence: RefCell<Silence>,
}

impl TrackerPicker {
    /// Whom to ask under this lease; none if none is known.
    pub fn pick(&self, worker: &Worker, lease: &Lease) -> Option<Arc<dyn SessionTracker>> {
        worker.shared.trackers.pick(lease.holder, self.next.get())
    }

    /// The tracker answered.
    pub fn answered(&self) {
        self.silence.borrow_mut().broken();
    }

    /// An active tracker that has not answered for a while loses its lease, through the log. It was asked under the
    /// lease of an epoch, at a moment.
    pub fn failed(&self, worker: &Worker, error: &ServiceError, (epoch, sent): (u64, Instant)) {
        self.next.set(self.next.get().wrapping_add(1));
        if !matches!(error, ServiceError::Unavailable(_) | ServiceError::Deadline) {
            return self.answered();
        }
        let limit = worker.shared.options.challenge_after;
        let too_long = self.silence.borrow_mut().goes_on(epoch, sent, Instant::now()) >= limit;
        worker.with_core(|core| {
            // Another gateway may have challenged it before: its successor is not to be blamed.
            if too_long && core.lease.epoch == epoch {
                core.challenge();
            }
        });
    }
}

/// Since when the holder of a lease has not answered. A plain value.
#[derive(Debug, Default)]
struct Silence(Option<(u64, Instant)>);

impl Silence {
    fn broken(&mut self) {
        self.0 = None;
    }

    /// How long it has lasted: it began with the first question under this epoch that was not answered.
    fn goes_on(&mut self, epoch: u64, sent: Instant, now: Instant) -> Duration {
        let (_, since) = *self.0.take_if(|(of, _)| *of == epoch).get_or_insert((epoch, sent));
        self.0 = Some((epoch, since));
        now.saturating_duration_since(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_counts_from_the_first_question_and_is_that_of_one_epoch() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let at = |n| start + ms(n);
        let mut silence = Silence::default();
        assert_eq!(silence.goes_on(1, at(0), at(300)), ms(300));
        assert_eq!(silence.goes_on(1, at(350), at(600)), ms(600));
        assert_eq!(silence.goes_on(2, at(650), at(700)), ms(50), "another holder");
        silence.broken();
        assert_eq!(silence.goes_on(2, at(900), at(1_000)), ms(100));
    }
}
