//! delete, deleteContainer, and the end of a session's ephemerals (reference 2.5, 4.3).

use std::borrow::Cow;

use menagerie_types::{ErrorCode, SessionId, Zxid, perms};

use super::{Change, ChangeKind, Txn, check_has_parent, check_version, parent_path};
use crate::tree::Tree;
use crate::tree::arena::Id;
use crate::tree::special::is_special;
use crate::tree::znode::CONTAINER_OWNER;

impl Tree {
    /// Deletes a znode for a client.
    pub(crate) fn delete<'a>(
        &mut self,
        txn: &Txn<'_>,
        path: &'a str,
        version: i32,
    ) -> Result<Change<'a>, ErrorCode> {
        check_deletable(path)?;
        let parent = self.require(parent_path(path))?;
        self.authorize(parent, txn.auth, perms::DELETE)?;
        let id = self.require(path)?;
        check_version(version, self.get(id).rare().version)?;
        if self.get(id).rare().num_children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        Ok(self.delete_reported(id, path.into(), txn.zxid))
    }

    /// Deletes an empty container, or a TTL znode that has not been modified for its TTL: it may have been between
    /// the reaper's look and now.
    pub(crate) fn delete_container<'a>(
        &mut self,
        txn: &Txn<'_>,
        path: &'a str,
    ) -> Result<Change<'a>, ErrorCode> {
        check_deletable(path)?;
        self.require(parent_path(path))?;
        let id = self.require(path)?;
        let node = self.get(id);
        let has_run_out = node.ttl_ms().is_some_and(|ttl| txn.time_ms - node.rare().mtime > ttl);
        if node.rare().owner != CONTAINER_OWNER && !has_run_out {
            return Err(ErrorCode::BadVersion);
        }
        if node.rare().num_children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        Ok(self.delete_reported(id, path.into(), txn.zxid))
    }

    /// Deletes what goes with the session, in the order of the paths.
    pub(crate) fn delete_ephemerals(&mut self, txn: &Txn<'_>, session: SessionId) -> Vec<Change<'static>> {
        let mut nodes: Vec<_> = self.ephemerals(session).map(|id| (self.path_of(id), id)).collect();
        nodes.sort_unstable();
        let delete = |(path, id)| self.delete_reported(id, Cow::Owned(path), txn.zxid);
        nodes.into_iter().map(delete).collect()
    }

    fn delete_reported<'a>(&mut self, id: Id, path: Cow<'a, str>, zxid: Zxid) -> Change<'a> {
        let change = self.change(ChangeKind::Deleted, id, path);
        self.delete_node(id, &change.path, zxid);
        change
    }
}

fn check_deletable(path: &str) -> Result<(), ErrorCode> {
    check_has_parent(path)?;
    if is_special(path) { Err(ErrorCode::BadArguments) } else { Ok(()) }
}
