//! One copy of each ACL in use.

use bytes::{BufMut, Bytes, BytesMut};
use hashbrown::HashTable;
use menagerie_jute::{AclList, Reader, write};
use menagerie_types::perms;
use xxhash_rust::xxh3::xxh3_64;

use super::{FixedAcl, permits};

/// Names a list of the table. Different on every replica: never part of a result.
pub(crate) type AclId = u32;

/// A list that znodes share.
#[derive(Clone, Debug)]
struct Shared {
    /// Encoded, with its count.
    bytes: Bytes,
    /// Everybody may READ by it.
    is_public: bool,
    hash: u64,
    znodes: u64,
}

/// The lists in use, counted. The open list is always there, so that using it costs nothing.
#[derive(Clone, Debug)]
pub(crate) struct AclTable {
    lists: Vec<Shared>,
    free: Vec<AclId>,
    index: HashTable<AclId>,
}

const COUNT_LEN: usize = 4;

impl AclTable {
    /// `world:anyone` with every permission.
    pub(crate) const OPEN: AclId = 0;

    pub(crate) fn new() -> Self {
        let mut table = Self { lists: Vec::new(), free: Vec::new(), index: HashTable::new() };
        let open = AclList::open();
        table.add(open.raw(), open.len());
        table
    }

    fn get(&self, id: AclId) -> &Shared {
        &self.lists[id as usize]
    }

    /// The list, encoded with its count.
    pub(crate) fn bytes(&self, id: AclId) -> &[u8] {
        &self.get(id).bytes
    }

    /// The list, encoded with its count, if not everybody may READ by it.
    pub(crate) fn readers(&self, id: AclId) -> Option<&Bytes> {
        let shared = self.get(id);
        (!shared.is_public).then_some(&shared.bytes)
    }

    /// What the list adds to a znode's digest.
    pub(crate) fn hash(&self, id: AclId) -> u64 {
        self.get(id).hash
    }

    /// The list. `None` cannot be: only lists that decode are stored.
    pub(crate) fn list(&self, id: AclId) -> Option<AclList<'_>> {
        AclList::decode(&mut Reader::new(self.bytes(id))).ok().flatten()
    }

    /// True if the list gives the caller one of the `wanted` permissions.
    pub(crate) fn allows(&self, id: AclId, auth: &[u8], wanted: i32) -> bool {
        id == Self::OPEN || self.list(id).is_some_and(|list| permits(&list, auth, wanted))
    }

    /// Counts one more znode with this list.
    pub(crate) fn acquire(&mut self, acl: &FixedAcl<'_>) -> AclId {
        let raw = acl.raw();
        let id = match self.find(raw) {
            Some(id) => id,
            None => self.add(raw, acl.count()),
        };
        self.share(id)
    }

    /// Counts one more znode with a list that is in use.
    pub(crate) fn share(&mut self, id: AclId) -> AclId {
        self.lists[id as usize].znodes += 1;
        id
    }

    /// Counts one znode less.
    pub(crate) fn release(&mut self, id: AclId) {
        let shared = &mut self.lists[id as usize];
        shared.znodes -= 1;
        if shared.znodes > 0 || id == Self::OPEN {
            return;
        }
        shared.bytes = Bytes::new();
        if let Ok(entry) = self.index.find_entry(shared.hash, |other| *other == id) {
            entry.remove();
        }
        self.free.push(id);
    }

    fn find(&self, raw: &[u8]) -> Option<AclId> {
        let open = self.bytes(Self::OPEN);
        if raw == &open[COUNT_LEN..] {
            return Some(Self::OPEN);
        }
        self.index.find(xxh3_64(raw), |id| &self.bytes(*id)[COUNT_LEN..] == raw).copied()
    }

    fn add(&mut self, raw: &[u8], count: usize) -> AclId {
        let mut bytes = BytesMut::with_capacity(COUNT_LEN + raw.len());
        write::count(&mut bytes, count);
        bytes.put_slice(raw);
        let bytes = bytes.freeze();
        let list = AclList::decode(&mut Reader::new(&bytes)).ok().flatten();
        let is_public = list.is_some_and(|list| permits(&list, &[], perms::READ));
        let shared = Shared { bytes, is_public, hash: xxh3_64(raw), znodes: 0 };
        let hash = shared.hash;
        let id = match self.free.pop() {
            Some(id) => {
                self.lists[id as usize] = shared;
                id
            }
            None => {
                self.lists.push(shared);
                (self.lists.len() - 1) as AclId
            }
        };
        let lists = &self.lists;
        self.index.insert_unique(hash, id, |id| lists[*id as usize].hash);
        id
    }
}
