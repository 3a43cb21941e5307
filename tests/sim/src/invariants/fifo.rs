//! A client's requests are answered and take effect in the order in which it sent them, reads and writes together. What
//! it sent on an earlier connection takes effect before anything that it sees on a later one, or never; only what it sent
//! in a session that it has abandoned may come at any time until that session ends.

use std::collections::{HashMap, VecDeque};

use super::{Invariant, Verdict, ensure};
use crate::client::is_register;
use crate::event::{Answer, ConnectionId, Event, Op};
use crate::requests::{Outcome, Requests};

/// See the module.
#[derive(Default)]
pub struct Fifo {
    requests: Requests,
    sent: HashMap<ConnectionId, VecDeque<i32>>,
    registers: HashMap<String, Register>,
    /// Register and value of writes without an answer, by the session that sent them.
    unanswered: HashMap<i64, Vec<(String, String)>>,
}

/// A register with a single writer: what it holds is known but for requests without an answer.
#[derive(Default)]
struct Register {
    value: String,
    /// Sent after what made it `value`, and never answered.
    maybe: Vec<String>,
    /// Sent in sessions that were abandoned, and never answered.
    strays: Vec<String>,
}

impl Register {
    fn holds(&mut self, value: String) {
        self.value = value;
        self.maybe.clear();
    }
}

impl Invariant for Fifo {
    fn name(&self) -> &'static str {
        "fifo"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        match event {
            Event::Sent { connection, xid, .. } => {
                self.sent.entry(*connection).or_default().push_back(*xid);
            }
            Event::Replied { client, connection, xid, .. } => {
                let first = self.sent.get_mut(connection).and_then(VecDeque::pop_front);
                ensure!(first == Some(*xid), "client {client} got the reply {xid}, due was {first:?}");
            }
            Event::Abandoned { session, .. } => {
                for (path, value) in self.unanswered.remove(session).unwrap_or_default() {
                    self.registers.entry(path).or_default().strays.push(value);
                }
            }
            _ => {}
        }
        for settled in self.requests.settle(event) {
            match (settled.op, settled.outcome) {
                (Op::Set { path, value }, Outcome::Answered { answer: Ok(_), .. }) if is_register(&path) => {
                    self.registers.entry(path).or_default().holds(value);
                }
                (Op::Set { path, value }, Outcome::Unknown) if is_register(&path) => {
                    self.registers.entry(path.clone()).or_default().maybe.push(value.clone());
                    self.unanswered.entry(settled.session).or_default().push((path, value));
                }
                (Op::Get { path, .. }, Outcome::Answered { answer: Ok(Answer::Data { value, .. }), .. })
                    if is_register(&path) =>
                {
                    let register = self.registers.entry(path.clone()).or_default();
                    let mut known = register.value == value;
                    known |= register.maybe.contains(&value) || register.strays.contains(&value);
                    ensure!(
                        known,
                        "client {} reads {value} from {path}, which should hold {} or one of {:?}",
                        settled.client,
                        register.value,
                        register.maybe
                    );
                    register.holds(value);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
