//! Data watches as the clients know them, for invariants.

use std::collections::BTreeMap;

use crate::event::{Answer, ClientId, Event, Op};
use crate::requests::{Outcome, Requests};

/// A watch, and what its client has seen while it waited.
#[derive(Clone, Debug)]
pub struct Watch {
    #[allow(dead_code)] // for the message
    pub client: ClientId,
    pub path: String,
    /// The znode had last changed at this zxid when the watch was set.
    pub set_at: i64,
    /// The highest zxid of a reply since then.
    pub seen: i64,
    /// A reply has shown a change of the znode at this zxid.
    pub shown: Option<i64>,
}

/// All watches that were ever set.
#[derive(Default)]
pub struct Watches {
    requests: Requests,
    pub pending: BTreeMap<(ClientId, String), Watch>,
    /// Their event has come.
    pub fired: Vec<Watch>,
    /// Acknowledged changes: znode and zxid.
    changes: BTreeMap<String, Vec<i64>>,
    /// Events that nobody had asked for.
    pub unasked: Vec<(ClientId, String)>,
}

impl Watches {
    /// Takes an event.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Notified { client, path, .. } => match self.pending.remove(&(*client, path.clone())) {
                Some(watch) => self.fired.push(watch),
                None => self.unasked.push((*client, path.clone())),
            },
            Event::Expired { client, .. } | Event::Abandoned { client, .. } => self.forget(*client),
            _ => {}
        }
        for settled in self.requests.settle(event) {
            let Outcome::Answered { zxid, answer } = settled.outcome else { continue };
            let client = settled.client;
            for (_, watch) in self.pending.range_mut((client, String::new())..(client + 1, String::new())) {
                watch.seen = watch.seen.max(zxid);
            }
            match (settled.op, answer) {
                (Op::Get { path, watch }, Ok(Answer::Data { stat, .. })) => {
                    let (changed, key) = (stat.mzxid.0, (client, path.clone()));
                    if let Some(pending) = self.pending.get_mut(&key) {
                        if changed > pending.set_at {
                            pending.shown.get_or_insert(changed);
                        }
                    } else if watch {
                        let set = Watch { client, path, set_at: changed, seen: zxid, shown: None };
                        self.pending.insert(key, set);
                    }
                }
                (Op::Set { path, .. }, Ok(Answer::Stat(stat))) => {
                    self.changes.entry(path).or_default().push(stat.mzxid.0);
                }
                (Op::Close, Ok(_)) => self.forget(client),
                _ => {}
            }
        }
    }

    fn forget(&mut self, client: ClientId) {
        self.pending.retain(|(of, _), _| *of != client);
    }

    /// A change that the client of the watch had seen the time of, without its event.
    pub fn missed(&self, watch: &Watch) -> Option<i64> {
        let changes = self.changes.get(&watch.path)?;
        changes.iter().copied().find(|change| *change > watch.set_at && *change <= watch.seen)
    }
}
