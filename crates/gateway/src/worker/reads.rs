//! Reads: answered by the replica at once, or queued there and answered over the link.

use bytes::{Bytes, BytesMut};
use menagerie_jute::{AddWatchRequest, PathWatchRequest, Reader, SetWatches, SetWatches2};
use menagerie_proto::tree_store::{LinkItem, ReadOutcome, StoreLink, WatchSet};
use menagerie_types::command::Command;
use menagerie_types::{OpCode, Zxid};
use tokio::sync::oneshot;

use super::conn::Conn;
use super::core::{Core, Target};
use super::pending::PendingRead;
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
        let read = Command { op, session: conn.session, xid, auth: conn.identities.encoded(), body };
        let before = conn.output.len();
        let token = self.pending_reads.next_token();
        match link.read(token, &read, &mut conn.output) {
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
                watched_paths(op, body, |path| self.watchers.ask(path));
                let (target, auth) = (Target::Conn(conn.token), conn.identities.encoded().clone());
                let (session, body) = (conn.session, body.into());
                self.queue_read(token, PendingRead { target, op, session, xid, auth, body });
                Asked::Taken
            }
            ReadOutcome::Closed => Asked::NoLink,
        }
    }

    /// Asks for a call of the gRPC API; without a link the read waits for the next one.
    pub fn read_for_api(&mut self, read: &Command<'_>, reply: oneshot::Sender<ApiReply>) {
        let mut out = BytesMut::new();
        let token = self.pending_reads.next_token();
        let outcome = self.link.as_mut().map(|link| link.read(token, read, &mut out));
        if let Some(ReadOutcome::Answered(_)) = outcome {
            self.note_zxid(last_zxid(&out));
            let _ = reply.send(ApiReply::from_frame(&out.freeze()));
            return;
        }
        let pending = PendingRead {
            target: Target::Api(reply),
            op: read.op,
            session: read.session,
            xid: read.xid,
            auth: Bytes::copy_from_slice(read.auth),
            body: read.body.into(),
        };
        self.queue_read(token, pending);
    }

    fn queue_read(&mut self, token: u64, read: PendingRead) {
        self.pending_reads.insert(token, read);
        self.signals.flush_link.notify_one();
    }

    /// The answer to a queued read.
    pub fn read_replied(&mut self, token: u64, frames: &Bytes, watches: WatchSet) {
        let Some(read) = self.pending_reads.take(token) else { return };
        self.go_on();
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
                self.settle(read.op, &read.body, unclaimed.unwrap_or_default());
            }
            Target::Api(reply) => {
                let _ = reply.send(ApiReply::from_frame(frames));
            }
            Target::Reconfig(..) | Target::Nobody => {}
        }
    }

    fn register(&mut self, conn: &mut Conn, watches: WatchSet) {
        for (kind, path) in watches {
            self.watchers.add(conn, kind, &path);
        }
    }

    /// A queued read was answered: what it has registered is in use, or (`unclaimed`) its connection went before. The
    /// replica need not keep what nobody else has.
    fn settle(&mut self, op: OpCode, body: &[u8], unclaimed: WatchSet) {
        let mut unneeded = Vec::new();
        for (kind, path) in unclaimed {
            let kinds = self.watchers.unclaimed(&path, kind);
            unneeded.push((path, kinds));
        }
        watched_paths(op, body, |path| unneeded.push((path.into(), self.watchers.answered(path))));
        for (path, kinds) in unneeded {
            self.unwatch(path, kinds);
        }
    }

    /// The replica has reached at least this.
    pub fn note_zxid(&mut self, zxid: Option<Zxid>) {
        self.zxid = self.zxid.max(zxid.unwrap_or_default());
    }
}

/// The paths at which a read may register watches.
fn watched_paths(op: OpCode, body: &[u8], mut each: impl FnMut(&str)) {
    let body = &mut Reader::new(body);
    match op {
        OpCode::Exists | OpCode::GetData | OpCode::GetChildren | OpCode::GetChildren2 => {
            let request = PathWatchRequest::decode(body);
            request.ok().filter(|request| request.watch).into_iter().for_each(|request| each(request.path));
        }
        OpCode::AddWatch => AddWatchRequest::decode(body).into_iter().for_each(|request| each(request.path)),
        OpCode::SetWatches => {
            let lists = SetWatches::decode(body).map(|r| [r.data, r.exist, r.child]);
            lists.into_iter().flatten().flatten().for_each(each);
        }
        OpCode::SetWatches2 => {
            let lists = SetWatches2::decode(body)
                .map(|r| [r.data, r.exist, r.child, r.persistent, r.persistent_recursive]);
            lists.into_iter().flatten().flatten().for_each(each);
        }
        _ => {}
    }
}

/// Asks over a new link, before anything is taken from its queue.
pub fn ask_again(link: &mut dyn StoreLink, token: u64, read: &Command<'_>) {
    let mut out = BytesMut::new();
    if let ReadOutcome::Answered(watches) = link.read(token, read, &mut out) {
        // An answer at once takes its place among the queued ones.
        link.queue().push(LinkItem::ReadReply { token, frames: out.freeze(), watches });
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
