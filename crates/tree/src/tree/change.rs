//! The few changes that everything is made of.

use menagerie_types::Zxid;
use xxhash_rust::xxh3::xxh3_64;

use super::arena::{Arena, Id, NONE};
use super::journal::Undo;
use super::znode::{CONTAINER_OWNER, Rare, Start};
use super::{NewZnode, Tree};
use crate::acl::FixedAcl;

impl Tree {
    /// Makes a znode. Its path is valid and free.
    pub(crate) fn create_node(&mut self, new: NewZnode<'_>) -> Id {
        let parent = self.get(new.parent);
        let undo = (parent.rare().cversion, parent.rare().pzxid);
        self.update_rare(new.parent, |rare| {
            rare.cversion = rare.cversion.saturating_add(1);
            rare.pzxid = rare.pzxid.max(new.zxid);
        });
        let acl = self.acls.acquire(&new.acl);
        let id = self.arena.insert(&Start {
            parent: new.parent,
            name: &new.path[new.path.rfind('/').map_or(0, |slash| slash + 1)..],
            path_hash: xxh3_64(new.path.as_bytes()),
            data: new.data,
            acl,
            owner: new.owner,
            zxid: new.zxid,
            time_ms: new.time_ms,
        });
        self.attach(id, new.path.len());
        self.changes.created(id, self.arena.slot_mut(id), new.path);
        self.record(|| Undo::Created { id, parent_cversion: undo.0, parent_pzxid: undo.1 });
        self.count_created(id, new.path);
        id
    }

    /// Puts a znode that stands in the arena into its place in the tree.
    pub(crate) fn attach(&mut self, id: Id, path_len: usize) {
        self.attach_unindexed(id, path_len);
        self.index_all(&[id]);
    }

    /// Has paths lead to znodes that were attached without that. Many together are faster: the processor then waits for the memory
    /// of several places of the index at a time.
    pub(crate) fn index_all(&mut self, ids: &[Id]) {
        for id in ids {
            let hash = self.arena.get(*id).path_hash();
            self.index.insert(hash, *id, |id| self.arena.get(id).path_hash());
        }
    }

    /// [`Self::attach`], but [`Self::index_all`] has still to come.
    pub(crate) fn attach_unindexed(&mut self, id: Id, path_len: usize) {
        let node = self.arena.get(id);
        let (parent, owner) = (node.parent, node.ephemeral_owner());
        self.data_bytes += (path_len + node.data_len()) as u64;
        self.digest = self.digest.wrapping_add(node.digest(self.acls.hash(node.acl())));
        if let Some(owner) = owner {
            self.ephemerals.insert((owner, id));
        }
        self.reapable.attached(id, node);
        if parent == NONE {
            return;
        }
        let rare = self.arena.rare_mut(parent);
        rare.num_children += 1;
        if rare.owner == CONTAINER_OWNER && rare.num_children == 1 {
            self.reapable.container(parent, false);
        }
        let next = std::mem::replace(&mut rare.first_child, id);
        if next != NONE {
            self.arena.slot_mut(next).prev = id;
        }
        let node = self.arena.slot_mut(id);
        (node.prev, node.next) = (NONE, next);
    }

    /// Deletes a znode without children other than the root.
    pub(crate) fn delete_node(&mut self, id: Id, path: &str, zxid: Zxid) {
        self.touch(id);
        let parent = self.get(id).parent;
        let parent_pzxid = self.get(parent).rare().pzxid;
        self.update_rare(parent, |rare| rare.pzxid = parent_pzxid.max(zxid));
        self.detach(id, path.len());
        let node = self.arena.get(id);
        let data_len = node.data_len();
        self.changes.deleted(node.mark(), path);
        match &mut self.journal {
            Some(journal) => journal.undo.push(Undo::Deleted { id, parent_pzxid }),
            None => self.free(id),
        }
        self.count_deleted(id, path, data_len);
    }

    /// Takes a znode out of its place; it stays in the arena.
    pub(super) fn detach(&mut self, id: Id, path_len: usize) {
        let node = self.arena.get(id);
        let (hash, parent, prev, next) = (node.path_hash(), node.parent, node.prev, node.next);
        self.data_bytes -= (path_len + node.data_len()) as u64;
        self.digest = self.digest.wrapping_sub(node.digest(self.acls.hash(node.acl())));
        if let Some(owner) = node.ephemeral_owner() {
            self.ephemerals.remove(&(owner, id));
        }
        self.reapable.detached(id, node);
        self.index.remove(hash, id);
        match prev {
            NONE => self.arena.rare_mut(parent).first_child = next,
            prev => self.arena.slot_mut(prev).next = next,
        }
        if next != NONE {
            self.arena.slot_mut(next).prev = prev;
        }
        let rare = self.arena.rare_mut(parent);
        rare.num_children -= 1;
        if rare.owner == CONTAINER_OWNER && rare.num_children == 0 {
            self.reapable.container(parent, true);
        }
    }

    pub(super) fn free(&mut self, id: Id) {
        self.acls.release(self.arena.get(id).acl());
        self.arena.remove(id);
    }

    /// Replaces the data and all that a Stat tells of that.
    pub(crate) fn set_node_data(&mut self, id: Id, data: Option<&[u8]>, zxid: Zxid, time_ms: i64) {
        let node = self.get(id);
        let (old_len, version) = (node.data_len(), next_version(node.rare().version));
        self.replace_data(id, data, (zxid, time_ms, version));
        self.count_set(id, data.map_or(0, <[u8]>::len) as i64 - old_len as i64);
    }

    /// Replaces the data, mzxid, mtime and version.
    pub(super) fn replace_data(&mut self, id: Id, data: Option<&[u8]>, stat: (Zxid, i64, i32)) {
        self.keep_track_of(id);
        let old_len = self.get(id).data_len();
        if let Some(journal) = &mut self.journal {
            let node = self.arena.get(id);
            let Rare { mzxid, mtime, version, .. } = node.rare();
            let (data, stat) = (node.data().map(Into::into), (mzxid, mtime, version));
            journal.undo.push(Undo::DataSet { id, data, stat });
        }
        self.put_data(id, data, stat);
        self.data_bytes = self.data_bytes + data.map_or(0, <[u8]>::len) as u64 - old_len as u64;
    }

    /// The same, without a way back.
    pub(super) fn put_data(&mut self, id: Id, data: Option<&[u8]>, stat: (Zxid, i64, i32)) {
        self.update(id, |arena| {
            arena.put_data(id, data);
            let rare = arena.rare_mut(id);
            (rare.mzxid, rare.mtime, rare.version) = stat;
        });
    }

    /// Replaces the data of `/zookeeper/config`, whose version stays -1 (reference 2.19).
    pub(crate) fn set_config_data(&mut self, id: Id, data: &[u8], zxid: Zxid, time_ms: i64) {
        self.set_node_data(id, Some(data), zxid, time_ms);
        self.update_rare(id, |rare| rare.version = -1);
    }

    /// Replaces the ACL. Never in a multi, so there is nothing to undo.
    pub(crate) fn set_node_acl(&mut self, id: Id, acl: &FixedAcl<'_>) {
        let old = self.get(id).acl();
        let (new, new_hash) = {
            let new = self.acls.acquire(acl);
            (new, self.acls.hash(new))
        };
        self.touch(id);
        let old_hash = self.acls.hash(old);
        self.digest = self.digest.wrapping_sub(self.get(id).digest(old_hash));
        self.arena.slot_mut(id).set_acl(new);
        let rare = self.arena.rare_mut(id);
        rare.aversion = rare.aversion.wrapping_add(1);
        self.digest = self.digest.wrapping_add(self.get(id).digest(new_hash));
        self.acls.release(old);
    }

    /// Changes fields that the digest covers, other than the ACL.
    pub(super) fn update(&mut self, id: Id, change: impl FnOnce(&mut Arena)) {
        self.touch(id);
        let node = self.arena.get(id);
        let acl_hash = self.acls.hash(node.acl());
        let (before, ttl_end) = (node.digest(acl_hash), node.ttl_end());
        change(&mut self.arena);
        let node = self.arena.get(id);
        self.reapable.moved(id, ttl_end, node.ttl_end());
        self.digest = self.digest.wrapping_sub(before).wrapping_add(node.digest(acl_hash));
    }

    /// Changes rare fields.
    pub(super) fn update_rare(&mut self, id: Id, change: impl FnOnce(&mut Rare)) {
        self.update(id, |arena| change(arena.rare_mut(id)));
    }

    /// Must precede any change of a znode that was there before.
    fn touch(&mut self, id: Id) {
        let mark = self.arena.get(id).mark();
        if self.changes.is_listed(mark) {
            return;
        }
        if self.changes.is_pending(mark) {
            let record = self.record_of(id);
            self.changes.keep(id, record);
        }
        self.changes.list(id, self.arena.slot_mut(id));
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
