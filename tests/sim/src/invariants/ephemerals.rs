//! In the end the ephemerals of dead sessions are gone, and those of live ones are there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Invariant, Verdict, ensure};
use crate::client::EPHEMERAL;
use crate::event::{Answer, ClientId, Event, Op};
use crate::requests::{Outcome, Requests};

/// See the module.
#[derive(Default)]
pub struct Ephemerals {
    requests: Requests,
    live: BTreeMap<ClientId, i64>,
    /// Those who have a connection, and so a session for certain.
    connected: BTreeSet<ClientId>,
    created: BTreeMap<String, i64>,
    /// Created perhaps.
    unknown: BTreeMap<String, i64>,
}

impl Invariant for Ephemerals {
    fn name(&self) -> &'static str {
        "ephemerals go with their session"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        match event {
            Event::Attached { client, session, .. } => {
                self.live.insert(*client, *session);
                self.connected.insert(*client);
            }
            Event::Lost { client, .. } => {
                self.connected.remove(client);
            }
            Event::Expired { client, .. } | Event::Abandoned { client, .. } => {
                self.live.remove(client);
            }
            Event::LastLook { path, answer: Ok(Answer::Names(names)), .. } if path == EPHEMERAL => {
                self.judge(&names.iter().map(|name| format!("{path}/{name}")).collect())?;
            }
            _ => {}
        }
        for settled in self.requests.settle(event) {
            match (settled.op, settled.outcome) {
                (Op::CreateEphemeral { path }, Outcome::Answered { answer: Ok(_), .. }) => {
                    self.created.insert(path, settled.session);
                }
                (Op::CreateEphemeral { path }, Outcome::Unknown) => {
                    self.unknown.insert(path, settled.session);
                }
                (Op::Close, Outcome::Answered { answer: Ok(_), .. }) => {
                    self.live.remove(&settled.client);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Ephemerals {
    fn judge(&self, present: &BTreeSet<String>) -> Verdict {
        let live: BTreeSet<i64> = self.live.values().copied().collect();
        for path in present {
            let owner = self.created.get(path).or_else(|| self.unknown.get(path));
            ensure!(owner.is_some(), "{path} is there, nobody has created it");
            ensure!(owner.is_some_and(|owner| live.contains(owner)), "{path} is there, its session is not");
        }
        let certain: BTreeSet<i64> = self
            .live
            .iter()
            .filter(|(client, _)| self.connected.contains(client))
            .map(|(_, id)| *id)
            .collect();
        for (path, _) in self.created.iter().filter(|(_, owner)| certain.contains(owner)) {
            ensure!(present.contains(path), "{path} is gone, its session is alive");
        }
        Ok(())
    }
}
