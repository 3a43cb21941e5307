//! From paths to znodes.

use hashbrown::HashTable;

use super::arena::{Arena, Id};

const SHARD_BITS: u32 = 9;
/// Which bits pick the shard: the tables themselves use the lowest and the highest seven.
const SHARD_SHIFT: u32 = 40;
const SHARD_MASK: u64 = 0xffff;

/// A hash table of ids, keyed by the hash of the path; paths are compared through the tree, so none is kept twice.
/// In shards, so that growing stops the world for a small part of it at a time; some get twice as many ids as others, so that
/// they do not all grow at once, and as much of their room is in use at any number of znodes.
#[derive(Clone, Debug)]
pub(crate) struct PathIndex {
    shards: Box<[HashTable<Id>]>,
}

impl PathIndex {
    pub(crate) fn new() -> Self {
        Self { shards: (0..1 << SHARD_BITS).map(|_| HashTable::new()).collect() }
    }

    /// About log2(1 + x), for x from 0 to 1: its slope falls from 1.35 to 0.65.
    fn shard(hash: u64) -> usize {
        let x = hash >> SHARD_SHIFT & SHARD_MASK;
        let log = (x * (88_244 - ((22_708 * x) >> 16))) >> 16;
        (log >> (16 - SHARD_BITS)) as usize
    }

    /// Makes room for so many znodes, so that it need not grow while they come.
    pub(crate) fn reserve(&mut self, znodes: u64, arena: &Arena) {
        let mut shares = vec![0; self.shards.len()];
        for x in 0..=SHARD_MASK {
            shares[Self::shard(x << SHARD_SHIFT)] += 1;
        }
        for (shard, share) in self.shards.iter_mut().zip(shares) {
            let expected = znodes.saturating_mul(share) / (SHARD_MASK + 1);
            shard.reserve(expected as usize, |id| arena.get(*id).path_hash());
        }
    }

    pub(crate) fn find(&self, hash: u64, is_it: impl FnMut(&Id) -> bool) -> Option<Id> {
        self.shards[Self::shard(hash)].find(hash, is_it).copied()
    }

    /// Adds a znode whose path is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, id: Id, arena: &Arena) {
        self.shards[Self::shard(hash)].insert_unique(hash, id, |id| arena.get(*id).path_hash());
    }

    pub(crate) fn remove(&mut self, hash: u64, id: Id) {
        if let Ok(entry) = self.shards[Self::shard(hash)].find_entry(hash, |other| *other == id) {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_get_between_one_share_and_two() {
        let mut shares = vec![0; 1 << SHARD_BITS];
        for x in 0..=SHARD_MASK {
            shares[PathIndex::shard(x << SHARD_SHIFT)] += 1;
        }
        let (least, most) = (shares.iter().min().copied(), shares.iter().max().copied());
        assert!(least >= Some(90) && most <= Some(200), "{least:?} to {most:?} of 128");
        assert_eq!(PathIndex::shard(u64::MAX), shares.len() - 1);
    }

    #[test]
    fn reserved_shards_have_room_for_their_share() {
        let mut index = PathIndex::new();
        index.reserve(1 << 20, &Arena::new());
        let room: usize = index.shards.iter().map(HashTable::capacity).sum();
        assert!((1 << 20..1 << 21).contains(&room), "{room}");
    }
}
