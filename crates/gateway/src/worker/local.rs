//! Requests that the worker answers itself: pings, questions about watches and identities, what nobody knows.

use menagerie_jute::{Reader, RequestHeader, begin_reply, end_reply, repaired, write, xid};
use menagerie_types::{ErrorCode, LogIndex, OpCode, WatchKind, WatchKinds, Zxid};
use tracing::debug;

use super::conn::Conn;
use super::core::{Core, PendingSync, SyncTarget};
use super::requests::Taken;

impl Core {
    /// Whatever number a ping has, its answer has that of pings.
    pub fn ping(&mut self, conn: &mut Conn) -> Taken {
        if !conn.is_idle() {
            return Taken::Wait;
        }
        if !self.is_confirmed(conn) {
            // The client may lose its session before long: it must learn that in time to move.
            conn.kill();
            return Taken::Yes;
        }
        self.answer(conn, xid::PING, Ok(()));
        Taken::Yes
    }

    /// checkWatches and removeWatches: of this connection alone, at exactly this path, and nobody is told.
    pub fn watch_request(&mut self, conn: &mut Conn, op: OpCode, xid: i32, body: &[u8]) -> Taken {
        if !conn.is_idle() {
            return Taken::Wait;
        }
        let repaired = repaired(op, body);
        let mut reader = Reader::new(repaired.as_deref().unwrap_or(body));
        let request = reader.string().and_then(|path| Ok((path, reader.i32()?))).ok();
        let asked = request.and_then(|(path, watch_type)| Some((path, kinds_of_type(watch_type)?)));
        let result = match asked {
            None => Err(ErrorCode::MarshallingError),
            // Nobody watches what has no path.
            Some((None, _)) => Err(ErrorCode::NoWatcher),
            Some((Some(path), kinds))
                if self.watchers.kinds(conn.token, path).intersect(kinds).is_empty() =>
            {
                Err(ErrorCode::NoWatcher)
            }
            Some((Some(path), kinds)) => {
                if op == OpCode::RemoveWatches {
                    let (_, unneeded) = self.watchers.remove(conn, path, kinds);
                    self.unwatch(path.into(), unneeded);
                }
                Ok(())
            }
        };
        self.answer(conn, xid, result);
        Taken::Yes
    }

    /// ZooKeeper answers an operation it does not know with zxid -1 and closes the connection; the session stays.
    pub fn unknown(&mut self, conn: &mut Conn, header: RequestHeader) -> Taken {
        if !conn.is_idle() {
            return Taken::Wait;
        }
        debug!(session = %conn.session, op = header.op, "closing a connection that asked for an unknown operation");
        self.refuse_and_close(conn, header.xid, Zxid(-1), ErrorCode::Unimplemented);
        Taken::Yes
    }

    /// Begins a sync; nothing of the connection passes it.
    pub fn sync(&mut self, conn: &mut Conn, xid: i32, body: &[u8]) -> Taken {
        if !conn.is_idle() {
            return Taken::Wait;
        }
        let repaired = repaired(OpCode::Sync, body);
        // The path is only echoed, null as well.
        let Ok(path) = Reader::new(repaired.as_deref().unwrap_or(body)).string() else {
            self.answer(conn, xid, Err(ErrorCode::MarshallingError));
            return Taken::Yes;
        };
        conn.exclusive = true;
        self.syncs.push(PendingSync {
            target: SyncTarget::Conn(conn.token, xid, path.map(Box::from)),
            index: None,
        });
        self.signals.sync.notify_one();
        Taken::Yes
    }

    /// Tells everyone whose sync is covered by what the replica has applied.
    pub fn synced_up_to(&mut self, applied: LogIndex) {
        let (done, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.syncs)
            .into_iter()
            .partition(|sync| sync.index.is_some_and(|index| index <= applied));
        self.syncs = waiting;
        self.go_on();
        for sync in done {
            match sync.target {
                SyncTarget::Conn(token, xid, path) => {
                    self.with_conn(token, |core, conn| {
                        conn.exclusive = false;
                        if conn.dead {
                            return;
                        }
                        let mark = begin_reply(&mut conn.output, xid, core.zxid, 0);
                        write::string(&mut conn.output, path.as_deref());
                        end_reply(&mut conn.output, mark);
                        core.answered(conn);
                        core.mark_ready(conn);
                    });
                }
                SyncTarget::Ahead(token, zxid, attempt) => self.caught_up(token, zxid, attempt),
                SyncTarget::Api(done) => {
                    let _ = done.send(());
                }
            }
        }
    }

    /// Answers without a body, as of the last transaction delivered.
    pub fn answer(&mut self, conn: &mut Conn, xid: i32, result: Result<(), ErrorCode>) {
        self.answer_as_of(conn, xid, self.zxid, result);
    }

    /// Answers without a body.
    pub fn answer_as_of(&mut self, conn: &mut Conn, xid: i32, zxid: Zxid, result: Result<(), ErrorCode>) {
        if conn.dead {
            return;
        }
        let mark = begin_reply(&mut conn.output, xid, zxid, result.err().map_or(0, ErrorCode::code));
        end_reply(&mut conn.output, mark);
        self.answered(conn);
    }

    /// The last words to a connection.
    pub fn refuse_and_close(&mut self, conn: &mut Conn, xid: i32, zxid: Zxid, error: ErrorCode) {
        self.answer_as_of(conn, xid, zxid, Err(error));
        conn.drain();
    }

    /// An answer of the worker's own stands in the output.
    pub fn answered(&mut self, conn: &mut Conn) {
        conn.sent += 1;
        self.stats.sent(1);
        self.mark_dirty(conn);
    }
}

/// The kinds of watches that ZooKeeper's `WatcherType` means.
fn kinds_of_type(watch_type: i32) -> Option<WatchKinds> {
    Some(match watch_type {
        1 => WatchKinds(WatchKind::Child as u8),
        2 => WatchKinds(WatchKind::Data as u8 | WatchKind::Exist as u8),
        3 => WatchKinds::ALL,
        4 => WatchKinds(WatchKind::Persistent as u8),
        5 => WatchKinds(WatchKind::PersistentRecursive as u8),
        _ => return None,
    })
}
