//! The ordered, bounded queue at the receiving end of a link.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::LinkItem;
use crate::ServiceError;

/// A receiver this far behind has stopped reading: its link is closed, and it must link again.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// Items delivered and not yet taken. One side pushes (under its own lock, in log order), one takes.
///
/// What belongs together is staged item by item and can be taken only as a whole: all that one log entry does. So a
/// receiver that has seen anything of a transaction has seen all of it, and can say so when it links again.
#[derive(Debug, Default)]
pub struct LinkQueue {
    inner: Mutex<Inner>,
    /// Mirrors "there is something to take", to be read without the lock.
    pending: AtomicBool,
    ready: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    items: VecDeque<LinkItem>,
    /// How many of them may be taken; the others are staged.
    complete: usize,
    bytes: usize,
    closed: Option<ServiceError>,
}

impl LinkQueue {
    /// Adds one item, complete in itself. Wakes the taker at [`Self::wake`] only, so that a batch costs one wake-up.
    /// Nothing is added to a closed queue; overflowing closes it.
    pub fn push(&self, item: LinkItem) {
        let mut inner = self.inner.lock();
        let at = inner.complete;
        if inner.add(at, item) {
            inner.complete += 1;
        }
        self.pending.store(true, Ordering::Release);
    }

    /// Adds one item that cannot be taken before [`Self::commit`]; otherwise as [`Self::push`].
    pub fn stage(&self, item: LinkItem) {
        let mut inner = self.inner.lock();
        let at = inner.items.len();
        if !inner.add(at, item) {
            self.pending.store(true, Ordering::Release);
        }
    }

    /// What was staged can be taken.
    pub fn commit(&self) {
        let mut inner = self.inner.lock();
        inner.complete = inner.items.len();
        if inner.complete > 0 {
            self.pending.store(true, Ordering::Release);
        }
    }

    /// Wakes the taker if there is anything to take.
    pub fn wake(&self) {
        if self.has_pending() {
            self.ready.notify_one();
        }
    }

    /// True when items (or the end) wait to be taken.
    pub fn has_pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// Ends the link; what is complete can still be taken.
    pub fn close(&self, error: ServiceError) {
        let mut inner = self.inner.lock();
        let complete = inner.complete;
        inner.items.truncate(complete);
        inner.closed.get_or_insert(error);
        drop(inner);
        self.pending.store(true, Ordering::Release);
        self.ready.notify_one();
    }

    /// True once closed, by either side.
    pub fn is_closed(&self) -> bool {
        self.inner.lock().closed.is_some()
    }

    /// Moves all complete items into `out`. An error once everything is taken and the link has ended.
    pub fn take(&self, out: &mut Vec<LinkItem>) -> Result<(), ServiceError> {
        let mut inner = self.inner.lock();
        let count = std::mem::take(&mut inner.complete);
        let empty = count == 0;
        out.extend(inner.items.drain(..count));
        inner.bytes = inner.items.iter().map(weight).sum();
        match (&inner.closed, empty) {
            (Some(error), true) => Err(error.clone()),
            (Some(_), false) => Ok(()),
            (None, _) => {
                self.pending.store(false, Ordering::Release);
                Ok(())
            }
        }
    }

    /// Waits until there is something to take.
    pub async fn ready(&self) {
        while !self.has_pending() {
            self.ready.notified().await;
        }
    }
}

impl Inner {
    /// False if the queue is closed, perhaps by this.
    fn add(&mut self, at: usize, item: LinkItem) -> bool {
        if self.closed.is_some() {
            return false;
        }
        self.bytes += weight(&item);
        self.items.insert(at, item);
        if self.bytes > BYTES_MAX {
            self.items.clear();
            self.complete = 0;
            self.bytes = 0;
            self.closed = Some(ServiceError::Overloaded("link receiver fell too far behind".into()));
        }
        self.closed.is_none()
    }
}

fn weight(item: &LinkItem) -> usize {
    64 + match item {
        LinkItem::Results { frames, .. } => frames.len(),
        LinkItem::ReadReply { frames, watches, .. } => frames.len() + watches.len() * 64,
        LinkItem::Event { path, acl, .. } => path.len() + acl.as_ref().map_or(0, Bytes::len),
        LinkItem::Start { owned, .. } => owned.len() * 8,
        LinkItem::Sessions(sessions) => sessions.len() * 48,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use menagerie_types::{LogIndex, Zxid};

    use super::*;

    #[test]
    fn items_come_out_in_order_and_the_end_after_them() {
        let queue = LinkQueue::default();
        let item = |n| LinkItem::Applied { index: LogIndex(n), zxid: Zxid(n as i64) };
        queue.push(item(1));
        queue.push(item(2));
        queue.close(ServiceError::Deadline);
        queue.push(item(3));
        let mut out = Vec::new();
        assert_eq!(queue.take(&mut out), Ok(()));
        assert_eq!(out, [item(1), item(2)]);
        assert_eq!(queue.take(&mut out), Err(ServiceError::Deadline));
    }

    #[test]
    fn what_is_staged_comes_out_as_a_whole() {
        let queue = LinkQueue::default();
        let item = |n| LinkItem::Applied { index: LogIndex(n), zxid: Zxid(n as i64) };
        let take = || {
            let mut out = Vec::new();
            queue.take(&mut out).map(|()| out)
        };
        queue.stage(item(2));
        assert!(!queue.has_pending());
        assert_eq!(take(), Ok(vec![]));
        queue.push(item(1));
        queue.stage(item(3));
        assert!(queue.has_pending());
        assert_eq!(take(), Ok(vec![item(1)]));
        queue.commit();
        assert!(queue.has_pending());
        assert_eq!(take(), Ok(vec![item(2), item(3)]));
        queue.commit();
        assert!(!queue.has_pending());
        queue.push(item(4));
        queue.stage(item(5));
        queue.close(ServiceError::Deadline);
        assert_eq!(take(), Ok(vec![item(4)]));
        assert_eq!(take(), Err(ServiceError::Deadline));
    }

    #[test]
    fn an_overflowing_queue_closes_itself() {
        let queue = LinkQueue::default();
        let frames = bytes::Bytes::from(vec![0; BYTES_MAX / 2]);
        for _ in 0..3 {
            queue.push(LinkItem::Results { first_seq: 1, count: 1, frames: frames.clone() });
        }
        assert!(matches!(queue.take(&mut Vec::new()), Err(ServiceError::Overloaded(_))));
    }
}
