//! Reply frames, encoded straight into one output buffer.

use bytes::BytesMut;
use menagerie_types::{ErrorCode, EventType, Zxid};

use crate::{ReplyHeader, WatcherEvent, frame, xid};

/// Starts a reply frame. The caller appends the body and then hands the returned mark to [`end_reply`].
#[must_use]
pub fn begin_reply(out: &mut BytesMut, xid: i32, zxid: Zxid, err: i32) -> usize {
    out.reserve(frame::PREFIX_LEN + ReplyHeader::LEN);
    let mark = frame::begin(out);
    ReplyHeader { xid, zxid: zxid.0, err }.encode(out);
    mark
}

/// Ends the frame that began at `mark`: everything since is its payload.
///
/// # Panics
/// If `mark` is not one that [`begin_reply`] returned for this buffer.
pub fn end_reply(out: &mut BytesMut, mark: usize) {
    frame::end(out, mark);
}

/// A whole frame with an error: a header and no body.
pub fn error_reply(out: &mut BytesMut, xid: i32, zxid: Zxid, code: ErrorCode) {
    let mark = begin_reply(out, xid, zxid, code.code());
    end_reply(out, mark);
}

/// A whole frame with a watch event. `zxid` is that of the transaction, or -1 for an event that setWatches made up.
pub fn notification(out: &mut BytesMut, zxid: i64, event: EventType, path: &str) {
    let mark = begin_reply(out, xid::NOTIFICATION, Zxid(zxid), 0);
    WatcherEvent { event_type: event as i32, state: WatcherEvent::CONNECTED, path }.encode(out);
    end_reply(out, mark);
}
