//! No member drops a part of its log that is not in durable checkpoints of a majority of the stores. A store that has
//! lost its disk since counts with what it had: that was in order when the log was dropped.

use super::{Invariant, Verdict, ensure};
use crate::event::Event;

/// See the module.
#[derive(Default)]
pub struct Truncation {
    /// The most that each store ever had.
    durable: Vec<u64>,
}

impl Invariant for Truncation {
    fn name(&self) -> &'static str {
        "truncation behind checkpoints"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        match event {
            Event::Wiped { checkpoints, .. } => self.note(checkpoints),
            Event::LogBegins { node, first, checkpoints } => {
                self.note(checkpoints);
                let covering = self.durable.iter().filter(|checkpoint| **checkpoint + 1 >= *first).count();
                let enough = covering > checkpoints.len() / 2;
                ensure!(
                    enough || *first <= 1,
                    "the log of {node} begins at {first}, the checkpoints reach {checkpoints:?}"
                );
            }
            _ => {}
        }
        Ok(())
    }
}

impl Truncation {
    fn note(&mut self, checkpoints: &[u64]) {
        self.durable.resize(checkpoints.len(), 0);
        for (most, now) in self.durable.iter_mut().zip(checkpoints) {
            *most = (*most).max(*now);
        }
    }
}
