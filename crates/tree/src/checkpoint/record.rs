//! The bytes of records.
//!
//! ```text
//! key          'c' | 'd' role u8, id u64 | 'i' incarnation u64 | 'l' | 'n' path | 'r' replica u64 | 's' session i64
//! value        format u8 (1) | body | crc32c u32 (of key, format and body)
//! znode        czxid i64 | mzxid i64 | pzxid i64 | ctime i64 | mtime i64 | version i32 | cversion i32 (raw)
//!              | aversion i32 | owner i64 (raw) | acl_len u32 | acl | has_data u8 | data (to the end)
//! session      timeout_ms u32 | password [16] | owner u64
//! incarnation  last_seq u64 | last_zxid i64
//! ensemble     membership index u64
//! registration life u64 | seen_ms i64 | address (to the end)
//! replica      checkpoint u64
//! lease        epoch u64 | has_holder u8 | holder u64 | ttl_ms u32 | expires_ms i64
//!              | has_barred u8 | barred u64 | barred_until_ms i64
//! ```
//! Big-endian, no padding. An ACL is in its jute encoding, with its count.

use bytes::{Buf, BufMut};
use menagerie_types::command::internal::PASSWORD_LEN;
use menagerie_types::command::registration::Role;
use menagerie_types::{IncarnationId, LogIndex, NodeId, SessionId, Zxid};

use super::Record;
use crate::Registration;
use crate::exactly_once::Incarnation;
use crate::lease::{Lease, LeaseState};
use crate::sessions::Session;
use crate::tree::znode::Znode;

const FORMAT: u8 = 1;
const CRC_LEN: usize = 4;
const ZNODE: u8 = b'n';

/// The key of a record, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key<'a> {
    Ensemble,
    Registration(Role, NodeId),
    Incarnation(IncarnationId),
    Lease,
    Znode(&'a str),
    Replica(NodeId),
    Session(SessionId),
}

/// The fixed fields of a znode's record, and the rest borrowed.
pub(crate) struct ZnodeFields<'a> {
    pub(crate) zxids: [Zxid; 3],
    pub(crate) times: [i64; 2],
    pub(crate) versions: [i32; 3],
    pub(crate) owner: i64,
    pub(crate) acl: &'a [u8],
    pub(crate) data: Option<&'a [u8]>,
}

impl Key<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Incarnation(id) => number_key(b'i', id.0),
            Self::Ensemble => vec![b'c'],
            Self::Registration(role, id) => {
                let mut key = vec![b'd', role.code()];
                key.put_u64(id.0);
                key
            }
            Self::Lease => vec![b'l'],
            Self::Znode(path) => znode_key(path),
            Self::Replica(id) => number_key(b'r', id.0),
            Self::Session(id) => number_key(b's', id.0 as u64),
        }
    }

    pub(crate) fn decode(key: &[u8]) -> Option<Key<'_>> {
        let (kind, rest) = key.split_first()?;
        let number = || rest.try_into().ok().map(u64::from_be_bytes);
        Some(match kind {
            b'd' => {
                let (role, id) = rest.split_first()?;
                let id = id.try_into().ok().map(u64::from_be_bytes)?;
                Key::Registration(Role::from_code(*role)?, NodeId(id))
            }
            b'i' => Key::Incarnation(IncarnationId(number()?)),
            b'c' if rest.is_empty() => Key::Ensemble,
            b'l' if rest.is_empty() => Key::Lease,
            &ZNODE => Key::Znode(std::str::from_utf8(rest).ok()?),
            b'r' => Key::Replica(NodeId(number()?)),
            b's' => Key::Session(SessionId(number()? as i64)),
            _ => return None,
        })
    }
}

fn number_key(kind: u8, number: u64) -> Vec<u8> {
    let mut key = vec![kind];
    key.put_u64(number);
    key
}

pub(crate) fn znode_key(path: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + path.len());
    key.push(ZNODE);
    key.extend_from_slice(path.as_bytes());
    key
}

fn sealed(key: Vec<u8>, len: usize, body: impl FnOnce(&mut Vec<u8>)) -> Record {
    let mut value = Vec::with_capacity(1 + len + CRC_LEN);
    value.push(FORMAT);
    body(&mut value);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&key), &value);
    value.put_u32(crc);
    (key, Some(value))
}

/// The body of a value that is whole and of this format.
pub(crate) fn open<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], &'static str> {
    let (value, crc) = value.split_last_chunk::<CRC_LEN>().ok_or("too short")?;
    if crc32c::crc32c_append(crc32c::crc32c(key), value) != u32::from_be_bytes(*crc) {
        return Err("wrong checksum");
    }
    match value.split_first() {
        Some((&FORMAT, body)) => Ok(body),
        _ => Err("unknown format"),
    }
}

pub(crate) fn znode(path: &str, node: Znode<'_>, acl: &[u8]) -> Record {
    let rare = node.rare();
    sealed(znode_key(path), 65 + acl.len() + node.data_len(), |out| {
        out.put_i64(node.czxid().0);
        out.put_i64(rare.mzxid.0);
        out.put_i64(rare.pzxid.0);
        out.put_i64(node.ctime());
        out.put_i64(rare.mtime);
        out.put_i32(rare.version);
        out.put_i32(rare.cversion);
        out.put_i32(rare.aversion);
        out.put_i64(rare.owner);
        out.put_u32(acl.len() as u32);
        out.put_slice(acl);
        out.put_u8(u8::from(node.data().is_some()));
        out.put_slice(node.data().unwrap_or_default());
    })
}

pub(crate) fn read_znode(mut body: &[u8]) -> Option<ZnodeFields<'_>> {
    let mut long = || body.try_get_i64().ok();
    let zxids = [Zxid(long()?), Zxid(long()?), Zxid(long()?)];
    let times = [long()?, long()?];
    let mut int = || body.try_get_i32().ok();
    let versions = [int()?, int()?, int()?];
    let owner = body.try_get_i64().ok()?;
    let acl_len = body.try_get_u32().ok()?;
    let (acl, rest) = body.split_at_checked(acl_len as usize)?;
    let (has_data, data) = rest.split_first()?;
    let data = match (has_data, data) {
        (0, []) => None,
        (1, data) => Some(data),
        _ => return None,
    };
    Some(ZnodeFields { zxids, times, versions, owner, acl, data })
}

pub(crate) fn session(id: SessionId, session: &Session) -> Record {
    sealed(Key::Session(id).encode(), 28, |out| {
        out.put_u32(session.timeout_ms);
        out.put_slice(&session.password);
        out.put_u64(session.owner.0);
    })
}

pub(crate) fn read_session(mut body: &[u8]) -> Option<Session> {
    let timeout_ms = body.try_get_u32().ok()?;
    let (password, mut rest) = body.split_first_chunk::<PASSWORD_LEN>()?;
    let owner = IncarnationId(rest.try_get_u64().ok()?);
    rest.is_empty().then_some(Session { timeout_ms, password: *password, owner })
}

pub(crate) fn incarnation(id: IncarnationId, row: &Incarnation) -> Record {
    sealed(Key::Incarnation(id).encode(), 16, |out| {
        out.put_u64(row.last_seq);
        out.put_i64(row.last_zxid.0);
    })
}

pub(crate) fn read_incarnation(mut body: &[u8]) -> Option<Incarnation> {
    let row = Incarnation { last_seq: body.try_get_u64().ok()?, last_zxid: Zxid(body.try_get_i64().ok()?) };
    body.is_empty().then_some(row)
}

pub(crate) fn ensemble(index: LogIndex) -> Record {
    sealed(Key::Ensemble.encode(), 8, |out| out.put_u64(index.0))
}

pub(crate) fn registration(role: Role, id: NodeId, row: &Registration) -> Record {
    sealed(Key::Registration(role, id).encode(), 16 + row.address.len(), |out| {
        out.put_u64(row.life.0);
        out.put_i64(row.seen_ms);
        out.put_slice(row.address.as_bytes());
    })
}

pub(crate) fn read_registration(mut body: &[u8]) -> Option<Registration> {
    let (life, seen_ms) = (IncarnationId(body.try_get_u64().ok()?), body.try_get_i64().ok()?);
    let address = std::str::from_utf8(body).ok()?.to_owned();
    Some(Registration { life, seen_ms, address })
}

pub(crate) fn replica(id: NodeId, checkpoint: LogIndex) -> Record {
    sealed(Key::Replica(id).encode(), 8, |out| out.put_u64(checkpoint.0))
}

pub(crate) fn read_replica(mut body: &[u8]) -> Option<LogIndex> {
    let checkpoint = LogIndex(body.try_get_u64().ok()?);
    body.is_empty().then_some(checkpoint)
}

pub(crate) fn lease(state: &LeaseState) -> Record {
    sealed(Key::Lease.encode(), 46, |out| {
        out.put_u64(state.lease.epoch);
        put_optional(out, state.lease.holder);
        out.put_u32(state.lease.ttl_ms);
        out.put_i64(state.lease.expires_ms);
        put_optional(out, state.barred);
        out.put_i64(state.barred_until_ms);
    })
}

fn put_optional(out: &mut Vec<u8>, id: Option<NodeId>) {
    out.put_u8(u8::from(id.is_some()));
    out.put_u64(id.unwrap_or_default().0);
}

pub(crate) fn read_lease(mut body: &[u8]) -> Option<LeaseState> {
    let epoch = body.try_get_u64().ok()?;
    let holder = read_optional(&mut body)?;
    let ttl_ms = body.try_get_u32().ok()?;
    let expires_ms = body.try_get_i64().ok()?;
    let barred = read_optional(&mut body)?;
    let barred_until_ms = body.try_get_i64().ok()?;
    let lease = Lease { epoch, holder, ttl_ms, expires_ms };
    body.is_empty().then_some(LeaseState { lease, barred, barred_until_ms })
}

fn read_optional(body: &mut &[u8]) -> Option<Option<NodeId>> {
    let present = body.try_get_u8().ok()?;
    let id = NodeId(body.try_get_u64().ok()?);
    Some((present == 1).then_some(id))
}
