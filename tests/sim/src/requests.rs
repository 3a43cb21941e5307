//! Pairs replies with requests, for invariants.

use std::collections::HashMap;

use crate::event::{Answer, ClientId, ConnectionId, Event, Op};

/// Requests of all connections that have no answer yet.
#[derive(Default)]
pub struct Requests {
    open: HashMap<(ConnectionId, i32), Op>,
    sessions: HashMap<ConnectionId, i64>,
}

/// What has become of a request.
pub struct Settled {
    pub client: ClientId,
    pub connection: ConnectionId,
    /// The session that asked.
    pub session: i64,
    pub op: Op,
    pub outcome: Outcome,
}

/// See [`Settled`].
pub enum Outcome {
    /// The reply.
    Answered { zxid: i64, answer: Result<Answer, i32> },
    /// Nobody knows.
    Unknown,
}

impl Requests {
    /// What the event settles.
    pub fn settle(&mut self, event: &Event) -> Vec<Settled> {
        match event {
            Event::Attached { connection, session, .. } => {
                self.sessions.insert(*connection, *session);
                Vec::new()
            }
            Event::Sent { connection, xid, op, .. } => {
                self.open.insert((*connection, *xid), op.clone());
                Vec::new()
            }
            Event::Replied { client, connection, xid, zxid, answer, .. } => {
                let op = self.open.remove(&(*connection, *xid));
                let outcome = Outcome::Answered { zxid: *zxid, answer: answer.clone() };
                op.map(|op| self.settled(*client, *connection, op, outcome)).into_iter().collect()
            }
            Event::Lost { client, connection, .. } => {
                let mut lost: Vec<i32> =
                    self.open.keys().filter(|(of, _)| of == connection).map(|(_, xid)| *xid).collect();
                lost.sort_unstable();
                let ops = lost.into_iter().filter_map(|xid| self.open.remove(&(*connection, xid)));
                let ops: Vec<_> = ops.collect();
                ops.into_iter().map(|op| self.settled(*client, *connection, op, Outcome::Unknown)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn settled(&self, client: ClientId, connection: ConnectionId, op: Op, outcome: Outcome) -> Settled {
        let session = self.sessions.get(&connection).copied().unwrap_or(0);
        Settled { client, connection, session, op, outcome }
    }
}
