//! Reads of several znodes: getChildren, getAllChildrenNumber, getEphemerals, multiRead.

use bytes::{BufMut, BytesMut};
use menagerie_jute::{
    GetEphemeralsRequest, JuteError, MultiOp, Reader, begin_reply, end_reply, multi_ops, multi_reply, write,
};
use menagerie_types::command::Command;
use menagerie_types::{ErrorCode, SessionId};

use super::{Watch, Watches};
use crate::State;
use crate::tree::arena::Id;

impl State {
    pub(super) fn get_children(&self, path: &str, auth: &[u8], out: &mut BytesMut) -> Result<Id, ErrorCode> {
        let id = self.find_readable(path, auth)?;
        write::count(out, self.tree.get(id).rare().num_children as usize);
        for child in self.tree.children(id) {
            write::buffer(out, Some(child.name()));
        }
        Ok(id)
    }

    pub(super) fn get_all_children_number(
        &self,
        path: &str,
        auth: &[u8],
        out: &mut BytesMut,
    ) -> Result<Watch, ErrorCode> {
        let id = self.find_readable(path, auth)?;
        // ZooKeeper counts the paths that begin with this one and a slash.
        let count = self.tree.descendants(id) + u64::from(path.is_empty());
        out.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
        Ok(None)
    }

    /// The session's own; a plain prefix, so that `/a` stands for `/ab` too.
    pub(super) fn get_ephemerals(&self, read: &Command<'_>, out: &mut BytesMut) -> Result<Watch, ErrorCode> {
        let request = GetEphemeralsRequest::decode(&mut Reader::new(read.body));
        let prefix = request.map_err(|_| ErrorCode::MarshallingError)?.prefix.unwrap_or_default();
        let trimmed = prefix.trim_matches(|c| c <= ' ');
        let prefix = if trimmed.is_empty() || trimmed == "/" { "/" } else { prefix };
        let paths = self.tree.ephemerals(read.session).map(|id| self.tree.path_of(id));
        let mut paths: Vec<_> = paths.filter(|path| path.starts_with(prefix)).collect();
        paths.sort_unstable();
        write::string_vec(out, &paths);
        Ok(None)
    }

    /// Paths of containers and TTL znodes that are due now, for the reaper; none of a client's business. Request:
    /// `max_never_used_ms` i64 (0 for never), `limit` i32.
    pub(super) fn reap_candidates(&self, read: &Command<'_>, out: &mut BytesMut) -> Result<Watch, ErrorCode> {
        if read.session != SessionId::NONE {
            return Err(ErrorCode::Unimplemented);
        }
        let body = &mut Reader::new(read.body);
        let (Ok(max_never_used_ms), Ok(limit)) = (body.i64(), body.i32()) else {
            return Err(ErrorCode::MarshallingError);
        };
        let due = self.tree.due(self.time_ms, max_never_used_ms, usize::try_from(limit).unwrap_or(0));
        let paths: Vec<_> = due.into_iter().map(|id| self.tree.path_of(id)).collect();
        write::string_vec(out, &paths);
        Ok(None)
    }

    /// Each result for itself: one that fails does not spoil the others. Writes and null paths do: ZooKeeper finds them
    /// only after it has decoded everything, and then sends what results there are under an error.
    pub(super) fn multi_read(&self, read: &Command<'_>, out: &mut BytesMut) -> Result<Watches, ErrorCode> {
        let mut results = BytesMut::new();
        let mut error = 0;
        for op in multi_ops(read.body) {
            let start = results.len();
            let result = match op {
                Ok((code, MultiOp::GetData(request))) => {
                    multi_reply::result_header(&mut results, code);
                    self.get_data(request.path, read.auth, &mut results)
                }
                Ok((code, MultiOp::GetChildren(request))) => {
                    multi_reply::result_header(&mut results, code);
                    self.get_children(request.path, read.auth, &mut results).map(drop)
                }
                Ok(_) | Err(JuteError::NullPath) => {
                    error = ErrorCode::MarshallingError.code();
                    continue;
                }
                Err(_) => return Err(ErrorCode::MarshallingError),
            };
            if let Err(error) = result {
                results.truncate(start);
                multi_reply::error_result(&mut results, error.code());
            }
        }
        multi_reply::end(&mut results);
        let mark = begin_reply(out, read.xid, self.zxid, error);
        out.extend_from_slice(&results);
        end_reply(out, mark);
        Ok(Watches::new())
    }
}
