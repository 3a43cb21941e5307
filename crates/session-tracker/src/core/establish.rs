//! Opening and re-attaching sessions.

use std::hint::black_box;

use menagerie_proto::session_tracker::Attempt;
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_session::negotiate;
use menagerie_types::command::internal::{AttachSession, CreateSession, PASSWORD_LEN, Password};
use menagerie_types::{IncarnationId, SessionId};
use rand::Rng;
use tokio::sync::oneshot;

use super::{Core, Proposal};
use crate::batches::{Answers, Slot};

/// Attempts without a result; more calls are refused.
const ESTABLISHING_MAX: usize = 65_536;

impl Core {
    /// Proposes all attempts together. The answer comes when the log has them all.
    pub(crate) fn establish(
        &mut self,
        now_ms: u64,
        owner: IncarnationId,
        attempts: &[Attempt],
    ) -> ServiceResult<oneshot::Receiver<Answers>> {
        let epoch = self.acting(now_ms)?;
        if self.batches.waiting() + attempts.len() > ESTABLISHING_MAX {
            return Err(ServiceError::Overloaded("too many sessions are being established".into()));
        }
        let (slots, answers) = self.batches.open(attempts.len());
        for (slot, attempt) in slots.zip(attempts) {
            if attempt.session == SessionId::NONE {
                let timeout_ms = self.negotiate(attempt);
                self.propose_session(slot, owner, timeout_ms, epoch);
            } else {
                self.attach(now_ms, slot, owner, (attempt, epoch));
            }
        }
        self.send();
        Ok(answers)
    }

    fn negotiate(&self, attempt: &Attempt) -> u32 {
        negotiate(attempt.timeout_ms, self.options.min_timeout_ms(), self.options.max_timeout_ms())
    }

    fn propose_session(&mut self, slot: Slot, owner: IncarnationId, timeout_ms: u32, epoch: u64) {
        let body = CreateSession {
            session: self.ids.next_id(),
            timeout_ms,
            password: self.passwords.random(),
            owner,
            epoch,
        };
        self.propose(Proposal::Create { slot, body, tries: 1 });
    }

    /// An attempt with the right password shows that the client lives, so it also counts as a touch: the tracker does
    /// not propose the session's end behind it. If it has done so already, the log's order decides.
    fn attach(&mut self, now_ms: u64, slot: Slot, owner: IncarnationId, (attempt, epoch): (&Attempt, u64)) {
        let session = attempt.session;
        let known = self.tracker.session(session).map(|session| session.password);
        let Some(password) = known.filter(|known| equal_in_constant_time(known, &attempt.password)) else {
            metrics::counter!("menagerie_session_tracker_refused_total").increment(1);
            self.batches.settle(slot, Ok(None));
            return;
        };
        self.tracker.touch(now_ms, session);
        let body = AttachSession { session, timeout_ms: self.negotiate(attempt), owner, epoch };
        self.propose(Proposal::Attach { slot, body, password });
    }
}

/// Takes equally long wherever the two differ, so that a password cannot be guessed byte by byte.
fn equal_in_constant_time(password: &Password, given: &[u8]) -> bool {
    given.len() == PASSWORD_LEN
        && black_box(password.iter().zip(given).fold(0, |difference, (a, b)| difference | (a ^ b))) == 0
}
