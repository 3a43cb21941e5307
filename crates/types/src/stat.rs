//! A znode's Stat as clients see it.

use crate::{SessionId, Zxid};

/// ZooKeeper's `Stat` record, in its field order; times in ms since 1970 by the leader's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Transaction that created the znode.
    pub czxid: Zxid,
    /// Transaction that last changed its data.
    pub mzxid: Zxid,
    /// When it was created.
    pub ctime: i64,
    /// When its data last changed.
    pub mtime: i64,
    /// Number of data changes.
    pub version: i32,
    /// Number of child creations and deletions.
    pub cversion: i32,
    /// Number of ACL changes.
    pub aversion: i32,
    /// The owning session of an ephemeral, else [`SessionId::NONE`].
    pub ephemeral_owner: SessionId,
    /// Bytes of data; 0 for null.
    pub data_length: i32,
    /// Number of children.
    pub num_children: i32,
    /// Transaction that last added or removed a child.
    pub pzxid: Zxid,
}
