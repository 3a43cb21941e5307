//! A client gets a watch's event before any reply from a time at which the watched znode had changed, and gets one event
//! for one watch.

use super::{Invariant, Verdict, ensure};
use crate::event::Event;
use crate::watches::Watches;

/// See the module.
#[derive(Default)]
pub struct WatchOrder {
    watches: Watches,
}

impl Invariant for WatchOrder {
    fn name(&self) -> &'static str {
        "watch before data"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        self.watches.observe(event);
        if let Some((client, path)) = self.watches.unasked.first() {
            return Err(format!("client {client} got an event of {path}, which it does not watch"));
        }
        if let Event::Replied { client, .. } = event {
            let of_client = (*client, String::new())..(*client + 1, String::new());
            for (_, watch) in self.watches.pending.range(of_client) {
                let shown = watch.shown;
                ensure!(shown.is_none(), "client {client} is shown a change before its event: {watch:?}");
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Verdict {
        for watch in &self.watches.fired {
            let missed = self.watches.missed(watch);
            ensure!(
                missed.is_none(),
                "a reply behind the change {missed:?} came before its event: {watch:?}"
            );
        }
        Ok(())
    }
}
