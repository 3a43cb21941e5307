//! If two logs have an entry with the same index and term, they are the same up to there (Raft, figure 3); and what was
//! committed at an index stays what is committed there. The logs are read from the disks.

use std::collections::HashMap;

use super::{Invariant, Verdict, ensure};
use crate::event::{EntryId, Event};

/// See the module.
#[derive(Default)]
pub struct LogMatching {
    /// Hash, and term of the entry before if that is known, by index and term.
    durable: HashMap<(u64, u64), (u64, Option<u64>)>,
    committed: HashMap<u64, EntryId>,
}

impl Invariant for LogMatching {
    fn name(&self) -> &'static str {
        "log matching"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        match event {
            Event::DurableLog { node, entries } => {
                let mut before: Option<&EntryId> = None;
                for entry in entries {
                    let term_before = before.map(|before| before.term);
                    ensure!(
                        term_before <= Some(entry.term),
                        "the terms in the log of {node} fall: {entry:?}"
                    );
                    let known =
                        self.durable.entry((entry.index, entry.term)).or_insert((entry.hash, term_before));
                    ensure!(known.0 == entry.hash, "{node} has another entry at {entry:?}");
                    match (known.1, term_before) {
                        (Some(one), Some(other)) => {
                            ensure!(
                                one == other,
                                "{node} has {other} as the term before {entry:?}, not {one}"
                            );
                        }
                        (None, term) => known.1 = term,
                        (Some(_), None) => {}
                    }
                    before = Some(entry);
                }
            }
            Event::Committed { store, from, entry } => {
                let known = self.committed.entry(entry.index).or_insert(*entry);
                ensure!(known == entry, "store {store} gets {entry:?} from member {from}, it was {known:?}");
            }
            _ => {}
        }
        Ok(())
    }
}
