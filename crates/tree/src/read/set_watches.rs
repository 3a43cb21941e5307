//! setWatches: which watches have fired while their client was away (reference 2.14).

use bytes::BytesMut;
use menagerie_jute::{JuteError, Reader};
use menagerie_jute::{SetWatches, SetWatches2, begin_reply, end_reply, notification};
use menagerie_types::command::Command;
use menagerie_types::{ErrorCode, EventType, OpCode, WatchKind, Zxid};

use super::Watches;
use crate::State;

/// The zxid of events that no transaction caused.
const NO_TXN: i64 = -1;

impl State {
    /// What has happened to a watch since `since`: it fires now with the event, or (`None`) is to be registered.
    /// The rules of setWatches (reference 2.14).
    pub fn missed(&self, kind: WatchKind, path: &str, since: Zxid) -> Option<EventType> {
        let node = self.tree.find(path).map(|id| self.tree.get(id));
        match (kind, node) {
            (WatchKind::Exist, None) | (WatchKind::Persistent | WatchKind::PersistentRecursive, _) => None,
            (WatchKind::Exist, Some(_)) => Some(EventType::NodeCreated),
            (WatchKind::Data | WatchKind::Child, None) => Some(EventType::NodeDeleted),
            (WatchKind::Data, Some(node)) => {
                (node.rare().mzxid > since).then_some(EventType::NodeDataChanged)
            }
            (WatchKind::Child, Some(node)) => {
                (node.rare().pzxid > since).then_some(EventType::NodeChildrenChanged)
            }
        }
    }

    /// Appends the events that were missed, then the reply; returns the watches to register.
    ///
    /// Persistent watches get what they missed one by one, as far as the history knows it; ZooKeeper gives them
    /// nothing. Clients do not know the zxids of the events that they were told, so whoever does says up to where that
    /// was: a zxid (i64) behind setWatches2's record, or the maximum for nothing to be told again. A one-shot watch that such an event fires at the client does not fire, and is not left, here.
    pub(super) fn set_watches(&self, read: &Command<'_>, out: &mut BytesMut) -> Result<Watches, ErrorCode> {
        let (request, told) = decode(read).map_err(|_| ErrorCode::MarshallingError)?;
        let replay = self.replay(&request, request.relative_zxid.max(told), read.auth);
        let mut left = Vec::new();
        let one_shot = [
            (WatchKind::Data, &request.data),
            (WatchKind::Exist, &request.exist),
            (WatchKind::Child, &request.child),
        ];
        for (kind, paths) in one_shot {
            for path in paths.iter().filter(|path| !replay.fires(kind, path)) {
                match self.missed(kind, path, request.relative_zxid) {
                    Some(event) => notification(out, NO_TXN, event, path),
                    None => left.push((kind, Box::from(*path))),
                }
            }
        }
        replay.append(out);
        let stay = [
            (WatchKind::Persistent, &request.persistent),
            (WatchKind::PersistentRecursive, &request.persistent_recursive),
        ];
        for (kind, paths) in stay {
            left.extend(paths.iter().map(|path| (kind, Box::from(*path))));
        }
        let mark = begin_reply(out, read.xid, self.zxid, 0);
        end_reply(out, mark);
        Ok(left)
    }
}

/// The request (setWatches as setWatches2 without persistent watches), and what is known to have been told.
fn decode<'a>(read: &Command<'a>) -> Result<(SetWatches2<'a>, Zxid), JuteError> {
    let body = &mut Reader::new(read.body);
    if read.op == OpCode::SetWatches2 {
        let request = SetWatches2::decode(body)?;
        return Ok((request, body.i64().map_or(Zxid(0), Zxid)));
    }
    let SetWatches { relative_zxid, data, exist, child } = SetWatches::decode(body)?;
    let (persistent, persistent_recursive) = (Vec::new(), Vec::new());
    Ok((SetWatches2 { relative_zxid, data, exist, child, persistent, persistent_recursive }, Zxid(0)))
}
