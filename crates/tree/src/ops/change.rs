//! What a write did, for those who watch.

use std::borrow::Cow;

use bytes::Bytes;
use menagerie_types::{EventType, Zxid};

use super::parent_path;
use crate::tree::Tree;
use crate::tree::arena::Id;
use crate::{Effects, State};

/// A change that watches may wait for, and whom they may tell of it: ACLs as they were then.
#[derive(Clone, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) kind: ChangeKind,
    pub(crate) path: Cow<'a, str>,
    /// The znode's ACL, unless everybody may read by it.
    pub(crate) acl: Option<Bytes>,
    /// The parent's; not for [`ChangeKind::DataSet`], which does not concern it.
    pub(crate) parent_acl: Option<Bytes>,
}

/// What happened to a znode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ChangeKind {
    Created = 0,
    Deleted = 1,
    DataSet = 2,
}

impl ChangeKind {
    /// From the lowest two bits of a number.
    pub(crate) fn from_code(code: u32) -> Self {
        match code & 3 {
            0 => Self::Created,
            1 => Self::Deleted,
            _ => Self::DataSet,
        }
    }
}

impl Tree {
    /// To be reported for a znode that is there: already, or still.
    #[inline]
    pub(crate) fn change<'a>(&self, kind: ChangeKind, id: Id, path: Cow<'a, str>) -> Change<'a> {
        let node = self.get(id);
        let parent_acl = match kind {
            ChangeKind::DataSet => None,
            _ => self.acls.readers(self.get(node.parent).acl()).cloned(),
        };
        Change { kind, path, acl: self.acls.readers(node.acl()).cloned(), parent_acl }
    }
}

impl State {
    /// Reports the events of a change, in ZooKeeper's order (reference 3.2).
    #[inline]
    pub(crate) fn report<E: Effects>(&mut self, zxid: Zxid, change: &Change<'_>, effects: &mut E) {
        self.history.record(zxid, change);
        let (path, acl) = (&change.path, change.acl.as_ref());
        let event = match change.kind {
            ChangeKind::Created => EventType::NodeCreated,
            ChangeKind::Deleted => EventType::NodeDeleted,
            ChangeKind::DataSet => return effects.watch_event(zxid, EventType::NodeDataChanged, path, acl),
        };
        effects.watch_event(zxid, event, path, acl);
        let parent_acl = change.parent_acl.as_ref();
        effects.watch_event(zxid, EventType::NodeChildrenChanged, parent_path(path), parent_acl);
    }
}
