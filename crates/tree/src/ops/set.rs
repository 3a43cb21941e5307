//! setData, setACL and check (reference 2.8, 2.9, 2.16).

use menagerie_jute::{CheckVersionRequest, SetAclRequest, SetDataRequest};
use menagerie_types::command::Policy;
use menagerie_types::{ErrorCode, perms};

use super::{Txn, check_path, check_version};
use crate::acl::fixup;
use crate::tree::Tree;
use crate::tree::arena::Id;

impl Tree {
    /// Replaces the data.
    pub(crate) fn set_data(&mut self, txn: &Txn<'_>, request: &SetDataRequest<'_>) -> Result<Id, ErrorCode> {
        check_path(request.path)?;
        let id = self.require(request.path)?;
        self.authorize(id, txn.auth, perms::WRITE)?;
        if txn.policy.contains(Policy::ENFORCE_QUOTA) {
            let more = request.data.map_or(0, <[u8]>::len) as i64 - self.get(id).data_len() as i64;
            self.check_quota(request.path, more, 0)?;
        }
        check_version(request.version, self.get(id).rare().version)?;
        self.set_node_data(id, request.data, txn.zxid, txn.time_ms);
        Ok(id)
    }

    /// Replaces the ACL. Fires no watch.
    pub(crate) fn set_acl(&mut self, txn: &Txn<'_>, request: &SetAclRequest<'_>) -> Result<Id, ErrorCode> {
        check_path(request.path)?;
        let acl = fixup(request.acl, txn.auth, txn.policy)?;
        let id = self.require(request.path)?;
        self.authorize(id, txn.auth, perms::ADMIN)?;
        check_version(request.version, self.get(id).rare().aversion)?;
        self.set_node_acl(id, &acl);
        Ok(id)
    }

    /// Fails unless the znode has the version.
    pub(crate) fn check(&self, txn: &Txn<'_>, request: &CheckVersionRequest<'_>) -> Result<(), ErrorCode> {
        check_path(request.path)?;
        let id = self.require(request.path)?;
        self.authorize(id, txn.auth, perms::READ)?;
        check_version(request.version, self.get(id).rare().version)
    }
}
