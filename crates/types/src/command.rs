//! The bytes of what is proposed: commands, in chunks.
//!
//! A *chunk* is what one proposer hands to consensus in one piece; a log entry holds one or more chunks. The layout
//! is fixed (it is on disk); all integers are big-endian.
//!
//! ```text
//! chunk    version u8 (2) | policy u8 | incarnation u64 | first_seq u64 | acked_seq u64 | count u32
//!          | count x command
//! command  len u32 (of what follows) | op i32 | session i64 | xid i32 | auth_len u16 | auth | body
//! auth     repeated { scheme_len u8 | scheme | id_len u16 | id }
//! ```
//!
//! Commands of an incarnation are numbered from 1 without gaps; a chunk's commands are `first_seq..first_seq+count`.
//! `acked_seq` is the last number whose result the proposer has: results up to it need not be kept.
//! `policy` is what the proposer's configuration allows ([`Policy`]): it travels with the commands so that every
//! replica judges them alike. Version 1 had none; it is still read, as if nothing was allowed.
//! The body of a client command is the jute request record exactly as the client sent it; the bodies of
//! Menagerie's own commands are in [`internal`] and [`registration`].

pub mod internal;
mod policy;
pub mod registration;

use bytes::{Buf, BufMut, Bytes, BytesMut};

pub use policy::Policy;

use crate::{Identity, IncarnationId, OpCode, SessionId};

/// Bytes of a chunk's header.
pub const CHUNK_HEADER_LEN: usize = 30;
/// Bytes of a command before its auth block.
pub const COMMAND_HEADER_LEN: usize = 22;
const VERSION: u8 = 2;
const VERSION_WITHOUT_POLICY: u8 = 1;

/// A chunk or command whose bytes do not follow the layout. Never caused by a client: gateways encode them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed command chunk: {0}")]
pub struct MalformedChunk(pub &'static str);

/// The fixed part of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHeader {
    /// What the proposer's configuration allows.
    pub policy: Policy,
    /// Who proposes.
    pub incarnation: IncarnationId,
    /// Number of the first command.
    pub first_seq: u64,
    /// The proposer has every result up to here.
    pub acked_seq: u64,
    /// Number of commands.
    pub count: u32,
}

/// One command, borrowed from its chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// What it does.
    pub op: OpCode,
    /// The client session, or [`SessionId::NONE`].
    pub session: SessionId,
    /// The client's number for it, echoed in the reply.
    pub xid: i32,
    /// The caller's identities, encoded by [`encode_identities`].
    pub auth: &'a [u8],
    /// The request record.
    pub body: &'a [u8],
}

/// Appends one command's bytes.
pub fn put_command(out: &mut BytesMut, command: &Command<'_>) {
    let len = COMMAND_HEADER_LEN - 4 + command.auth.len() + command.body.len();
    out.reserve(4 + len);
    out.put_u32(len as u32);
    out.put_i32(command.op.code());
    out.put_i64(command.session.0);
    out.put_i32(command.xid);
    out.put_u16(command.auth.len() as u16);
    out.put_slice(command.auth);
    out.put_slice(command.body);
}

/// Writes a chunk header into the first [`CHUNK_HEADER_LEN`] bytes of `out`, which the caller has reserved.
pub fn write_chunk_header(out: &mut [u8], header: &ChunkHeader) {
    let mut out = &mut out[..CHUNK_HEADER_LEN];
    out.put_u8(VERSION);
    out.put_u8(header.policy.0);
    out.put_u64(header.incarnation.0);
    out.put_u64(header.first_seq);
    out.put_u64(header.acked_seq);
    out.put_u32(header.count);
}

/// Reads a chunk's header and gives an iterator over its commands.
pub fn read_chunk(chunk: &Bytes) -> Result<(ChunkHeader, Commands<'_>), MalformedChunk> {
    let mut buf = &chunk[..];
    let short = MalformedChunk("shorter than its header");
    let policy = match buf.first() {
        None => return Err(short),
        Some(&VERSION_WITHOUT_POLICY) => Policy::NONE,
        Some(&VERSION) => Policy(*buf.get(1).ok_or(short)?),
        Some(_) => return Err(MalformedChunk("unknown version")),
    };
    buf.advance(if buf[0] == VERSION { 2 } else { 1 });
    if buf.len() < CHUNK_HEADER_LEN - 2 {
        return Err(short);
    }
    let header = ChunkHeader {
        policy,
        incarnation: IncarnationId(buf.get_u64()),
        first_seq: buf.get_u64(),
        acked_seq: buf.get_u64(),
        count: buf.get_u32(),
    };
    Ok((header, Commands { rest: buf, left: header.count }))
}

/// Iterates over the commands of a chunk, in order.
#[derive(Clone, Debug)]
pub struct Commands<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<'a>, MalformedChunk>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let command = read_command(&mut self.rest);
        if command.is_err() {
            self.left = 0;
        }
        Some(command)
    }
}

fn read_command<'a>(rest: &mut &'a [u8]) -> Result<Command<'a>, MalformedChunk> {
    if rest.len() < COMMAND_HEADER_LEN {
        return Err(MalformedChunk("command shorter than its header"));
    }
    let len = rest.get_u32() as usize;
    if len < COMMAND_HEADER_LEN - 4 || len > rest.len() {
        return Err(MalformedChunk("command length out of range"));
    }
    let (mut this, tail) = rest.split_at(len);
    *rest = tail;
    let op = OpCode::from_code(this.get_i32()).ok_or(MalformedChunk("unknown operation"))?;
    let session = SessionId(this.get_i64());
    let xid = this.get_i32();
    let auth_len = this.get_u16() as usize;
    if auth_len > this.len() {
        return Err(MalformedChunk("auth block longer than the command"));
    }
    let (auth, body) = this.split_at(auth_len);
    Ok(Command { op, session, xid, auth, body })
}

/// Encodes identities once per connection; the bytes go into every command of it.
/// Identities that do not fit (scheme over 255, id over 65,535 bytes, 65,535 in all) are left out.
pub fn encode_identities(identities: &[Identity]) -> Bytes {
    let mut out = BytesMut::new();
    for identity in identities {
        let (scheme, id) = (identity.scheme.as_bytes(), identity.id.as_bytes());
        let len = 3 + scheme.len() + id.len();
        if scheme.len() > 255 || id.len() > 65_535 || out.len() + len > 65_535 {
            continue;
        }
        out.put_u8(scheme.len() as u8);
        out.put_slice(scheme);
        out.put_u16(id.len() as u16);
        out.put_slice(id);
    }
    out.freeze()
}

/// Iterates over encoded identities as `(scheme, id)`.
pub fn identities(mut auth: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    std::iter::from_fn(move || {
        let (scheme, rest) = take(auth.get(1..)?, auth[0] as usize)?;
        let id_len = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]) as usize;
        let (id, rest) = take(&rest[2..], id_len)?;
        auth = rest;
        Some((std::str::from_utf8(scheme).ok()?, std::str::from_utf8(id).ok()?))
    })
}

fn take(bytes: &[u8], len: usize) -> Option<(&[u8], &[u8])> {
    (bytes.len() >= len).then(|| bytes.split_at(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_comes_back_as_it_was_put() {
        let auth = encode_identities(&[Identity::new("ip", "127.0.0.1"), Identity::new("digest", "a:b")]);
        let first = Command { op: OpCode::Create, session: SessionId(7), xid: 3, auth: &auth, body: b"body" };
        let second =
            Command { op: OpCode::CloseSession, session: SessionId(7), xid: 4, auth: &[], body: &[] };
        let mut out = BytesMut::zeroed(CHUNK_HEADER_LEN);
        put_command(&mut out, &first);
        put_command(&mut out, &second);
        let policy = Policy::EXTENDED_TYPES;
        let header =
            ChunkHeader { policy, incarnation: IncarnationId(9), first_seq: 5, acked_seq: 4, count: 2 };
        write_chunk_header(&mut out, &header);
        let chunk = out.freeze();
        let (read, commands) = read_chunk(&chunk).expect("header");
        assert_eq!(read, header);
        assert_eq!(commands.collect::<Result<Vec<_>, _>>(), Ok(vec![first, second]));
        let ids: Vec<_> = identities(&auth).collect();
        assert_eq!(ids, [("ip", "127.0.0.1"), ("digest", "a:b")]);
        for cut in 0..chunk.len() {
            let short = chunk.slice(..cut);
            let ok = read_chunk(&short).is_ok_and(|(_, commands)| commands.clone().all(|c| c.is_ok()));
            assert!(!ok, "cut at {cut}");
        }
        let mut old = vec![VERSION_WITHOUT_POLICY];
        old.extend_from_slice(&chunk[2..]);
        let old = Bytes::from(old);
        let (read, commands) = read_chunk(&old).expect("version 1");
        assert_eq!(read, ChunkHeader { policy: Policy::NONE, ..header });
        assert_eq!(commands.collect::<Result<Vec<_>, _>>(), Ok(vec![first, second]));
    }
}
