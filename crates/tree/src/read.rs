//! Reads, and watches left over from them.

mod get;
mod list;
mod replay;
mod set_watches;

use bytes::BytesMut;
use menagerie_jute::{
    JuteError, PathRequest, PathWatchRequest, Reader, begin_reply, end_reply, error_reply, repaired, write,
};
use menagerie_types::command::Command;
use menagerie_types::{ErrorCode, OpCode, WatchKind};

use crate::State;

/// The watch that a read leaves.
type Watch = Option<(WatchKind, Box<str>)>;
type Watches = Vec<(WatchKind, Box<str>)>;

impl State {
    /// Answers a read: whole frames are appended to `out`, the reply last, with the zxid of the state.
    /// Returns the watches to register (empty, without an allocation, when there are none).
    ///
    /// Knows exists, getData, getACL, getChildren, getChildren2, getAllChildrenNumber, getEphemerals, multiRead,
    /// addWatch, setWatches, setWatches2 and, outside sessions, ReapCandidates. Anything else is answered with
    /// UNIMPLEMENTED.
    pub fn read(&self, read: &Command<'_>, out: &mut BytesMut) -> Vec<(WatchKind, Box<str>)> {
        let start = out.len();
        let mut result = self.answer(read, out);
        if let Err((ErrorCode::MarshallingError, _)) = result
            && let Some(body) = repaired(read.op, read.body)
        {
            out.truncate(start);
            result = self.answer(&Command { body: &body, ..*read }, out);
        }
        result.unwrap_or_else(|(error, watch)| {
            out.truncate(start);
            error_reply(out, read.xid, self.zxid, error);
            watch.into_iter().collect()
        })
    }

    /// Appends what is answered. What was appended before an error is of no use.
    fn answer(&self, read: &Command<'_>, out: &mut BytesMut) -> Result<Watches, (ErrorCode, Watch)> {
        match read.op {
            OpCode::SetWatches | OpCode::SetWatches2 => return self.set_watches(read, out).map_err(plain),
            OpCode::MultiRead => return self.multi_read(read, out).map_err(plain),
            _ => {}
        }
        let mark = begin_reply(out, read.xid, self.zxid, 0);
        let watch = self.read_one(read, out)?;
        end_reply(out, mark);
        Ok(watch.into_iter().collect())
    }

    /// Appends the body of the reply. What was appended before an error is of no use.
    fn read_one(&self, read: &Command<'_>, out: &mut BytesMut) -> Result<Watch, (ErrorCode, Watch)> {
        let body = &mut Reader::new(read.body);
        let watch_request = || PathWatchRequest::decode(&mut body.clone()).map_err(|_| undecodable());
        let path_request = || PathRequest::decode(&mut body.clone()).map_err(|_| undecodable());
        match read.op {
            OpCode::Exists => self.exists(&watch_request()?, read.auth, out),
            OpCode::GetData => {
                let request = watch_request()?;
                self.get_data(request.path, read.auth, out).map_err(plain)?;
                Ok(watch(WatchKind::Data, &request))
            }
            OpCode::GetChildren | OpCode::GetChildren2 => {
                let request = watch_request()?;
                let with_stat = read.op == OpCode::GetChildren2;
                let id = self.get_children(request.path, read.auth, out).map_err(plain)?;
                if with_stat {
                    write::stat(out, &self.tree.get(id).stat());
                }
                Ok(watch(WatchKind::Child, &request))
            }
            OpCode::GetAcl => self.get_acl(path_request()?.path, read.auth, out).map_err(plain),
            OpCode::GetAllChildrenNumber => {
                self.get_all_children_number(path_request()?.path, read.auth, out).map_err(plain)
            }
            OpCode::GetEphemerals => self.get_ephemerals(read, out).map_err(plain),
            OpCode::ReapCandidates => self.reap_candidates(read, out).map_err(plain),
            OpCode::AddWatch => add_watch(&mut body.clone(), out).map_err(|_| undecodable()),
            _ => Err(plain(ErrorCode::Unimplemented)),
        }
    }
}

fn plain(error: ErrorCode) -> (ErrorCode, Watch) {
    (error, None)
}

fn undecodable() -> (ErrorCode, Watch) {
    plain(ErrorCode::MarshallingError)
}

/// The path need not be valid, nor a znode be there; a null one is watched in vain.
fn add_watch(request: &mut Reader<'_>, out: &mut BytesMut) -> Result<Watch, JuteError> {
    let (path, mode) = (request.string()?, request.i32()?);
    let kind = match mode {
        0 => WatchKind::Persistent,
        1 => WatchKind::PersistentRecursive,
        _ => return Err(JuteError::WatchMode(mode)),
    };
    write::i32(out, 0);
    Ok(path.map(|path| (kind, path.into())))
}

fn watch(kind: WatchKind, request: &PathWatchRequest<'_>) -> Watch {
    request.watch.then(|| (kind, request.path.into()))
}
