//! No session expires whose client is alive: whose requests were answered until less than its timeout ago. A third of the
//! timeout is the gateway's: it answers for so long after a report to the tracker that vouched for the session.

use std::collections::{HashMap, HashSet};

use super::{Invariant, Verdict, ensure};
use crate::event::{ClientId, Event, Op};

/// Reports and looks at the clock come in intervals.
const SLACK_MS: u64 = 100;

/// See the module.
#[derive(Default)]
pub struct LiveSessions {
    sessions: HashMap<i64, Session>,
    connections: HashMap<u64, i64>,
    ended: HashSet<i64>,
}

struct Session {
    client: ClientId,
    timeout_ms: u64,
    /// When the last request was sent that was answered.
    alive_ms: u64,
    /// What was wrong with the first attempt to expire it.
    too_early: Option<String>,
    /// Its expiry is in the log, or its client has asked to end it.
    ends: bool,
}

impl Invariant for LiveSessions {
    fn name(&self) -> &'static str {
        "no expiry of a live session"
    }

    fn observe(&mut self, at_ms: u64, event: &Event) -> Verdict {
        match event {
            Event::Attached { client, connection, session, timeout_ms, sent_ms, .. } => {
                self.connections.insert(*connection, *session);
                let known = self.sessions.entry(*session).or_insert(Session {
                    client: *client,
                    timeout_ms: *timeout_ms,
                    alive_ms: *sent_ms,
                    too_early: None,
                    ends: false,
                });
                known.timeout_ms = *timeout_ms;
            }
            // Whether or not the answer arrives.
            Event::Sent { connection, op: Op::Close, .. } => {
                let session = self.connections.get(connection);
                if let Some(session) = session.and_then(|session| self.sessions.get_mut(session)) {
                    session.ends = true;
                }
            }
            Event::Replied { connection, sent_ms, .. } | Event::Pong { connection, sent_ms, .. } => {
                let session = self.connections.get(connection);
                if let Some(session) = session.and_then(|session| self.sessions.get_mut(session)) {
                    session.alive_ms = session.alive_ms.max(*sent_ms);
                }
            }
            Event::ExpiryInLog { session } => {
                if let Some(session) = self.sessions.get_mut(session) {
                    session.judge(at_ms);
                }
            }
            Event::Expired { client, session } => {
                ensure!(!self.ended.contains(session), "client {client} uses a session that has ended");
                let Some(known) = self.sessions.get(session) else { return Ok(()) };
                ensure!(
                    known.ends,
                    "the session of client {client} is gone, and nothing in the log says why"
                );
                if let Some(why) = &known.too_early {
                    return Err(why.clone());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Session {
    /// The log says that it has expired; whether that has had an effect, its client will learn.
    fn judge(&mut self, at_ms: u64) {
        self.ends = true;
        let silent_ms = at_ms.saturating_sub(self.alive_ms);
        let (client, timeout_ms) = (self.client, self.timeout_ms);
        if silent_ms + SLACK_MS < timeout_ms * 2 / 3 && self.too_early.is_none() {
            self.too_early = Some(format!(
                "the session of client {client} expired {silent_ms} ms after its last answered request; its timeout is {timeout_ms} ms"
            ));
        }
    }
}
