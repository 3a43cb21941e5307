//! What became of our proposals.

use std::ops::Range;

use bytes::{Buf, Bytes};
use menagerie_proto::session_tracker::Established;
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_session::ExpiryAnswer;
use menagerie_types::command::internal::{CreateSession, Password};
use menagerie_types::{ErrorCode, SessionId, Zxid};
use rand::Rng;
use tracing::error;

use super::{Core, LinkFault, Proposal};
use crate::batches::Slot;
use crate::result::{CommandResult, take_result};

/// Ids tried for one new session. A taken one is rare: see `SessionIds`.
const ID_TRIES: u32 = 16;

impl Core {
    pub(super) fn results(
        &mut self,
        now_ms: u64,
        seqs: Range<u64>,
        mut frames: Bytes,
    ) -> Result<(), LinkFault> {
        for seq in seqs {
            let result = take_result(&mut frames).ok_or(LinkFault::Replica("a result is malformed"))?;
            self.zxid = self.zxid.max(result.zxid);
            match self.pending.front() {
                Some((first, _)) if seq > *first => return Err(LinkFault::Replica("a result is missing")),
                Some((first, _)) if seq == *first => {}
                // Delivered before.
                _ => continue,
            }
            self.proposer.acknowledge(seq);
            if let Some((_, proposal)) = self.pending.pop_front() {
                self.answered(now_ms, proposal, result);
            }
        }
        Ok(())
    }

    fn answered(&mut self, now_ms: u64, proposal: Proposal, CommandResult { zxid, outcome }: CommandResult) {
        match (proposal, outcome) {
            (Proposal::Create { slot, body, tries }, Err(Some(ErrorCode::NodeExists))) => {
                self.try_another_id(now_ms, slot, body, tries);
            }
            (Proposal::Create { slot, body, .. }, outcome) => {
                let established = established((body.session, body.timeout_ms), body.password, zxid);
                self.settle(slot, outcome, established);
            }
            (Proposal::Attach { slot, body, password }, outcome) => {
                let established = established((body.session, body.timeout_ms), password, zxid);
                self.settle(slot, outcome, established);
            }
            (Proposal::Expire { session, .. }, outcome) => self.expiry_answered(now_ms, session, outcome),
            (Proposal::Reap(path), outcome) => self.reap_answered(now_ms, &path, outcome),
            (Proposal::Lease(_), outcome) => {
                let granted = outcome.ok().and_then(|mut body| body.try_get_u64().ok());
                self.tracker.lease_answered(now_ms, granted);
            }
            (Proposal::Release { done, .. }, _) => {
                // Whoever wanted to know may have stopped waiting.
                let _gone = done.send(());
            }
        }
    }

    fn try_another_id(&mut self, now_ms: u64, slot: Slot, body: CreateSession, tries: u32) {
        if tries >= ID_TRIES {
            let error = ServiceError::Internal(format!("no free session id in {ID_TRIES} tries"));
            self.batches.settle(slot, Err(error));
            return;
        }
        match self.acting(now_ms) {
            Err(error) => self.batches.settle(slot, Err(error)),
            Ok(epoch) => {
                let password = self.passwords.random();
                let body = CreateSession { session: self.ids.next_id(), password, epoch, ..body };
                self.propose(Proposal::Create { slot, body, tries: tries + 1 });
            }
        }
    }

    fn settle(&mut self, slot: Slot, outcome: Result<Bytes, Option<ErrorCode>>, established: Established) {
        let answer: ServiceResult<_> = match outcome {
            Ok(_) => Ok(Some(established)),
            Err(Some(ErrorCode::SessionExpired)) => Ok(None),
            Err(Some(ErrorCode::BadVersion)) => Err(self.not_active()),
            Err(code) => Err(unexpected("a session", code)),
        };
        self.batches.settle(slot, answer);
    }

    fn expiry_answered(
        &mut self,
        now_ms: u64,
        session: SessionId,
        outcome: Result<Bytes, Option<ErrorCode>>,
    ) {
        let answer = match outcome {
            Ok(_) => {
                metrics::counter!("stale_sessions_expired").increment(1);
                ExpiryAnswer::Ended
            }
            Err(Some(ErrorCode::SessionExpired)) => ExpiryAnswer::Ended,
            Err(Some(ErrorCode::BadVersion)) => ExpiryAnswer::Refused,
            Err(code) => {
                error!(%session, error = %unexpected("an expiry", code), "the session stays until the next tick");
                ExpiryAnswer::Refused
            }
        };
        self.tracker.expiry_answered(now_ms, session, answer);
    }
}

fn established((session, timeout_ms): (SessionId, u32), password: Password, zxid: Zxid) -> Established {
    Established { session, password, timeout_ms, zxid }
}

pub(super) fn unexpected(what: &str, code: Option<ErrorCode>) -> ServiceError {
    ServiceError::Internal(format!(
        "the log refused {what}: {}",
        code.map_or("unknown code", ErrorCode::name)
    ))
}
