//! No event is lost, also when a client or its gateway goes to another server: a watch that is still waiting in the end
//! watches a znode that has not changed.

use super::{Invariant, Verdict, ensure};
use crate::event::{Answer, Event};
use crate::watches::Watches;

/// See the module.
#[derive(Default)]
pub struct LostWatches {
    watches: Watches,
}

impl Invariant for LostWatches {
    fn name(&self) -> &'static str {
        "no lost watch event"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        self.watches.observe(event);
        if let Event::LastLook { client, path, answer: Ok(Answer::Data { stat, .. }) } = event
            && let Some(watch) = self.watches.pending.get(&(*client, path.clone()))
        {
            let changed = stat.mzxid.0;
            ensure!(changed <= watch.set_at, "{path} changed at {changed}, the event never came: {watch:?}");
        }
        Ok(())
    }

    fn finish(&mut self) -> Verdict {
        for watch in self.watches.pending.values() {
            let missed = self.watches.missed(watch);
            ensure!(missed.is_none(), "the event of the change {missed:?} never came: {watch:?}");
        }
        Ok(())
    }
}
