//! setWatches: which watches have fired while their client was away (reference 2.14).

use bytes::BytesMut;
use menagerie_jute::{JuteError, Reader};
use menagerie_jute::{SetWatches, SetWatches2, begin_reply, end_reply, error_reply, notification};
use menagerie_types::command::Command;
use menagerie_types::{ErrorCode, EventType, OpCode, WatchKind, Zxid};

use crate::State;

/// The zxid of events that no transaction caused.
const NO_TXN: i64 = -1;

impl State {
    /// What has happened to a watch since `since`: it fires now with the event, or (`None`) is to be registered.
    /// The rules of setWatches (reference 2.14).
    pub fn missed(&self, kind: WatchKind, path: &str, since: Zxid) -> Option<EventType> {
        let node = self.tree.lookup(path).map(|id| self.tree.get(id));
        match (kind, node) {
            (WatchKind::Exist, None) | (WatchKind::Persistent | WatchKind::PersistentRecursive, _) => None,
            (WatchKind::Exist, Some(_)) => Some(EventType::NodeCreated),
            (WatchKind::Data | WatchKind::Child, None) => Some(EventType::NodeDeleted),
            (WatchKind::Data, Some(node)) => (node.mzxid > since).then_some(EventType::NodeDataChanged),
            (WatchKind::Child, Some(node)) => (node.pzxid > since).then_some(EventType::NodeChildrenChanged),
        }
    }

    /// Appends the events of watches that have fired, then the reply; returns the other watches.
    pub(super) fn set_watches(&self, read: &Command<'_>, out: &mut BytesMut) -> Vec<(WatchKind, Box<str>)> {
        let request = match decode(read) {
            Ok(request) => request,
            Err(error) => {
                error_reply(out, read.xid, self.zxid, error);
                return Vec::new();
            }
        };
        let mut left = Vec::new();
        let lists = [
            (WatchKind::Data, &request.data),
            (WatchKind::Exist, &request.exist),
            (WatchKind::Child, &request.child),
        ];
        for (kind, paths) in lists {
            for path in paths {
                match self.missed(kind, path, request.relative_zxid) {
                    Some(event) => notification(out, NO_TXN, event, path),
                    None => left.push((kind, Box::from(*path))),
                }
            }
        }
        let mark = begin_reply(out, read.xid, self.zxid, 0);
        end_reply(out, mark);
        left
    }
}

fn decode<'a>(read: &Command<'a>) -> Result<SetWatches<'a>, ErrorCode> {
    let undecodable = |_: JuteError| ErrorCode::MarshallingError;
    let body = &mut Reader::new(read.body);
    if read.op == OpCode::SetWatches {
        return SetWatches::decode(body).map_err(undecodable);
    }
    let SetWatches2 { relative_zxid, data, exist, child, persistent, persistent_recursive } =
        SetWatches2::decode(body).map_err(undecodable)?;
    match persistent.is_empty() && persistent_recursive.is_empty() {
        true => Ok(SetWatches { relative_zxid, data, exist, child }),
        false => Err(ErrorCode::Unimplemented),
    }
}
