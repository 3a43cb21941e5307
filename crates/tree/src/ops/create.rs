//! create, create2, createContainer, createTTL (reference 2.4).

use std::borrow::Cow;

use menagerie_jute::{AclList, CreateRequest, CreateTtlRequest};
use menagerie_types::command::Policy;
use menagerie_types::{CreateMode, ErrorCode, OpCode, SessionId, Stat, perms};

use super::{Txn, check_has_parent, check_path, parent_path};
use crate::acl::fixup;
use crate::tree::arena::Id;
use crate::tree::znode::{CONTAINER_OWNER, TTL_MAX, Znode, ttl_owner};
use crate::tree::{NewZnode, Tree};

/// A create of any kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Create<'a> {
    path: &'a str,
    data: Option<&'a [u8]>,
    acl: Option<AclList<'a>>,
    flags: i32,
    ttl: i64,
    /// Together with the flags this decides what kind of znode it gets.
    op: OpCode,
}

impl<'a> Create<'a> {
    pub(crate) fn new(request: CreateRequest<'a>, op: OpCode) -> Self {
        let CreateRequest { path, data, acl, flags } = request;
        Self { path, data, acl, flags, ttl: -1, op }
    }

    pub(crate) fn with_ttl(request: CreateTtlRequest<'a>) -> Self {
        let CreateTtlRequest { path, data, acl, flags, ttl } = request;
        Self { path, data, acl, flags, ttl, op: OpCode::CreateTtl }
    }

    /// The new znode's Stat as it is answered: quotas may have overwritten its data at once, which does not show.
    pub(crate) fn stat(&self, node: Znode<'_>) -> Stat {
        Stat { data_length: self.data.map_or(0, |data| data.len() as i32), ..node.stat() }
    }

    /// Flags, TTL and session.
    pub(crate) fn mode(&self, txn: &Txn<'_>) -> Result<CreateMode, ErrorCode> {
        let mode = CreateMode::from_flags(self.flags).ok_or(ErrorCode::BadArguments)?;
        if mode.is_ttl() && !txn.policy.contains(Policy::EXTENDED_TYPES) {
            return Err(ErrorCode::Unimplemented);
        }
        let wants_ttl = self.op == OpCode::CreateTtl;
        if mode.is_ttl() != wants_ttl || wants_ttl && !(1..=TTL_MAX).contains(&self.ttl) {
            return Err(ErrorCode::BadArguments);
        }
        if mode.is_ephemeral() && txn.session == SessionId::NONE {
            return Err(ErrorCode::SessionExpired);
        }
        Ok(mode)
    }

    /// `ephemeralOwner` as stored. Where operation and flags disagree, ZooKeeper goes by the operation.
    fn owner(&self, mode: CreateMode, session: SessionId) -> i64 {
        match self.op {
            OpCode::CreateContainer => CONTAINER_OWNER,
            OpCode::CreateTtl => ttl_owner(self.ttl),
            _ if mode.is_ephemeral() => session.0,
            _ => 0,
        }
    }
}

impl Tree {
    /// Makes the znode; gives its id and path.
    pub(crate) fn create<'a>(
        &mut self,
        txn: &Txn<'_>,
        request: &Create<'a>,
    ) -> Result<(Id, Cow<'a, str>), ErrorCode> {
        let mode = request.mode(txn)?;
        check_has_parent(request.path)?;
        let acl = fixup(request.acl, txn.auth, txn.policy)?;
        let parent_id = self.require(parent_path(request.path))?;
        self.authorize(parent_id, txn.auth, perms::CREATE)?;
        let parent = self.get(parent_id);
        let path = match mode.is_sequential() {
            true => Cow::Owned(sequential(request.path, parent.rare().cversion)?),
            false => Cow::Borrowed(request.path),
        };
        check_path(&path)?;
        if self.lookup(&path).is_some() {
            return Err(ErrorCode::NodeExists);
        }
        if parent.ephemeral_owner().is_some() {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        if txn.policy.contains(Policy::ENFORCE_QUOTA) {
            self.check_quota(&path, request.data.map_or(0, <[u8]>::len) as i64, 1)?;
        }
        let owner = request.owner(mode, txn.session);
        let (zxid, time_ms) = (txn.zxid, txn.time_ms);
        let data = request.data;
        let id =
            self.create_node(NewZnode { parent: parent_id, path: &path, data, acl, owner, zxid, time_ms });
        Ok((id, path))
    }
}

/// The path with the parent's counter. The counter stops at its maximum, and a name that would no longer be unique
/// is refused: ZooKeeper would try the same one again and again.
fn sequential(path: &str, counter: i32) -> Result<String, ErrorCode> {
    match counter {
        i32::MAX => Err(ErrorCode::BadArguments),
        counter => Ok(format!("{path}{counter:010}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_has_run_out_is_refused() {
        assert_eq!(sequential("/a/s-", i32::MAX - 1).as_deref(), Ok("/a/s-2147483646"));
        assert_eq!(sequential("/a/s-", i32::MAX), Err(ErrorCode::BadArguments));
    }
}
