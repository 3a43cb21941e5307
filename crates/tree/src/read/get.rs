//! Reads of one znode: exists, getData, getACL.

use bytes::BytesMut;
use menagerie_jute::{PathWatchRequest, write};
use menagerie_types::{ErrorCode, WatchKind, perms};

use super::{Watch, plain, watch};
use crate::State;
use crate::acl;
use crate::tree::arena::Id;

impl State {
    /// A watch is left whether or not the znode is there, but not if the caller may not see it.
    pub(super) fn exists(
        &self,
        request: &PathWatchRequest<'_>,
        auth: &[u8],
        out: &mut BytesMut,
    ) -> Result<Watch, (ErrorCode, Watch)> {
        if request.path.contains('\0') {
            return Err(plain(ErrorCode::BadArguments));
        }
        let Some(id) = self.tree.find(request.path) else {
            return Err((ErrorCode::NoNode, watch(WatchKind::Exist, request)));
        };
        self.tree.authorize(id, auth, perms::READ).map_err(plain)?;
        write::stat(out, &self.tree.get(id).stat());
        Ok(watch(WatchKind::Data, request))
    }

    pub(super) fn find_readable(&self, path: &str, auth: &[u8]) -> Result<Id, ErrorCode> {
        let id = self.tree.find(path).ok_or(ErrorCode::NoNode)?;
        self.tree.authorize(id, auth, perms::READ)?;
        Ok(id)
    }

    pub(super) fn get_data(&self, path: &str, auth: &[u8], out: &mut BytesMut) -> Result<(), ErrorCode> {
        let id = self.find_readable(path, auth)?;
        let node = self.tree.get(id);
        write::buffer(out, node.data());
        write::stat(out, &node.stat());
        Ok(())
    }

    /// Without ADMIN, digests are masked.
    pub(super) fn get_acl(&self, path: &str, auth: &[u8], out: &mut BytesMut) -> Result<Watch, ErrorCode> {
        let id = self.tree.find(path).ok_or(ErrorCode::NoNode)?;
        self.tree.authorize(id, auth, perms::READ | perms::ADMIN)?;
        let node = self.tree.get(id);
        let list = self.tree.acls.list(node.acl()).ok_or(ErrorCode::SystemError)?;
        if acl::permits(&list, auth, perms::ADMIN) {
            list.encode(out);
        } else {
            out.extend_from_slice(&acl::masked(&list));
        }
        write::stat(out, &node.stat());
        Ok(None)
    }
}
