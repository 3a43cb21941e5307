//! delete, deleteContainer, and the end of a session's ephemerals (reference 2.5, 4.3).

use std::borrow::Cow;

use menagerie_types::{ErrorCode, SessionId, perms};

use super::{Change, Txn, check_has_parent, check_version, parent_path};
use crate::Effects;
use crate::tree::Tree;
use crate::tree::special::is_special;
use crate::tree::znode::CONTAINER_OWNER;

impl Tree {
    /// Deletes a znode for a client.
    pub(crate) fn delete(&mut self, txn: &Txn<'_>, path: &str, version: i32) -> Result<(), ErrorCode> {
        check_deletable(path)?;
        let parent = self.require(parent_path(path))?;
        self.authorize(parent, txn.auth, perms::DELETE)?;
        let id = self.require(path)?;
        check_version(version, self.get(id).version)?;
        if self.get(id).num_children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        self.delete_node(id, path, txn.zxid);
        Ok(())
    }

    /// Deletes an empty container, or a TTL znode that has not been modified for its TTL: it may have been between
    /// the reaper's look and now.
    pub(crate) fn delete_container(&mut self, txn: &Txn<'_>, path: &str) -> Result<(), ErrorCode> {
        check_deletable(path)?;
        self.require(parent_path(path))?;
        let id = self.require(path)?;
        let node = self.get(id);
        let has_run_out = node.ttl_ms().is_some_and(|ttl| txn.time_ms - node.mtime > ttl);
        if node.owner != CONTAINER_OWNER && !has_run_out {
            return Err(ErrorCode::BadVersion);
        }
        if node.num_children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        self.delete_node(id, path, txn.zxid);
        Ok(())
    }

    /// Deletes what goes with the session, in the order of the paths.
    pub(crate) fn delete_ephemerals<E: Effects>(
        &mut self,
        txn: &Txn<'_>,
        session: SessionId,
        effects: &mut E,
    ) {
        let mut nodes: Vec<_> = self.ephemerals(session).map(|id| (self.path_of(id), id)).collect();
        nodes.sort_unstable();
        for (path, id) in nodes {
            self.delete_node(id, &path, txn.zxid);
            Change::Deleted(Cow::Owned(path)).report(txn.zxid, effects);
        }
    }
}

fn check_deletable(path: &str) -> Result<(), ErrorCode> {
    check_has_parent(path)?;
    if is_special(path) { Err(ErrorCode::BadArguments) } else { Ok(()) }
}
