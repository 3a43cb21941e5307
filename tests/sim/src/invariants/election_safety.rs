//! At most one member leads in a term (Raft, figure 3).

use std::collections::BTreeMap;

use super::{Invariant, Verdict, ensure};
use crate::event::Event;

/// See the module.
#[derive(Default)]
pub struct ElectionSafety {
    leaders: BTreeMap<u64, &'static str>,
}

impl Invariant for ElectionSafety {
    fn name(&self) -> &'static str {
        "election safety"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        if let Event::Leads { node, term } = event {
            let leader = self.leaders.entry(*term).or_insert(node);
            ensure!(leader == node, "{leader} and {node} both lead in term {term}");
        }
        Ok(())
    }
}
