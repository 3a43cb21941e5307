//! Containers and TTL znodes that are due: asked for over the link, deleted through the log.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use menagerie_session::Reap;
use menagerie_types::command::Command;
use menagerie_types::{ErrorCode, OpCode, SessionId};
use tracing::{debug, warn};

use super::results::unexpected;
use super::{Core, Proposal};
use crate::result::take_result;

/// A read that the tracker wants answered.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) token: u64,
    body: Bytes,
}

impl Question {
    /// As the link takes it.
    pub(crate) fn command(&self) -> Command<'_> {
        let (op, session) = (OpCode::ReapCandidates, SessionId::NONE);
        Command { op, session, xid: 0, auth: &[], body: &self.body }
    }
}

impl Core {
    /// Does what the reaper wants now.
    pub(super) fn reap(&mut self, now_ms: u64) {
        for effect in self.reaper.tick(now_ms, self.tracker.acting(now_ms)) {
            match effect {
                Reap::Ask { round, limit } => {
                    let mut body = BytesMut::with_capacity(12);
                    body.put_i64(self.options.max_never_used_ms());
                    body.put_u32(limit);
                    self.question = Some(Question { token: round, body: body.freeze() });
                }
                Reap::Delete(path) => {
                    debug!(%path, "due to be reaped");
                    self.propose(Proposal::Reap(path));
                }
            }
        }
    }

    /// True while the reaper's question waits for a link.
    pub(crate) fn has_question(&self) -> bool {
        self.question.is_some()
    }

    /// The reaper's question, to be answered by [`Self::candidates`] or [`Self::question_lost`].
    pub(crate) fn take_question(&mut self) -> Option<Question> {
        self.question.take()
    }

    /// The link that was asked is gone.
    pub(crate) fn question_lost(&mut self, now_ms: u64) {
        self.reaper.question_lost(now_ms);
    }

    /// The answer to the question `token`: a reply frame with the paths that are due.
    pub(crate) fn candidates(&mut self, now_ms: u64, token: u64, mut frames: Bytes) {
        let outcome = take_result(&mut frames).map(|result| result.outcome);
        let paths = match outcome {
            Some(Ok(body)) => take_paths(body).ok_or("the answer is malformed".to_owned()),
            Some(Err(code)) => Err(unexpected("a look for znodes to reap", code).to_string()),
            None => Err("the answer is malformed".to_owned()),
        };
        let paths = paths.unwrap_or_else(|reason| {
            warn!(reason, "no znodes are reaped before the next look");
            Vec::new()
        });
        metrics::gauge!("menagerie_session_tracker_reap_candidates").set(paths.len() as f64);
        self.reaper.candidates(token, paths);
        self.reap(now_ms);
        self.send();
    }

    pub(super) fn reap_answered(
        &mut self,
        now_ms: u64,
        path: &str,
        outcome: Result<Bytes, Option<ErrorCode>>,
    ) {
        let deleted = outcome.is_ok();
        match outcome {
            Ok(_) => metrics::counter!("menagerie_session_tracker_reaped_total").increment(1),
            // A client was faster: it deleted the znode, gave it a child or data, or made another in its place.
            Err(Some(ErrorCode::NoNode | ErrorCode::NotEmpty | ErrorCode::BadVersion)) => {
                metrics::counter!("menagerie_session_tracker_reap_races_total").increment(1);
            }
            Err(code) => {
                warn!(path, error = %unexpected("to reap a znode", code), "it is left to the next look")
            }
        }
        self.reaper.answered(now_ms, deleted);
    }
}

/// A jute `DeleteContainerRequest`.
pub(super) fn encode(path: &str) -> Bytes {
    let mut body = BytesMut::with_capacity(4 + path.len());
    body.put_u32(path.len() as u32);
    body.put_slice(path.as_bytes());
    body.freeze()
}

/// Reads a jute vector of strings; None if it is not one.
fn take_paths(mut body: Bytes) -> Option<Vec<Box<str>>> {
    let count = body.try_get_i32().ok()?;
    let paths = (0..count).map(|_| {
        let len = usize::try_from(body.try_get_i32().ok()?).ok()?;
        let path = (body.len() >= len).then(|| body.split_to(len))?;
        Some(std::str::from_utf8(&path).ok()?.into())
    });
    paths.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_of_paths_is_read_and_anything_else_refused() {
        let mut body = BytesMut::new();
        body.put_i32(2);
        for path in ["/a", "/b/c"] {
            body.extend_from_slice(&encode(path));
        }
        let body = body.freeze();
        assert_eq!(take_paths(body.clone()), Some(vec!["/a".into(), "/b/c".into()]));
        for len in 0..body.len() {
            assert_eq!(take_paths(body.slice(..len)), None, "cut at {len}");
        }
        assert_eq!(take_paths(Bytes::from_static(&[0xff; 4])), Some(vec![]), "a null vector is empty");
        assert_eq!(take_paths(Bytes::from_static(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff])), None);
        assert_eq!(take_paths(Bytes::from_static(&[0, 0, 0, 1, 0, 0, 0, 1, 0xff])), None, "not UTF-8");
    }
}
