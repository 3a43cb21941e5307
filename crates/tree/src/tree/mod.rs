//! The znodes: where they are kept, and the few changes that everything is made of.
//!
//! Each change keeps the digest, the counts and the list of what the next checkpoint must hold, and, inside a multi,
//! the journal that undoes it. Whether a change is allowed is judged in [`crate::ops`].

pub(crate) mod arena;
mod index;
mod journal;
mod name;
pub(crate) mod special;
pub(crate) mod znode;

use std::collections::BTreeSet;

use menagerie_types::{ErrorCode, SessionId, Zxid};
use xxhash_rust::xxh3::xxh3_64;

use crate::acl::{AclTable, FixedAcl};
use crate::checkpoint::Changes;
use arena::{Arena, Id, NONE};
use index::PathIndex;
use journal::{Journal, Undo};
pub(crate) use name::Name;
use znode::{Znode, data_crc};

/// The root's slot: the first.
pub(crate) const ROOT: Id = 0;

/// All znodes.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) arena: Arena,
    index: PathIndex,
    pub(crate) acls: AclTable,
    ephemerals: BTreeSet<(SessionId, Id)>,
    pub(crate) changes: Changes,
    digest: u64,
    data_bytes: u64,
    journal: Option<Journal>,
}

/// What a new znode starts with.
pub(crate) struct NewZnode<'a> {
    pub(crate) parent: Id,
    pub(crate) path: &'a str,
    pub(crate) data: Option<&'a [u8]>,
    pub(crate) acl: FixedAcl<'a>,
    pub(crate) owner: i64,
    pub(crate) zxid: Zxid,
    pub(crate) time_ms: i64,
}

impl Tree {
    /// Without even a root, for a loader.
    pub(crate) fn empty() -> Self {
        Self {
            arena: Arena::new(),
            index: PathIndex::new(),
            acls: AclTable::new(),
            ephemerals: BTreeSet::new(),
            changes: Changes::new(),
            digest: 0,
            data_bytes: 0,
            journal: None,
        }
    }

    /// What the znodes add to the digest of the state.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Bytes of paths and data.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    pub(crate) fn ephemeral_count(&self) -> u64 {
        self.ephemerals.len() as u64
    }

    /// A session's ephemerals, in no particular order.
    pub(crate) fn ephemerals(&self, session: SessionId) -> impl Iterator<Item = Id> {
        self.ephemerals.range((session, 0)..=(session, Id::MAX)).map(|(_, id)| *id)
    }

    /// The sessions that own ephemerals, each once.
    pub(crate) fn ephemeral_owners(&self) -> impl Iterator<Item = SessionId> {
        let mut last = None;
        self.ephemerals
            .iter()
            .filter_map(move |(owner, _)| (last.replace(*owner) != Some(*owner)).then_some(*owner))
    }

    pub(crate) fn get(&self, id: Id) -> &Znode {
        self.arena.get(id)
    }

    /// The znode at exactly this path, which need not be a valid one.
    pub(crate) fn lookup(&self, path: &str) -> Option<Id> {
        let hash = xxh3_64(path.as_bytes());
        self.index.find(hash, |id| self.get(*id).path_hash == hash && self.is_path_of(*id, path.as_bytes()))
    }

    /// As [`Self::lookup`], for reads: they find the root under an empty path, too.
    pub(crate) fn find(&self, path: &str) -> Option<Id> {
        if path.is_empty() { Some(ROOT) } else { self.lookup(path) }
    }

    /// As [`Self::lookup`], with the error that most operations give.
    pub(crate) fn require(&self, path: &str) -> Result<Id, ErrorCode> {
        self.lookup(path).ok_or(ErrorCode::NoNode)
    }

    fn is_path_of(&self, mut id: Id, path: &[u8]) -> bool {
        if id == ROOT {
            return path == b"/";
        }
        let mut rest = path;
        while id != ROOT {
            let node = self.get(id);
            match rest.strip_suffix(node.name.as_bytes()).and_then(|rest| rest.strip_suffix(b"/")) {
                Some(shorter) => rest = shorter,
                None => return false,
            }
            id = node.parent;
        }
        rest.is_empty()
    }

    /// The znode's path.
    pub(crate) fn path_of(&self, mut id: Id) -> String {
        if id == ROOT {
            return "/".to_owned();
        }
        let mut names = Vec::new();
        while id != ROOT {
            let node = self.get(id);
            names.push(node.name.as_bytes());
            id = node.parent;
        }
        let mut path = String::with_capacity(names.iter().map(|name| name.len() + 1).sum());
        for name in names.iter().rev() {
            path.push('/');
            path.push_str(&String::from_utf8_lossy(name));
        }
        path
    }

    /// The children, in no particular order.
    pub(crate) fn children(&self, id: Id) -> impl Iterator<Item = &Znode> {
        let mut next = self.get(id).first_child;
        std::iter::from_fn(move || {
            let child = (next != NONE).then(|| self.get(next))?;
            next = child.next;
            Some(child)
        })
    }

    /// Number of znodes below this one.
    pub(crate) fn descendants(&self, id: Id) -> u64 {
        if id == ROOT {
            return self.arena.len() - 1;
        }
        let mut count = 0;
        let mut parents = vec![id];
        while let Some(parent) = parents.pop() {
            let mut child = self.get(parent).first_child;
            while child != NONE {
                count += 1;
                let node = self.get(child);
                if node.first_child != NONE {
                    parents.push(child);
                }
                child = node.next;
            }
        }
        count
    }

    /// May the caller do one of the `wanted` things to the znode?
    pub(crate) fn authorize(&self, id: Id, auth: &[u8], wanted: i32) -> Result<(), ErrorCode> {
        match self.acls.allows(self.get(id).acl, auth, wanted) {
            true => Ok(()),
            false => Err(ErrorCode::NoAuth),
        }
    }

    /// Makes a znode. Its path is valid and free.
    pub(crate) fn create_node(&mut self, new: NewZnode<'_>) -> Id {
        let parent = self.get(new.parent);
        let undo = (parent.cversion, parent.pzxid);
        self.update(new.parent, |parent| {
            parent.cversion = parent.cversion.saturating_add(1);
            parent.pzxid = parent.pzxid.max(new.zxid);
        });
        let acl = self.acls.acquire(&new.acl);
        let node = Znode {
            name: Name::new(&new.path[new.path.rfind('/').map_or(0, |slash| slash + 1)..]),
            data: new.data.map(Into::into),
            path_hash: xxh3_64(new.path.as_bytes()),
            czxid: new.zxid,
            mzxid: new.zxid,
            pzxid: new.zxid,
            ctime: new.time_ms,
            mtime: new.time_ms,
            owner: new.owner,
            parent: new.parent,
            first_child: NONE,
            next: NONE,
            prev: NONE,
            num_children: 0,
            cversion: 0,
            version: 0,
            aversion: 0,
            acl,
            data_crc: data_crc(new.data),
            dirty: 0,
            fresh: 0,
        };
        let id = self.arena.insert(node);
        self.attach(id, new.path.len());
        let node = self.arena.get_mut(id);
        self.changes.created(id, node, new.path);
        self.record(|| Undo::Created { id, parent_cversion: undo.0, parent_pzxid: undo.1 });
        id
    }

    /// Puts a znode that stands in the arena into its place in the tree.
    pub(crate) fn attach(&mut self, id: Id, path_len: usize) {
        let node = self.arena.get(id);
        let (hash, parent, owner) = (node.path_hash, node.parent, node.ephemeral_owner());
        self.data_bytes += (path_len + node.data_len()) as u64;
        self.digest = self.digest.wrapping_add(node.digest(self.acls.hash(node.acl)));
        self.index.insert(hash, id, &self.arena);
        if let Some(owner) = owner {
            self.ephemerals.insert((owner, id));
        }
        if parent == NONE {
            return;
        }
        let parent = self.arena.get_mut(parent);
        parent.num_children += 1;
        let next = std::mem::replace(&mut parent.first_child, id);
        if next != NONE {
            self.arena.get_mut(next).prev = id;
        }
        let node = self.arena.get_mut(id);
        (node.prev, node.next) = (NONE, next);
    }

    /// Deletes a znode without children other than the root.
    pub(crate) fn delete_node(&mut self, id: Id, path: &str, zxid: Zxid) {
        self.touch(id);
        let parent = self.get(id).parent;
        let parent_pzxid = self.get(parent).pzxid;
        self.update(parent, |parent| parent.pzxid = parent.pzxid.max(zxid));
        self.detach(id, path.len());
        self.changes.deleted(self.arena.get(id), path);
        match &mut self.journal {
            Some(journal) => journal.undo.push(Undo::Deleted { id, parent_pzxid }),
            None => self.free(id),
        }
    }

    /// Takes a znode out of its place; it stays in the arena.
    fn detach(&mut self, id: Id, path_len: usize) {
        let node = self.arena.get(id);
        let (hash, parent, prev, next) = (node.path_hash, node.parent, node.prev, node.next);
        self.data_bytes -= (path_len + node.data_len()) as u64;
        self.digest = self.digest.wrapping_sub(node.digest(self.acls.hash(node.acl)));
        if let Some(owner) = node.ephemeral_owner() {
            self.ephemerals.remove(&(owner, id));
        }
        self.index.remove(hash, id);
        match prev {
            NONE => self.arena.get_mut(parent).first_child = next,
            prev => self.arena.get_mut(prev).next = next,
        }
        if next != NONE {
            self.arena.get_mut(next).prev = prev;
        }
        self.arena.get_mut(parent).num_children -= 1;
    }

    fn free(&mut self, id: Id) {
        self.acls.release(self.arena.get(id).acl);
        self.arena.remove(id);
    }

    /// Replaces the data and all that a Stat tells of that.
    pub(crate) fn set_node_data(&mut self, id: Id, data: Option<&[u8]>, zxid: Zxid, time_ms: i64) {
        let old_len = self.get(id).data_len();
        let journaling = self.journal.is_some();
        let (old, mzxid, mtime, version) = self.update(id, |node| {
            // A multi may have to put the old data back, so it must not be overwritten.
            let old = if journaling { node.data.take() } else { None };
            let before = (old, node.mzxid, node.mtime, node.version);
            node.put_data(data);
            (node.mzxid, node.mtime, node.version) = (zxid, time_ms, next_version(node.version));
            before
        });
        self.data_bytes = self.data_bytes + data.map_or(0, <[u8]>::len) as u64 - old_len as u64;
        self.record(|| Undo::DataSet { id, data: old, mzxid, mtime, version });
    }

    /// Replaces the data of `/zookeeper/config`, whose version stays -1 (reference 2.19).
    pub(crate) fn set_config_data(&mut self, id: Id, data: &[u8], zxid: Zxid, time_ms: i64) {
        self.set_node_data(id, Some(data), zxid, time_ms);
        self.update(id, |node| node.version = -1);
    }

    /// Replaces the ACL. Never in a multi, so there is nothing to undo.
    pub(crate) fn set_node_acl(&mut self, id: Id, acl: &FixedAcl<'_>) {
        let old = self.get(id).acl;
        let (new, new_hash) = {
            let new = self.acls.acquire(acl);
            (new, self.acls.hash(new))
        };
        self.touch(id);
        let old_hash = self.acls.hash(old);
        let node = self.arena.get_mut(id);
        self.digest = self.digest.wrapping_sub(node.digest(old_hash));
        (node.acl, node.aversion) = (new, node.aversion.wrapping_add(1));
        self.digest = self.digest.wrapping_add(node.digest(new_hash));
        self.acls.release(old);
    }

    /// Changes fields that the digest covers, other than the ACL.
    fn update<R>(&mut self, id: Id, change: impl FnOnce(&mut Znode) -> R) -> R {
        self.touch(id);
        let node = self.arena.get_mut(id);
        let acl_hash = self.acls.hash(node.acl);
        let before = node.digest(acl_hash);
        let result = change(node);
        self.digest = self.digest.wrapping_sub(before).wrapping_add(node.digest(acl_hash));
        result
    }

    /// Must precede any change of a znode that was there before.
    fn touch(&mut self, id: Id) {
        let dirty = self.arena.get(id).dirty;
        if self.changes.is_listed(dirty) {
            return;
        }
        if self.changes.is_pending(dirty) {
            let record = self.record_of(id);
            self.changes.keep(id, record);
        }
        self.changes.list(id, self.arena.get_mut(id));
    }
}

/// ZooKeeper skips -1, which would mean any version (since 3.10).
fn next_version(version: i32) -> i32 {
    match version.wrapping_add(1) {
        -1 => 0,
        next => next,
    }
}

#[cfg(test)]
mod tests {
    use super::next_version;

    #[test]
    fn versions_wrap_past_the_one_that_means_any() {
        assert_eq!([next_version(0), next_version(i32::MAX), next_version(-2)], [1, i32::MIN, 0]);
    }
}
