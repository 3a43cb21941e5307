//! Byte layout of batches on a link between processes. Big-endian.
//!
//! ```text
//! request  kind u8 | read 1: token u64, command (as in a chunk)
//!                  | unwatch 2: kinds u8, path
//!                  | await_applied 3: index u64
//!                  | read_after 4: seq u64, token u64, command
//! item     kind u8 | start 1: index u64, zxid i64, n u32, n x session i64, events_complete u8
//!                  | results 2: first_seq u64, count u32, frames
//!                  | refused 3: expected_seq u64
//!                  | event 4: zxid i64, type u8, path, has_acl u8, acl
//!                  | read_reply 5: token u64, n u32, n x (kind u8, path), frames
//!                  | applied 6: index u64, zxid i64
//!                  | lease 7: epoch u64, holder u64 (0 none), ttl_ms u32
//!                  | sessions 8: n u32, n x row
//!                  | attached 9: row, zxid i64
//!                  | closed 10: session i64, expired u8
//! row      session i64, timeout_ms u32, password 16 bytes, owner u64
//! path, frames, acl   len u32, bytes (acl only if has_acl)
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use menagerie_types::command::internal::PASSWORD_LEN;
use menagerie_types::command::{Command, put_command};
use menagerie_types::{
    EventType, IncarnationId, LogIndex, NodeId, OpCode, SessionId, WatchKind, WatchKinds, Zxid,
};

use super::{Lease, LinkItem, SessionEvent, SessionInfo};
use crate::{ServiceError, ServiceResult};

/// A request as it arrives, borrowed from the batch.
#[derive(Debug, PartialEq, Eq)]
pub enum LinkRequest<'a> {
    /// Answer this read.
    Read(u64, Command<'a>),
    /// Drop these watches.
    Unwatch(WatchKinds, &'a str),
    /// Tell when this index is applied.
    AwaitApplied(LogIndex),
    /// Answer the read after the command with this number.
    ReadAfter(u64, u64, Command<'a>),
}

/// Appends a read.
pub fn put_read(out: &mut BytesMut, token: u64, read: &Command<'_>) {
    out.put_u8(1);
    out.put_u64(token);
    put_command(out, read);
}

/// Appends an unwatch.
pub fn put_unwatch(out: &mut BytesMut, path: &str, kinds: WatchKinds) {
    out.put_u8(2);
    out.put_u8(kinds.0);
    put_bytes(out, path.as_bytes());
}

/// Appends an await_applied.
pub fn put_await_applied(out: &mut BytesMut, index: LogIndex) {
    out.put_u8(3);
    out.put_u64(index.0);
}

/// Appends a read with its place.
pub fn put_read_after(out: &mut BytesMut, seq: u64, token: u64, read: &Command<'_>) {
    out.put_u8(4);
    out.put_u64(seq);
    out.put_u64(token);
    put_command(out, read);
}

/// The requests of a batch, in order; ends after a malformed one.
pub struct Requests<'a>(Input<'a>);

impl<'a> Requests<'a> {
    /// Reads a batch.
    pub fn new(batch: &'a [u8]) -> Self {
        Self(Input(batch))
    }
}

impl<'a> Iterator for Requests<'a> {
    type Item = ServiceResult<LinkRequest<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.0.is_empty() {
            return None;
        }
        let request = read_request(&mut self.0);
        if request.is_err() {
            self.0 = Input(&[]);
        }
        Some(request)
    }
}

fn read_request<'a>(input: &mut Input<'a>) -> ServiceResult<LinkRequest<'a>> {
    Ok(match input.u8()? {
        1 => LinkRequest::Read(input.u64()?, input.command()?),
        2 => LinkRequest::Unwatch(WatchKinds(input.u8()?), input.str()?),
        3 => LinkRequest::AwaitApplied(LogIndex(input.u64()?)),
        4 => LinkRequest::ReadAfter(input.u64()?, input.u64()?, input.command()?),
        _ => return Err(malformed()),
    })
}

/// Appends an item.
pub fn put_item(out: &mut BytesMut, item: &LinkItem) {
    match item {
        LinkItem::Start { index, zxid, owned, events_complete } => {
            out.put_u8(1);
            out.put_u64(index.0);
            out.put_i64(zxid.0);
            out.put_u32(owned.len() as u32);
            owned.iter().for_each(|s| out.put_i64(s.0));
            out.put_u8(u8::from(*events_complete));
        }
        LinkItem::Results { first_seq, count, frames } => {
            out.put_u8(2);
            out.put_u64(*first_seq);
            out.put_u32(*count);
            put_bytes(out, frames);
        }
        LinkItem::Refused { expected_seq } => {
            out.put_u8(3);
            out.put_u64(*expected_seq);
        }
        LinkItem::Event { zxid, event, path, acl } => {
            out.put_u8(4);
            out.put_i64(zxid.0);
            out.put_u8(*event as u8);
            put_bytes(out, path.as_bytes());
            out.put_u8(u8::from(acl.is_some()));
            if let Some(acl) = acl {
                put_bytes(out, acl);
            }
        }
        LinkItem::ReadReply { token, frames, watches } => {
            out.put_u8(5);
            out.put_u64(*token);
            out.put_u32(watches.len() as u32);
            for (kind, path) in watches {
                out.put_u8(*kind as u8);
                put_bytes(out, path.as_bytes());
            }
            put_bytes(out, frames);
        }
        LinkItem::Applied { index, zxid } => {
            out.put_u8(6);
            out.put_u64(index.0);
            out.put_i64(zxid.0);
        }
        _ => put_session_item(out, item),
    }
}

fn put_session_item(out: &mut BytesMut, item: &LinkItem) {
    match item {
        LinkItem::Lease(lease) => {
            out.put_u8(7);
            out.put_u64(lease.epoch);
            out.put_u64(lease.holder.map_or(0, |h| h.0));
            out.put_u32(lease.ttl_ms);
        }
        LinkItem::Sessions(rows) => {
            out.put_u8(8);
            out.put_u32(rows.len() as u32);
            rows.iter().for_each(|row| put_row(out, row));
        }
        LinkItem::Session(SessionEvent::Attached(row, zxid)) => {
            out.put_u8(9);
            put_row(out, row);
            out.put_i64(zxid.0);
        }
        LinkItem::Session(SessionEvent::Closed { session, expired }) => {
            out.put_u8(10);
            out.put_i64(session.0);
            out.put_u8(u8::from(*expired));
        }
        _ => {}
    }
}

fn put_row(out: &mut BytesMut, row: &SessionInfo) {
    out.put_i64(row.session.0);
    out.put_u32(row.timeout_ms);
    out.put_slice(&row.password);
    out.put_u64(row.owner.0);
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32(bytes.len() as u32);
    out.put_slice(bytes);
}

/// Calls `each` with every item of a batch, in order. Frames share the batch's memory.
pub fn read_items(batch: &Bytes, mut each: impl FnMut(LinkItem)) -> ServiceResult<()> {
    let mut input = Input(batch);
    while !input.0.is_empty() {
        let item = match input.u8()? {
            1 => LinkItem::Start {
                index: LogIndex(input.u64()?),
                zxid: Zxid(input.i64()?),
                owned: (0..input.u32()?)
                    .map(|_| Ok(SessionId(input.i64()?)))
                    .collect::<ServiceResult<_>>()?,
                events_complete: input.u8()? != 0,
            },
            2 => LinkItem::Results {
                first_seq: input.u64()?,
                count: input.u32()?,
                frames: batch.slice_ref(input.bytes()?),
            },
            3 => LinkItem::Refused { expected_seq: input.u64()? },
            4 => LinkItem::Event {
                zxid: Zxid(input.i64()?),
                event: EventType::from_code(i32::from(input.u8()?)).ok_or_else(malformed)?,
                path: input.str()?.into(),
                acl: if input.u8()? != 0 { Some(batch.slice_ref(input.bytes()?)) } else { None },
            },
            5 => {
                let token = input.u64()?;
                let watches = (0..input.u32()?).map(|_| input.watch()).collect::<ServiceResult<_>>()?;
                LinkItem::ReadReply { token, frames: batch.slice_ref(input.bytes()?), watches }
            }
            6 => LinkItem::Applied { index: LogIndex(input.u64()?), zxid: Zxid(input.i64()?) },
            7 => {
                let (epoch, holder, ttl_ms) = (input.u64()?, input.u64()?, input.u32()?);
                LinkItem::Lease(Lease { epoch, holder: (holder != 0).then_some(NodeId(holder)), ttl_ms })
            }
            8 => LinkItem::Sessions((0..input.u32()?).map(|_| input.row()).collect::<ServiceResult<_>>()?),
            9 => LinkItem::Session(SessionEvent::Attached(input.row()?, Zxid(input.i64()?))),
            10 => LinkItem::Session(SessionEvent::Closed {
                session: SessionId(input.i64()?),
                expired: input.u8()? != 0,
            }),
            _ => return Err(malformed()),
        };
        each(item);
    }
    Ok(())
}

fn malformed() -> ServiceError {
    ServiceError::Invalid("malformed link batch".into())
}

/// Checked reads; counts are taken one element at a time, so a false one cannot ask for memory.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn need(&self, len: usize) -> ServiceResult<()> {
        if self.0.len() < len { Err(malformed()) } else { Ok(()) }
    }

    fn u8(&mut self) -> ServiceResult<u8> {
        self.need(1)?;
        Ok(self.0.get_u8())
    }

    fn u32(&mut self) -> ServiceResult<u32> {
        self.need(4)?;
        Ok(self.0.get_u32())
    }

    fn u64(&mut self) -> ServiceResult<u64> {
        self.need(8)?;
        Ok(self.0.get_u64())
    }

    fn i64(&mut self) -> ServiceResult<i64> {
        Ok(self.u64()? as i64)
    }

    fn bytes(&mut self) -> ServiceResult<&'a [u8]> {
        let len = self.u32()? as usize;
        self.need(len)?;
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        Ok(bytes)
    }

    fn str(&mut self) -> ServiceResult<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| malformed())
    }

    fn watch(&mut self) -> ServiceResult<(WatchKind, Box<str>)> {
        let kind = WatchKind::from_code(self.u8()?).ok_or_else(malformed)?;
        Ok((kind, self.str()?.into()))
    }

    fn row(&mut self) -> ServiceResult<SessionInfo> {
        let (session, timeout_ms) = (SessionId(self.i64()?), self.u32()?);
        self.need(PASSWORD_LEN)?;
        let mut password = [0; PASSWORD_LEN];
        self.0.copy_to_slice(&mut password);
        Ok(SessionInfo { session, timeout_ms, password, owner: IncarnationId(self.u64()?) })
    }

    fn command(&mut self) -> ServiceResult<Command<'a>> {
        let mut inner = Input(self.bytes()?);
        let op = OpCode::from_code(inner.u32()? as i32).ok_or_else(malformed)?;
        let (session, xid) = (SessionId(inner.i64()?), inner.u32()? as i32);
        inner.need(2)?;
        let auth_len = usize::from(inner.0.get_u16());
        inner.need(auth_len)?;
        let (auth, body) = inner.0.split_at(auth_len);
        Ok(Command { op, session, xid, auth, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back_as_they_were_put() {
        let read = Command { op: OpCode::GetData, session: SessionId(3), xid: 9, auth: b"au", body: b"body" };
        let mut out = BytesMut::new();
        put_read(&mut out, 77, &read);
        put_unwatch(&mut out, "/a", WatchKinds(5));
        put_await_applied(&mut out, LogIndex(4));
        put_read_after(&mut out, 6, 78, &read);
        let expected = [
            LinkRequest::Read(77, read),
            LinkRequest::Unwatch(WatchKinds(5), "/a"),
            LinkRequest::AwaitApplied(LogIndex(4)),
            LinkRequest::ReadAfter(6, 78, read),
        ];
        assert_eq!(Requests::new(&out).collect::<ServiceResult<Vec<_>>>(), Ok(expected.into()));
        let cut = Requests::new(&out[..out.len() - 1]).collect::<Vec<_>>();
        assert!(cut.len() == 4 && cut[3].is_err());
    }

    #[test]
    fn items_come_back_as_they_were_put_and_truncations_are_refused() {
        let row = SessionInfo {
            session: SessionId(8),
            timeout_ms: 4000,
            password: [7; PASSWORD_LEN],
            owner: IncarnationId(6),
        };
        let items = [
            LinkItem::Start {
                index: LogIndex(1),
                zxid: Zxid(2),
                owned: vec![SessionId(3)],
                events_complete: true,
            },
            LinkItem::Results { first_seq: 4, count: 2, frames: Bytes::from_static(b"frames") },
            LinkItem::Refused { expected_seq: 5 },
            LinkItem::Event { zxid: Zxid(6), event: EventType::NodeDeleted, path: "/p".into(), acl: None },
            LinkItem::Event {
                zxid: Zxid(6),
                event: EventType::NodeCreated,
                path: "/p".into(),
                acl: Some(Bytes::from_static(b"acl")),
            },
            LinkItem::ReadReply {
                token: 9,
                frames: Bytes::from_static(b"reply"),
                watches: vec![(WatchKind::Child, "/c".into())],
            },
            LinkItem::Applied { index: LogIndex(7), zxid: Zxid(8) },
            LinkItem::Lease(Lease { epoch: 2, holder: Some(NodeId(1)), ttl_ms: 1000 }),
            LinkItem::Sessions(vec![row]),
            LinkItem::Session(SessionEvent::Attached(row, Zxid(12))),
            LinkItem::Session(SessionEvent::Closed { session: SessionId(8), expired: true }),
        ];
        let mut out = BytesMut::new();
        items.iter().for_each(|item| put_item(&mut out, item));
        let batch = out.freeze();
        let mut seen = Vec::new();
        assert_eq!(read_items(&batch, |item| seen.push(item)), Ok(()));
        assert_eq!(seen, items);
        let mut whole = 0;
        for cut in 0..batch.len() {
            whole += usize::from(read_items(&batch.slice(..cut), |_| {}).is_ok());
        }
        assert_eq!(whole, items.len(), "only cuts between items are whole");
    }
}
