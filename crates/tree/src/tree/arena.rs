//! Where znodes live.

use super::znode::Znode;

/// Names a slot of the arena. Reused after a delete, and different on every replica: never part of a result.
pub(crate) type Id = u32;

/// No znode.
pub(crate) const NONE: Id = Id::MAX;
/// In `parent`: the slot is free.
const FREE: Id = Id::MAX - 1;

const CHUNK_BITS: u32 = 12;
const CHUNK_LEN: usize = 1 << CHUNK_BITS;

/// Slots in chunks, so that growing never moves a znode, and a list of free ones through `next`.
#[derive(Clone, Debug)]
pub(crate) struct Arena {
    chunks: Vec<Vec<Znode>>,
    free: Id,
    live: u64,
}

impl Arena {
    pub(crate) fn new() -> Self {
        Self { chunks: Vec::new(), free: NONE, live: 0 }
    }

    /// Number of znodes.
    pub(crate) fn len(&self) -> u64 {
        self.live
    }

    pub(crate) fn get(&self, id: Id) -> &Znode {
        &self.chunks[(id >> CHUNK_BITS) as usize][id as usize % CHUNK_LEN]
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> &mut Znode {
        &mut self.chunks[(id >> CHUNK_BITS) as usize][id as usize % CHUNK_LEN]
    }

    pub(crate) fn is_live(&self, id: Id) -> bool {
        self.get(id).parent != FREE
    }

    /// The slots of all znodes.
    pub(crate) fn live_ids(&self) -> Vec<Id> {
        let slots = self.chunks.iter().map(|chunk| chunk.len() as Id).sum();
        (0..slots).filter(|id| self.is_live(*id)).collect()
    }

    /// Stores a znode. The slot's `dirty` mark outlives its znode, for the slot stands in the list of changes.
    pub(crate) fn insert(&mut self, mut node: Znode) -> Id {
        self.live += 1;
        if self.free != NONE {
            let id = self.free;
            let slot = self.get_mut(id);
            node.dirty = slot.dirty;
            let next = slot.next;
            *slot = node;
            self.free = next;
            return id;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK_LEN) {
            self.chunks.push(Vec::with_capacity(CHUNK_LEN));
        }
        let at = self.chunks.len() - 1;
        self.chunks[at].push(node);
        (at * CHUNK_LEN + self.chunks[at].len() - 1) as Id
    }

    /// Frees a slot.
    pub(crate) fn remove(&mut self, id: Id) {
        let free = self.free;
        let slot = self.get_mut(id);
        slot.vacate();
        slot.parent = FREE;
        slot.next = free;
        self.free = id;
        self.live -= 1;
    }
}
