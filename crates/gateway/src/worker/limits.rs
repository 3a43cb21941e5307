//! What is held back or let go because too much is asked for at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use menagerie_jute::frame;
use menagerie_types::{ErrorCode, OpCode, SessionId};
use tracing::info;

use super::conn::{Conn, Phase};
use super::core::Core;
use super::requests::Taken;
use crate::stats::Stats;
use crate::throttle::Wish;

/// Large requests of a worker that are not answered, in the order of their commands.
#[derive(Debug, Default)]
pub struct LargeRequests {
    begun: u64,
    ended: u64,
    held: VecDeque<(u64, LargeRequest)>,
}

/// Counts among the large requests in process until it is dropped.
#[derive(Debug)]
struct LargeRequest {
    stats: Arc<Stats>,
    bytes: usize,
}

impl Drop for LargeRequest {
    fn drop(&mut self) {
        self.stats.large_request_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl LargeRequests {
    /// A command was proposed.
    pub fn begin(&mut self) {
        self.begun += 1;
    }

    /// Its result has come.
    pub fn end(&mut self) {
        self.ended += 1;
        while self.held.front().is_some_and(|(number, _)| *number <= self.ended) {
            self.held.pop_front();
        }
    }
}

/// Input that was there when a connection's requests were held back.
#[derive(Clone, Copy, Debug)]
pub struct HeldBack {
    since: Instant,
    bytes: usize,
}

impl Core {
    /// True if a session may be asked for now.
    pub fn admits(&self, session: SessionId) -> bool {
        let wish = match session {
            _ if self.read_only.is_on() => Wish::Local,
            SessionId::NONE => Wish::New,
            _ => Wish::Renew,
        };
        let admitted = self.throttle.admit(wish, self.now);
        if !admitted {
            self.stats.rejected.fetch_add(1, Ordering::Relaxed);
            info!(?wish, "letting a client go: sessions are asked for too fast");
        }
        admitted
    }

    /// What becomes of a request before anybody looks at what it asks: nothing, usually.
    pub fn hold_back(&mut self, conn: &mut Conn, op: Option<OpCode>, xid: i32, len: usize) -> Option<Taken> {
        let limits = &self.options.limits;
        let in_process = self.outstanding.len() + self.pending_reads.len() + self.syncs.len();
        let threads = self.options.threads.max(1);
        let too_many = limits.global_outstanding.is_some_and(|most| in_process > most / threads);
        let stalled =
            limits.throttle_requests_at > 0 && in_process >= limits.throttle_requests_at.div_ceil(threads);
        if stalled || too_many && !conn.is_idle() {
            conn.is_held_back |= stalled;
            self.throttled.push(conn.token);
            return Some(Taken::Wait);
        }
        self.throttled_op(conn, op, xid, len)
    }

    /// Whatever has waited too long is answered in its turn, and not executed.
    fn throttled_op(&mut self, conn: &mut Conn, op: Option<OpCode>, xid: i32, len: usize) -> Option<Taken> {
        let held = *conn.held_back.as_deref()?;
        let wait = self.options.limits.throttled_op_wait;
        let late = !wait.is_zero() && self.now.saturating_duration_since(held.since) > wait;
        let throttled = late && !matches!(op, Some(OpCode::Ping | OpCode::CloseSession));
        if throttled && !conn.is_idle() {
            return Some(Taken::Wait);
        }
        conn.held_back = left(held, len).map(Box::new);
        if throttled {
            self.stats.throttled_ops.fetch_add(1, Ordering::Relaxed);
            self.answer(conn, xid, Err(ErrorCode::ThrottledOp));
        }
        throttled.then_some(Taken::Yes)
    }

    /// `input` is what remains of a connection's input.
    pub fn note_held_back(&mut self, conn: &mut Conn, input: usize) {
        if std::mem::take(&mut conn.is_held_back) && conn.held_back.is_none() {
            conn.held_back = Some(Box::new(HeldBack { since: self.now, bytes: input }));
        }
    }

    /// Connections that were held back may go on.
    pub fn go_on(&mut self) {
        for token in std::mem::take(&mut self.throttled) {
            self.with_conn(token, Self::mark_ready);
        }
    }

    /// True if the request that `input` begins with is one large request too many; it need not be there as a whole.
    pub fn is_too_large(&self, conn: &Conn, input: &[u8]) -> bool {
        let limits = &self.options.limits;
        let Some(threshold) = limits.large_request_threshold.filter(|_| conn.phase == Phase::Open) else {
            return false;
        };
        let len = frame::whole_len(input, self.options.jute_max_buffer).ok().flatten().unwrap_or(0);
        let len = len.saturating_sub(frame::PREFIX_LEN);
        let in_process = self.stats.large_request_bytes.load(Ordering::Relaxed);
        let refused = len > threshold && in_process + len > limits.large_request_max_bytes;
        self.stats.large_requests_rejected.fetch_add(refused.into(), Ordering::Relaxed);
        refused
    }

    /// The last command proposed is a request of this length: while it is in process it counts among the large ones.
    pub fn note_large(&mut self, len: usize) {
        if self.options.limits.large_request_threshold.is_some_and(|threshold| len > threshold) {
            self.stats.large_request_bytes.fetch_add(len, Ordering::Relaxed);
            let request = LargeRequest { stats: Arc::clone(&self.stats), bytes: len };
            self.large.held.push_back((self.large.begun, request));
        }
    }
}

/// What is still to be taken of the input that was held back.
fn left(held: HeldBack, len: usize) -> Option<HeldBack> {
    let bytes = held.bytes.saturating_sub(frame::PREFIX_LEN + len);
    (bytes > 0).then_some(HeldBack { bytes, ..held })
}
