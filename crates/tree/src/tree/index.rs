//! From paths to znodes.

use hashbrown::HashTable;

use super::arena::{Arena, Id};

const SHARD_BITS: u32 = 9;
/// Which bits pick the shard: the tables themselves use the lowest and the highest seven.
const SHARD_SHIFT: u32 = 40;

/// A hash table of ids, keyed by the hash of the path; paths are compared through the tree, so none is kept twice.
/// In shards, so that growing stops the world for a small part of it at a time.
#[derive(Clone, Debug)]
pub(crate) struct PathIndex {
    shards: Box<[HashTable<Id>]>,
}

impl PathIndex {
    pub(crate) fn new() -> Self {
        Self { shards: (0..1 << SHARD_BITS).map(|_| HashTable::new()).collect() }
    }

    fn shard(hash: u64) -> usize {
        (hash >> SHARD_SHIFT) as usize & ((1 << SHARD_BITS) - 1)
    }

    pub(crate) fn find(&self, hash: u64, is_it: impl FnMut(&Id) -> bool) -> Option<Id> {
        self.shards[Self::shard(hash)].find(hash, is_it).copied()
    }

    /// Adds a znode whose path is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, id: Id, arena: &Arena) {
        self.shards[Self::shard(hash)].insert_unique(hash, id, |id| arena.get(*id).path_hash);
    }

    pub(crate) fn remove(&mut self, hash: u64, id: Id) {
        if let Ok(entry) = self.shards[Self::shard(hash)].find_entry(hash, |other| *other == id) {
            entry.remove();
        }
    }
}
