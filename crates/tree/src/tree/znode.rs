//! One znode.

use menagerie_types::{SessionId, Stat, Zxid};
use xxhash_rust::xxh3::xxh3_64;

use super::arena::{Id, NONE};
use super::name::Name;
use crate::acl::AclId;

/// `ephemeralOwner` of a container.
pub(crate) const CONTAINER_OWNER: i64 = i64::MIN;
/// Top byte of a TTL znode's `ephemeralOwner`; the low 40 bits are the TTL in ms.
const TTL_OWNER: i64 = 0xff << 56;
/// The longest TTL, in ms.
pub(crate) const TTL_MAX: i64 = (1 << 40) - 1;

/// A znode and its place among its siblings. Kept small: there are millions of them.
#[derive(Clone, Debug)]
pub(crate) struct Znode {
    pub(crate) name: Name,
    pub(crate) data: Option<Box<[u8]>>,
    /// xxh3 of the whole path: the index and the digest need it.
    pub(crate) path_hash: u64,
    pub(crate) czxid: Zxid,
    pub(crate) mzxid: Zxid,
    pub(crate) ctime: i64,
    pub(crate) mtime: i64,
    rare: Option<Box<Rare>>,
    pub(crate) parent: Id,
    pub(crate) next: Id,
    pub(crate) prev: Id,
    pub(crate) version: i32,
    pub(crate) acl: AclId,
    pub(crate) data_crc: u32,
    /// The checkpoint generation in whose list of changed znodes this slot stands, or 0.
    pub(crate) dirty: u32,
    /// The generation that the znode was made in, if no earlier checkpoint can hold its path, else 0.
    pub(crate) fresh: u32,
}

/// Memory per znode is measured; a field that breaks this needs a reason.
const _: () = assert!(size_of::<Znode>() == 120);

/// What most znodes have none of, and then need no memory for: children, an owner, another ACL than their first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rare {
    pub(crate) pzxid: Zxid,
    /// `ephemeralOwner` as ZooKeeper stores it: a session, 0, or a container's or TTL's encoding.
    pub(crate) owner: i64,
    pub(crate) first_child: Id,
    pub(crate) num_children: u32,
    /// Number of children ever created: not the cversion that clients see.
    pub(crate) cversion: i32,
    pub(crate) aversion: i32,
}

impl Rare {
    /// A znode's at first.
    fn none(czxid: Zxid) -> Self {
        Self { pzxid: czxid, owner: 0, first_child: NONE, num_children: 0, cversion: 0, aversion: 0 }
    }
}

/// What a znode begins with.
pub(crate) struct Start<'a> {
    pub(crate) parent: Id,
    pub(crate) name: &'a str,
    pub(crate) path_hash: u64,
    pub(crate) data: Option<&'a [u8]>,
    pub(crate) acl: AclId,
    pub(crate) owner: i64,
    pub(crate) zxid: Zxid,
    pub(crate) time_ms: i64,
}

impl Znode {
    /// As it is created; not in its place yet.
    pub(crate) fn new(start: &Start<'_>) -> Self {
        let mut node = Self {
            name: Name::new(start.name),
            data: start.data.map(Into::into),
            path_hash: start.path_hash,
            czxid: start.zxid,
            mzxid: start.zxid,
            ctime: start.time_ms,
            mtime: start.time_ms,
            rare: None,
            parent: start.parent,
            next: NONE,
            prev: NONE,
            version: 0,
            acl: start.acl,
            data_crc: data_crc(start.data),
            dirty: 0,
            fresh: 0,
        };
        if start.owner != 0 {
            node.rare_mut().owner = start.owner;
        }
        node
    }

    #[inline]
    pub(crate) fn rare(&self) -> Rare {
        match &self.rare {
            Some(rare) => **rare,
            None => Rare::none(self.czxid),
        }
    }

    #[inline]
    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        let czxid = self.czxid;
        self.rare.get_or_insert_with(|| Box::new(Rare::none(czxid)))
    }

    /// Sets what may be the same as at first.
    pub(crate) fn set_rare(&mut self, rare: Rare) {
        self.rare = (rare != Rare::none(self.czxid)).then(|| Box::new(rare));
    }

    /// Frees the memory of what was deleted.
    pub(super) fn vacate(&mut self) {
        (self.name, self.data, self.rare) = (Name::new(""), None, None);
    }

    /// The Stat that clients see.
    pub(crate) fn stat(&self) -> Stat {
        let rare = self.rare();
        Stat {
            czxid: self.czxid,
            mzxid: self.mzxid,
            ctime: self.ctime,
            mtime: self.mtime,
            version: self.version,
            cversion: rare.cversion.wrapping_mul(2).wrapping_sub(rare.num_children as i32),
            aversion: rare.aversion,
            ephemeral_owner: self.ephemeral_owner().unwrap_or(SessionId::NONE),
            data_length: self.data.as_ref().map_or(0, |data| data.len() as i32),
            num_children: rare.num_children as i32,
            pzxid: rare.pzxid,
        }
    }

    /// The session that the znode goes with.
    pub(crate) fn ephemeral_owner(&self) -> Option<SessionId> {
        let session = SessionId(self.rare().owner);
        session.is_assignable().then_some(session)
    }

    /// The time to live, in ms.
    pub(crate) fn ttl_ms(&self) -> Option<i64> {
        let owner = self.rare().owner;
        (owner & TTL_OWNER == TTL_OWNER).then_some(owner & TTL_MAX)
    }

    /// When the TTL runs out if nothing happens, by the log's clock.
    pub(crate) fn ttl_end(&self) -> Option<i64> {
        self.ttl_ms().map(|ttl| self.mtime.saturating_add(ttl))
    }

    pub(crate) fn data_len(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.len())
    }

    /// Replaces the data, in the old allocation if it has the right size.
    pub(crate) fn put_data(&mut self, data: Option<&[u8]>) {
        match (&mut self.data, data) {
            (Some(old), Some(new)) if old.len() == new.len() => old.copy_from_slice(new),
            (old, new) => *old = new.map(Into::into),
        }
        self.data_crc = data_crc(data);
    }

    /// What the znode adds to the digest of the state.
    pub(crate) fn digest(&self, acl_hash: u64) -> u64 {
        let rare = self.rare();
        StatWords {
            path_hash: self.path_hash,
            acl_hash,
            data_len: self.data.as_ref().map(|data| data.len()),
            zxids: [self.czxid, self.mzxid, rare.pzxid],
            times: [self.ctime, self.mtime],
            owner: rare.owner,
            data_crc: self.data_crc,
            versions: [self.version, rare.cversion, rare.aversion],
        }
        .digest()
    }
}

/// What of a znode goes into the digest.
pub(crate) struct StatWords {
    pub(crate) path_hash: u64,
    pub(crate) acl_hash: u64,
    pub(crate) data_len: Option<usize>,
    /// czxid, mzxid, pzxid.
    pub(crate) zxids: [Zxid; 3],
    /// ctime, mtime.
    pub(crate) times: [i64; 2],
    pub(crate) owner: i64,
    pub(crate) data_crc: u32,
    /// version, cversion (raw), aversion.
    pub(crate) versions: [i32; 3],
}

impl StatWords {
    #[inline]
    pub(crate) fn digest(&self) -> u64 {
        let ([czxid, mzxid, pzxid], [ctime, mtime]) = (self.zxids, self.times);
        let [version, cversion, aversion] = self.versions;
        let words = [
            self.path_hash as i64,
            self.acl_hash as i64,
            self.data_len.map_or(-1, |len| len as i64),
            czxid.0,
            mzxid.0,
            pzxid.0,
            ctime,
            mtime,
            self.owner,
            i64::from(self.data_crc) << 32 | i64::from(version as u32),
            i64::from(cversion) << 32 | i64::from(aversion as u32),
        ];
        let mut bytes = [0; 88];
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        xxh3_64(&bytes)
    }
}

pub(crate) fn data_crc(data: Option<&[u8]>) -> u32 {
    data.map_or(0, crc32c::crc32c)
}

/// `ephemeralOwner` of a TTL znode; `ttl_ms` is within [`TTL_MAX`].
pub(crate) fn ttl_owner(ttl_ms: i64) -> i64 {
    TTL_OWNER | ttl_ms
}
