//! What has changed since the last checkpoint.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::{Record, record};
use crate::tree::Tree;
use crate::tree::arena::{Id, Slot};

/// Of a slot: in which generation's list it stands (0 for none), and whether its znode was made in that generation under a path
/// that no earlier checkpoint can hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark(u32);

impl Mark {
    /// What a mark takes.
    pub(crate) const BITS: u32 = 3;
    const FRESH: u32 = 1;

    fn new(generation: u32, fresh: bool) -> Self {
        Self(generation << 1 | u32::from(fresh))
    }

    /// From the lowest bits of a word.
    pub(crate) fn from_bits(word: u32) -> Self {
        Self(word & ((1 << Self::BITS) - 1))
    }

    /// Below 2 to the power of [`Self::BITS`].
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    fn generation(self) -> u32 {
        self.0 >> 1
    }

    fn is_fresh(self) -> bool {
        self.0 & Self::FRESH != 0
    }
}

/// Changed and deleted znodes, of the checkpoint being written and of the next one.
///
/// Each begun checkpoint starts a *generation*. A slot's [`Mark`] says in which generation's list it
/// stands, so that a change costs a comparison, and the first one of a generation a push. Two numbers in turn are enough
/// for that: a checkpoint takes its generation's marks away as it is sliced, and no other begins before that or its abort.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    generation: u32,
    changed: Vec<Id>,
    deleted: HashTable<Box<str>>,
    pending: Option<Pending>,
}

/// The checkpoint that was begun last; kept after its last slice, for it may still be aborted until it is stored.
#[derive(Clone, Debug)]
struct Pending {
    changed: Vec<Id>,
    changed_done: usize,
    deleted: Vec<Box<str>>,
    deleted_done: usize,
    /// Records of znodes that changed after the begin and before their slice.
    kept: BTreeMap<Id, Record>,
}

/// Generation 0 marks what has not changed.
const FIRST_GENERATION: u32 = 1;

/// The one before, and the next one.
fn other(generation: u32) -> u32 {
    3 - generation
}

fn hash(path: &str) -> u64 {
    xxh3_64(path.as_bytes())
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self { generation: FIRST_GENERATION, changed: Vec::new(), deleted: HashTable::new(), pending: None }
    }

    /// With this mark, is the slot in the list of the next checkpoint?
    pub(crate) fn is_listed(&self, mark: Mark) -> bool {
        mark.generation() == self.generation
    }

    /// With this mark, does the checkpoint being written still need the record as it is?
    pub(crate) fn is_pending(&self, mark: Mark) -> bool {
        self.pending.is_some() && mark.generation() == other(self.generation)
    }

    pub(crate) fn keep(&mut self, id: Id, record: Record) {
        if let Some(pending) = &mut self.pending {
            pending.kept.insert(id, record);
        }
    }

    pub(crate) fn list(&mut self, id: Id, slot: &mut Slot) {
        if !self.is_listed(slot.mark()) {
            slot.set_mark(Mark::new(self.generation, false));
            self.changed.push(id);
        }
    }

    pub(crate) fn created(&mut self, id: Id, slot: &mut Slot, path: &str) {
        self.list(id, slot);
        slot.set_mark(Mark::new(self.generation, !self.restored(path)));
    }

    pub(crate) fn deleted(&mut self, mark: Mark, path: &str) {
        if !self.is_listed(mark) || !mark.is_fresh() {
            self.add_deleted(path.into());
        }
    }

    fn add_deleted(&mut self, path: Box<str>) {
        let hash = hash(&path);
        if self.deleted.find(hash, |other| *other == path).is_none() {
            self.deleted.insert_unique(hash, path, |path| self::hash(path));
        }
    }

    /// Forgets that the path was deleted; returns whether it was.
    pub(crate) fn restored(&mut self, path: &str) -> bool {
        if self.deleted.is_empty() {
            return false;
        }
        self.deleted.find_entry(hash(path), |other| **other == *path).map(|entry| entry.remove()).is_ok()
    }
}

impl Tree {
    /// Lists every znode for the next checkpoint.
    pub(crate) fn list_all(&mut self) {
        for id in self.arena.live_ids() {
            let mark = self.get(id).mark();
            if self.changes.is_pending(mark) {
                let record = self.record_of(id);
                self.changes.keep(id, record);
            }
            self.changes.list(id, self.arena.slot_mut(id));
        }
    }

    pub(crate) fn record_of(&self, id: Id) -> Record {
        let (path, node) = (self.path_of(id), self.get(id));
        record::znode(&path, node, self.acls.bytes(node.acl()))
    }

    pub(crate) fn begin_checkpoint(&mut self) {
        debug_assert!(!self.checkpoint_unfinished(), "its marks would be taken for the new generation's");
        let changes = &mut self.changes;
        changes.generation = other(changes.generation);
        changes.pending = Some(Pending {
            changed: std::mem::take(&mut changes.changed),
            changed_done: 0,
            deleted: std::mem::take(&mut changes.deleted).into_iter().collect(),
            deleted_done: 0,
            kept: BTreeMap::new(),
        });
    }

    /// Is there a checkpoint that was begun and not sliced to its end?
    pub(crate) fn checkpoint_unfinished(&self) -> bool {
        self.changes
            .pending
            .as_ref()
            .is_some_and(|p| p.changed_done < p.changed.len() || p.deleted_done < p.deleted.len())
    }

    /// Appends up to `max` records.
    pub(crate) fn checkpoint_slice(&mut self, max: usize, out: &mut Vec<Record>) {
        let Some(mut pending) = self.changes.pending.take() else { return };
        let end = out.len() + max;
        while out.len() < end && pending.changed_done < pending.changed.len() {
            let id = pending.changed[pending.changed_done];
            pending.changed_done += 1;
            let unchanged = self.get(id).mark().generation() == other(self.changes.generation);
            if let Some(record) = pending.kept.remove(&id) {
                out.push(record);
            } else if unchanged && self.arena.is_live(id) {
                out.push(self.record_of(id));
            }
            if unchanged {
                self.arena.slot_mut(id).set_mark(Mark::default());
            }
        }
        while out.len() < end && pending.deleted_done < pending.deleted.len() {
            out.push((record::znode_key(&pending.deleted[pending.deleted_done]), None));
            pending.deleted_done += 1;
        }
        self.changes.pending = Some(pending);
    }

    pub(crate) fn checkpoint_stored(&mut self) {
        if !self.checkpoint_unfinished() {
            self.changes.pending = None;
        }
    }

    /// Puts the changes of the last checkpoint begun back among those of the next one.
    pub(crate) fn abort_checkpoint(&mut self) {
        let Some(pending) = self.changes.pending.take() else { return };
        for id in pending.changed {
            self.changes.list(id, self.arena.slot_mut(id));
        }
        for path in pending.deleted {
            match self.lookup(&path) {
                // The store still has the path, so a delete must be told to it.
                Some(id) => {
                    let slot = self.arena.slot_mut(id);
                    slot.set_mark(Mark::new(slot.mark().generation(), false));
                }
                None => self.changes.add_deleted(path),
            }
        }
    }
}
