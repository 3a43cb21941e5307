//! A session never goes back: the zxids of what it is told do not fall, whichever server it is connected to; those of its
//! writes rise.

use std::collections::HashMap;

use super::{Invariant, Verdict, ensure};
use crate::event::Event;
use crate::requests::{Outcome, Requests};

/// See the module.
#[derive(Default)]
pub struct SessionOrder {
    requests: Requests,
    /// The last zxid, and the last write's, by session.
    seen: HashMap<i64, (i64, i64)>,
}

impl Invariant for SessionOrder {
    fn name(&self) -> &'static str {
        "session order"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        for settled in self.requests.settle(event) {
            let Outcome::Answered { zxid, answer } = settled.outcome else { continue };
            let (seen, written) = self.seen.entry(settled.session).or_default();
            let (client, op) = (settled.client, &settled.op);
            ensure!(zxid >= *seen, "client {client} has seen {seen} and gets {zxid} for {op:?}");
            *seen = zxid;
            if op.is_write() && answer.is_ok() {
                ensure!(
                    zxid > *written,
                    "client {client} has written at {written} and again at {zxid}: {op:?}"
                );
                *written = zxid;
            }
        }
        Ok(())
    }
}
