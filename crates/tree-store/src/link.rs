//! A caller's end of a link in the same process.

use std::sync::Arc;

use bytes::BytesMut;
use menagerie_proto::tree_store::{LinkItem, LinkQueue, ReadOutcome, ReadPlacement, StoreLink};
use menagerie_types::command::Command;
use menagerie_types::{LogIndex, WatchKinds};

use crate::links::LinkKey;
use crate::replica::Replica;

/// Reads run on the caller's thread, many at a time. Dropping it unregisters its watches.
pub(crate) struct LocalLink {
    pub(crate) replica: Arc<Replica>,
    pub(crate) key: LinkKey,
    pub(crate) queue: Arc<LinkQueue>,
}

impl StoreLink for LocalLink {
    fn read(&mut self, token: u64, read: &Command<'_>, out: &mut BytesMut) -> ReadOutcome {
        // While this lock is held nothing is applied, so nothing is pushed: the answer has its place in the order.
        let state = self.replica.state.read();
        let queued = self.queue.has_pending();
        if queued && self.queue.is_closed() {
            return ReadOutcome::Closed;
        }
        let mut frames = BytesMut::new();
        let watches = state.read(read, if queued { &mut frames } else { out });
        if !watches.is_empty() {
            self.replica.links.lock().watch(self.key, &watches);
        }
        if !queued {
            return ReadOutcome::Answered(watches);
        }
        self.queue.push(LinkItem::ReadReply { token, frames: frames.freeze(), watches });
        drop(state);
        self.queue.wake();
        ReadOutcome::Queued
    }

    fn read_after(&mut self, seq: u64, token: u64, read: &Command<'_>) -> ReadPlacement {
        self.replica.with_links(|state, links| links.read_after(self.key, state, (seq, token), read))
    }

    fn unwatch(&mut self, path: &str, kinds: WatchKinds) {
        self.replica.links.lock().unwatch(self.key, path, kinds);
    }

    fn await_applied(&mut self, index: LogIndex) {
        self.replica.with_links(|state, links| links.await_applied(self.key, index, state));
    }

    fn flush(&mut self) {}

    fn queue(&self) -> &Arc<LinkQueue> {
        &self.queue
    }
}

impl Drop for LocalLink {
    fn drop(&mut self) {
        self.replica.links.lock().remove(self.key);
    }
}
