//! Bodies of the commands that only Menagerie's own components propose. Big-endian, no padding.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::MalformedChunk;
use crate::{IncarnationId, LogIndex, NodeId, SessionId};

/// Length of a session password.
pub const PASSWORD_LEN: usize = 16;
/// A session's password, random, handed to its client and kept in the session table.
pub type Password = [u8; PASSWORD_LEN];

/// Makes a session. The result is `NodeExists` if the id is taken, `BadVersion` if the lease epoch is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateSession {
    /// Chosen by the tracker.
    pub session: SessionId,
    /// Negotiated timeout.
    pub timeout_ms: u32,
    /// The secret that re-attaches it.
    pub password: Password,
    /// The gateway worker that holds the connection.
    pub owner: IncarnationId,
    /// The proposing tracker's lease.
    pub epoch: u64,
}

/// Moves a session. The result is `SessionExpired` if there is none, `BadVersion` if the lease epoch is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttachSession {
    /// Which one.
    pub session: SessionId,
    /// The newly negotiated timeout.
    pub timeout_ms: u32,
    /// The new holder.
    pub owner: IncarnationId,
    /// The proposing tracker's lease.
    pub epoch: u64,
}

/// Ends a session whose client is gone. `BadVersion` if the lease epoch is stale, `SessionExpired` if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpireSession {
    /// Which one.
    pub session: SessionId,
    /// The proposing tracker's lease.
    pub epoch: u64,
}

/// Acquires (`epoch` 0) or renews (`epoch` held) the tracker lease for `ttl_ms` from the entry's time.
///
/// Granted to the holder of `epoch`, or, with `epoch` 0, when nobody holds the lease, it has run out, or its holder
/// has the same `tracker` name (it restarted). A challenged tracker is refused for `ttl_ms` after the challenge, so
/// that another may take over. A grant to a new holder raises the epoch by one. Refusal is `BadVersion`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackerLease {
    /// The tracker's configured id.
    pub tracker: NodeId,
    /// The epoch held, or 0 to acquire.
    pub epoch: u64,
    /// How long it holds.
    pub ttl_ms: u32,
}

/// Ends the lease of `epoch` if it is still the current one; otherwise does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeLease {
    /// The epoch whose holder does not answer.
    pub epoch: u64,
}

/// Registers a tree store and says up to which entry its durable checkpoint reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterReplica {
    /// The store's configured id.
    pub replica: NodeId,
    /// Index covered by a checkpoint that is on stable storage; 0 for none.
    pub checkpoint: LogIndex,
}

/// The ensemble's members, for `/zookeeper/config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishConfig {
    /// The log entry that made the ensemble what it is.
    pub membership_index: LogIndex,
    /// A `server.N=...` line for each member that clients may know, without a version.
    pub text: String,
}

/// Begins to restore a backup. `NotEmpty` unless the state holds ZooKeeper's own znodes and no session;
/// `NodeExists` if another restore than `replaces` is unfinished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreBegin {
    /// Names this restore; random, never 0.
    pub id: u64,
    /// The unfinished restore that this one takes the place of; 0 for none.
    pub replaces: u64,
    /// What the backup's records must add up to: a checkpoint's meta record.
    pub meta: Bytes,
}

/// The next records of a backup, in the order of their keys. `NoNode` if no such restore is under way, `BadVersion` if
/// this is not the next part; `BadArguments` if a record cannot be taken: then the restore has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreRecords {
    /// Which restore.
    pub id: u64,
    /// Number of this part, from 0.
    pub part: u64,
    /// Whole records; layout in the crate `tree`, module `checkpoint::records`.
    pub records: Bytes,
}

/// Ends a restore, either way: puts what was restored into place (RestoreEnd; `BadArguments` if it does not add up), or
/// throws it away (RestoreAbort). `NoNode` if no such restore is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishRestore {
    /// Which restore.
    pub id: u64,
}

impl RestoreBegin {
    /// The command's body.
    pub fn encode(&self) -> Bytes {
        two_numbers_and(self.id, self.replaces, &self.meta)
    }

    /// Reads a body.
    pub fn decode(body: &[u8]) -> Result<Self, MalformedChunk> {
        let (id, replaces, meta) =
            read_two_numbers(body).ok_or(MalformedChunk("RestoreBegin is malformed"))?;
        Ok(Self { id, replaces, meta: Bytes::copy_from_slice(meta) })
    }
}

impl RestoreRecords {
    /// The command's body.
    pub fn encode(&self) -> Bytes {
        two_numbers_and(self.id, self.part, &self.records)
    }

    /// Reads a body: restore, part, records.
    pub fn decode(body: &[u8]) -> Result<(u64, u64, &[u8]), MalformedChunk> {
        read_two_numbers(body).ok_or(MalformedChunk("RestoreRecords is malformed"))
    }
}

fn two_numbers_and(first: u64, second: u64, rest: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(16 + rest.len());
    out.put_u64(first);
    out.put_u64(second);
    out.put_slice(rest);
    out.freeze()
}

fn read_two_numbers(mut body: &[u8]) -> Option<(u64, u64, &[u8])> {
    Some((body.try_get_u64().ok()?, body.try_get_u64().ok()?, body))
}

impl PublishConfig {
    /// The command's body.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(8 + self.text.len());
        out.put_u64(self.membership_index.0);
        out.put_slice(self.text.as_bytes());
        out.freeze()
    }

    /// Reads a body.
    pub fn decode(mut body: &[u8]) -> Result<Self, MalformedChunk> {
        let malformed = MalformedChunk("PublishConfig is malformed");
        if body.len() < 8 {
            return Err(malformed);
        }
        let membership_index = LogIndex(body.get_u64());
        let text = std::str::from_utf8(body).map_err(|_| malformed)?.to_owned();
        Ok(Self { membership_index, text })
    }
}

macro_rules! body {
    ($type:ident { $($field:ident: $kind:ident),* }, $len:expr) => {
        impl $type {
            /// The command's body.
            pub fn encode(&self) -> Bytes {
                let mut out = BytesMut::with_capacity($len);
                $(body!(@put out, self.$field, $kind);)*
                out.freeze()
            }

            /// Reads a body.
            pub fn decode(mut body: &[u8]) -> Result<Self, MalformedChunk> {
                if body.len() != $len {
                    return Err(MalformedChunk(concat!(stringify!($type), " has the wrong length")));
                }
                Ok(Self { $($field: body!(@get body, $kind),)* })
            }
        }
    };
    (@put $out:ident, $value:expr, session) => { $out.put_i64($value.0) };
    (@put $out:ident, $value:expr, id) => { $out.put_u64($value.0) };
    (@put $out:ident, $value:expr, index) => { $out.put_u64($value.0) };
    (@put $out:ident, $value:expr, node) => { $out.put_u64($value.0) };
    (@put $out:ident, $value:expr, u64) => { $out.put_u64($value) };
    (@put $out:ident, $value:expr, u32) => { $out.put_u32($value) };
    (@put $out:ident, $value:expr, password) => { $out.put_slice(&$value) };
    (@get $body:ident, session) => { SessionId($body.get_i64()) };
    (@get $body:ident, id) => { IncarnationId($body.get_u64()) };
    (@get $body:ident, index) => { LogIndex($body.get_u64()) };
    (@get $body:ident, node) => { NodeId($body.get_u64()) };
    (@get $body:ident, u64) => { $body.get_u64() };
    (@get $body:ident, u32) => { $body.get_u32() };
    (@get $body:ident, password) => {{
        let mut password = [0; PASSWORD_LEN];
        $body.copy_to_slice(&mut password);
        password
    }};
}

body!(CreateSession { session: session, timeout_ms: u32, password: password, owner: id, epoch: u64 }, 44);
body!(AttachSession { session: session, timeout_ms: u32, owner: id, epoch: u64 }, 28);
body!(ExpireSession { session: session, epoch: u64 }, 16);
body!(TrackerLease { tracker: node, epoch: u64, ttl_ms: u32 }, 20);
body!(ChallengeLease { epoch: u64 }, 8);
body!(RegisterReplica { replica: node, checkpoint: index }, 16);
body!(FinishRestore { id: u64 }, 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_and_wrong_lengths_are_refused() {
        let create = CreateSession {
            session: SessionId(1),
            timeout_ms: 30_000,
            password: [7; PASSWORD_LEN],
            owner: IncarnationId(2),
            epoch: 3,
        };
        assert_eq!(CreateSession::decode(&create.encode()), Ok(create));
        let lease = TrackerLease { tracker: NodeId(1), epoch: 2, ttl_ms: 3 };
        assert_eq!(TrackerLease::decode(&lease.encode()), Ok(lease));
        assert!(ExpireSession::decode(&[0; 15]).is_err());
        let config = PublishConfig { membership_index: LogIndex(4), text: "server.1=a:1:2".into() };
        assert_eq!(PublishConfig::decode(&config.encode()), Ok(config));
        assert!(PublishConfig::decode(&[0; 7]).is_err() && PublishConfig::decode(&[0xff; 9]).is_err());
        let begin = RestoreBegin { id: 1, replaces: 2, meta: Bytes::from_static(b"meta") };
        assert_eq!(RestoreBegin::decode(&begin.encode()), Ok(begin));
        let records = RestoreRecords { id: 1, part: 2, records: Bytes::from_static(b"records") };
        assert_eq!(RestoreRecords::decode(&records.encode()), Ok((1, 2, &b"records"[..])));
        assert!(RestoreBegin::decode(&[0; 15]).is_err() && RestoreRecords::decode(&[0; 15]).is_err());
    }
}
