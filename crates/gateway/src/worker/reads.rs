//! Reads: answered by the replica at once, or queued there and answered over the link.

use bytes::{Bytes, BytesMut};
use menagerie_proto::tree_store::{LinkItem, ReadOutcome, StoreLink, WatchSet};
use menagerie_types::command::Command;
use menagerie_types::{OpCode, WatchKinds, Zxid};
use tokio::sync::oneshot;

use super::conn::Conn;
use super::core::{Core, PendingRead, Target};
use crate::api::ApiReply;

/// What became of a connection's read.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// Answered or queued.
    Taken,
    /// There is no link now; ask again when there is.
    NoLink,
}

impl Core {
    /// Asks for `conn`. A watch that the read sets belongs to the connection from the reply on.
    pub fn read_for(&mut self, conn: &mut Conn, op: OpCode, xid: i32, body: &[u8]) -> Asked {
        let Some(link) = &mut self.link else { return Asked::NoLink };
        let read = Command { op, session: conn.session, xid, auth: &conn.auth, body };
        let before = conn.output.len();
        match link.read(conn.token.0, &read, &mut conn.output) {
            ReadOutcome::Answered(watches) => {
                self.register(conn, watches);
                self.note_zxid(last_zxid(&conn.output[before..]));
                conn.sent += 1;
                self.stats.sent(1);
                self.mark_dirty(conn);
                Asked::Taken
            }
            ReadOutcome::Queued => {
                conn.reads += 1;
                let (target, auth) = (Target::Conn(conn.token), conn.auth.clone());
                self.queue_read(PendingRead {
                    target,
                    op,
                    session: conn.session,
                    xid,
                    auth,
                    body: body.into(),
                });
                Asked::Taken
            }
            ReadOutcome::Closed => Asked::NoLink,
        }
    }

    /// Asks for a call of the gRPC API; without a link the read waits for the next one.
    pub fn read_for_api(&mut self, read: &Command<'_>, reply: oneshot::Sender<ApiReply>) {
        let mut out = BytesMut::new();
        if let Some(ReadOutcome::Answered(_)) = self.link.as_mut().map(|link| link.read(0, read, &mut out)) {
            self.note_zxid(last_zxid(&out));
            let _ = reply.send(ApiReply::from_frame(&out.freeze()));
            return;
        }
        self.queue_read(PendingRead {
            target: Target::Api(reply),
            op: read.op,
            session: read.session,
            xid: read.xid,
            auth: Bytes::copy_from_slice(read.auth),
            body: read.body.into(),
        });
    }

    fn queue_read(&mut self, read: PendingRead) {
        self.pending_reads.push_back(read);
        self.signals.flush_link.notify_one();
    }

    /// The answer to the oldest queued read.
    pub fn read_replied(&mut self, frames: &Bytes, watches: WatchSet) {
        let Some(read) = self.pending_reads.pop_front() else { return };
        self.note_zxid(last_zxid(frames));
        match read.target {
            Target::Conn(token) => {
                let mut unclaimed = Some(watches);
                self.with_conn(token, |core, conn| {
                    conn.reads -= 1;
                    conn.sent += 1;
                    core.stats.sent(1);
                    conn.output.extend_from_slice(frames);
                    core.register(conn, unclaimed.take().unwrap_or_default());
                    core.mark_dirty(conn);
                    core.mark_ready(conn);
                });
                self.drop_unclaimed(unclaimed.unwrap_or_default());
            }
            Target::Api(reply) => {
                let _ = reply.send(ApiReply::from_frame(frames));
            }
            Target::Nobody => {}
        }
    }

    fn register(&mut self, conn: &mut Conn, watches: WatchSet) {
        for (kind, path) in watches {
            self.watchers.add(conn, kind, &path);
        }
    }

    /// The connection went before its answer came: the replica need not keep watches that nobody else has.
    fn drop_unclaimed(&mut self, watches: WatchSet) {
        for (_, path) in watches {
            if self.watchers.at(&path).is_empty()
                && let Some(link) = &mut self.link
            {
                link.unwatch(&path, WatchKinds::ALL);
                self.signals.flush_link.notify_one();
            }
        }
    }

    /// The replica has reached at least this.
    pub fn note_zxid(&mut self, zxid: Option<Zxid>) {
        self.zxid = self.zxid.max(zxid.unwrap_or_default());
    }
}

/// Asks over a new link, before anything is taken from its queue.
pub fn ask_again(link: &mut dyn StoreLink, read: &Command<'_>) {
    let mut out = BytesMut::new();
    if let ReadOutcome::Answered(watches) = link.read(0, read, &mut out) {
        // An answer at once takes its place among the queued ones.
        link.queue().push(LinkItem::ReadReply { token: 0, frames: out.freeze(), watches });
    }
}

/// The zxid in the header of the last frame (setWatches puts events, without one, before its reply).
fn last_zxid(mut frames: &[u8]) -> Option<Zxid> {
    let mut zxid = None;
    while let Some((len, rest)) = frames.split_first_chunk::<4>() {
        let frame = rest.get(..u32::from_be_bytes(*len) as usize)?;
        zxid = frame.get(4..12).and_then(|z| z.try_into().ok()).map(|z| Zxid(i64::from_be_bytes(z)));
        frames = &rest[frame.len()..];
    }
    zxid
}
