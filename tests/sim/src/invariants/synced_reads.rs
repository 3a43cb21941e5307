//! A read behind a sync shows every change that was acknowledged to anybody before the sync was sent.

use std::collections::{HashMap, VecDeque};

use super::{Invariant, Verdict, ensure};
use crate::event::{Answer, ConnectionId, Event, Op};
use crate::requests::{Outcome, Requests};

/// See the module.
#[derive(Default)]
pub struct SyncedReads {
    requests: Requests,
    /// The zxid of the newest acknowledged change of each znode.
    acknowledged: HashMap<String, i64>,
    /// The newest acknowledged change when each sync was sent that has no answer yet, in the order of sending.
    sent: HashMap<(ConnectionId, String), VecDeque<i64>>,
    /// What reads of this connection must show, behind a sync that was answered.
    required: HashMap<(ConnectionId, String), i64>,
}

impl Invariant for SyncedReads {
    fn name(&self) -> &'static str {
        "synced reads"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        if let Event::Sent { connection, op: Op::Sync { path }, .. } = event {
            let newest = self.acknowledged.get(path).copied().unwrap_or(0);
            self.sent.entry((*connection, path.clone())).or_default().push_back(newest);
        }
        for settled in self.requests.settle(event) {
            match (settled.op, settled.outcome) {
                (Op::Set { path, .. }, Outcome::Answered { answer: Ok(Answer::Stat(stat)), .. }) => {
                    let newest = self.acknowledged.entry(path).or_default();
                    *newest = (*newest).max(stat.mzxid.0);
                }
                // Answered: what comes behind it in this connection is behind it.
                (Op::Sync { path }, outcome) => {
                    let key = (settled.connection, path);
                    let newest = self.sent.get_mut(&key).and_then(VecDeque::pop_front);
                    if let (Some(newest), Outcome::Answered { answer: Ok(_), .. }) = (newest, outcome) {
                        self.required.insert(key, newest);
                    }
                }
                (Op::Get { path, .. }, Outcome::Answered { answer: Ok(Answer::Data { stat, .. }), .. }) => {
                    let required = self.required.get(&(settled.connection, path.clone())).copied();
                    let (client, shown) = (settled.client, stat.mzxid.0);
                    ensure!(
                        required.is_none_or(|required| shown >= required),
                        "client {client} reads {path} as of {shown} behind a sync, {required:?} was acknowledged before"
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }
}
