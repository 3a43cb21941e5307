//! Every replica has the same state after the same entry: the digests are equal at equal indexes, before and after
//! restarts, and no replica finds its own state wrong.

use std::collections::HashMap;

use super::{Invariant, Verdict, ensure};
use crate::event::Event;

/// See the module.
#[derive(Default)]
pub struct ApplyDeterminism {
    digests: HashMap<u64, (u64, u64)>,
}

impl Invariant for ApplyDeterminism {
    fn name(&self) -> &'static str {
        "apply determinism"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        match event {
            Event::Applied { store, index, digest } => {
                let (known, by) = *self.digests.entry(*index).or_insert((*digest, *store));
                ensure!(known == *digest, "stores {by} and {store} differ after entry {index}");
                Ok(())
            }
            Event::Disowned { store, why } => Err(format!("store {store} set its checkpoint aside: {why}")),
            _ => Ok(()),
        }
    }
}
