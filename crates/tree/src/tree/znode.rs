//! One znode.

use std::ops::Deref;

use menagerie_types::{SessionId, Stat, Zxid};
use xxhash_rust::xxh3::xxh3_64;

use super::arena::{Arena, Id, NONE, Slot};
use super::slab::NOTHING;
use crate::acl::AclId;

/// `ephemeralOwner` of a container.
pub(crate) const CONTAINER_OWNER: i64 = i64::MIN;
/// Top byte of a TTL znode's `ephemeralOwner`; the low 40 bits are the TTL in ms.
const TTL_OWNER: i64 = 0xff << 56;
/// The longest TTL, in ms.
pub(crate) const TTL_MAX: i64 = (1 << 40) - 1;

/// What most znodes have none of, and then need no memory for: a change, children, an owner, another ACL than their first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rare {
    pub(crate) mzxid: Zxid,
    pub(crate) mtime: i64,
    pub(crate) pzxid: Zxid,
    /// `ephemeralOwner` as ZooKeeper stores it: a session, 0, or a container's or TTL's encoding.
    pub(crate) owner: i64,
    pub(crate) first_child: Id,
    pub(crate) num_children: u32,
    pub(crate) version: i32,
    /// Number of children ever created: not the cversion that clients see.
    pub(crate) cversion: i32,
    pub(crate) aversion: i32,
    /// Of the data, kept because changing data takes it twice. 0 where there is no `Rare`.
    pub(crate) data_crc: u32,
}

impl Rare {
    /// A znode's at first.
    pub(super) fn none(czxid: Zxid, ctime: i64) -> Self {
        Self {
            mzxid: czxid,
            mtime: ctime,
            pzxid: czxid,
            owner: 0,
            first_child: NONE,
            num_children: 0,
            version: 0,
            cversion: 0,
            aversion: 0,
            data_crc: 0,
        }
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

/// A znode as it is: the fields of its slot, and what is elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Znode<'a> {
    slot: &'a Slot,
    arena: &'a Arena,
}

impl Deref for Znode<'_> {
    type Target = Slot;

    fn deref(&self) -> &Slot {
        self.slot
    }
}

impl<'a> Znode<'a> {
    pub(super) fn new(slot: &'a Slot, arena: &'a Arena) -> Self {
        Self { slot, arena }
    }

    /// The last component of its path.
    #[inline]
    pub(crate) fn name(&self) -> &'a [u8] {
        self.arena.bodies().name(self.slot.body)
    }

    #[inline]
    pub(crate) fn data(&self) -> Option<&'a [u8]> {
        self.arena.bodies().data(self.slot.body)
    }

    #[inline]
    pub(crate) fn rare(&self) -> Rare {
        match self.slot.rare {
            NOTHING => Rare::none(self.czxid(), self.ctime()),
            rare => *self.arena.rares().get(rare),
        }
    }

    /// The Stat that clients see.
    pub(crate) fn stat(&self) -> Stat {
        let rare = self.rare();
        Stat {
            czxid: self.czxid(),
            mzxid: rare.mzxid,
            ctime: self.ctime(),
            mtime: rare.mtime,
            version: rare.version,
            cversion: rare.cversion.wrapping_mul(2).wrapping_sub(rare.num_children as i32),
            aversion: rare.aversion,
            ephemeral_owner: self.ephemeral_owner().unwrap_or(SessionId::NONE),
            data_length: self.data_len() as i32,
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
        self.ttl_ms().map(|ttl| self.rare().mtime.saturating_add(ttl))
    }

    pub(crate) fn data_len(&self) -> usize {
        self.arena.bodies().data_len(self.slot.body).unwrap_or(0)
    }

    /// What the znode adds to the digest of the state.
    pub(crate) fn digest(&self, acl_hash: u64) -> u64 {
        let rare = self.rare();
        StatWords {
            path_hash: self.path_hash(),
            acl_hash,
            data_len: self.arena.bodies().data_len(self.slot.body),
            zxids: [self.czxid(), rare.mzxid, rare.pzxid],
            times: [self.ctime(), rare.mtime],
            owner: rare.owner,
            data_crc: if self.slot.rare == NOTHING { data_crc(self.data()) } else { rare.data_crc },
            versions: [rare.version, rare.cversion, rare.aversion],
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
