//! Reads: answered by the replica at once, or queued there and answered over the link.

use bytes::{Bytes, BytesMut};
use menagerie_jute::{AddWatchRequest, PathWatchRequest, Reader, SetWatches, SetWatches2};
use menagerie_proto::tree_store::{LinkItem, ReadOutcome, ReadPlacement, StoreLink, WatchSet};
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
    /// There is no link, or the read must wait for the writes before it.
    NotNow,
}

impl Core {
    /// Asks for `conn`. A watch that the read sets belongs to the connection from the reply on.
    pub fn read_for(&mut self, conn: &mut Conn, op: OpCode, xid: i32, body: &[u8]) -> Asked {
        let Some(link) = &mut self.link else { return Asked::NotNow };
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
                self.queue_read_of(conn, token, read.xid, (op, body), None);
                Asked::Taken
            }
            ReadOutcome::Closed => Asked::NotNow,
        }
    }

    /// Asks for `conn`, which has writes under way, for a place behind the last of them.
    pub fn read_in_place(&mut self, conn: &mut Conn, op: OpCode, xid: i32, body: &[u8]) -> Asked {
        let Some(link) = &mut self.link else { return Asked::NotNow };
        let read = Command { op, session: conn.session, xid, auth: conn.identities.encoded(), body };
        let token = self.pending_reads.next_token();
        let placed = match link.read_after(conn.last_write, token, &read) {
            ReadPlacement::Placed => true,
            ReadPlacement::Queued => false,
            ReadPlacement::Refused | ReadPlacement::Closed => return Asked::NotNow,
        };
        *(if placed { &mut conn.placed } else { &mut conn.reads }) += 1;
        self.queue_read_of(conn, token, xid, (op, body), Some((conn.last_write, placed)));
        Asked::Taken
    }

    fn queue_read_of(
        &mut self,
        conn: &Conn,
        token: u64,
        xid: i32,
        (op, body): (OpCode, &[u8]),
        place: Option<(u64, bool)>,
    ) {
        watched_paths(op, body, |path| self.watchers.ask(path));
        let read = PendingRead {
            target: Target::Conn(conn.token),
            op,
            session: conn.session,
            xid,
            auth: conn.identities.encoded().clone(),
            body: body.into(),
            after: place.map(|(seq, _)| seq),
            placed: place.is_some_and(|(_, placed)| placed),
        };
        self.queue_read(token, read);
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
            after: None,
            placed: false,
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
                    *(if read.placed { &mut conn.placed } else { &mut conn.reads }) -= 1;
                    if conn.dead {
                        return;
                    }
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

    /// Asks again, over a new link and before anything is taken from its queue, what the old one has not answered.
    pub fn ask_again(&mut self, link: &mut dyn StoreLink) {
        for (token, mut read) in self.pending_reads.take_all() {
            match self.ask_one_again(link, token, &read) {
                Some(placed) => {
                    if let Target::Conn(conn) = read.target
                        && let Some(conn) = self.conns.get_mut(conn)
                    {
                        *(if read.placed { &mut conn.placed } else { &mut conn.reads }) -= 1;
                        *(if placed { &mut conn.placed } else { &mut conn.reads }) += 1;
                    }
                    read.placed = placed;
                    self.pending_reads.insert(token, read);
                }
                None => self.settle(read.op, &read.body, WatchSet::new()),
            }
        }
    }

    /// Whether it has a place now; `None` if it cannot be asked again: then its client must connect again.
    fn ask_one_again(&mut self, link: &mut dyn StoreLink, token: u64, read: &PendingRead) -> Option<bool> {
        if let Target::Conn(conn) = read.target {
            let conn = self.conns.get_mut(conn)?;
            if read.placed && read.after != Some(conn.last_write) {
                // The other replica may have applied the writes behind it by now.
                conn.kill();
                return None;
            }
        }
        let acked = self.proposer.acked_seq();
        if let Some(seq) = read.after.filter(|seq| *seq > acked) {
            return match link.read_after(seq, token, &read.command()) {
                ReadPlacement::Placed => Some(true),
                ReadPlacement::Queued | ReadPlacement::Closed => Some(false),
                ReadPlacement::Refused => {
                    if let Target::Conn(conn) = read.target {
                        self.conns.get_mut(conn)?.kill();
                    }
                    None
                }
            };
        }
        let mut out = BytesMut::new();
        if let ReadOutcome::Answered(watches) = link.read(token, &read.command(), &mut out) {
            // An answer at once takes its place among the queued ones.
            link.queue().push(LinkItem::ReadReply { token, frames: out.freeze(), watches });
        }
        Some(false)
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
