//! Where znodes live.

use menagerie_types::Zxid;

use super::bodies::{Bodies, BodyId};
use super::free::FreeSlots;
use super::slab::{NOTHING, Slab, SlabId};
use super::znode::{Rare, Start, Znode, data_crc};
use crate::acl::AclId;
use crate::checkpoint::Mark;

/// Names a slot of the arena. Reused after a delete, and different on every replica: never part of a result.
pub(crate) type Id = u32;

/// No znode.
pub(crate) const NONE: Id = Id::MAX;
/// In `parent`: the slot is free.
const FREE: Id = Id::MAX - 1;

/// Chunks are about as large as those of bodies.
const CHUNK_BITS: u32 = 8;
const CHUNK_LEN: usize = 1 << CHUNK_BITS;

/// What every znode has, in a fixed size, and where the rest of it is.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    path_hash: Word,
    czxid: Word,
    ctime: Word,
    pub(super) body: BodyId,
    pub(super) rare: SlabId,
    pub(crate) parent: Id,
    pub(crate) next: Id,
    pub(crate) prev: Id,
    /// An [`AclId`] above a [`Mark`].
    acl_and_mark: u32,
}

/// Memory per znode is measured; a field that breaks this needs a reason.
const _: () = assert!(size_of::<Slot>() == 48);

/// Eight bytes that can stand at any multiple of four.
#[derive(Clone, Copy, Debug)]
struct Word([u32; 2]);

impl Word {
    fn new(word: u64) -> Self {
        Self([word as u32, (word >> 32) as u32])
    }

    #[inline]
    fn get(self) -> u64 {
        let [low, high] = self.0;
        u64::from(high) << 32 | u64::from(low)
    }
}

impl Slot {
    /// xxh3 of the whole path: the index and the digest need it.
    #[inline]
    pub(crate) fn path_hash(&self) -> u64 {
        self.path_hash.get()
    }

    #[inline]
    pub(crate) fn czxid(&self) -> Zxid {
        Zxid(self.czxid.get() as i64)
    }

    #[inline]
    pub(crate) fn ctime(&self) -> i64 {
        self.ctime.get() as i64
    }

    #[inline]
    pub(crate) fn acl(&self) -> AclId {
        self.acl_and_mark >> Mark::BITS
    }

    pub(crate) fn set_acl(&mut self, acl: AclId) {
        self.acl_and_mark = acl << Mark::BITS | self.mark().bits();
    }

    /// Outlives the znode, for the slot stands in the list of changes.
    #[inline]
    pub(crate) fn mark(&self) -> Mark {
        Mark::from_bits(self.acl_and_mark)
    }

    pub(crate) fn set_mark(&mut self, mark: Mark) {
        self.acl_and_mark = self.acl() << Mark::BITS | mark.bits();
    }

    /// Makes it one that was created by another transaction.
    pub(super) fn set_created(&mut self, czxid: Zxid, ctime: i64) {
        (self.czxid, self.ctime) = (Word::new(czxid.0 as u64), Word::new(ctime as u64));
    }

    fn first_rare(&self) -> Rare {
        Rare::none(self.czxid(), self.ctime())
    }
}

/// Slots in chunks, so that growing never moves one; names and data packed; and what few znodes have.
#[derive(Clone, Debug)]
pub(crate) struct Arena {
    chunks: Vec<Vec<Slot>>,
    free: FreeSlots,
    bodies: Bodies,
    rares: Slab<Rare>,
    live: u64,
}

impl Arena {
    pub(crate) fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: FreeSlots::default(),
            bodies: Bodies::new(),
            rares: Slab::new(),
            live: 0,
        }
    }

    /// Number of znodes.
    pub(crate) fn len(&self) -> u64 {
        self.live
    }

    #[inline]
    pub(crate) fn get(&self, id: Id) -> Znode<'_> {
        Znode::new(self.slot(id), self)
    }

    #[inline]
    fn slot(&self, id: Id) -> &Slot {
        &self.chunks[(id >> CHUNK_BITS) as usize][id as usize % CHUNK_LEN]
    }

    /// For what neither the name nor the data nor the rare fields are.
    #[inline]
    pub(crate) fn slot_mut(&mut self, id: Id) -> &mut Slot {
        &mut self.chunks[(id >> CHUNK_BITS) as usize][id as usize % CHUNK_LEN]
    }

    pub(crate) fn is_live(&self, id: Id) -> bool {
        self.slot(id).parent != FREE
    }

    /// The slots of all znodes.
    pub(crate) fn live_ids(&self) -> Vec<Id> {
        let slots = self.chunks.iter().map(|chunk| chunk.len() as Id).sum();
        (0..slots).filter(|id| self.is_live(*id)).collect()
    }

    /// Stores a znode as it is created; not in its place among its siblings yet.
    pub(crate) fn insert(&mut self, start: &Start<'_>) -> Id {
        self.live += 1;
        let id = self.free.take().unwrap_or_else(|| self.end());
        let body = self.bodies.insert(id, start.name.as_bytes(), start.data);
        let slot = Slot {
            path_hash: Word::new(start.path_hash),
            czxid: Word::new(start.zxid.0 as u64),
            ctime: Word::new(start.time_ms as u64),
            body,
            rare: NOTHING,
            parent: start.parent,
            next: NONE,
            prev: NONE,
            acl_and_mark: start.acl << Mark::BITS,
        };
        let chunk = &mut self.chunks[(id >> CHUNK_BITS) as usize];
        match chunk.get_mut(id as usize % CHUNK_LEN) {
            Some(free) => {
                let mark = free.mark();
                *free = slot;
                free.set_mark(mark);
            }
            None => chunk.push(slot),
        }
        if start.owner != 0 {
            self.rare_mut(id).owner = start.owner;
        }
        id
    }

    /// The first id that was never used, with a chunk for it.
    fn end(&mut self) -> Id {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK_LEN) {
            self.chunks.push(Vec::with_capacity(CHUNK_LEN));
        }
        let at = self.chunks.len() - 1;
        (at * CHUNK_LEN + self.chunks[at].len()) as Id
    }

    /// Frees a slot and all that belongs to it.
    pub(crate) fn remove(&mut self, id: Id) {
        let slot = self.slot_mut(id);
        slot.parent = FREE;
        let (body, rare) = (slot.body, std::mem::replace(&mut slot.rare, NOTHING));
        self.remove_body(body);
        if rare != NOTHING {
            self.rares.remove(rare);
        }
        self.free.add(id);
        self.live -= 1;
    }

    fn remove_body(&mut self, body: BodyId) {
        if let Some(moved) = self.bodies.remove(body) {
            self.slot_mut(moved).body = body;
        }
    }

    #[inline]
    pub(super) fn bodies(&self) -> &Bodies {
        &self.bodies
    }

    #[inline]
    pub(super) fn rares(&self) -> &Slab<Rare> {
        &self.rares
    }

    /// The rare fields, which the znode has from now on.
    #[inline]
    pub(crate) fn rare_mut(&mut self, id: Id) -> &mut Rare {
        let slot = &mut self.chunks[(id >> CHUNK_BITS) as usize][id as usize % CHUNK_LEN];
        if slot.rare == NOTHING {
            let data_crc = data_crc(self.bodies.data(slot.body));
            slot.rare = self.rares.insert(Rare { data_crc, ..slot.first_rare() });
        }
        self.rares.get_mut(slot.rare)
    }

    /// Sets rare fields that may be the same as at first.
    pub(crate) fn set_rare(&mut self, id: Id, rare: Rare) {
        let slot = self.slot_mut(id);
        if (Rare { data_crc: 0, ..rare }) != slot.first_rare() {
            let old = self.rare_mut(id);
            *old = Rare { data_crc: old.data_crc, ..rare };
            return;
        }
        let old = std::mem::replace(&mut slot.rare, NOTHING);
        if old != NOTHING {
            self.rares.remove(old);
        }
    }

    /// Replaces the data, where they stand if they fit there.
    pub(crate) fn put_data(&mut self, id: Id, data: Option<&[u8]>) {
        let body = self.slot(id).body;
        if !self.bodies.rewrite(body, data) {
            let name = self.bodies.name(body).to_vec();
            self.remove_body(body);
            self.slot_mut(id).body = self.bodies.insert(id, &name, data);
        }
        let rare = self.slot(id).rare;
        if rare != NOTHING {
            self.rares.get_mut(rare).data_crc = data_crc(data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start<'a>(name: &'a str, data: &'a [u8]) -> Start<'a> {
        Start {
            parent: NONE,
            name,
            path_hash: 0,
            data: Some(data),
            acl: AclId::default(),
            owner: 0,
            zxid: Zxid(1),
            time_ms: 2,
        }
    }

    #[test]
    fn bodies_follow_their_znodes_when_others_go() {
        let mut arena = Arena::new();
        let names: Vec<_> = (0..2 * CHUNK_LEN).map(|at| format!("name{at}")).collect();
        let ids: Vec<_> = names.iter().map(|name| arena.insert(&start(name, name.as_bytes()))).collect();
        for id in ids.iter().step_by(2) {
            arena.remove(*id);
        }
        for (id, name) in ids.iter().zip(&names).skip(1).step_by(2) {
            arena.put_data(*id, Some(&[7; 300][..name.len()]));
            assert_eq!(arena.get(*id).name(), name.as_bytes());
            assert_eq!(arena.get(*id).data(), Some(&[7; 300][..name.len()]));
            arena.put_data(*id, Some(&[8; 300]));
        }
        for (id, name) in ids.iter().zip(&names).skip(1).step_by(2) {
            assert_eq!(arena.get(*id).name(), name.as_bytes());
            assert_eq!(arena.get(*id).data(), Some(&[8; 300][..]));
        }
        assert_eq!(arena.insert(&start("again", b"")), 0, "the lowest slot is used first");
        assert_eq!(arena.len(), CHUNK_LEN as u64 + 1);
    }
}
